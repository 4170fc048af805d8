"""What one document's session asks of the host: generations planned, started, and stopped. No I/O."""

from collections.abc import Sequence

from copilot.completion.actions import Action, Start, Stop
from copilot.completion.framing import Framing, ModelFacts, Prompt
from copilot.completion.offers import Offers
from copilot.completion.run import Kind, Run
from copilot.completion.speed import Speed
from copilot.completion.suggestion import End
from copilot.completion.traces import Origin
from copilot.config.settings import CompletionSettings
from copilot.context.request import CaretPlace
from copilot.serve.api import InfillBody, Lane
from copilot.text.spot import Spot

_LONGEST_ANSWER = 2.0
"""Seconds of decoding: a slow machine gets fewer lines."""

_LEAST_TOKENS = 24
_DEADLINE_MS = 5_000
_INVOKED_DEADLINE_MS = 60_000
_ALTERNATIVE_TEMPERATURE = 0.8


class Asking:
    """``name`` tells the host's sessions apart. ``generations`` were started so far; the last one has this number."""

    def __init__(
        self, name: str, settings: CompletionSettings, speed: Speed, model: ModelFacts, offers: Offers
    ) -> None:
        self.generations = 0
        self.framing = Framing(settings, speed, model)
        self._name = name
        self._settings = settings
        self._speed = speed
        self._offers = offers

    def configure(self, settings: CompletionSettings, model: ModelFacts) -> None:
        self._settings = settings
        self.framing.configure(settings, model)

    @property
    def budget(self) -> float:
        """Seconds until the first line is to be there."""
        return self._settings.budget_ms / 1000

    def plan(self, spot: Spot, place: CaretPlace, path: str | None) -> Prompt:
        """The best prompt that keeps the budget, or comes nearest to it."""
        return self.framing.plan(spot, place, self.budget, path=path)

    def start(
        self, kind: Kind, spot: Spot, prompt: Prompt, now: float, *, invoked: bool = False, seed: int | None = None
    ) -> list[Action]:
        """``seed``: draw an answer instead of taking the likeliest."""
        self.generations += 1
        run = Run(self.generations, kind, spot, prompt, since=now, max_lines=self._settings.max_lines)
        self._offers.runs[run.generation] = run
        tokens = self._settings.max_tokens
        if not invoked:
            tokens = min(tokens, max(_LEAST_TOKENS, self._speed.longest(_LONGEST_ANSWER, tokens)))
        body = InfillBody.asking(
            prompt.request,
            session=self._name,
            lane=Lane.BACKGROUND if kind in {Kind.AHEAD, Kind.PREFETCH} else Lane.INLINE,
            max_tokens=tokens if run.writes else 0,
            temperature=0.0 if seed is None else _ALTERNATIVE_TEMPERATURE,
            seed=seed,
            deadline_ms=_INVOKED_DEADLINE_MS if invoked else _DEADLINE_MS,
        )
        origin = Origin(kind, prompt.request, spot.line, prompt.gave_up)
        return [Start(run.generation, body, origin, invoked)]

    def stop(self, runs: Sequence[Run]) -> list[Action]:
        """Nobody wants more of ``runs``; whole lines that they made are remembered."""
        for run in runs:
            del self._offers.runs[run.generation]
            self.ended(run, End.BROKEN)
        return [Stop(run.generation) for run in runs]

    def stop_all(self) -> list[Action]:
        return self.stop(list(self._offers.runs.values()))

    def ended(self, run: Run, how: End) -> None:
        """``run`` is over and no longer among those that run."""
        run.finish(self._speed, how)
        # A prefill that came to its end is whole, whatever its last report said.
        whole = run.kind is Kind.AHEAD and how is not End.BROKEN
        self.framing.warmed(run.prompt.request, 1.0 if whole else run.share)
        self._offers.keep(run)
