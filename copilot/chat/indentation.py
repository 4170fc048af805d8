"""Code of a model brought to the indentation of the place where it goes. No I/O."""

import re
from itertools import pairwise

_LEAD = re.compile(r"[ \t]*")


def reindented(code: str, like: str) -> str:
    """``code`` as deep as ``like``, the text that it replaces, and with its kind of indentation."""
    lines = code.split("\n")
    base = common(like.split("\n"))
    tabs = any(line.startswith("\t") for line in like.split("\n"))
    own = [lead(line) for line in lines if line.strip()]
    if tabs and not any("\t" in it for it in own):
        step = min((len(it) for it in own if it), default=4)
        step = step if step in {2, 3, 4, 8} else 4
        lines = [_tabbed(line, step) for line in lines]
    elif not tabs and any("\t" in it for it in own):
        step = _step(like)
        lines = [lead(line).replace("\t", " " * step) + line.lstrip(" \t") for line in lines]
    mine = common(lines)
    if base == mine:
        return "\n".join(line.rstrip(" \t") if not line.strip() else line for line in lines)
    return "\n".join(base + line[len(mine) :] if line.strip() else "" for line in lines)


def lead(line: str) -> str:
    """The white space that a line begins with."""
    found = _LEAD.match(line)
    return found.group() if found else ""


def common(lines: list[str]) -> str:
    """The longest indentation that all lines have which are not blank."""
    leads = [lead(line) for line in lines if line.strip()]
    if not leads:
        return ""
    first, last = min(leads), max(leads)
    length = next((at for at, char in enumerate(first) if at >= len(last) or last[at] != char), len(first))
    return first[:length]


def _tabbed(line: str, step: int) -> str:
    depth = len(lead(line))
    return "\t" * (depth // step) + " " * (depth % step) + line.lstrip(" \t")


def _step(text: str) -> int:
    depths = sorted({len(lead(line)) for line in text.split("\n") if line.strip()})
    steps = [b - a for a, b in pairwise(depths)]
    return min(steps, default=4)
