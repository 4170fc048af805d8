"""Goes through problems and configurations, one at a time, and scores what comes."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence

from copilot.bench.quality import pipeline, scoring
from copilot.bench.quality.arms import Arm
from copilot.bench.quality.problems import Problem, Stratum
from copilot.bench.quality.recording import Host, Recorder
from copilot.bench.quality.results import Result, Score, Setup, Store, digest
from copilot.bench.quality.sandbox import SECONDS, Outcome
from copilot.completion.suggestion import Suggestion
from copilot.config.settings import CompletionSettings


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
        return Setup(
            model=self._model,
            arm=arm.name,
            prefix_tokens=settings.prefix_tokens,
            suffix_tokens=settings.suffix_tokens,
            max_tokens=settings.max_tokens,
            max_lines=settings.max_lines,
        )

    async def _measure(self, problem: Problem, arm: Arm, setup: Setup) -> Result:
        started = time.monotonic()
        recorder = Recorder(self._host, lambda text: scoring.is_whole(problem, text))
        settings, model = arm.settings(self._settings), arm.model(self._order)
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
            whole = shown if text == suggestion.text else await self._score(problem, *suggestion)
        return Result(
            id=problem.id,
            stratum=problem.stratum,
            place=problem.place,
            digest=digest(problem),
            setup=setup,
            layout=first.layout,
            gold=problem.gold,
            answer=first.text,
            suggestion=suggestion.text if suggestion else "",
            replaced=suggestion.replaced if suggestion else 0,
            asked=len(recorder.generations),
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
