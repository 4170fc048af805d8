"""Closers right of the caret that a suggestion goes past: it takes their place rather than standing before them.

An editor closes a bracket as soon as it is opened. A model that is asked in ``foo(‸)`` for ``x).bar()`` means that
bracket by its ``)``; where nothing else follows on the line, the suggestion replaces it.
"""

import re
from typing import NamedTuple

from copilot.completion.brackets import Reading, read
from copilot.completion.lexis import Lexis
from copilot.completion.overlap import held_from

_ONLY_CLOSERS = re.compile(r"""[)\]}"'`;,:{ ]+""")


def only_closers(rest: str) -> bool:
    """Whether ``rest`` of the caret's line says nothing by itself: closing brackets, quotes, punctuation."""
    return _ONLY_CLOSERS.fullmatch(rest) is not None


class Past(NamedTuple):
    """The first ``end`` characters of a line, in place of ``replaced`` characters right of the caret.

    The replaced text is a subsequence of the line, as VS Code demands. ``reading``: what is open behind the line.
    """

    end: int
    replaced: int
    reading: Reading


def go_past(line: str, rest: str, start: Reading, lexis: Lexis) -> Past | None:
    """How far ``line`` may go that stands where ``start`` was read, with ``rest`` right of the caret.

    Each closer that closes nothing of the suggestion must be the next one of ``rest``; what ends with one or stands
    before the next goes without it. None where nothing comes behind the closers.
    """
    taken: list[tuple[int, int]] = []  # Where the line has each closer, and how much of the rest it takes with it.
    reading, at, used = start, 0, 0
    quote = start.inside if start.inside in {'"', "'", "`"} else ""
    if quote and rest.startswith(quote):
        inside = next((n for n in range(1, len(line) + 1) if read(line[:n], start, lexis)[0].inside != quote), None)
        if inside is None:
            return None
        reading, at, used = start._replace(inside=""), inside, 1
        taken.append((inside - 1, used))
    end = len(line)
    while True:
        reading, stray = read(line[at:], reading, lexis)
        if stray is None:
            break
        if reading.open_here:
            # It stands where a bracket of the suggestion's own is still open.
            return None
        stray += at
        # White space before the next closer goes with it where the line has it too.
        space = len(rest[used:]) - len(rest[used:].lstrip())
        if rest[used + space : used + space + 1] != line[stray] or not line[:stray].endswith(rest[used : used + space]):
            if not only_closers(line[stray:].strip()):
                return None
            end = stray
            break
        used += space + 1
        taken.append((stray, used))
        at = stray + 1
    left = rest[used:].strip()
    end = len(line[:end].rstrip())
    if left:
        # Punctuation: a closer that stood here would have been taken.
        end = len(line[: held_from(line[:end], left)].rstrip())
    while taken and taken[-1][0] >= end - 1:
        end = len(line[: taken.pop()[0]].rstrip())
    if not taken or not any(char.isalnum() for char in line[:end]):
        return None
    reading, at = start, 0
    for index, _ in taken:
        reading = read(line[at:index], reading, lexis)[0] if reading.in_code else reading._replace(inside="")
        at = index + 1
    return Past(end, taken[-1][1], read(line[at:end], reading, lexis)[0])
