"""``textDocument/inlineCompletion``: from an editor's question to the host's stream and back."""

import asyncio
import secrets
from collections.abc import Awaitable
from typing import TYPE_CHECKING, NamedTuple

from lsprotocol import types

from copilot.completion.trim import Trimmer
from copilot.context.request import InfillRequest
from copilot.context.window import infill_request
from copilot.errors import SlipstreamError
from copilot.serve.api import InfillBody, TokenData
from copilot.text.document import Change, Document
from copilot.text.position import Position, Range
from copilot_lsp.messages import InlineCompletionParams, Json, RequestId, SelectedCompletion
from copilot_lsp.stats import Stats

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


class Caret(NamedTuple):
    """Where text goes: the document as it would be, and what of it the answer repeats.

    ``lead`` is text that the answer begins with and ``range`` what the answer replaces, in the client's units.
    """

    document: Document
    line: int
    column: int
    lead: str
    range: Range


class Question(NamedTuple):
    """Everything an answer depends on, as it was when the request came."""

    request_id: RequestId
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
        self.superseded = False
        self.task: asyncio.Task[object] | None = None

    def supersede(self) -> None:
        self.superseded = True
        if self.task is not None:
            self.task.cancel()


class InlineCompletions:
    """At most one live request a document; a newer one, an edit or a close ends it with the answer null."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._live: dict[str, _Live] = {}
        self._sessions: dict[str, str] = {}

    def supersede(self, uri: str) -> None:
        """End the live request of ``uri``; its stream closes at once, so the engine stops."""
        if (live := self._live.pop(uri, None)) is not None:
            live.supersede()

    def forget(self, uri: str) -> None:
        """The document was closed, or opened anew."""
        self.supersede(uri)
        self._sessions.pop(uri, None)

    def complete(self, request_id: RequestId, params: InlineCompletionParams) -> Awaitable[Json | None]:
        """Take what the answer depends on before the next message can change it; answer later."""
        uri = params.text_document.uri
        self.supersede(uri)
        question = self._question(request_id, params)
        live = self._live[uri] = _Live()
        return self._answer_or_null(question, live, uri)

    def _question(self, request_id: RequestId, params: InlineCompletionParams) -> Question | None:
        """None where there is nothing to complete."""
        server, uri = self._server, params.text_document.uri
        if not server.completion.enabled:
            return None
        try:
            document = server.documents.get(uri)
        except SlipstreamError:
            # An edit that did not fit was told when it came.
            return None
        if document.language in server.completion.disabled_languages:
            return None
        caret = _caret(server, document, params)
        if caret is None:
            return None
        session = self._sessions.setdefault(uri, secrets.token_hex(8))
        request = infill_request(caret.document, caret.line, caret.column, path=server.shown_path(uri))
        return Question(
            request_id=request_id,
            caret=caret,
            request=request,
            session=session,
            invoked=params.invoked,
            partial_token=params.partial_result_token,
            max_tokens=server.completion.max_tokens,
            max_lines=server.completion.max_lines,
        )

    async def _answer_or_null(self, question: Question | None, live: _Live, uri: str) -> Json | None:
        if question is None or live.superseded:
            return None
        live.task = asyncio.current_task()
        try:
            return await self._answer(question)
        except asyncio.CancelledError:
            if live.superseded:
                return None
            raise
        finally:
            if self._live.get(uri) is live:
                del self._live[uri]

    async def _answer(self, question: Question) -> Json | None:
        host, stats, shown = self._server.host, Stats(), Shown(self._server.protocol, question)
        wait = _INVOKED_WAIT_SECONDS if question.invoked else _AUTOMATIC_WAIT_SECONDS
        for last_try in (False, True):
            client = await host.client(wait)
            if client is None:
                return None
            try:
                await _stream(client, question, stats, shown)
                break
            except SlipstreamError as error:
                host.lost()
                self._server.tell(error)
                if shown.text:
                    # It was shown already; what the client keeps is what it saw last.
                    return _items(question.caret, shown.text)
                if last_try or error.code not in _GONE:
                    return None
        self._server.troubles.recovered()
        if self._server.wants_stats:
            self._server.protocol.notify_plain(STATS, stats.report(question.request_id))
        return _items(question.caret, shown.text)


class Shown:
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
            value = _items(self._question.caret, self.text)
            self._protocol.notify_plain(types.PROGRESS, {"token": token, "value": value}, droppable=True)


async def _stream(client: "HostClient", question: Question, stats: Stats, shown: Shown) -> None:
    """Ask the host and show what comes. Leaving early, for whatever reason, closes the stream and stops the engine.

    Raises :class:`SlipstreamError` when the stream ends otherwise than it should.
    """
    request = question.request
    trimmer = Trimmer(request.prefix, request.suffix, request.language, question.max_lines)
    async with client.infill(_body(question)) as stream:
        async for event in stream:
            stats.add(event)
            if isinstance(event, TokenData):
                shown.grow(trimmer.feed(event.text))
                if trimmer.done:
                    break
    shown.grow(trimmer.finish())


def _caret(server: "Server", document: Document, params: InlineCompletionParams) -> Caret | None:
    """Where the answer goes; None where the popup's selected entry is not at the caret."""
    encoding = server.documents.encoding
    line, column = document.split_at(params.position, encoding)
    selected = params.context.selected_completion_info if params.context is not None else None
    if selected is None:
        at = document.position_at(line, column, encoding)
        return Caret(document, line, column, "", Range(at, at))
    return _caret_after(selected, document, (line, column), server)


def _caret_after(
    selected: SelectedCompletion, document: Document, caret: tuple[int, int], server: "Server"
) -> Caret | None:
    """The caret as it will be once the popup's entry is in the text; the answer then begins with that entry."""
    encoding = server.documents.encoding
    start = document.split_at(selected.range.start, encoding)
    one_line = start[0] == caret[0] and not set("\r\n") & set(selected.text)
    if not one_line or start > caret or document.split_at(selected.range.end, encoding) != caret:
        return None
    after = document.apply([Change(selected.range, selected.text)], encoding)
    return Caret(after, start[0], start[1] + len(selected.text), selected.text, selected.range)


def _items(caret: Caret, text: str) -> Json:
    """An answer with ``text``, or with nothing to show: that hides what was shown before, unlike null."""
    if not text:
        return {"items": []}
    start, end = caret.range.start, caret.range.end
    span = {
        "start": {"line": start.line, "character": start.character},
        "end": {"line": end.line, "character": end.character},
    }
    return {"items": [{"insertText": caret.lead + text, "range": span}]}


def _body(question: Question) -> InfillBody:
    request = question.request
    return InfillBody(
        prefix=request.prefix,
        suffix=request.suffix,
        snippets=request.snippets,
        path=request.path,
        language=request.language,
        place=request.place,
        session=question.session,
        max_tokens=question.max_tokens,
        deadline_ms=_INVOKED_DEADLINE_MS if question.invoked else _AUTOMATIC_DEADLINE_MS,
    )
