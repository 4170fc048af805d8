"""Where the lines of a suggestion begin: their indentation, as the place and the file want it."""

from copilot.completion.indent import Levels, style_of
from copilot.completion.lexis import CLOSERS, Lexis, opens_block, width


class Placing:
    """``prefix`` ends in the caret's line. ``fresh``: there is nothing but white space on it."""

    def __init__(self, prefix: str, suffix: str, lexis: Lexis, *, fresh: bool) -> None:
        before, _, self._head = prefix.rpartition("\n")
        self._above = before.rstrip().rpartition("\n")[2]
        self._lexis = lexis
        self._style = style_of(before + suffix, lexis)
        self._shift = 0
        self._base = width(self._head)
        self._last = "" if fresh else self._head
        self._levels = Levels(self._base, self._style, lexis)

    def column(self, line: str, *, first: bool, after_blank: bool) -> int:
        """The indentation that ``line`` is to have in the document. ``first``: it goes where the caret is."""
        space = _space(line)
        indent = width(space)
        if not first:
            closes = line.lstrip()[:1] in CLOSERS
            return self._levels.column(self._wrote(indent), self._last, closes=closes)
        head, above = width(self._head), width(self._above)
        if after_blank:
            return indent  # It left the caret's line, so this is no longer relative to the caret.
        if space == " ":
            return head
        if opens_block(self._above, self._lexis):
            return head + indent if head <= above else head
        if indent == head:
            return head  # Said as if nothing stood on the line yet.
        return max(head, min(head + indent, above))

    def place(self, line: str, *, first: bool, after_blank: bool) -> str:
        """``line`` with that indentation, the caret's own white space left out of the first."""
        column = self.column(line, first=first, after_blank=after_blank)
        space = _space(line)
        text = line[len(space) :]
        if not first:
            self._levels.keep(self._wrote(width(space)), self._last, closes=text[:1] in CLOSERS)
            space = _fit(space, column)
            return self._style.space(space) + text
        missing = max(0, column - width(self._head))
        dropped = width(space) - missing
        if not after_blank and dropped % 2 and "\t" not in space:
            self._shift = dropped
        self._base = column
        self._levels = Levels(column, self._style, self._lexis)
        return self._style.space(_shorten(space, missing)) + text

    def keep(self, line: str) -> None:
        """``line`` is part of the suggestion."""
        self._last = line

    def _wrote(self, indent: int) -> int:
        # A model that began one space too far to the right goes on like that.
        return indent - self._shift if (indent - self._base) % 2 else indent


def _shorten(space: str, column: int) -> str:
    while width(space) > column:
        space = space[1:]
    return space


def _fit(space: str, column: int) -> str:
    """``space`` with the width ``column``."""
    space = _shorten(space, column)
    missing = column - width(space)
    return (
        space + "\t" * (missing // width("\t")) + " " * (missing % width("\t"))
        if "\t" in space
        else space + " " * missing
    )


def _space(line: str) -> str:
    return line[: len(line) - len(line.lstrip())]
