"""Asks the model at a place, with the prompt that the product would make."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol

from copilot.bench.context.places import Place
from copilot.completion.framing import ModelFacts
from copilot.config.settings import CompletionSettings
from copilot.context.frame import frame_at, request_in
from copilot.context.request import InfillRequest, Snippet, caret_place
from copilot.errors import SlipstreamError
from copilot.index.parsed import language_at
from copilot.serve.api import DoneData, ErrorData, InfillBody, InfillEvent, TokenData
from copilot.text.document import Document
from copilot.text.spot import Spot

DENSITY = 3.2
"""Characters of a prompt for each of its tokens, as ``copilot.completion.speed`` has it before anything is measured."""

ANSWER_TOKENS = 64
_FILL = 0.7  # As copilot.completion.framing begins a frame.


class Host(Protocol):
    """What :class:`~copilot.client.host.HostClient` offers."""

    def infill(self, body: InfillBody, /) -> AbstractAsyncContextManager[AsyncIterator[InfillEvent]]: ...


class Answered(NamedTuple):
    """``text``: up to the first line end. Times in milliseconds."""

    text: str
    prompt_tokens: int
    reused_tokens: int
    ttft_ms: float
    total_ms: float


def without_gold(text: str, place: Place) -> str:
    """The document as it stands while the line is being written."""
    lines = text.split("\n")
    lines[place.line] = lines[place.line][: place.column]
    return "\n".join(lines)


def request_at(
    text: str, place: Place, snippets: Sequence[Snippet], model: ModelFacts, settings: CompletionSettings
) -> InfillRequest:
    """``text``: of the document without the gold."""
    document = Document.from_text(f"file:///{place.path}", language_at(place.path), 1, text)
    spot = Spot(document, place.line, place.column)
    below = "\n".join(spot.below(1))
    where = caret_place(spot.head, spot.rest)
    frame = frame_at(
        spot,
        model.layout(where, spot.rest + below if settings.suffix_tokens else ""),
        prefix_characters=int(settings.prefix_tokens * DENSITY * _FILL),
        suffix_characters=int(settings.suffix_tokens * DENSITY),
    )
    return request_in(frame._replace(snippets=tuple(snippets)), spot, path=place.path, place=where)


async def ask(host: Host, request: InfillRequest) -> Answered:
    """Greedy, one line. A model that begins with a line end is asked for what comes then, as the product shows it.

    Raises :class:`SlipstreamError` when the host does not answer.
    """
    text, done = await _written(host, InfillBody.asking(request, max_tokens=ANSWER_TOKENS, stop=("\n",)))
    if not text.strip():
        more, _ = await _written(host, InfillBody.asking(request, max_tokens=ANSWER_TOKENS))
        text = more.strip()
    return Answered(
        text=text.partition("\n")[0],
        prompt_tokens=done.prompt_tokens,
        reused_tokens=done.reused_tokens,
        ttft_ms=done.ttft_ms or 0.0,
        total_ms=done.total_ms,
    )


async def _written(host: Host, body: InfillBody) -> tuple[str, DoneData]:
    text, done = "", None
    async with host.infill(body) as stream:
        async for event in stream:
            if isinstance(event, TokenData):
                text += event.text
            elif isinstance(event, DoneData):
                done = event
            elif isinstance(event, ErrorData):
                raise SlipstreamError(event.message, hint=event.hint, code=event.code)
    if done is None:
        raise SlipstreamError("The engine host ended an answer without saying why.", code="host_lost")
    return text, done
