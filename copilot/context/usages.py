"""How others use what is called or written here, and how others implement it."""

import re
from collections.abc import Iterator, Sequence

from copilot.context.candidates import Candidate, Source
from copilot.context.near import Near
from copilot.context.shapes import members
from copilot.context.view import TYPES, View

BEFORE, AFTER = 2, 3
"""Lines around a use."""

MANY = 12
"""A name that so many files use is not this one."""

_FILES, _SIBLINGS = 3, 2
_METHOD_LINES = 20
_CALL, _OTHER, _SIBLING = 0.6, 0.35, 0.6


def callers(view: View, near: Near) -> Iterator[Candidate]:
    """Lines of other files where the same name is used: the one being called, and the one being written."""
    if near.call is not None:
        yield from _uses(near.call.name, _CALL, f"calls `{near.call.name}`, as here", view)
    written = next((scope.name for scope in near.scopes if not scope.is_type), "")
    if written and not written.startswith("__") and (near.call is None or written != near.call.name):
        yield from _uses(written, _OTHER, f"uses `{written}`, which is being written here", view)


def _uses(name: str, score: float, reason: str, view: View) -> Iterator[Candidate]:
    rows = list(view.references(name))
    if len(rows) >= MANY:
        return
    own = view.question.path.rpartition("/")[0]
    rows.sort(key=lambda row: (row.path.rpartition("/")[0] != own, -row.count, row.path))
    called = re.compile(rf"\b{re.escape(name)}\s*\(")
    left = _FILES
    for row in rows[: 2 * _FILES]:
        source = view.source(row.path)
        if source is None:
            continue
        lines = [line for line in row.lines if line <= len(source.lines) and called.search(source.lines[line - 1])]
        if not lines:
            continue
        first, last = _around(source.lines, lines[0])
        text = "\n".join(source.lines[first - 1 : last])
        yield Candidate(row.path, first, last, text, Source.CALLER, score, reason)
        score *= 0.8
        left -= 1
        if not left:
            return


def _around(lines: Sequence[str], line: int) -> tuple[int, int]:
    """A few lines around ``line``, to where a paragraph ends."""
    first = line
    while first > 1 and line - first < BEFORE and lines[first - 2].strip():
        first -= 1
    last = line
    while last < len(lines) and last - line < AFTER and lines[last].strip():
        last += 1
    return first, last


def siblings(view: View, near: Near) -> Iterator[Candidate]:
    """The method of the same name in other types that have the same base."""
    method = next((scope.name for scope in near.scopes if not scope.is_type), "")
    bases = [base for scope in near.scopes if scope.is_type for base in scope.bases]
    if not bases or not method or method == "__init__":
        return
    left = _SIBLINGS
    for base in bases[:2]:
        for row in view.references(base):
            for kind in view.symbols(row.path).rows:
                if kind.kind not in TYPES or not re.search(rf"[(,:\s]{re.escape(base)}\b", kind.signature):
                    continue
                for member in members(kind, view):
                    if member.name != method:
                        continue
                    source = view.source(row.path)
                    if source is None or member.last > len(source.lines):
                        continue
                    last = min(member.last, member.first + _METHOD_LINES - 1)
                    text = "\n".join(source.lines[member.first - 1 : last])
                    reason = f"`{method}` of `{kind.name}`, which has the base `{base}` too"
                    yield Candidate(row.path, member.first, last, text, Source.SIBLING, _SIBLING, reason)
                    left -= 1
                    if not left:
                        return
