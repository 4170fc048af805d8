"""Chooses where in a file `slipstream try` types, and what. Pure: lines in, places out."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from copilot.text.position import Position, Range


class TypingPlace(NamedTuple):
    """``removed`` is taken out of the copy, then each of ``keys`` goes in at its start. Columns are code points."""

    removed: Range
    keys: tuple[str, ...]
    what: str

    @property
    def line(self) -> int:
        return self.removed.start.line


_HEADER = re.compile(
    r"(\s*(?:(?:export|default|public|private|static|async|pub|final)\s+)*(?:def|function|func|fn)\s+)(\w+\()"
)
_RETURN = re.compile(r"(\s+)(return )\S")
_ASSIGNMENT = re.compile(r"(\s+)((?:(?:const|let|var|val|auto)\s+)?[\w.]{2,20} :?= )[^=\s]")
_OPENER = re.compile(r"\s*(?:(?:async|pub|export|public|static)\s+)*(?:def|function|func|fn|for|while|if)\b.*[:{]$")

_LEAST_REMOVED = 6
_FEW_LINES = 3


def choose(lines: Sequence[str], limit: int = 4) -> list[TypingPlace]:
    """Up to ``limit`` places, from top to bottom, of different kinds where the text has them.

    ``lines`` have no terminators. Empty when there is no line to type.
    """
    chosen: list[TypingPlace] = []
    kinds = (_new_function, _fresh_line, _assignment, _return)
    for index in range(limit):
        # Each a stretch further down, so that the places show different code.
        target = (index + 1) * len(lines) // (limit + 1)
        for kind in (*kinds[index % len(kinds) :], *kinds[: index % len(kinds)], _half_a_line):
            taken = {line for place in chosen for line in range(place.line - _FEW_LINES, place.line + _FEW_LINES)}
            found = [place for at in range(len(lines)) if (place := kind(lines, at)) and place.line not in taken]
            if found:
                chosen.append(min(found, key=lambda place: abs(place.line - target)))
                break
    return sorted(chosen, key=lambda place: place.line)


def _rest_of_line(lines: Sequence[str], at: int, pattern: re.Pattern[str], what: str) -> TypingPlace | None:
    """The line from the pattern's second group on is removed, and that group typed."""
    line = lines[at]
    found = pattern.match(line)
    if found is None or len(line) - found.end(2) < _LEAST_REMOVED or not _is_whole(line):
        return None
    removed = Range(Position(at, found.start(2)), Position(at, len(line)))
    return TypingPlace(removed, tuple(found[2]), what)


def _new_function(lines: Sequence[str], at: int) -> TypingPlace | None:
    return _rest_of_line(lines, at, _HEADER, "the parameters of a function")


def _assignment(lines: Sequence[str], at: int) -> TypingPlace | None:
    return _rest_of_line(lines, at, _ASSIGNMENT, "the value of a variable")


def _return(lines: Sequence[str], at: int) -> TypingPlace | None:
    return _rest_of_line(lines, at, _RETURN, "what a function returns")


def _fresh_line(lines: Sequence[str], at: int) -> TypingPlace | None:
    """The first line of a block, after Enter and the indentation that an editor puts there."""
    if at + 1 >= len(lines) or not _OPENER.match(lines[at]) or "__" in lines[at]:
        return None
    line = lines[at + 1]
    indent = line[: len(line) - len(line.lstrip())]
    if len(line) - len(indent) < _LEAST_REMOVED or not _is_whole(line) or line.lstrip().startswith(('"""', "'''")):
        return None
    removed = Range(Position(at, len(lines[at])), Position(at + 1, len(line)))
    return TypingPlace(removed, ("\n" + indent,), "a fresh line")


def _half_a_line(lines: Sequence[str], at: int) -> TypingPlace | None:
    """Any line with some text, for a file in which nothing else is found."""
    line = lines[at]
    start = len(line) - len(line.lstrip())
    if len(line) - start < 2 * _LEAST_REMOVED:
        return None
    half = (start + len(line)) // 2
    return TypingPlace(Range(Position(at, start), Position(at, len(line))), tuple(line[start:half]), "a line")


def _is_whole(line: str) -> bool:
    """Whether removing the line's end leaves nothing of a statement behind on the lines below."""
    counts: Callable[[str], int] = line.count
    return counts("(") == counts(")") and counts("[") == counts("]") and counts('"""') != 1 and line[-1:] not in "\\,"
