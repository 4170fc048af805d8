"""Problems from source files: lines and blocks that are taken out, chosen by a seed. Pure; reading is ``data``."""

import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple

from copilot.bench.quality.holes import Hole, holes_in_line
from copilot.bench.quality.problems import Problem, Stratum

LONGEST_LINE = 160
"""Characters; longer ones are seldom typed."""

SHORTEST_LINE = 8
"""Characters without the white space around them; shorter ones are closing brackets and the like."""

BLOCK_LINES = 6
"""The most lines of a block."""

_COMMENT = re.compile(r"\s*(?:#|//|/\*|\*|--|<!--|%|\"\"\"|''')")


class SourceText(NamedTuple):
    """``path`` is how the file is named to the model; ``text`` has ``\\n`` line ends."""

    path: str
    language: str
    text: str


def mask(sources: Sequence[SourceText], seed: int, per_source: int) -> Iterator[Problem]:
    """At most ``per_source`` lines of each source, one of each in turn, so that no large file has all of them."""
    queues = [_lines_of(source, seed)[:per_source] for source in sources]
    for turn in range(per_source):
        for source, queue in zip(sources, queues, strict=True):
            if turn < len(queue):
                yield from _problems(source, queue[turn], seed)


def _lines_of(source: SourceText, seed: int) -> list[int]:
    """Numbers of lines that are code and worth writing, shuffled. Before the first one nothing says what it may be."""
    lines = source.text.split("\n")
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    numbers = [number for number, line in enumerate(lines) if number > first and _is_worth(line)]
    Random(f"{seed} {source.path}").shuffle(numbers)  # noqa: S311 - no secret
    return numbers


def _is_worth(line: str) -> bool:
    return len(line.strip()) >= SHORTEST_LINE and len(line) <= LONGEST_LINE and not _COMMENT.match(line)


def _problems(source: SourceText, number: int, seed: int) -> Iterator[Problem]:
    lines = source.text.split("\n")
    rng = Random(f"{seed} {source.path} {number}")  # noqa: S311 - no secret
    before = "".join(f"{line}\n" for line in lines[:number])
    for hole in holes_in_line(before, lines[number], _below(lines, number + 1), rng):
        yield _problem(source, number, hole)
    after = _end_of_block(lines, number)
    if after - number > 1:
        gold = "\n".join(lines[number:after])
        yield _problem(source, number, Hole(Stratum.BLOCK, before, gold, _below(lines, after)), one_line=False)


def _below(lines: Sequence[str], start: int) -> str:
    return "".join(f"\n{line}" for line in lines[start:])


def _end_of_block(lines: Sequence[str], number: int) -> int:
    """After the last of the lines that belong to line ``number``: until a blank one or one indented less."""
    indent = _indent(lines[number])
    end = number + 1
    while end < min(len(lines), number + BLOCK_LINES) and lines[end].strip() and _indent(lines[end]) >= indent:
        end += 1
    return end


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _problem(source: SourceText, number: int, hole: Hole, *, one_line: bool = True) -> Problem:
    return Problem(
        id=f"{source.path}:{number + 1}",
        stratum=hole.stratum,
        prefix=hole.before,
        gold=hole.gold,
        suffix=hole.after,
        one_line=one_line,
        language=source.language,
        path=source.path,
    )
