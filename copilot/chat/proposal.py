"""A change that the model proposes: what it puts in place of which lines, and whether it still fits. No I/O."""

from collections.abc import Collection, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple, Self

from copilot.chat.place import Lines
from copilot.text.document import Document
from copilot.text.line_ends import content_length, split_lines, to_newlines

_MOST_COMPARED = 4_000
"""Lines of a piece on each side; beyond that comparing takes longer than someone wants to wait."""


class Hunk(NamedTuple):
    """``lines`` (each with its end, but for a document's last) in place of those from ``first`` up to ``after``."""

    first: int
    after: int
    lines: tuple[str, ...]


class Proposal(NamedTuple):
    """``hunks`` in order, apart from each other, made for ``document``; ``rests`` are the lines that were looked at.

    ``creates``: the document is not there yet, and ``hunks`` are all of it.
    """

    document: Document
    hunks: tuple[Hunk, ...]
    rests: Lines
    creates: bool = False

    @property
    def text(self) -> str:
        """The document with the change."""
        return "".join(_replaced(self.document.lines, self.hunks))

    def only(self, chosen: Collection[int]) -> Self:
        """Of its hunks those that someone chose, by index."""
        return self._replace(hunks=tuple(hunk for at, hunk in enumerate(self.hunks) if at in chosen))

    def on(self, document: Document) -> Self | None:
        """The same change for a newer state of the document; None where what it rests on is not what it was."""
        if document.lines == self.document.lines:
            return self._replace(document=document)
        old, new = self.document.lines, document.lines
        same_above = _common(old, new)
        same_below = _common(tuple(old)[::-1], tuple(new)[::-1])
        if self.rests.after <= same_above:
            moved = 0
        elif self.rests.first >= len(old) - same_below:
            moved = len(new) - len(old)
        else:
            return None
        return self._replace(
            document=document,
            hunks=tuple(Hunk(hunk.first + moved, hunk.after + moved, hunk.lines) for hunk in self.hunks),
            rests=Lines(self.rests.first + moved, self.rests.after + moved),
        )


def replace_lines(document: Document, lines: Lines, text: str, *, rests: Lines | None = None) -> Proposal:
    """Propose ``text`` (line ends ``\\n``, none at its end) in place of ``lines``; only what differs is touched.

    The line ends are those of the document.
    """
    old = document.lines[lines.first : lines.after]
    # The last line keeps the line end it has, or has none as the last of the document.
    last_end = old[-1][content_length(old[-1]) :]
    new = with_line_end(to_newlines(text), line_end_of(document, lines.first)) + last_end
    new_lines = tuple(split_lines(new))
    if last_end:
        new_lines = new_lines[:-1]
    return Proposal(document, tuple(_difference(old, new_lines, lines.first)), rests or lines)


def insert_lines(document: Document, at: int, text: str, *, rests: Lines) -> Proposal:
    """Propose ``text`` as lines of their own above line ``at``."""
    end = line_end_of(document, at)
    new = tuple(split_lines(with_line_end(to_newlines(text), end) + end))[:-1]
    return Proposal(document, (Hunk(at, at, new),), rests)


def whole_file(uri: str, language: str, text: str) -> Proposal:
    """Propose a new document."""
    document = Document.from_text(uri, language, 0, "")
    return Proposal(document, (Hunk(0, 1, tuple(split_lines(text))),), Lines(0, 1), creates=True)


def line_end_of(document: Document, line: int) -> str:
    """The line end in use at ``line``: its own, or that of the nearest line above."""
    for text in (*document.lines[line : line + 1], *reversed(document.lines[max(0, line - 20) : line])):
        if len(text) > content_length(text):
            return text[content_length(text) :]
    return "\n"


def with_line_end(text: str, end: str) -> str:
    return text if end == "\n" else text.replace("\n", end)


def _difference(old: Sequence[str], new: Sequence[str], first: int) -> list[Hunk]:
    """Lines that differ in nothing but the kind of their line end stay as they are."""
    mine, theirs = [_content(line) for line in old], [_content(line) for line in new]
    above = _common(mine, theirs)
    below = _common(mine[above:][::-1], theirs[above:][::-1])
    a, b = mine[above : len(mine) - below], theirs[above : len(theirs) - below]
    start = first + above
    if max(len(a), len(b)) > _MOST_COMPARED:
        return [Hunk(start, start + len(a), tuple(new[above : above + len(b)]))]
    return [
        Hunk(start + a1, start + a2, tuple(new[above + b1 : above + b2]))
        for tag, a1, a2, b1, b2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
        if tag != "equal"
    ]


def _content(line: str) -> tuple[str, bool]:
    """What stands on a line, and whether another one follows it."""
    length = content_length(line)
    return line[:length], len(line) > length


def _common(one: Sequence[object], other: Sequence[object]) -> int:
    """How many are the same from the start on."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _replaced(lines: Sequence[str], hunks: Sequence[Hunk]) -> list[str]:
    result: list[str] = []
    at = 0
    for hunk in hunks:
        result += [*lines[at : hunk.first], *hunk.lines]
        at = hunk.after
    return [*result, *lines[at:]]
