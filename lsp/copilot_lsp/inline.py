"""``textDocument/inlineCompletion``: from an editor's question to the host's stream and back."""

import asyncio
import secrets
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from lsprotocol import types

from copilot.client.stats import StreamStats
from copilot.completion.session import Decision, Session
from copilot.completion.trim import Trimmer
from copilot.context.request import InfillRequest
from copilot.context.window import infill_request
from copilot.errors import SlipstreamError
from copilot.serve.api import InfillBody, TokenData
from copilot_lsp.caret import Caret, locate
from copilot_lsp.messages import InlineCompletionParams, Json, RequestId

if TYPE_CHECKING:
    from copilot.client.host import HostClient
    from copilot_lsp.protocol import Protocol
    from copilot_lsp.server import Server

STATS = "slipstream/completionStats"

# How long a request waits for a host that is still loading: someone who asked waits, someone who types does not.
_AUTOMATIC_WAIT_SECONDS = 1.0
_INVOKED_WAIT_SECONDS = 30.0
_AUTOMATIC_DEADLINE_MS = 5_000
_INVOKED_DEADLINE_MS = 60_000
# The host left, as it does when it was idle for long; the next one can be asked at once.
_GONE = frozenset({"host_lost", "server_draining", "starting"})


class Question(NamedTuple):
    """Everything an answer depends on, as it was when the request came."""

    id: RequestId
    caret: Caret
    request: InfillRequest
    session: str
    invoked: bool
    partial_token: str | int | None
    max_tokens: int
    max_lines: int


class _Live:
    """A request that is being answered."""

    def __init__(self) -> None:
        self._pointless = False
        self._task: asyncio.Task[object] | None = None

    def supersede(self) -> None:
        if self._task is None:
            self._pointless = True
        elif not self._task.cancelling():  # else the client's own cancel came first, and gets its own answer
            self._pointless = True
            self._task.cancel()

    async def answer(self, work: Coroutine[Any, Any, Json | None]) -> Json | None:
        """What ``work`` returns; None as soon as it is superseded."""
        self._task = asyncio.current_task()
        try:
            if not self.superseded():
                return await work
        except asyncio.CancelledError:
            if not self.superseded():
                raise
        finally:
            work.close()
        return None

    def superseded(self) -> bool:
        return self._pointless


class _Typing:
    """What goes on in one open document. ``name`` tells the host's sessions apart: two editors may have one file."""

    def __init__(self) -> None:
        self.session = Session()
        self.name = secrets.token_hex(8)
        self._live: dict[int, _Live] = {}

    def begin(self, decision: Decision) -> _Live:
        self.end(decision.cancel)
        live = self._live[decision.generation] = _Live()
        return live

    def end(self, generation: int | None) -> None:
        """Have a superseded request answered with null; its stream closes at once, so the engine stops."""
        if generation is not None and (live := self._live.pop(generation, None)) is not None:
            live.supersede()

    def finished(self, generation: int) -> None:
        self.session.finished(generation)
        self._live.pop(generation, None)


class InlineCompletions:
    """At most one live request a document; a newer one, an edit or a close ends it with the answer null."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._typing: dict[str, _Typing] = {}

    def edited(self, uri: str, version: int) -> None:
        if (typing := self._typing.get(uri)) is not None:
            typing.end(typing.session.edited(version))

    def closed(self, uri: str) -> None:
        if (typing := self._typing.pop(uri, None)) is not None:
            typing.end(typing.session.closed())

    def complete(self, request_id: RequestId, params: InlineCompletionParams) -> Awaitable[Json | None]:
        """Take what the answer depends on before the next message can change it; answer later."""
        server, uri = self._server, params.text_document.uri
        caret = self._caret(params)
        if caret is None:
            return _nothing()
        typing = self._typing.setdefault(uri, _Typing())
        request = infill_request(caret.document, caret.line, caret.column, path=server.shown_path(uri))
        decision = typing.session.request(
            caret.document.version, caret.line, caret.column, request.prefix, request.suffix
        )
        question = Question(
            id=request_id,
            caret=caret,
            request=msgspec.structs.replace(request, place=decision.place),
            session=typing.name,
            invoked=params.invoked,
            partial_token=params.partial_result_token,
            max_tokens=server.completion.max_tokens,
            max_lines=server.completion.max_lines,
        )
        return self._answer_or_null(question, typing, decision.generation, typing.begin(decision))

    def _caret(self, params: InlineCompletionParams) -> Caret | None:
        """None where nothing is completed."""
        completion, documents = self._server.completion, self._server.documents
        try:
            document = documents.get(params.text_document.uri)
        except SlipstreamError:
            # An edit that did not fit was told when it came.
            return None
        if not completion.enabled or document.language in completion.disabled_languages:
            return None
        return locate(document, params, documents.encoding)

    async def _answer_or_null(self, question: Question, typing: _Typing, generation: int, live: _Live) -> Json | None:
        try:
            return await live.answer(self._answer(question))
        finally:
            typing.finished(generation)

    async def _answer(self, question: Question) -> Json | None:
        server, stats = self._server, StreamStats()
        shown = _Shown(server.protocol, question)
        wait = _INVOKED_WAIT_SECONDS if question.invoked else _AUTOMATIC_WAIT_SECONDS
        for last_try in (False, True):
            client = await server.host.client(wait)
            if client is None:
                return None
            try:
                await _stream(client, question, stats, shown)
                break
            except SlipstreamError as error:
                server.host.lost()
                server.tell(error)
                if shown.text:
                    # The client has it on its screen; an answer that takes it back would only flicker.
                    return question.caret.answer(shown.text)
                if last_try or error.code not in _GONE:
                    return None
        server.troubles.recovered()
        if server.wants_stats:
            server.protocol.notify_plain(STATS, _facts(question.id, stats))
        return question.caret.answer(shown.text)


class _Shown:
    """The suggestion so far; each growth goes to a client that asked to see it. Nothing is ever taken back."""

    def __init__(self, protocol: "Protocol", question: Question) -> None:
        self.text = ""
        self._protocol = protocol
        self._question = question

    def grow(self, more: str) -> None:
        if not more:
            return
        self.text += more
        token = self._question.partial_token
        if token is not None:
            value = self._question.caret.answer(self.text)
            self._protocol.notify_plain(types.PROGRESS, {"token": token, "value": value}, droppable=True)


async def _stream(client: "HostClient", question: Question, stats: StreamStats, shown: _Shown) -> None:
    """Ask the host and show what comes. Leaving early, for whatever reason, closes the stream and stops the engine.

    Raises :class:`SlipstreamError` when the stream ends otherwise than it should.
    """
    request = question.request
    async with client.infill(_body(question)) as stream:
        # Made while the host prefills: it reads the text around the caret.
        trimmer = Trimmer(request.prefix, request.suffix, request.language, question.max_lines)
        async for event in stream:
            stats.add(event)
            if isinstance(event, TokenData):
                shown.grow(trimmer.feed(event.text))
                if trimmer.done:
                    break
    shown.grow(trimmer.finish())


def _body(question: Question) -> InfillBody:
    return InfillBody.asking(
        question.request,
        session=question.session,
        max_tokens=question.max_tokens,
        deadline_ms=_INVOKED_DEADLINE_MS if question.invoked else _AUTOMATIC_DEADLINE_MS,
    )


def _facts(request_id: RequestId, stats: StreamStats) -> Json:
    """The parameters of ``slipstream/completionStats``. Times in milliseconds; null where there was no token."""
    return {
        "requestId": request_id,
        "ttftMs": stats.ttft_ms,
        "tokensPerSecond": stats.tokens_per_second,
        "promptTokens": stats.prompt_tokens,
        "reusedTokens": stats.reused_tokens,
        "generatedTokens": stats.generated_tokens,
    }


async def _nothing() -> None:
    return None
