"""Where the caret stands in a document, and the text around it line by line. Values only."""

from typing import NamedTuple

from copilot.text.document import Change, Document
from copilot.text.position import Position, PositionEncoding, Range

_TERMINATORS = "\r\n"


class Spot(NamedTuple):
    """Before column ``column`` (code points) of line ``line``, both from 0 and inside the document.

    Lines are given without their ends. Every cost is that of the lines asked for, never of the document.
    """

    document: Document
    line: int
    column: int

    @property
    def head(self) -> str:
        """The caret's line up to the caret."""
        return self.document.lines[self.line][: self.column]

    @property
    def rest(self) -> str:
        """The caret's line from the caret on."""
        return self.document.lines[self.line][self.column :].rstrip(_TERMINATORS)

    def lines(self, first: int, after: int) -> tuple[str, ...]:
        """The lines from ``first`` up to ``after``, which is not one of them; as far as they are in the document."""
        return tuple(line.rstrip(_TERMINATORS) for line in self.document.lines[max(0, first) : max(0, after)])

    def below(self, count: int, within: int = 20) -> tuple[str, ...]:
        """The next ``count`` lines that are not blank, of the ``within`` lines below the caret's."""
        following = self.lines(self.line + 1, self.line + 1 + within)
        return tuple(line for line in following if line.strip())[:count]

    def after(self, text: str, replaced: int = 0) -> "Spot":
        """The caret behind ``text`` once that stands here, in place of ``replaced`` characters right of the caret."""
        here, end = Position(self.line, self.column), Position(self.line, self.column + replaced)
        document = self.document.apply([Change(Range(here, end), text)], PositionEncoding.UTF32)
        *whole, last = text.split("\n")
        return Spot(document, self.line + len(whole), len(last) if whole else self.column + len(last))
