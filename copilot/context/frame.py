"""The frozen parts of a prompt while someone types: where its text starts, which suffix it has, where its middle began.

Every keystroke makes another prompt. It is cheap when it begins with the tokens of the last one, so what stands in
front of the typed text must not move: no snippet of another file, not the first line of the prefix, not the suffix, not
the order of the two. A frame holds these; moving one costs what stands behind it again, and the session decides when
that is worth it. Pure.
"""

from collections.abc import Sequence
from typing import NamedTuple

from copilot.context.masking import masked_around
from copilot.context.request import CaretPlace, InfillRequest, Snippet
from copilot.context.window import suffix_text
from copilot.text.spot import Spot
from copilot.text.surrogates import without_surrogates

_CLOSERS = "()[]{}<>\"'`;,: \t"
_ABOVE = 120
"""Lines above a prompt's text in which a private key may begin that reaches into it."""

SPM, PSM, PREFIX = "spm", "psm", "prefix"
UNKNOWN = ""
"""The order that the host chooses by the caret's place, where the model's own is not known yet."""


class Frame(NamedTuple):
    """``start``: the prefix begins there, at a line (from 0) and a column of it. ``split``: the prefix ends there and
    the middle begins; what is typed after it is the middle's beginning, so that typing appends in every order. Only
    the order prefix-suffix-middle has a use for it. ``snippets`` stand in front of all.
    """

    layout: str
    start: tuple[int, int]
    suffix: str
    split: tuple[int, int]
    snippets: tuple[Snippet, ...] = ()

    def shifted(self, line: int, lines: int) -> "Frame":
        """After an edit at ``line`` that added so many ``lines`` (negative: removed)."""
        start, split = self.start, self.split
        return self._replace(
            start=(max(0, start[0] + lines), start[1]) if line < start[0] else start,
            split=(max(0, split[0] + lines), split[1]) if line < split[0] else split,
        )


def frame_at(spot: Spot, layout: str, *, prefix_characters: int, suffix_characters: int) -> Frame:
    """A new frame for ``spot``, whose prefix has at most so many characters and starts at a line where it can."""
    start, size = spot.line, spot.column
    if size > prefix_characters:
        return _frame(spot, layout, (start, size - prefix_characters), suffix_characters)
    lines = spot.document.lines
    while start > 0 and size + len(lines[start - 1]) <= prefix_characters:
        start -= 1
        size += len(lines[start])
    if start > 0 and size < prefix_characters // 2:
        # A paragraph above is better begun in its middle than left out.
        return _frame(spot, layout, (start - 1, len(lines[start - 1]) - (prefix_characters - size)), suffix_characters)
    return _frame(spot, layout, (start, 0), suffix_characters)


def _frame(spot: Spot, layout: str, start: tuple[int, int], suffix_characters: int) -> Frame:
    suffix = "" if layout == PREFIX else suffix_text(spot.document.lines, spot.line, spot.column, suffix_characters)
    return Frame(layout, start, suffix, (spot.line, spot.column))


def request_in(frame: Frame, spot: Spot, *, path: str | None = None, place: CaretPlace | None = None) -> InfillRequest:
    """The question at ``spot`` as ``frame`` has it. ``spot`` must not be before the frame's start or split.

    Secrets are masked: this is where the text of a document becomes part of a prompt.
    """
    prefix, begun = _between(spot, frame.start, (spot.line, spot.column)), ""
    if frame.layout == PSM:
        prefix, begun = _between(spot, frame.start, frame.split), _between(spot, frame.split, (spot.line, spot.column))
    above = (*spot.lines(frame.start[0] - _ABOVE, frame.start[0]), spot.lines(*_line(frame.start))[0][: frame.start[1]])
    prefix, begun, suffix = masked_around(above, prefix, begun, frame.suffix, _behind(frame.suffix, spot))
    return InfillRequest(
        prefix=prefix,
        begun=begun,
        suffix=suffix,
        snippets=frame.snippets,
        path=path,
        language=spot.document.language,
        place=place,
        layout=frame.layout or None,
    )


def still_fits(
    frame: Frame, spot: Spot, *, prefix_characters: int, least_characters: int = 0, begun_characters: int = 400
) -> bool:
    """Whether ``frame`` can still be used: the caret is behind its split, its prefix has not outgrown
    ``prefix_characters`` nor lost so much that fewer than ``least_characters`` are left below text that it leaves out,
    and its suffix is what stands below, whatever an editor put between.
    """
    here = (spot.line, spot.column)
    if not frame.start <= frame.split <= here:
        return False
    if frame.layout == PSM and _size(spot, frame.split) > begun_characters:
        return False
    least = least_characters if frame.start > (0, 0) else 0
    if not least <= _size(spot, frame.start) <= prefix_characters:
        return False
    return frame.layout == PREFIX or _fresh(frame.suffix, spot)


def rendered(request: InfillRequest) -> str:
    """The prompt as text in its order, to tell how much of it another prompt begins with."""
    front = front_of(request.snippets)
    if request.layout == PREFIX:
        return f"{front}{request.prefix}{request.begun}"
    if request.layout == PSM:
        return f"{front}psm\0{request.prefix}\0{request.suffix}\0{request.begun}"
    return f"{front}{request.layout}\0{request.suffix}\0{request.prefix}{request.begun}"


def front_of(snippets: Sequence[Snippet]) -> str:
    """What ``snippets`` put in front of everything else in :func:`rendered`."""
    return "".join(f"{snippet.path}\0{snippet.text}\0" for snippet in snippets)


def shared(one: str, other: str) -> int:
    """How many leading characters are the same."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _between(spot: Spot, start: tuple[int, int], end: tuple[int, int]) -> str:
    lines = list(spot.lines(start[0], end[0] + 1))
    lines[-1] = lines[-1][: end[1]]
    lines[0] = lines[0][start[1] :]
    return without_surrogates("\n".join(lines))


def _line(place: tuple[int, int]) -> tuple[int, int]:
    return place[0], place[0] + 1


def _behind(suffix: str, spot: Spot) -> str:
    """The rest of the line in which ``suffix`` was cut, as far as the text below the caret still says which it is."""
    *_, last = suffix.rpartition("\n")
    for line in (spot.rest, *spot.lines(spot.line + 1, spot.line + 2 + suffix.count("\n"))) if last else ():
        if line.startswith(last) and len(line) > len(last):
            return line[len(last) :]
    return ""


def _size(spot: Spot, start: tuple[int, int]) -> int:
    """Characters from ``start`` to the caret."""
    whole = spot.document.lines[start[0] : spot.line]
    return sum(map(len, whole)) - start[1] + spot.column


def _fresh(suffix: str, spot: Spot) -> bool:
    # Cut where the suffix was: what was never in it can't be compared.
    following = (spot.rest, *spot.lines(spot.line + 1, spot.line + 2 + suffix.count("\n")))
    frozen, now = _first_words(suffix), _first_words("\n".join(following)[: len(suffix)])
    if not frozen or not now:
        return frozen == now
    in_last_line = suffix.rpartition("\n")[2].strip(_CLOSERS) == frozen
    return frozen.startswith(now) or (in_last_line and now.startswith(frozen))


def _first_words(text: str) -> str:
    return next((stripped for line in text.split("\n") if (stripped := line.strip(_CLOSERS))), "")
