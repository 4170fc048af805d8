"""Whether lines that were read are still what they were, and where they are now. No I/O."""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from enum import StrEnum
from typing import NamedTuple

from copilot.chat.attachments import Attachment, AttachmentKind, Citation, text_digest

_MOST_COMPARED = 4_000_000
"""Lines of one text times lines of the other, without what both begin and end with."""

_OF_LINES = frozenset({AttachmentKind.FILE, AttachmentKind.SELECTION, AttachmentKind.SYMBOL, AttachmentKind.OPEN})

CHANGED = "changed since it was read"


class State(StrEnum):
    SAME = "same"
    MOVED = "moved"
    """The same lines elsewhere in the file."""
    CHANGED = "changed"
    GONE = "gone"
    """The file is not there, or may not be read any more."""


class Standing(NamedTuple):
    """``line``: where the lines begin now, or began where that is not known; 0 for a file as a whole."""

    state: State
    line: int

    @property
    def words(self) -> str:
        """For people; empty where there is nothing to say."""
        match self.state:
            case State.SAME:
                return ""
            case State.MOVED:
                return f"now at line {self.line}"
            case State.CHANGED:
                return CHANGED
            case State.GONE:
                return "not there any more"


def standing(attachment: Attachment, text: str | None, first: int = 0, last: int = 0) -> Standing:
    """Of lines ``first`` to ``last`` of the attachment's file, from 1; 0: of all that was attached.

    ``text``: the whole file's now, read as the attachment was (``\\n`` line ends, secrets masked); None where there is
    none. What is no copy of a file's lines stands as it is.
    """
    first = first or attachment.first
    last = max(first, last or (attachment.last if first == attachment.first else first))
    if attachment.kind not in _OF_LINES or not attachment.path or not attachment.uri:
        return Standing(State.SAME, first)
    if text is None:
        return Standing(State.GONE, first)
    if attachment.digest and attachment.digest == text_digest(text):
        return Standing(State.SAME, first)
    old, now = attachment.text.split("\n"), text.split("\n")
    begin = attachment.first or 1
    if not first:
        return Standing(State.SAME if old == now else State.CHANGED, 0)
    if first < begin or last >= begin + len(old):
        # Lines that were never read: whether they are the same cannot be said.
        return Standing(State.CHANGED, first)
    cited = old[first - begin : last - begin + 1]
    if attachment.first:
        return _of_piece(old, begin, now, cited, first)
    moved = _moved(old, now, first - 1, last - 1)
    if moved is None:
        return Standing(State.CHANGED, first)
    return Standing(State.SAME if moved == first - 1 else State.MOVED, moved + 1)


def _of_piece(old: Sequence[str], begin: int, now: Sequence[str], cited: Sequence[str], first: int) -> Standing:
    """Of a piece only its own lines are known: they, or the part of them that is cited, must stand somewhere as they
    were, and only there.
    """
    offset = first - begin
    if list(now[begin - 1 : begin - 1 + len(old)]) == old:
        return Standing(State.SAME, first)
    whole = _places(old, now)
    if len(whole) == 1:
        return Standing(State.MOVED, whole[0] + offset + 1)
    if list(now[first - 1 : first - 1 + len(cited)]) == cited and "".join(cited).strip():
        # The piece was changed elsewhere.
        return Standing(State.SAME, first)
    part = _places(cited, now) if "".join(cited).strip() else []
    return Standing(State.MOVED, part[0] + 1) if len(part) == 1 else Standing(State.CHANGED, first)


def _places(lines: Sequence[str], now: Sequence[str]) -> list[int]:
    """Where they stand, from 0; at most two of them."""
    found: list[int] = []
    count = len(lines)
    for at in range(len(now) - count + 1):
        if now[at] == lines[0] and list(now[at : at + count]) == list(lines):
            found.append(at)
            if len(found) == 2:
                break
    return found


def _moved(old: Sequence[str], now: Sequence[str], first: int, last: int) -> int | None:
    """Where lines ``first`` to ``last``, from 0, of one text are in the other; None where they are not all there."""
    same = _common(old, now)
    if last < same:
        return first
    behind = min(_common(old[::-1], now[::-1]), min(len(old), len(now)) - same)
    if first >= len(old) - behind:
        return first + len(now) - len(old)
    middle_old, middle_now = old[same : len(old) - behind], now[same : len(now) - behind]
    if len(middle_old) * len(middle_now) > _MOST_COMPARED:
        return None
    blocks = SequenceMatcher(None, middle_old, middle_now, autojunk=False).get_matching_blocks()
    pieces = [
        (0, 0, same),
        *((same + it.a, same + it.b, it.size) for it in blocks if it.size),
        (len(old) - behind, len(now) - behind, behind),
    ]
    pieces.sort()
    at = bisect_right(pieces, (first, len(now), 0)) - 1
    begin, there, size = pieces[max(0, at)]
    # Pieces that lie side by side in both texts are one.
    for next_begin, next_there, next_size in pieces[at + 1 :]:
        if (begin + size, there + size) != (next_begin, next_there):
            break
        size += next_size
    return there + first - begin if begin <= first and last < begin + size else None


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a != b:
            break
        count += 1
    return count


def stale(found: Sequence[Citation], texts: Mapping[str, str | None]) -> list[str]:
    """In words, once each, which of the places that an answer names are not what they were.

    ``texts``: of files as they are now, by path; one that is missing is not judged.
    """
    said: dict[str, None] = {}
    for it in found:
        if it.attachment.path in texts:
            now = standing(it.attachment, texts[it.attachment.path], it.line, it.last)
            if now.words:
                place = f"{it.attachment.path}:{it.line}" if it.line else it.attachment.path
                said[f"{place}: {now.words}."] = None
    return list(said)
