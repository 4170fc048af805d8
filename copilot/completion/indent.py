"""The white space that lines of a suggestion begin with: that of the file, whatever the model wrote.

No I/O. Columns count a tab as four, as ``lexis.width`` does.
"""

from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from copilot.completion.lexis import Lexis, opens_block, width

_UNITS = (2, 3, 4, 8)
_TAB = 4
# So many block bodies, nearly all as deep, make a habit.
_ENOUGH = 3
_NEARLY_ALL = 0.8


class Style(NamedTuple):
    """How a file indents. ``tabs``: None where nothing shows it; ``unit``: columns of one level, 0 where unknown."""

    tabs: bool | None = None
    unit: int = 0

    def space(self, space: str) -> str:
        """``space``, as a model wrote it, in the characters of the file."""
        if self.tabs is None or not space.strip(" " if not self.tabs else "\t"):
            return space
        columns = width(space)
        return "\t" * (columns // _TAB) + " " * (columns % _TAB) if self.tabs else " " * columns


def style_of(text: str, lexis: Lexis) -> Style:
    """What the lines of ``text`` have in common."""
    lines = [line for line in text.split("\n") if line.strip()]
    tabs = sum(line[0] == "\t" for line in lines)
    spaces = sum(line.startswith("  ") for line in lines)
    if not tabs and not spaces:
        return Style()
    if tabs and spaces and min(tabs, spaces) > (1 - _NEARLY_ALL) * (tabs + spaces):
        return Style()
    steps = Counter(
        width(below) - width(line)
        for line, below in pairwise(lines)
        if begins_body(line, lexis) and width(below) > width(line)
    )
    if tabs > spaces:
        return Style(tabs=True, unit=_TAB)
    if not steps:
        return Style(tabs=False)
    unit, count = steps.most_common(1)[0]
    usual = count >= _ENOUGH and count >= _NEARLY_ALL * steps.total() and unit in _UNITS
    return Style(tabs=False, unit=unit if usual else 0)


def begins_body(line: str, lexis: Lexis) -> bool:
    """Whether the next line is one level deeper. After a bracket of a call it may be anywhere."""
    return opens_block(line, lexis) and not line.rstrip().endswith(("(", "["))


class Levels:
    """Maps the columns in which a model goes on below the first line to those of the file.

    ``column``: of the line that the suggestion begins in.
    """

    def __init__(self, column: int, style: Style, lexis: Lexis) -> None:
        self._levels = [(column, column)]
        self._style = style
        self._lexis = lexis

    def column(self, wrote: int, above: str, *, closes: bool = False) -> int:
        """Where a line belongs that the model put at ``wrote`` below the line ``above``.

        ``closes``: it begins with a closing bracket, which stands where what it closes began.
        """
        return self._find(wrote, above, closes)[-1][1]

    def keep(self, wrote: int, above: str, *, closes: bool = False) -> None:
        self._levels = self._find(wrote, above, closes)

    def _find(self, wrote: int, above: str, closes: bool) -> list[tuple[int, int]]:
        levels = self._levels
        while len(levels) > 1 and wrote < levels[-1][0]:
            levels = levels[:-1]
        model, file = levels[-1]
        deeper = wrote - model
        if closes and deeper > 0 and len(levels) < len(self._levels):
            return levels
        if deeper > 0 and self._style.unit and begins_body(above, self._lexis):
            return [*levels, (wrote, file + self._style.unit)]
        return [*levels, (wrote, max(0, file + deeper))] if deeper else levels
