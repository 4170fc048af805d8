"""A diff of Git's with whole files around its changes, read, masked and narrowed down. No I/O.

Whether a line is part of a secret may stand far above it, as the first line of a private key does; so both sides of a
change are looked at whole before the lines around it are cut away.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

_HUNK = re.compile(r"@@ -(\d+)(?:,\d+)? \+(\d+)(?:,\d+)? @@")
_NAMED = re.compile(r"[^\W\d]|[$_]")
_MOST_NAMED = 80

Masked = Callable[[str], tuple[str, int]]
"""See ``copilot.safety.secrets.masked``."""


class _Line(NamedTuple):
    """``mark``: " ", "+", "-" or a backslash for what Git says of the line above. ``old``, ``new``: numbers from 1."""

    mark: str
    text: str
    old: int
    new: int


def masked_and_narrowed(diff: str, context: int, masked: Masked) -> tuple[str, int]:
    """``diff`` with ``context`` lines around each change, and how many secrets were masked in it."""
    parts = []
    count = 0
    for head, lines in _files(diff):
        said, number = masked("\n".join(head))
        parts.append(said)
        clean, more = _masked(lines, masked)
        parts += _hunks(clean, context)
        count += number + more
    return "\n".join(parts) + ("\n" if parts else ""), count


def _files(diff: str) -> Iterator[tuple[list[str], list[_Line]]]:
    """Each file's own lines, and those of its hunks."""
    head: list[str] = []
    lines: list[_Line] = []
    inside = False
    old = new = 0
    for line in diff.removesuffix("\n").split("\n"):
        mark = line[:1]
        if line.startswith("diff --git "):
            if head:
                yield head, lines
            head, lines, inside = [line], [], False
        elif (found := _HUNK.match(line)) is not None:
            inside = True
            old, new = int(found[1]), int(found[2])
        elif not inside:
            head.append(line)
        elif mark in {" ", "+", "-", "\\"} or not mark:
            lines.append(_Line(mark or " ", line[1:], old, new))
            old += mark in {" ", "-", ""}
            new += mark in {" ", "+", ""}
    if head != [""]:
        yield head, lines


def _masked(lines: Sequence[_Line], masked: Masked) -> tuple[list[_Line], int]:
    """What is a secret on either side is one."""
    clean = list(lines)
    most = 0
    for marks in ((" ", "-"), (" ", "+")):
        side = [at for at, line in enumerate(lines) if line.mark in marks]
        text, count = masked("\n".join(lines[at].text for at in side))
        most = max(most, count)
        start = 0
        for at in side:
            end = start + len(lines[at].text)
            piece = text[start:end].replace("\n", " ")
            if piece != lines[at].text:
                clean[at] = lines[at]._replace(text=piece)
            start = end + 1
    return clean, most


def _hunks(lines: Sequence[_Line], context: int) -> Iterator[str]:
    kept = [False] * len(lines)
    for at, line in enumerate(lines):
        if line.mark in {"+", "-"}:
            for near in range(max(0, at - context), min(len(lines), at + context + 1)):
                kept[near] = True
        elif line.mark == "\\" and at and kept[at - 1]:
            kept[at] = True
    at = 0
    named = ""
    while at < len(lines):
        if not kept[at]:
            named = lines[at].text if lines[at].mark != "+" and _NAMED.match(lines[at].text) else named
            at += 1
            continue
        end = next((it for it in range(at, len(lines)) if not kept[it]), len(lines))
        hunk = lines[at:end]
        old, new = (sum(it.mark in marks for it in hunk) for marks in ((" ", "-"), (" ", "+")))
        head = f"@@ -{_begin(hunk[0].old, old)},{old} +{_begin(hunk[0].new, new)},{new} @@"
        yield f"{head} {named[:_MOST_NAMED].rstrip()}".rstrip()
        yield from (f"{it.mark}{it.text}" for it in hunk)
        named = next((it.text for it in reversed(hunk) if it.mark != "+" and _NAMED.match(it.text)), named)
        at = end


def _begin(first: int, count: int) -> int:
    """As Git counts: of no lines, the one before them."""
    return first if count else max(0, first - 1)
