"""Goes through problems and configurations, one at a time, and scores what comes."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

import msgspec

from copilot import __version__
from copilot.bench.quality import pipeline, scoring
from copilot.bench.quality.arms import Arm
from copilot.bench.quality.problems import Problem, Stratum
from copilot.bench.quality.recording import Host, Recorded, Recorder
from copilot.bench.quality.results import Result, Score, Setup, Store, digest
from copilot.bench.quality.sandbox import SECONDS, Outcome
from copilot.completion.framing import ModelFacts
from copilot.completion.suggestion import Suggestion
from copilot.config.settings import CompletionSettings
from copilot.errors import SlipstreamError

_LIMITS = ("prefix_tokens", "suffix_tokens", "max_tokens", "max_lines")


class Measuring:
    """``order``: the model's own (place of the caret -> layout). ``execute``: run the programs, where there are tests;
    each for ``seconds`` at most.
    """

    def __init__(
        self,
        host: Host,
        *,
        model: str,
        order: Mapping[str, str],
        settings: CompletionSettings,
        store: Store,
        execute: bool = True,
        seconds: float = SECONDS,
    ) -> None:
        self._host = host
        self._model = model
        self._order = order
        self._settings = settings
        self._store = store
        self._execute = execute
        self._seconds = seconds
        self._outcomes: dict[str, Outcome] = {}
        self.measured = 0
        """Results that were not in the store."""

    async def run(self, problems: Sequence[Problem], arms: Sequence[Arm]) -> AsyncIterator[Result]:
        """Results in order, those that the store has without asking again.

        Problem by problem, since prompts of one text share most of what the engine has computed.
        """
        for problem, arm in self.pairs(problems, arms):
            setup = self.setup(arm)
            result = self._store.find(problem, setup)
            if result is None:
                result = await self._measure(problem, arm, setup)
                self._store.add(result)
                self.measured += 1
            yield result

    @staticmethod
    def pairs(problems: Sequence[Problem], arms: Sequence[Arm]) -> Iterator[tuple[Problem, Arm]]:
        return ((problem, arm) for problem in problems for arm in arms)

    def left(self, problems: Sequence[Problem], arms: Sequence[Arm]) -> int:
        """How many are not in the store."""
        return sum(self._store.find(problem, self.setup(arm)) is None for problem, arm in self.pairs(problems, arms))

    def setup(self, arm: Arm) -> Setup:
        settings = arm.settings(self._settings)
        return Setup(model=self._model, arm=arm.name, **{name: getattr(settings, name) for name in _LIMITS})

    async def again(
        self, problems: Sequence[Problem], recorded: Sequence[Result]
    ) -> AsyncIterator[tuple[Result, Result]]:
        """Each result that is recorded for one of ``problems``, and what comes of the same answers now.

        Those that would ask the model for something new are left out.
        """
        by_hole = {(problem.id, problem.stratum, digest(problem)): problem for problem in problems}
        for before in recorded:
            problem = by_hole.get((before.id, before.stratum, before.digest))
            if problem is None:
                continue
            then = {name: getattr(before.setup, name) for name in _LIMITS}
            settings = msgspec.structs.replace(self._settings, **then)
            model = Arm(layout=before.layout).model(self._order)
            setup = msgspec.structs.replace(before.setup, version=__version__)
            try:
                now = await self._ask(Recorded(before.generations), problem, model, settings, setup)
            except SlipstreamError as error:
                if error.code != "not_recorded":
                    raise
            else:
                yield before, now

    async def _measure(self, problem: Problem, arm: Arm, setup: Setup) -> Result:
        model, settings = arm.model(self._order), arm.settings(self._settings)
        return await self._ask(self._host, problem, model, settings, setup)

    async def _ask(
        self, host: Host, problem: Problem, model: ModelFacts, settings: CompletionSettings, setup: Setup
    ) -> Result:
        started = time.monotonic()
        recorder = Recorder(host, lambda text: scoring.is_whole(problem, text))
        suggestion: Suggestion | None = None
        if problem.stratum is Stratum.PUBLISHED:
            await pipeline.answer(recorder, problem, model, settings)
        else:
            suggestion = await pipeline.suggest(recorder, problem, model, settings)
        await recorder.settled()
        seconds = time.monotonic() - started
        first = recorder.generations[0]
        raw = await self._score(problem, scoring.counted(problem, first.text), 0)
        shown = whole = None
        if suggestion is not None:
            text = scoring.counted(problem, suggestion.text)
            shown = await self._score(problem, text, suggestion.replaced)
            whole = (
                shown if text == suggestion.text else await self._score(problem, suggestion.text, suggestion.replaced)
            )
        return Result(
            id=problem.id,
            stratum=problem.stratum,
            place=problem.place,
            digest=digest(problem),
            setup=setup,
            gold=problem.gold,
            generations=tuple(recorder.generations),
            suggestion=suggestion.text if suggestion else "",
            replaced=suggestion.replaced if suggestion else 0,
            seconds=round(seconds, 3),
            raw=raw,
            shown=shown,
            whole=whole,
        )

    async def _score(self, problem: Problem, text: str, replaced: int) -> Score:
        outcome = await self._outcome(problem, text, replaced) if self._execute else None
        return Score(
            text=text,
            passed=outcome.passed if outcome else None,
            why=outcome.reason if outcome else "",
            exact=scoring.exact(problem, text, replaced),
            similarity=round(scoring.similarity(problem, text, replaced), 4),
            flaws=scoring.flaws(problem, text, replaced),
        )

    async def _outcome(self, problem: Problem, text: str, replaced: int) -> Outcome | None:
        """Each program is run once, however many configurations come to it."""
        if problem.check is None or not text.strip():
            return scoring.passes(problem, text, replaced)
        program = scoring.filled(problem, text, replaced)
        key = f"{problem.check.entry_point}\0{program}"
        if key not in self._outcomes:
            found = await asyncio.to_thread(scoring.passes, problem, text, replaced, seconds=self._seconds)
            assert found is not None
            self._outcomes[key] = found
        return self._outcomes[key]
