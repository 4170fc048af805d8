"""What is left of a suggestion after someone typed on: type-through, with what editors do by themselves.

Editors indent after Enter, move a closing bracket back, insert the closer of a bracket or quote, skip over it when it
is typed, and send all that in one edit or in several. So what counts is not which edits came but how the text around
the caret now reads against the place the suggestion was made for. Pure functions.
"""

from typing import NamedTuple

from copilot.completion.suggestion import ABOVE, BELOW, Base, Offer, Suggestion
from copilot.text.spot import Spot

_CLOSER_OF = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "`": "`", "<": ">"}
_CLOSERS = frozenset(_CLOSER_OF.values())

_LINES_AHEAD = 8
"""How many lines someone may be ahead of a suggestion that is still being made."""


class Match(NamedTuple):
    """How the text at the caret reads against an offer.

    ``taken``: how much of the offer's text stands before the caret already. ``ahead``: all of it does, and more was
    typed; what is still to come may fit or not. ``closers``: characters right of the caret that an editor inserted
    while ``taken`` was typed. ``skipped``: characters that stood right of the base and have been typed over. ``tail``:
    a line that now stands below the caret and that the suggestion would write again. ``lines``: how many line ends
    were typed.
    """

    taken: int
    ahead: bool = False
    closers: str = ""
    skipped: int = 0
    tail: str = ""
    lines: int = 0


def follow(offer: Offer, spot: Spot) -> Match | None:
    """How the text at ``spot`` goes on with ``offer``; None where it contradicts it, or is another place."""
    reach = min(offer.text.count("\n") + (0 if offer.complete else _LINES_AHEAD), spot.line)
    above = offer.base.above
    # Read once: this runs for every suggestion that is remembered near the caret.
    top = max(0, spot.line - reach - ABOVE)
    lines = (*spot.lines(top, spot.line), spot.head)
    for back in range(reach + 1):
        first = len(lines) - 1 - back
        if above and (first == 0 or lines[first - 1] != above[-1]):
            continue
        if lines[max(0, first - ABOVE) : first] == above and (match := _match(offer, lines[first:], spot)) is not None:
            return match._replace(lines=back)
    return None


def remainder(offer: Offer, match: Match) -> Suggestion | None:
    """What to show: the rest of the offer, whole lines only while it grows; None while there is no such line."""
    end = offer.whole
    if match.ahead or end <= match.taken:
        return None
    shown = offer.text[match.taken : end]
    replaced = max(0, offer.replaced_by(end) - match.skipped)
    if match.tail:
        body, _, last = shown.rpartition("\n")
        if last.strip() == match.tail:
            shown, replaced = body, 0
        elif replaced or _closes(shown, match.tail):
            return None
    if not shown.strip():
        return None
    if match.closers:
        if _closes(shown, match.closers):
            replaced += len(match.closers)
        elif replaced:
            return None
    return Suggestion(shown, replaced)


def _match(offer: Offer, typed: tuple[str, ...], spot: Spot) -> Match | None:
    base = offer.base
    lines = (base.head + offer.text).split("\n")
    at = 0
    for number, (have, want) in enumerate(zip(typed, lines, strict=False)):
        current = number == len(typed) - 1
        last = number == len(lines) - 1
        # The first line keeps its indentation unless there is nothing else on it that the editor could have indented.
        free = number > 0 or not base.head.strip()
        same = _same(have, want, base.head if number == 0 else None, free=free, whole=not current)
        if same is None:
            # More than the suggestion has: only where more of it is to come.
            if last and not offer.complete and _same(want, have, None, free=free, whole=False) is not None:
                return _around(offer, Match(len(offer.text), ahead=True), typed, spot)
            return None
        if current:
            taken = max(0, at + same - len(base.head))
            return _around(offer, Match(taken), typed, spot)
        at += len(want) + 1
    # More lines were typed than there are.
    return None if offer.complete else _around(offer, Match(len(offer.text), ahead=True), typed, spot)


def _same(have: str, want: str, head: str | None, *, free: bool, whole: bool) -> int | None:
    """How much of the line ``want`` the line ``have`` has already; None where they differ.

    ``head``: what stood on the line when the suggestion was made. ``free``: indentation may differ. ``whole``:
    ``have`` is a finished line, whose trailing white space says nothing.
    """
    if whole:
        if free:
            return len(want) if have.strip() == want.strip() else None
        return len(want) if have.rstrip() == want.rstrip() else None
    if not free:
        # What was there when it was asked for must still be there.
        return len(have) if want.startswith(have) and have.startswith(head or "") else None
    text, wanted = have.lstrip(), want.lstrip()
    space, indent = have[: len(have) - len(text)], want[: len(want) - len(wanted)]
    if not text:
        # Less indentation than when it was asked for means that something else is wanted.
        if head is not None and not space.startswith(head):
            return None
        # A blank line stays as blank as the editor made it.
        return len(want) if not wanted and head is None else len(space) if indent.startswith(space) else None
    return len(indent) + len(text) if wanted.startswith(text) else None


def _around(offer: Offer, match: Match, typed: tuple[str, ...], spot: Spot) -> Match | None:
    """``match`` with what became of the text right of the base; None where that was changed by hand."""
    base, rest = offer.base, spot.rest.rstrip()
    before = base.rest.rstrip()
    below = spot.below(BELOW)
    if rest == before and below == base.below:
        return match
    if len(typed) > 1 and not rest and (tail := _moved_down(base, before.strip(), below, typed)):
        # Enter between two brackets: the closer went to a line of its own.
        return match._replace(tail=tail)
    if below != base.below:
        return None
    if rest.endswith(before) and _inserted(rest[: len(rest) - len(before)], typed):
        return match._replace(closers=rest[: len(rest) - len(before)])
    skipped = before[: len(before) - len(rest)]
    if before.endswith(rest) and _all_closers(skipped) and typed[-1].endswith(skipped):
        return match._replace(skipped=len(skipped))
    return None


def _moved_down(base: Base, before: str, below: tuple[str, ...], typed: tuple[str, ...]) -> str:
    """The closers that begin the next line and stood right of the caret, alone or in front of ``before``."""
    if not below or below[1:] != base.below[: len(below) - 1]:
        return ""
    line = below[0].strip()
    if line == before and _all_closers(before):
        return before
    closers = line[: len(line) - len(before)].rstrip() if line.endswith(before) else ""
    return closers if _inserted(closers, typed) else ""


def _inserted(closers: str, typed: tuple[str, ...]) -> bool:
    """Whether an editor would have put ``closers`` there while ``typed`` was typed."""
    text = "\n".join(typed)
    return _all_closers(closers) and all(
        any(opener in text for opener, closer in _CLOSER_OF.items() if closer == character) for character in closers
    )


def _all_closers(text: str) -> bool:
    return bool(text) and all(character in _CLOSERS for character in text)


def _closes(text: str, closers: str) -> bool:
    """Whether ``text`` closes what ``closers`` close, in this order, beside what it opens itself."""
    open_here: list[str] = []
    due = list(closers)
    for character in text:
        if due and character == due[0] and character not in open_here:
            due.pop(0)
            if not due:
                return True
        elif open_here and character == open_here[-1]:
            open_here.pop()
        elif character in "([{":
            open_here.append(_CLOSER_OF[character])
    return False
