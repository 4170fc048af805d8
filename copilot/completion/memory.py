"""Suggestions of one document that are found again: after undo, a detour, or moving back. No I/O.

The key is text, never a position: the lines above, the caret's line and the lines below, indentation included. An edit
elsewhere in the file so costs nothing, and an old suggestion cannot turn up where the code around it reads differently.
"""

from collections import OrderedDict
from collections.abc import Iterator

from copilot.completion.follow import Match, follow
from copilot.completion.suggestion import ABOVE, Offer
from copilot.text.spot import Spot

SIZE = 200
"""Suggestions that are kept; some hundred characters each."""

_REACH = 16
"""Lines: how far below its beginning a suggestion is still looked for."""


class Memory:
    """The most recently used offers, the newest first where several fit."""

    def __init__(self, size: int = SIZE) -> None:
        self._size = size
        self._offers: OrderedDict[int, Offer] = OrderedDict()
        self._by_line: dict[str, list[Offer]] = {}

    def __len__(self) -> int:
        return len(self._offers)

    def keep(self, offer: Offer) -> None:
        """Keep ``offer``, which is complete and has text."""
        if offer.generation in self._offers:
            return
        self._offers[offer.generation] = offer
        self._by_line.setdefault(_key(offer), []).append(offer)
        if len(self._offers) > self._size:
            self.drop(next(iter(self._offers.values())))

    def drop(self, offer: Offer) -> None:
        if self._offers.pop(offer.generation, None) is None:
            return
        beside = self._by_line[_key(offer)]
        beside.remove(offer)
        if not beside:
            del self._by_line[_key(offer)]

    def find(self, spot: Spot) -> Iterator[tuple[Offer, Match]]:
        """Those that go on at ``spot`` with something left to show: the newest first, alternatives last."""
        found = [
            (offer, match)
            for offer in self._near(spot)
            if (match := follow(offer, spot)) is not None and match.taken < len(offer.text)
        ]
        for offer, match in sorted(found, key=lambda pair: (pair[0].alternative, -pair[0].generation)):
            if offer.generation in self._offers:
                self._offers.move_to_end(offer.generation)
                yield offer, match

    def _near(self, spot: Spot) -> Iterator[Offer]:
        # Those that begin at the top of a file have no line above.
        for line in {"", *spot.lines(spot.line - _REACH - ABOVE, spot.line)}:
            yield from self._by_line.get(line, [])


def _key(offer: Offer) -> str:
    """The nearest line above that says something: too many begin below a blank one."""
    return next((line for line in reversed(offer.base.above) if line.strip()), "")
