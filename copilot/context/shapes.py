"""How a definition is shown: short ones whole, functions by their signature, types by an outline of their members.

A small model needs to know how something is called, not how it works, and each line of a body costs as much as a
signature.
"""

import re
import textwrap
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import NamedTuple

from copilot.context.view import TYPES, View
from copilot.index.rows import SymbolRow

WHOLE_LINES = 8
"""A definition of so many lines is shown whole."""

MEMBERS, CHARACTERS = 40, 500
"""Members of a type in its outline, and their length; those that are named near the caret come first."""

_CONSTRUCTORS = ("__init__", "__new__", "constructor", "new", "New", "initialize")
_INDENT = "    "
_LONG, _MOST_BRIEF = 72, 140
_PYTHON = frozenset({"python", "starlark"})
_AFTER_OPEN, _BEFORE_CLOSE = re.compile(r"([(\[{]) "), re.compile(r",? ([)\]}])")


class Shape(NamedTuple):
    """Lines ``first`` to ``last`` (from 1) of a file, and the text that stands for them."""

    first: int
    last: int
    text: str


def brief(row: SymbolRow, view: View) -> Shape:
    """How it is called, and nothing else: of a type its header and its constructor."""
    if row.kind not in TYPES:
        return Shape(row.first, row.last, _shortened(_signature(row, doc=False)))
    made = next((it for it in members(row, view) if it.name in _CONSTRUCTORS), None)
    if made is None:
        return Shape(row.first, row.last, _begin(row, doc=False) if row.kind != "class" else _signature(row, doc=False))
    text = f"{_begin(row, doc=False)}\n{textwrap.indent(_shortened(_signature(made, doc=False)), _INDENT)}"
    return Shape(row.first, row.last, text)


def shape(row: SymbolRow, view: View, near: Collection[str] = (), characters: int = CHARACTERS) -> Shape | None:
    """``near``: names that the members of a type are chosen by, ``characters``: how much of them there may be.

    None where the file has yet to be read: shown in two ways one after the other it would cost the prompt twice.
    """
    found = _shape(row, view, near, characters)
    return None if row.path in view.postponed and row.last - row.first < WHOLE_LINES else found


def _shape(row: SymbolRow, view: View, near: Collection[str], characters: int) -> Shape:
    if row.kind in TYPES:
        text = _outline(row, view, near, characters)
    elif row.last - row.first < WHOLE_LINES and (body := _body(row, view)):
        text = body
    else:
        text = _signature(row)
    if row.scope and row.kind not in TYPES:
        header = _header(row, view)
        if header:
            text = f"{header}\n{textwrap.indent(textwrap.dedent(text), _INDENT)}"
            return Shape(row.first, row.last, text)
    return Shape(row.first, row.last, text)


def members(row: SymbolRow, view: View) -> Sequence[SymbolRow]:
    """What is defined directly inside."""
    scope = f"{row.scope}.{row.name}" if row.scope else row.name
    return view.symbols(row.path).by_scope.get(scope, ())


def outline_of(rows: Sequence[SymbolRow]) -> str:
    """The signatures of some symbols of one file, one below the other."""
    return "\n".join(_signature(row, doc=False) for row in rows)


def _outline(row: SymbolRow, view: View, near: Collection[str], characters: int) -> str:
    inner = members(row, view)
    if row.last - row.first < WHOLE_LINES and (body := _body(row, view)):
        return body
    if not inner:
        return _begin(row)
    public = [it for it in inner if not it.name.startswith("__") or it.name in _CONSTRUCTORS or it.name in near]

    def rank(it: SymbolRow) -> tuple[bool, bool, bool, int, int]:
        is_made, is_near = it.name in _CONSTRUCTORS, it.name in near
        return not is_made, not is_near, it.name.startswith("_"), -view.popularity(it.name), it.first

    ranked = sorted(public, key=rank)
    kept: list[SymbolRow] = []
    size = 0
    for it in ranked[:MEMBERS]:
        size += len(_member(it, characters))
        if kept and size > characters:
            break
        kept.append(it)
    kept.sort(key=lambda it: it.first)
    lines = [_begin(row)]
    lines += [textwrap.indent(_member(it, characters), _INDENT) for it in kept]
    if row.language not in {*_PYTHON, "ruby"}:
        lines.append("}")
    return "\n".join(lines)


def _member(row: SymbolRow, characters: int) -> str:
    """With all of its parameters where there is room for a few such."""
    signature = _signature(row, doc=False)
    return signature if len(signature) < characters // 2 else _shortened(signature)


def _begin(row: SymbolRow, *, doc: bool = True) -> str:
    """The header of a type, open for what follows."""
    head = compact(row.signature, row.language)
    if row.language in _PYTHON:
        head += ":"
        return f'{head}\n{_INDENT}"""{row.doc}"""' if doc and row.doc and '"' not in row.doc else head
    if row.language == "ruby":
        return head
    return f"// {row.doc}\n{head} {{" if doc and row.doc else f"{head} {{"


def _signature(row: SymbolRow, *, doc: bool = True) -> str:
    head = compact(row.signature, row.language)
    if row.language in _PYTHON:
        if row.kind not in {"function", "method", "class"}:
            return head
        if doc and row.doc and '"""' not in row.doc:
            return f'{head}:\n{_INDENT}"""{row.doc}"""'
        return f"{head}: ..."
    return f"// {row.doc}\n{head}" if doc and row.doc else head


@lru_cache(maxsize=8192)
def compact(signature: str, language: str) -> str:
    """On one line but for what stands above the name, such as decorators; a long one of Python without the types of
    its parameters, which its names and defaults mostly tell."""
    head = signature.rstrip().rstrip("{:" if language in _PYTHON else "{").rstrip()
    if "\n" in head:
        above, lines = [], head.split("\n")
        while (
            len(lines) > 1
            and lines[0].startswith(("@", "#[", "//", "template"))
            and lines[0].count("(") == lines[0].count(")")
        ):
            above.append(lines.pop(0))
        head = "\n".join([*above, on_one_line(lines)])
    if language in _PYTHON and len(head) > _LONG:
        head = without_types(head)
    return head


def on_one_line(lines: Sequence[str]) -> str:
    """What was written one below the other."""
    joined = " ".join(line.strip() for line in lines)
    return _AFTER_OPEN.sub(r"\1", _BEFORE_CLOSE.sub(r"\1", joined))


def _shortened(signature: str) -> str:
    """The first parameters of many."""
    if len(signature) <= _MOST_BRIEF or "(" not in signature:
        return signature
    cut = signature.rfind(",", 0, _MOST_BRIEF)
    return f"{signature[: cut + 1]} ...): ..." if cut > signature.find("(") else signature


def without_types(signature: str) -> str:
    """A Python signature without the annotations of its parameters; what it returns stays."""
    start = signature.find("(", max(0, signature.find("def ")))
    if start < 0:
        return signature
    kept, depth, skipping = [signature[: start + 1]], 0, False
    for at in range(start + 1, len(signature)):
        mark = signature[at]
        if depth == 0:
            if mark == ")":
                return "".join(kept) + signature[at:]
            if mark == ":":
                skipping = True
            elif mark == "=" and skipping:
                skipping = False
                kept.append("=")
                continue
            elif mark == ",":
                skipping = False
        depth += (mark in "([{") - (mark in ")]}")
        if not skipping and not (mark == " " and kept[-1] == "="):
            kept.append(mark)
    return signature


def _body(row: SymbolRow, view: View) -> str:
    source = view.source(row.path)
    if source is None or row.last > len(source.lines):
        return ""
    return "\n".join(source.lines[row.first - 1 : row.last])


def _header(row: SymbolRow, view: View) -> str:
    """The line that opens the type which ``row`` is a member of."""
    kind = view.enclosing(row)
    if kind is None:
        return ""
    head = compact(kind.signature, kind.language)
    return f"{head}:" if row.language in _PYTHON else f"{head} {{"
