"""Goes through places, asks without and with context, and with each source of context switched off."""

import time
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import msgspec

from copilot.bench.context.asking import DENSITY, Host, ask, request_at, without_gold
from copilot.bench.context.places import Kind, Place, tells
from copilot.bench.context.scoring import score
from copilot.bench.context.workspace import Workspace
from copilot.completion.framing import ModelFacts
from copilot.config.settings import CompletionSettings
from copilot.context.candidates import Candidate, Question, Source
from copilot.context.near import words_of
from copilot.context.packing import packed
from copilot.context.request import Snippet
from copilot.index.parsed import language_at

NONE, ALL = "no context", "all sources"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """One answer, scored. ``same``: the prompt is that of ``ALL``, and so is the answer."""

    text: str
    exact: bool
    similarity: float
    recall: float | None
    cross: float | None
    hidden: float | None
    prompt_tokens: int
    ttft_ms: float
    total_ms: float
    same: bool = False


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """``outcomes``: of each configuration. ``retrieval_ms``: of the first question at this place, and ``again_ms`` of
    the same question once more, as while someone types. ``sources``: how many snippets each gave."""

    place: Place
    outcomes: dict[str, Outcome]
    snippets: tuple[Snippet, ...]
    sources: dict[str, int]
    retrieval_ms: float
    again_ms: float


class Packing(Protocol):
    """As :func:`copilot.context.packing.packed`."""

    def __call__(self, candidates: Sequence[Candidate], characters: int, /) -> tuple[Snippet, ...]: ...


def without(source: Source) -> str:
    """The name of the configuration."""
    return f"without {source}"


class Measuring:
    """``sources``: those that are switched off in turn at places that need other files."""

    def __init__(
        self,
        host: Host,
        *,
        model: ModelFacts,
        settings: CompletionSettings,
        sources: Sequence[Source] = (),
        packing: Packing = packed,
    ) -> None:
        self._host = host
        self._model = model
        self._settings = settings
        self._sources = sources
        self._packing = packing
        self._asked = 0

    async def run(self, workspace: Workspace, places: Sequence[Place]) -> AsyncIterator[Result]:
        for place in places:
            with workspace.without(place.path) as text:
                yield await self._at(place, text, workspace)

    async def _at(self, place: Place, whole: str, workspace: Workspace) -> Result:
        text, line = without_gold(whole, place), whole.split("\n")[place.line]
        language = language_at(place.path)
        question = Question(place.path, language, text, place.line, place.column)
        started = time.perf_counter()
        found = workspace.retriever.candidates(question)
        first = time.perf_counter()
        found = workspace.retriever.candidates(question)
        again = time.perf_counter()
        # What is read from disk at once is limited.
        found = workspace.retriever.complete(question)
        shown = {NONE: (), ALL: self._packed(found, line)}
        if place.kind is not Kind.OWN:
            for source in self._sources:
                off = workspace.retriever.complete(question, frozenset({source}))
                shown[without(source)] = self._packed(off, line)
        outcomes: dict[str, Outcome] = {}
        # In turn, so that neither always finds the machine as the other left it.
        front = [NONE, ALL] if self._asked % 2 else [ALL, NONE]
        self._asked += 1
        for name in (*front, *(name for name in shown if name not in front)):
            if name not in front and shown[name] == shown[ALL]:
                outcomes[name] = msgspec.structs.replace(outcomes[ALL], same=True)
            elif name == ALL and not shown[ALL] and NONE in outcomes:
                outcomes[name] = msgspec.structs.replace(outcomes[NONE], same=True)
            else:
                outcomes[name] = await self._outcome(place, text, language, shown[name])
        counts = {str(source): sum(it.source == source for it in shown[ALL]) for source in Source}
        return Result(
            place=place,
            outcomes=outcomes,
            snippets=shown[ALL],
            sources={name: count for name, count in counts.items() if count},
            retrieval_ms=round((first - started) * 1000, 3),
            again_ms=round((again - first) * 1000, 3),
        )

    def _packed(self, found: Sequence[Candidate], line: str) -> tuple[Snippet, ...]:
        """Without those that hold the very line that is asked for."""
        fair = [it for it in found if not tells(it.text, line)]
        return self._packing(fair, int(self._settings.snippet_tokens * DENSITY))

    async def _outcome(self, place: Place, text: str, language: str, snippets: tuple[Snippet, ...]) -> Outcome:
        request = request_at(text, place, snippets, self._model, self._settings)
        answer = await ask(self._host, request)
        shown = frozenset(words_of(f"{request.prefix}{request.begun}\n{request.suffix}"))
        scored = score(place, answer.text, language, shown)
        return Outcome(
            text=answer.text,
            exact=scored.exact,
            similarity=round(scored.similarity, 4),
            recall=scored.recall,
            cross=scored.cross,
            hidden=scored.hidden,
            prompt_tokens=answer.prompt_tokens,
            ttft_ms=round(answer.ttft_ms, 1),
            total_ms=round(answer.total_ms, 1),
        )
