"""Code in a model's answer: what stands in Markdown fences (CommonMark 0.31, "Fenced code blocks"). No I/O.

Small models forget to close a fence, leave it out, or put one into another; each is read as it was meant.
"""

import re
from typing import NamedTuple

_FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})[ \t]*([^\n`]*?)[ \t]*$")


class Block(NamedTuple):
    """``language``: as the fence names it, or empty. ``closed``: its end came."""

    language: str
    code: str
    closed: bool


class Parts(NamedTuple):
    blocks: tuple[Block, ...]
    prose: str


def parts(answer: str) -> Parts:
    """The blocks of an answer in order, and what stands outside of them."""
    lines = answer.replace("\r\n", "\n").split("\n")
    blocks: list[Block] = []
    prose: list[str] = []
    at = 0
    while at < len(lines):
        opening = _FENCE.match(lines[at])
        if opening is None:
            prose.append(lines[at])
            at += 1
            continue
        end = _end(lines, at + 1, opening.group(1))
        after = len(lines) if end is None else end
        words = opening.group(2).split()
        indent = len(lines[at]) - len(lines[at].lstrip())
        code = [line[min(indent, len(line) - len(line.lstrip())) :] for line in lines[at + 1 : after]]
        blocks.append(Block(words[0].lower() if words else "", "\n".join(code).strip("\n"), end is not None))
        at = after + 1
    return Parts(tuple(block for block in blocks if block.code.strip()), "\n".join(prose).strip())


def _end(lines: list[str], first: int, fence: str) -> int | None:
    """The line that closes ``fence``. A fence with a language inside opens one of its own, which is closed first."""
    depth = 0
    plain: int | None = None
    for at in range(first, len(lines)):
        found = _FENCE.match(lines[at])
        if found is None or found.group(1)[0] != fence[0] or len(found.group(1)) < len(fence):
            continue
        if found.group(2):
            depth += 1
        elif depth:
            depth -= 1
            plain = at if plain is None else plain
        else:
            return at
    # They do not match, so it was one fence after all and ends where the standard says.
    return plain


def candidates(answer: str) -> list[Block]:
    """The code that an answer offers, best first: later blocks correct earlier ones. Without a fence all of it."""
    found = parts(answer)
    if found.blocks:
        return list(reversed(found.blocks))
    text = found.prose.strip("\n")
    return [Block("", text, closed=True)] if text.strip() else []
