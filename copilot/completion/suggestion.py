"""A suggestion as it is shown, and the offer behind it: text that grows, and the place it was made for."""

from bisect import bisect_right
from enum import Enum, auto
from typing import NamedTuple

from copilot.text.spot import Spot

ABOVE = 6
"""Lines above the caret's that must be the same for a suggestion to be found again."""

BELOW = 2
"""Lines below it, not counting blank ones."""


class Suggestion(NamedTuple):
    """What to show at the caret. ``replaced``: how many characters right of the caret it stands in for.

    ``id``: what a client calls it; it stays the same while the suggestion grows and is typed through.
    """

    text: str
    replaced: int = 0
    id: str = ""

    @property
    def first_line(self) -> str:
        return self.text.partition("\n")[0]


class Base(NamedTuple):
    """The place a suggestion begins at, told by the text around it: so it is found again wherever that text moves.

    Lines have no terminators and keep their indentation. ``below`` leaves blank lines out.
    """

    above: tuple[str, ...]
    head: str
    rest: str
    below: tuple[str, ...]

    @classmethod
    def of(cls, spot: Spot) -> "Base":
        return cls(spot.lines(spot.line - ABOVE, spot.line), spot.head, spot.rest, spot.below(BELOW))


class End(Enum):
    """How a suggestion ended."""

    WHOLE = auto()
    CUT = auto()
    """At the most tokens it may have: a line that breaks off is dropped, unless it is the first."""
    BROKEN = auto()
    """Nobody wanted more, or the engine failed: only whole lines count."""


class Offer:
    """What one generation has suggested so far. Its text only grows."""

    def __init__(
        self, base: Base, *, generation: int, alternative: bool = False, gave_up: tuple[str, ...] = ()
    ) -> None:
        self.base = base
        self.generation = generation
        self.alternative = alternative
        """Another candidate beside the one that the model holds most likely."""
        self.gave_up = gave_up
        """What its prompt lacked, for a user's latency budget."""
        self.text = ""
        self.whole = 0
        """How much of the text are whole lines."""
        self.complete = False
        """Nothing more will come."""
        self._steps: list[tuple[int, int]] = []

    def grow(self, more: str, *, whole: int, replaced: int = 0) -> None:
        """``whole`` and ``replaced``: of all of the text together."""
        self.text += more
        self.whole = whole
        if replaced > self.replaced_by(len(self.text)):
            self._steps.append((len(self.text), replaced))

    def end(self, how: "End") -> None:
        """Nothing more will come."""
        if how is End.BROKEN or (how is End.CUT and self.whole):
            self.text = self.text[: self.whole]
        self.whole = len(self.text)
        self.complete = True

    def replaced_by(self, length: int) -> int:
        """How many characters right of the base the first ``length`` characters of the text replace."""
        at = bisect_right(self._steps, (length, 1 << 30))
        return self._steps[at - 1][1] if at else 0
