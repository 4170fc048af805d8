"""The life of a suggestion: shown, then accepted whole or in part, or rejected; and how much of it was kept. No I/O.

Editors tell little of this, and each in its own way, so it is read off the edits: a suggestion that arrives at the
caret in one piece was accepted. What is recorded holds no code.
"""

import re
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

import msgspec

from copilot.completion.follow import follow, remainder
from copilot.completion.suggestion import Offer, Suggestion
from copilot.context.request import CaretPlace
from copilot.text.document import Change, Document
from copilot.text.line_ends import to_newlines
from copilot.text.spot import Spot

KEPT_AFTER = (30.0, 180.0)
"""Seconds after acceptance at which it is looked up how much of it is still there."""

_SHORTEST_PIECE = 2
_AROUND_LINES = 40
_MOST_AROUND = 40_000
"""Characters: far more than so many lines of code have."""

_WORDS = re.compile(r"\w+|[^\w\s]")


class Outcome(StrEnum):
    SHOWN = "shown"
    ACCEPTED = "accepted"
    PARTIALLY_ACCEPTED = "partially_accepted"
    REJECTED = "rejected"
    KEPT = "kept"


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """``suggestion`` numbers it within its document. ``characters`` and ``lines``: of what was shown, or accepted.

    ``waited_ms``: from the request to the first text (shown). ``share``: words of it still there, 0 to 1, ``after_s``
    seconds after acceptance (kept). ``visible_ms``: how long it was on screen (rejected).
    """

    outcome: Outcome
    suggestion: int
    language: str
    place: CaretPlace
    characters: int
    lines: int
    waited_ms: float | None = None
    share: float | None = None
    after_s: float | None = None
    visible_ms: float | None = None


class _Shown(NamedTuple):
    offer: Offer
    suggestion: Suggestion
    spot: Spot
    place: CaretPlace
    since: float


class _Accepted(NamedTuple):
    due: float
    after: float
    text: str
    line: int
    moment: Moment


class Life:
    """Of the suggestions of one document, the one that is on screen foremost."""

    def __init__(self) -> None:
        self._shown: _Shown | None = None
        self._known: set[int] = set()
        self._accepted: list[_Accepted] = []

    @property
    def next_due(self) -> float | None:
        return min((item.due for item in self._accepted), default=None)

    def show(
        self, offer: Offer, suggestion: Suggestion, spot: Spot, place: CaretPlace, *, asked: float, now: float
    ) -> Iterator[Moment]:
        """``suggestion`` of ``offer``, which was ``asked`` for then, goes on screen ``now``, or more of it does."""
        known = self._shown is not None and self._shown.offer is offer
        since = self._shown.since if known and self._shown is not None else now
        self._shown = _Shown(offer, suggestion, spot, place, since)
        if offer.generation not in self._known:
            self._known.add(offer.generation)
            yield self._moment(Outcome.SHOWN, self._shown, suggestion.text, waited_ms=1000 * (now - asked))

    def edited(self, changes: Sequence[Change], before: Spot | None, spot: Spot | None, now: float) -> Iterator[Moment]:
        """The document changed; the caret was at ``before`` and is probably at ``spot`` now, where that is known."""
        shown = self._shown
        if shown is None:
            return
        match = follow(shown.offer, before) if before is not None else None
        current = remainder(shown.offer, match) if match is not None else None
        piece, whole = _piece(changes), (current or shown.suggestion).text
        if len(piece) >= _SHORTEST_PIECE and piece.strip() and whole.startswith(piece) and not _is_pair(piece):
            outcome = Outcome.ACCEPTED if len(piece) == len(whole) else Outcome.PARTIALLY_ACCEPTED
            moment = self._moment(outcome, shown, piece)
            yield moment
            self._accepted += [_Accepted(now + after, after, piece, shown.spot.line, moment) for after in KEPT_AFTER]
            if outcome is Outcome.ACCEPTED:
                self._shown = None
                return
        if spot is None:
            return
        match = follow(shown.offer, spot)
        if match is None:
            yield from self.dismissed(now)
        elif match.taken >= len(shown.offer.text) and shown.offer.complete:
            self._shown = None  # typed out by hand to its end

    def dismissed(self, now: float) -> Iterator[Moment]:
        """What is on screen was left for good."""
        shown, self._shown = self._shown, None
        if shown is not None:
            visible = 1000 * (now - shown.since)
            yield self._moment(Outcome.REJECTED, shown, shown.suggestion.text, visible_ms=visible)

    def kept(self, document: Document, now: float) -> Iterator[Moment]:
        """What is due at ``now``: how much of accepted text is still there."""
        due = [item for item in self._accepted if item.due <= now]
        self._accepted = [item for item in self._accepted if item.due > now]
        for item in due:
            share = kept_share(item.text, document, item.line)
            yield msgspec.structs.replace(item.moment, outcome=Outcome.KEPT, share=share, after_s=item.after)

    def _moment(
        self,
        outcome: Outcome,
        shown: _Shown,
        text: str,
        *,
        waited_ms: float | None = None,
        visible_ms: float | None = None,
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


def kept_share(text: str, document: Document, line: int) -> float:
    """The share of the words and signs of ``text`` that still stand, in order, around ``line``."""
    words = _WORDS.findall(text)
    if not words:
        return 1.0
    first = max(0, line - _AROUND_LINES)
    around = "".join(document.lines[first : line + text.count("\n") + _AROUND_LINES])
    if to_newlines(text) in to_newlines(around):
        return 1.0
    if len(around) > _MOST_AROUND:
        # Comparing so much word by word would take longer than a key may wait.
        return 0.0
    blocks = SequenceMatcher(None, words, _WORDS.findall(around), autojunk=False).get_matching_blocks()
    # A lone bracket or name is found anywhere; a run of words is what was written.
    least = min(4, len(words))
    return sum(block.size for block in blocks if block.size >= least) / len(words)


def _piece(changes: Sequence[Change]) -> str:
    """The text of an edit that put text in one place; empty for any other."""
    return to_newlines(changes[0].text) if len(changes) == 1 and changes[0].range is not None else ""


def _is_pair(piece: str) -> bool:
    """What an editor inserts for one key."""
    return piece in {"()", "[]", "{}", '""', "''", "``", "<>"}
