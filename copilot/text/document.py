"""An open document as a value: an edit makes a new one, so a snapshot is a reference and costs nothing."""

from collections.abc import Iterable

import msgspec

from copilot.text.line_ends import content_length, split_lines
from copilot.text.lines import Lines
from copilot.text.position import Position, PositionEncoding, Range, to_code_points, to_units
from copilot.text.surrogates import join_pairs


class Change(msgspec.Struct, frozen=True):
    """``text`` in place of ``range``, or of the whole document where ``range`` is None."""

    range: Range | None
    text: str


class Document(msgspec.Struct, frozen=True):
    """A document at one version.

    ``lines`` holds each line with its terminator, the last one without: there is always one more line than line
    ends, as editors number them, and splitting ``text`` again gives ``lines``. Made by :meth:`from_text`.
    """

    uri: str
    language: str
    version: int
    lines: Lines

    @classmethod
    def from_text(cls, uri: str, language: str, version: int, text: str) -> "Document":
        return cls(uri, language, version, Lines.of(join_pairs(text)))

    @property
    def text(self) -> str:
        """The whole text; builds it anew, so not for every keystroke."""
        return "".join(self.lines)

    def split_at(self, position: Position, encoding: PositionEncoding) -> tuple[int, int]:
        """Line and column in code points of ``position``, both from 0, always inside the document.

        A column past the end of its line is the end of that line, before the terminator; a line past the last is
        the end of the document; a place inside a character is its start.
        """
        return _locate(self.lines, position, encoding)

    def position_at(self, line: int, column: int, encoding: PositionEncoding) -> Position:
        """The inverse of :meth:`split_at`, for ranges in answers."""
        return Position(line, to_units(self.lines[line], column, encoding))

    def apply(self, changes: Iterable[Change], encoding: PositionEncoding, version: int | None = None) -> "Document":
        """The document after ``changes``, in order, each counted in the text that those before it left.

        A range that ends before it starts is taken the other way round, as editors do: nothing is lost or doubled.
        Without ``version`` it stays what it was.
        """
        lines = self.lines
        for change in changes:
            if change.range is None:
                lines = Lines.of(join_pairs(change.text))
            else:
                lines = _replaced(lines, change.range, change.text, encoding)
        return Document(self.uri, self.language, self.version if version is None else version, lines)


def _locate(lines: Lines, position: Position, encoding: PositionEncoding) -> tuple[int, int]:
    if position.line < 0:
        return 0, 0
    if position.line >= len(lines):
        return len(lines) - 1, len(lines[-1])
    line = lines[position.line]
    column = to_code_points(line, position.character, encoding)
    return position.line, min(column, content_length(line))


def _replaced(lines: Lines, span: Range, text: str, encoding: PositionEncoding) -> Lines:
    """With ``text`` in place of ``span``, touching only the lines it lies on."""
    start, end = sorted((_locate(lines, span.start, encoding), _locate(lines, span.end, encoding)))
    first, after = start[0], end[0] + 1
    head, tail = lines[first][: start[1]], lines[end[0]][end[1] :]
    piece = head + text + tail
    # Halves of a pair can only meet in what is new or at its two seams.
    seam = head[-1:] + text + tail[:1]
    if join_pairs(seam) != seam:
        piece = join_pairs(piece)
    # The line before ends in the piece if its CR has now met an LF. Behind the piece nothing can join: it ends with
    # the terminator of the last line touched, or with the document.
    if first and piece.startswith("\n") and lines[first - 1].endswith("\r"):
        first -= 1
        piece = lines[first] + piece
    new = split_lines(piece)
    if after < len(lines):
        # What splitting puts behind the last terminator is the line that follows, which is there already.
        new.pop()
    return lines.replaced(first, after, new)
