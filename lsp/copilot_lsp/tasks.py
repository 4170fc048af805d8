"""``slipstream.ask.*``: from a client's command to a question for the model, and from its answer to the result.

Several may run at once. Each is one task of the loop, which ``$/cancelRequest`` and ``window/workDoneProgress/cancel``
cancel alike; that closes the stream at the host, and the engine stops within a step.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from copilot.chat.task import Task
from copilot.errors import SlipstreamError
from copilot.safety.invisible import without_invisible
from copilot.text.document import Document
from copilot.text.position import Range
from copilot_lsp.commands import Commands
from copilot_lsp.messages import Json, ProgressToken, RequestId, Wire
from copilot_lsp.progress import WorkDone
from copilot_lsp.protocol import PlainNotification
from copilot_lsp.streams import StreamNotes

if TYPE_CHECKING:
    from copilot.chat.question import Question
    from copilot.client.host import ChatPiece, HostClient
    from copilot_lsp.server import Server

log = logging.getLogger(__name__)

PREFIX = "slipstream.ask."
_REQUEST_FAILED = -32803
"""LSP 3.17, ``LSPErrorCodes.RequestFailed``."""

# A name of the client's own comes back in every notification.
_StreamName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]

_ROLES = frozenset({"user", "assistant"})
_UNKNOWN_CONTEXT = 4096
_RESERVE = 128
"""Tokens for the model's own format around the text."""

_CHARS_PER_TOKEN = 3
_MOST_CHARACTERS = 16_000
_LEAST_CHARACTERS = 600


class Diagnostic(Wire, frozen=True):
    range: Range
    message: Any = ""
    source: str | None = None


class ChatTurn(Wire, frozen=True):
    role: str
    content: str


class AskParams(Wire, frozen=True):
    """The one argument of each command."""

    uri: str | None = None
    range: Range | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    question: str = ""
    messages: tuple[ChatTurn, ...] = ()
    stream: _StreamName | None = None


class ProgressCancelParams(Wire, frozen=True):
    """``window/workDoneProgress/cancel``."""

    token: ProgressToken


class RequestFailed(JsonRpcException):
    """Answered with words for people, which hold no document text."""

    CODE = _REQUEST_FAILED


@dataclass
class _Answer:
    """What came so far. ``finish``: how the model ended, None while it goes on."""

    texts: list[str] = field(default_factory=list)
    model: str | None = None
    finish: str | None = None
    hidden: bool = False
    """Invisible characters were taken out."""

    @property
    def text(self) -> str:
        return "".join(self.texts)


class Tasks:
    """The commands, and what runs of them."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._running: dict[str, asyncio.Task[Json]] = {}
        self._by_token: dict[ProgressToken, asyncio.Task[Json]] = {}

    def register(self, commands: Commands, notifications: dict[str, PlainNotification]) -> None:
        commands |= {f"{PREFIX}{task}": partial(self._ask, task) for task in Task}
        notifications[types.WINDOW_WORK_DONE_PROGRESS_CANCEL] = PlainNotification(ProgressCancelParams, self._cancel)

    def _cancel(self, params: ProgressCancelParams) -> None:
        """``window/workDoneProgress/cancel``; a token that is unknown is one whose work is over."""
        if (running := self._by_token.get(params.token)) is not None:
            running.cancel()

    def _ask(
        self, task: Task, request_id: RequestId, arguments: Sequence[Any], token: ProgressToken | None
    ) -> Awaitable[Json]:
        """Take the document as it is before the next message can change it; answer later."""
        server = self._server
        params = msgspec.convert(arguments[0] if arguments else {}, AskParams)
        name = params.stream or secrets.token_hex(8)
        if name in self._running:
            raise JsonRpcInvalidParams("A stream of this name is still running.")
        if task is Task.CHAT and not params.question.strip():
            raise JsonRpcInvalidParams("A chat needs a question.")
        if task is not Task.CHAT and params.uri is None:
            raise JsonRpcInvalidParams(f"{PREFIX}{task} needs a uri.")
        if task.of_code and params.range is None:
            raise JsonRpcInvalidParams(f"{PREFIX}{task} needs a range.")
        document = self._document(task, params)
        notes = StreamNotes(
            server.protocol, name, command=f"{PREFIX}{task}", uri=params.uri, wanted=server.options.streams
        )
        running = asyncio.create_task(self._run(task, params, document, notes, token), name=f"ask {task}")
        self._running[name] = running

        def over(_done: object) -> None:
            del self._running[name]
            if running.cancelled():
                # Cancelled before its first step, it never came to say so itself.
                notes.begin(task.label)
                notes.end("cancelled", "The request was cancelled.")

        running.add_done_callback(over)
        return running

    def _document(self, task: Task, params: AskParams) -> Document | SlipstreamError | None:
        """What the question is about; the error is told by the stream, which begins with every command."""
        if params.uri is None or params.range is None or not (task.of_code or task is Task.CHAT):
            return None
        try:
            return self._server.documents.get(params.uri)
        except SlipstreamError as error:
            return error

    async def _run(
        self,
        task: Task,
        params: AskParams,
        document: Document | SlipstreamError | None,
        notes: StreamNotes,
        token: ProgressToken | None,
    ) -> Json:
        window = self._server.client_capabilities.window
        work_done = WorkDone(
            self._server.protocol,
            f"Slipstream: {task.label}",
            supported=bool(window and window.work_done_progress),
            token=token,
            cancellable=True,
        )
        current = asyncio.current_task()
        assert current is not None
        self._by_token[work_done.token] = current
        try:
            work_done.report("Reading", None)
            return await self._answered(task, params, document, notes, work_done)
        except SlipstreamError as error:
            notes.begin(task.label)
            notes.end("error", error.message, error.hint)
            raise RequestFailed(str(error)) from error
        except asyncio.CancelledError:
            notes.begin(task.label)
            notes.end("cancelled", "The request was cancelled.")
            raise
        except Exception:
            notes.begin(task.label)
            notes.end("error", "Internal error.", "The server's log says where.")
            raise
        finally:
            self._by_token.pop(work_done.token, None)
            work_done.end()

    async def _answered(
        self,
        task: Task,
        params: AskParams,
        document: Document | SlipstreamError | None,
        notes: StreamNotes,
        work_done: WorkDone,
    ) -> Json:
        if isinstance(document, SlipstreamError):
            raise document
        # Parsing a large file takes a moment, in which someone may type.
        question, title = await asyncio.to_thread(self._question, task, params, document)
        notes.begin(title)
        answer = await self._asked(question, notes, work_done)
        whole = answer.finish != "length"
        outcome = await asyncio.to_thread(question.read, answer.text, whole=whole)
        result: Json = {
            "stream": notes.name,
            "kind": str(task),
            "title": title,
            "text": answer.text,
            "model": answer.model,
            "incomplete": not whole,
            "edit": None,
            "diff": None,
            "names": list(outcome.names),
            "commitMessage": outcome.commit_message,
            "note": outcome.note,
        }
        notes.end("done" if whole else "length", "" if whole else "The answer reached its limit and broke off.")
        return result

    def _question(self, task: Task, params: AskParams, document: Document | None) -> "tuple[Question, str]":
        from copilot.chat.conversation import Conversation
        from copilot.chat.explain import Explain
        from copilot.chat.place import Place

        place = None
        if document is not None and params.range is not None:
            encoding = self._server.documents.encoding
            start, end = (document.split_at(it, encoding) for it in (params.range.start, params.range.end))
            place = Place(document, start, end, path=self._server.shown_path(document.uri))
        question: Question
        if task is Task.CHAT or place is None:
            turns = [{"role": it.role, "content": it.content} for it in params.messages if it.role in _ROLES]
            question = Conversation(params.question, turns, place)
        else:
            question = Explain(place, params.question)
        return question, question.title

    async def _asked(self, question: "Question", notes: StreamNotes, work_done: WorkDone) -> _Answer:
        """The model's answer. A host that left is replaced once, and a prompt that is too long is made shorter."""
        client = await self._host()
        status = await client.status()
        context = (status.context_tokens if status is not None else 0) or _UNKNOWN_CONTEXT
        most_tokens = min(question.most_tokens, context // 2)
        room = max(_LEAST_CHARACTERS, (context - most_tokens - _RESERVE) * _CHARS_PER_TOKEN)
        room = min(room, _MOST_CHARACTERS)
        lost = False
        while True:
            answer = _Answer(model=status.model if status is not None else None)
            turns = await asyncio.to_thread(question.turns, room)
            try:
                await self._read(client.chat_pieces(turns, max_tokens=most_tokens), answer, notes, work_done)
            except SlipstreamError as error:
                if answer.texts:
                    raise
                if error.code == "context_too_long" and room > _LEAST_CHARACTERS:
                    room = max(_LEAST_CHARACTERS, room // 2)
                elif error.code == "host_lost" and not lost:
                    lost = True
                    self._server.host.failed(error)
                    client = await self._host()
                else:
                    raise
            else:
                self._server.host.answered()
                return answer

    async def _read(
        self, pieces: "AsyncGenerator[ChatPiece]", answer: _Answer, notes: StreamNotes, work_done: WorkDone
    ) -> None:
        async with contextlib.aclosing(pieces):
            async for piece in pieces:
                answer.model = piece.model or answer.model
                answer.finish = piece.finish or answer.finish
                text = without_invisible(piece.text)
                answer.hidden = answer.hidden or text != piece.text
                if text:
                    work_done.report("Writing", None)
                    answer.texts.append(text)
                    notes.text(text)

    async def _host(self) -> "HostClient":
        client = await self._server.host.host(invoked=True)
        if client is None:
            raise SlipstreamError(
                "The engine host is not ready.",
                hint="It may still be fetching or loading its model; `slipstream status` says how far it is.",
                code="starting",
                retryable=True,
            )
        return client
