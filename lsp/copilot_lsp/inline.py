"""``textDocument/inlineCompletion``: from an editor's question to a document's completer and back."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from lsprotocol import types

from copilot.completion.completer import Asked, Completer, Facts
from copilot.completion.speed import Speed
from copilot.completion.suggestion import Suggestion
from copilot.completion.traces import Trace
from copilot.context.request import Snippet
from copilot.errors import SlipstreamError
from copilot.serve.api import InfillBody, PromptData
from copilot.text.document import Change, Document
from copilot.text.line_ends import to_newlines
from copilot.text.spot import Spot
from copilot_lsp.caret import Caret, locate
from copilot_lsp.link import CompletionLink
from copilot_lsp.messages import DidMoveCaretParams, InlineCompletionParams, Json, RequestId
from copilot_lsp.why import WhyParams, explain

if TYPE_CHECKING:
    from copilot_lsp.server import Server

STATS = "slipstream/completionStats"


class InlineCompletions:
    """One completer a document. A newer request, an edit or a close ends what waits with the answer null."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._link = CompletionLink(server.host, server.status)
        self._completers: dict[str, Completer] = {}
        self._speed = Speed()
        self._given_up_told: set[str] = set()
        self._refused_told: set[str] = set()
        self._last_shown = ""

    def edited(self, document: Document, changes: Sequence[Change]) -> None:
        if self.document(document.uri) is None:
            # Completion was switched off meanwhile: nothing may be prefilled either.
            self.closed(document.uri)
            return
        behind = self._behind(document, changes)
        if (completer := self._completers.get(document.uri)) is not None:
            completer.edited(document, changes, behind)
        self._server.feed.edited(document, changes, behind)

    def moved(self, params: DidMoveCaretParams) -> None:
        """The caret rests somewhere: prefill there, so that the first key is answered soon."""
        server, uri = self._server, params.text_document.uri
        document = self.document(uri)
        if document is not None:
            spot = Spot(document, *document.split_at(params.position, server.documents.encoding))
            # What it comes to mostly comes before the prompt is begun.
            server.feed.moved(spot)
            self._completer(uri).moved(spot, path=server.shown_path(uri))

    def withdraw(self, uri: str, allowed: Callable[[Snippet], bool]) -> None:
        """The model must not see what is not ``allowed`` in this document any more."""
        if (completer := self._completers.get(uri)) is not None:
            completer.withdraw(allowed)

    def show(self, uri: str, snippets: Sequence[Snippet], at_once: bool) -> None:
        """What of other files the model should see in this document."""
        if self.document(uri) is not None:
            self._completer(uri).show(snippets, at_once=at_once)

    def closed(self, uri: str) -> None:
        if (completer := self._completers.pop(uri, None)) is not None:
            completer.close()

    # ------------------------------------------------------------------------------ what clients tell of suggestions

    def focused(self, uri: str) -> None:
        """Someone looks at this document: the model may be loaded, and where the caret is known, a prompt prefilled."""
        self._server.companion.attention.at(uri)
        if self.document(uri) is not None:
            self._server.host.start()
            if (completer := self._completers.get(uri)) is not None:
                completer.focused()

    def chosen(self, suggestion: str) -> None:
        if (completer := self._of(suggestion)) is not None:
            self._last_shown = suggestion
            completer.chosen(suggestion)

    def accepted(self, suggestion: str, length: int | None = None) -> None:
        if (completer := self._of(suggestion)) is not None:
            completer.accepted(suggestion, length)

    def dismissed(self, suggestion: str) -> None:
        if (completer := self._of(suggestion)) is not None:
            completer.dismissed(suggestion)

    async def why(self, request_id: RequestId, params: WhyParams | None) -> Json | None:
        """How a suggestion came about; null where that is not known any more."""
        suggestion = (params.id if params is not None else None) or self._last_shown
        completer = self._of(suggestion)
        trace = None if completer is None else completer.trace(suggestion)
        if trace is None:
            return None
        uri = next((uri for uri, other in self._completers.items() if other is completer), None)
        return {"uri": uri, **explain(suggestion, trace, await self._counted(trace))}

    async def _counted(self, trace: Trace) -> PromptData | None:
        """The prompt as the model's own tokenizer has it; None where there is no host to ask."""
        client = self._server.host.present
        if client is None:
            return None
        try:
            return await client.infill_prompt(InfillBody.asking(trace.origin.request))
        except SlipstreamError:
            return None

    def _of(self, suggestion: str) -> Completer | None:
        """The completer that made the suggestion of this id, while its document is open."""
        name = suggestion.partition("-")[0]
        return next((completer for completer in self._completers.values() if completer.name == name), None)

    # ------------------------------------------------------------------------------------------------------ requests

    def complete(self, request_id: RequestId, params: InlineCompletionParams) -> Awaitable[Json | None]:
        """Take what the answer depends on before the next message can change it; answer later."""
        server, uri = self._server, params.text_document.uri
        try:
            document = server.documents.get(uri)
        except SlipstreamError:
            # An edit that did not fit was told when it came.
            return _nothing()
        if self._off(document):
            return _no_items()
        caret = locate(document, params, server.documents.encoding)
        if caret is None:
            return _nothing()
        server.companion.attention.at(uri, params.position)
        token, protocol = params.partial_result_token, server.protocol

        def grow(suggestions: Sequence[Suggestion]) -> None:
            self._last_shown = suggestions[0].id
            value = {"token": token, "value": caret.answer(suggestions)}
            protocol.notify_plain(types.PROGRESS, value, droppable=True)

        asked = self._completer(uri).ask(
            Spot(caret.document, caret.line, caret.column),
            invoked=params.invoked,
            path=server.shown_path(uri),
            grow=None if token is None else grow,
        )
        answer = asyncio.create_task(self._answer(request_id, caret, asked))
        # Cancelled before it began, it would leave what it waits for waiting.
        answer.add_done_callback(lambda done: asked.cancel() if done.cancelled() else None)
        return answer

    async def _answer(self, request_id: RequestId, caret: Caret, asked: Asked) -> Json | None:
        suggestions, facts = await asked
        self._tell_what_was_given_up(facts)
        if self._server.options.stats and facts.stats is not None:
            self._server.protocol.notify_plain(STATS, _told(request_id, facts))
        if suggestions:
            self._last_shown = suggestions[0].id
        return None if suggestions is None else caret.answer(suggestions)

    def _tell_what_was_given_up(self, facts: Facts) -> None:
        """In the client's log, once for each kind: a message box would be in the way of someone who types."""
        kinds = {phrase.split()[0] for phrase in facts.gave_up}
        if kinds <= self._given_up_told:
            return
        self._given_up_told |= kinds
        message = (
            f"To show a first line within {self._server.completion.budget_ms} ms where the caret came to just now, "
            f"the model was asked with less: {'; '.join(facts.gave_up)}. This machine reads about "
            f"{self._speed.prefill:.0f} tokens a second; completion.budget_ms sets the time."
        )
        self._server.log_message(message)

    def document(self, uri: str) -> Document | None:
        """None where nothing is completed."""
        try:
            document = self._server.documents.get(uri)
        except SlipstreamError:
            return None
        return None if self._off(document) else document

    def _off(self, document: Document) -> bool:
        """Whether nobody wants completions there, or a model must not see it."""
        completion = self._server.completion
        if not completion.enabled or document.language in completion.disabled_languages:
            return True
        refused = self._server.folders.refuses(document.uri)
        if refused and document.uri not in self._refused_told:
            self._refused_told.add(document.uri)
            name = (self._server.shown_path(document.uri) or document.uri).rpartition("/")[2]
            self._server.log_message(f"Slipstream completes nothing in {name}: {refused}.")
        return bool(refused)

    def _completer(self, uri: str) -> Completer:
        server = self._server
        completer = self._completers.get(uri)
        if completer is None:
            # The name tells the host's sessions apart: two editors may have one file.
            completer = self._completers[uri] = Completer(
                self._link, secrets.token_hex(8), server.completion, speed=self._speed, note=server.record
            )
        completer.configure(server.completion)
        return completer

    def _behind(self, document: Document, changes: Sequence[Change]) -> Spot | None:
        """Where an edit left the caret, as far as the edit tells: behind what it put there."""
        if not changes or changes[-1].range is None:
            return None
        start, text = changes[-1].range.start, to_newlines(changes[-1].text)
        line, column = document.split_at(start, self._server.documents.encoding)
        lines = text.count("\n")
        column = len(text) - text.rfind("\n") - 1 if lines else column + len(text)
        if line + lines >= len(document.lines):
            return None
        return Spot(document, line + lines, min(column, len(document.lines[line + lines])))


def _told(request_id: RequestId, facts: Facts) -> Json:
    """The parameters of ``slipstream/completionStats``. Times in milliseconds; null where there was no token."""
    stats = facts.stats
    assert stats is not None
    return {
        "requestId": request_id,
        "ttftMs": stats.ttft_ms,
        "tokensPerSecond": stats.tokens_per_second,
        "promptTokens": stats.prompt_tokens,
        "reusedTokens": stats.reused_tokens,
        "generatedTokens": stats.generated_tokens,
        "gaveUp": list(facts.gave_up),
    }


async def _nothing() -> None:
    return None


async def _no_items() -> Json:
    """Hides what is shown: some clients draw on what they have, beside whatever is typed, until a list comes."""
    return {"items": []}
