"""The life of a suggestion: shown, then accepted whole or in part, or rejected. No I/O.

Some editors tell what became of it, before or after the edit, and some don't. So it is read off the edits too: a
suggestion that arrives at the caret in one piece was accepted. Whoever says it first, it counts once.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from copilot.completion.follow import follow, remainder
from copilot.completion.kept import Kept
from copilot.completion.moment import Moment, Outcome
from copilot.completion.suggestion import Offer, Suggestion
from copilot.context.request import CaretPlace
from copilot.text.document import Change, Document
from copilot.text.line_ends import to_newlines
from copilot.text.position import PositionEncoding, to_code_points
from copilot.text.spot import Spot

_SHORTEST_PIECE = 2


class _Shown(NamedTuple):
    id: str
    offer: Offer
    suggestion: Suggestion
    spot: Spot
    place: CaretPlace
    since: float


class _Acceptance(NamedTuple):
    """``text``: as much of the suggestion as was accepted."""

    shown: _Shown
    text: str
    whole: bool


class Life:
    """Of the suggestions of one document, those on screen foremost. Ids begin with ``name``."""

    def __init__(self, name: str = "") -> None:
        self._name = name
        self._on_screen: list[_Shown] = []
        """The one that is seen, then the other candidates to choose from."""
        self._known: set[int] = set()
        self._times: Counter[int] = Counter()
        self._told: _Acceptance | None = None
        """By the client, whose edit is still to come."""
        self._seen: str | None = None
        """Accepted as an edit showed, and the client has not told of it, if it ever does."""
        self._left: list[_Shown] = []
        """Ended by the last edit, in a way that did not look like an acceptance."""
        self._kept = Kept()

    @property
    def next_due(self) -> float | None:
        return self._kept.next_due

    def id(self, offer: Offer) -> str:
        """The name of what ``offer`` suggests. What is left of it after an acceptance is another suggestion."""
        times = self._times[offer.generation]
        return f"{self._name}-{offer.generation}-{times}"

    def spot(self, id: str) -> Spot | None:
        """Where a suggestion is on screen; None where it is not."""
        shown = _find(self._on_screen, id)
        return None if shown is None else shown.spot

    # ------------------------------------------------------------------------------------------------- on screen

    def show(
        self, found: Sequence[tuple[Offer, Suggestion]], spot: Spot, place: CaretPlace, *, asked: float, now: float
    ) -> Iterator[Moment]:
        """The first of ``found`` goes on screen ``now``, or more of it does, and was ``asked`` for then; the others
        are there to choose from."""
        yield from self._accept_told(now)
        since = {shown.id: shown.since for shown in self._on_screen[:1]}
        self._on_screen = [
            _Shown(id := self.id(offer), offer, suggestion, spot, place, since.get(id, now))
            for offer, suggestion in found
        ]
        yield from self._shown(1000 * (now - asked))

    def chosen(self, id: str, now: float) -> Iterator[Moment]:
        """The client shows this one of the candidates."""
        shown = _find(self._on_screen, id)
        if shown is not None and shown is not self._on_screen[0]:
            others = [other for other in self._on_screen if other is not shown]
            self._on_screen = [shown._replace(since=now), *others]
            yield from self._shown(None)

    def dismissed(self, now: float) -> Iterator[Moment]:
        """What is on screen was left for good."""
        yield from self._accept_told(now)
        if self._on_screen:
            shown, self._on_screen = self._on_screen[0], []
            visible = 1000 * (now - shown.since)
            yield _moment(Outcome.REJECTED, shown, shown.suggestion.text, visible_ms=visible)

    # -------------------------------------------------------------------------------------------------- accepted

    def accepted(self, id: str, now: float, length: int | None = None) -> Iterator[Moment]:
        """The client tells that a suggestion was accepted; ``length``: so much of it, in UTF-16 units from its start.

        Where its edit is still to come that is waited for: it shows exactly what was taken over.
        """
        if id == self._seen:
            self._seen = None
            return
        if (shown := _find(self._on_screen, id)) is not None:
            self._told = _told(shown, length)
        elif (shown := _find(self._left, id)) is not None:
            self._left = []
            yield from self._accept(_told(shown, length), now)

    def edited(self, changes: Sequence[Change], before: Spot | None, spot: Spot | None, now: float) -> Iterator[Moment]:
        """The document changed; the caret was at ``before`` and is probably at ``spot`` now, where that is known."""
        told, self._told, self._left = self._told, None, []
        acceptance = self._look(_piece(changes), before, spot)
        if acceptance is not None and told is None:
            self._seen = acceptance.shown.id
        acceptance = acceptance or told
        if acceptance is not None:
            yield from self._accept(acceptance, now)
        if not self._on_screen or spot is None:
            return
        offer, on_screen = self._on_screen[0].offer, self._on_screen
        match = follow(offer, spot)
        if match is None:
            self._left = on_screen
            yield from self.dismissed(now)
        elif match.taken >= len(offer.text) and offer.complete:
            self._left, self._on_screen = on_screen, []  # typed out by hand to its end

    def kept(self, document: Document, now: float) -> Iterator[Moment]:
        """What is due at ``now``: how much of accepted text is still there."""
        yield from self._kept.due(document, now)

    def _look(self, piece: str, before: Spot | None, spot: Spot | None) -> _Acceptance | None:
        """The acceptance that an edit is which put ``piece`` in one place; None where it is none."""
        if not _long_enough(piece):
            return None
        for shown in self._on_screen:
            match = follow(shown.offer, before) if before is not None else None
            current = remainder(shown.offer, match) if match is not None else None
            whole = (current or shown.suggestion).text
            if whole.startswith(piece):
                return _Acceptance(shown, piece, whole=piece == whole)
            # With it goes what stands before it: the popup's entry, or the line that the client writes anew.
            if spot is not None and piece.endswith(whole) and _long_enough(whole):
                match = follow(shown.offer, spot)
                if match is not None and shown.offer.text[: match.taken].endswith(whole):
                    return _Acceptance(shown, whole, whole=True)
        return None

    def _accept_told(self, now: float) -> Iterator[Moment]:
        """No edit came that shows what the client told of."""
        told, self._told = self._told, None
        if told is not None:
            yield from self._accept(told, now)

    def _accept(self, acceptance: _Acceptance, now: float) -> Iterator[Moment]:
        shown, text, whole = acceptance
        moment = _moment(Outcome.ACCEPTED if whole else Outcome.PARTIALLY_ACCEPTED, shown, text)
        self._kept.accepted(text, shown.spot.line, moment, now)
        if whole:
            self._times[shown.offer.generation] += 1
        self._on_screen = [] if whole else [shown]
        yield moment

    def _shown(self, waited_ms: float | None) -> Iterator[Moment]:
        shown = self._on_screen[0]
        if shown.offer.generation not in self._known:
            self._known.add(shown.offer.generation)
            yield _moment(Outcome.SHOWN, shown, shown.suggestion.text, waited_ms=waited_ms)


def generation_of(id: str) -> int | None:
    """The generation that made the suggestion of this id."""
    parts = id.split("-")
    return int(parts[-2]) if len(parts) > 2 and parts[-2].isdecimal() else None


def _find(among: Sequence[_Shown], id: str) -> _Shown | None:
    return next((shown for shown in among if shown.id == id), None)


def _told(shown: _Shown, length: int | None) -> _Acceptance:
    text = shown.suggestion.text
    end = len(text) if length is None else to_code_points(text, max(0, length), PositionEncoding.UTF16)
    return _Acceptance(shown, text[:end], whole=end >= len(text))


def _moment(
    outcome: Outcome, shown: _Shown, text: str, *, waited_ms: float | None = None, visible_ms: float | None = None
) -> Moment:
    return Moment(
        outcome=outcome,
        suggestion=shown.offer.generation,
        language=shown.spot.document.language,
        place=shown.place,
        characters=len(text),
        lines=text.count("\n") + 1,
        waited_ms=waited_ms,
        visible_ms=visible_ms,
    )


def _piece(changes: Sequence[Change]) -> str:
    """The text of an edit that put text in one place; empty for any other."""
    return to_newlines(changes[0].text) if len(changes) == 1 and changes[0].range is not None else ""


def _long_enough(piece: str) -> bool:
    """Whether it is more than what an editor inserts for one key."""
    pair = piece in {"()", "[]", "{}", '""', "''", "``", "<>"}
    return len(piece) >= _SHORTEST_PIECE and bool(piece.strip()) and not pair
