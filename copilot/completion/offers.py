"""What one document has on offer: the generations that run, and the suggestions that are remembered. No I/O."""

from collections import deque
from collections.abc import Iterator

from copilot.completion.follow import Match, follow, remainder
from copilot.completion.memory import Memory
from copilot.completion.run import Kind, Run
from copilot.completion.suggestion import Base, Offer, Suggestion
from copilot.text.spot import Spot

_BARREN = 32


class Offers:
    """``runs``: by generation. What is on screen is one of the offers, and the suggestion made of it."""

    def __init__(self) -> None:
        self.runs: dict[int, Run] = {}
        self.on_screen: tuple[Offer, Suggestion] | None = None
        self._memory = Memory()
        self._barren: deque[Base] = deque(maxlen=_BARREN)

    @property
    def writing(self) -> bool:
        """Whether text is being made, not only prompts prefilled."""
        return any(run.writes for run in self.runs.values())

    def of_kind(self, *kinds: Kind) -> list[Run]:
        return [run for run in self.runs.values() if run.kind in kinds]

    def keep(self, run: Run) -> None:
        """Remember what a run made that is over, or that it came to nothing and need not be tried again."""
        if run.offer.text.strip():
            self._memory.keep(run.offer)
        elif run.kind is Kind.RETRY and run.whole:
            self._barren.append(run.offer.base)

    def fertile(self) -> None:
        """Another model may know what to say where the last one did not."""
        self._barren.clear()

    def forget(self) -> None:
        """Nothing that was made before is to be shown again."""
        self.on_screen = None
        self._memory = Memory()
        self._barren.clear()

    def barren(self, spot: Spot) -> bool:
        """Whether all that can be asked at ``spot`` was asked, and nothing came."""
        return bool(self._barren) and Base.of(spot) in self._barren

    def at(self, spot: Spot) -> list[tuple[Offer, Suggestion]]:
        """What can be shown at ``spot`` now: what is being made, then the newest; each text once.

        Alternatives come last, the oldest first: to who sees them come, each is one more.
        """
        running = [(run.offer, match) for run, match in self._following(spot)]
        found: dict[str, tuple[Offer, Suggestion]] = {}
        for offer, match in (*running, *self._memory.find(spot)):
            suggestion = remainder(offer, match)
            if suggestion is not None:
                found.setdefault(suggestion.text, (offer, suggestion))
        return sorted(found.values(), key=lambda pair: (pair[0].alternative, pair[0].alternative * pair[0].generation))

    def awaited(self, spot: Spot) -> bool:
        """Whether something runs that may still say what comes at ``spot``."""
        return next(self._following(spot), None) is not None

    def contradicted(self, spot: Spot) -> list[Run]:
        """Runs whose text can't be right any more. What was prefetched for behind the suggestion on screen still can
        while that is typed through."""
        kept = self.on_screen is not None and follow(self.on_screen[0], spot) is not None
        return [
            run
            for run in self.runs.values()
            if run.writes and run.contradicts(spot) and not (run.kind is Kind.PREFETCH and kept)
        ]

    def _following(self, spot: Spot) -> Iterator[tuple[Run, Match]]:
        for run in self.runs.values():
            if run.writes and (match := follow(run.offer, spot)) is not None:
                yield run, match
