"""Takes a piece out of a text, so that the caret stands where a given stratum wants it. Pure and seeded.

Whatever is cut, ``before + gold + after`` stays the text that it was.
"""

import re
from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from copilot.bench.quality.problems import Stratum

# Names and numbers, runs of white space, any other character by itself: about what a keystroke or a token covers.
_TOKEN = re.compile(r"\w+|\s+|[^\w\s]")
_CLOSERS = {")": "(", "]": "[", "}": "{"}


class Hole(NamedTuple):
    stratum: Stratum
    before: str
    gold: str
    after: str


def holes_in_line(before: str, line: str, after: str, rng: Random) -> Iterator[Hole]:
    """Every hole that ``line`` is good for; it has no line end.

    ``before`` is empty or ends with one, ``after`` begins with one or is empty. ``rng`` chooses where the line is cut.
    """
    text = line.lstrip()
    if not text.strip():
        return
    indent = line[: len(line) - len(text)]
    yield Hole(Stratum.FRESH_LINE, before, line, after)
    if indent:
        yield Hole(Stratum.INDENTED, before + indent, text, after)
    if before:
        yield Hole(Stratum.LINE_END, before[:-1], "\n" + line, after)
    # Always drawn in this order, so that a hole does not depend on which others are wanted.
    begun, middle, closer = _begun(line, rng), _middle(line, rng), _before_closer(line, rng)
    if begun:
        yield Hole(Stratum.BEGUN, before + line[:begun], line[begun:], after)
    if middle:
        start, end = middle
        yield Hole(Stratum.MID_LINE, before + line[:start], line[start:end], line[end:] + after)
    if closer:
        start, end = closer
        yield Hole(Stratum.BEFORE_CLOSER, before + line[:start], line[start:end], line[end:] + after)


def _bounds(line: str) -> list[int]:
    """Where a token begins that is not white space, the first of the line left out, and the end of the text."""
    text = line.rstrip()
    starts = [found.start() for found in _TOKEN.finditer(text) if not found.group().isspace()]
    return [*starts[1:], len(text)] if starts else []


def _begun(line: str, rng: Random) -> int | None:
    bounds = _bounds(line)
    return rng.choice(bounds[:-1]) if len(bounds) > 1 else None


def _middle(line: str, rng: Random) -> tuple[int, int] | None:
    """A stretch that begins with a token and ends before one, so that something of the line is left on both sides."""
    bounds = _bounds(line)
    if len(bounds) < 3:
        return None
    start, end = sorted(rng.sample(bounds[:-1], 2))
    return start, end


def _before_closer(line: str, rng: Random) -> tuple[int, int] | None:
    """What stands before a closer on the line, back to a token behind its opener and outside the pairs between."""
    pairs = list(_pairs(line))
    filled = [(opener, at) for opener, at in pairs if line[opener + 1 : at].strip()]
    if not filled:
        return None
    opener, closer = rng.choice(filled)
    between = [pair for pair in pairs if opener < pair[0] and pair[1] < closer]
    starts = [
        bound
        for bound in _bounds(line)
        if opener < bound < closer and not any(first < bound <= last for first, last in between)
    ]
    return rng.choice(starts), closer


def _pairs(line: str) -> Iterator[tuple[int, int]]:
    """Brackets of the line that belong together. Those in strings count too: people type in strings."""
    opened: list[int] = []
    for at, char in enumerate(line):
        if char in _CLOSERS.values():
            opened.append(at)
        elif char in _CLOSERS and opened:
            start = opened.pop()
            if line[start] == _CLOSERS[char]:
                yield start, at
