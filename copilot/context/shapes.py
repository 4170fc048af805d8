"""How a definition is shown: short ones whole, functions by their signature, types by an outline of their members.

A small model needs to know how something is called, not how it works, and each line of a body costs as much as a
signature.
"""

import textwrap
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

from copilot.context.view import View

if TYPE_CHECKING:
    from copilot.index.reader import SymbolRow

WHOLE_LINES = 8
"""A definition of so many lines is shown whole."""

MEMBERS, CHARACTERS = 16, 600
"""Members of a type in its outline, and their length; those that are named near the caret come first."""

TYPES = frozenset({"class", "interface", "struct", "enum", "trait", "type"})
_CONSTRUCTORS = ("__init__", "__new__", "constructor", "new", "New", "initialize")
_INDENT = "    "


class Shape(NamedTuple):
    """Lines ``first`` to ``last`` (from 1) of a file, and the text that stands for them."""

    first: int
    last: int
    text: str


def brief(row: "SymbolRow", view: View) -> Shape:
    """How it is called, and nothing else: of a type its header and its constructor."""
    if row.kind not in TYPES:
        return Shape(row.first, row.last, _signature(row, doc=False))
    made = next((it for it in members(row, view) if it.name in _CONSTRUCTORS), None)
    if made is None:
        return Shape(row.first, row.last, _begin(row, doc=False) if row.kind != "class" else _signature(row, doc=False))
    text = f"{_begin(row, doc=False)}\n{textwrap.indent(_signature(made, doc=False), _INDENT)}"
    return Shape(row.first, row.last, text)


def shape(row: "SymbolRow", view: View, near: Collection[str] = ()) -> Shape | None:
    """``near``: names that the members of a type are chosen by. None where the file has yet to be read: shown in two
    ways one after the other it would cost the prompt twice."""
    found = _shape(row, view, near)
    return None if row.path in view.postponed and row.last - row.first < WHOLE_LINES else found


def _shape(row: "SymbolRow", view: View, near: Collection[str]) -> Shape:
    if row.kind in TYPES:
        text = _outline(row, view, near)
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


def members(row: "SymbolRow", view: View) -> Sequence["SymbolRow"]:
    """What is defined directly inside."""
    scope = f"{row.scope}.{row.name}" if row.scope else row.name
    return [it for it in view.symbols(row.path) if it.scope == scope and (row.first <= it.first or row.kind != "class")]


def outline_of(rows: Sequence["SymbolRow"]) -> str:
    """The signatures of some symbols of one file, one below the other."""
    return "\n".join(_signature(row, doc=False) for row in rows)


def _outline(row: "SymbolRow", view: View, near: Collection[str]) -> str:
    inner = members(row, view)
    if row.last - row.first < WHOLE_LINES and (body := _body(row, view)):
        return body
    if not inner:
        return _begin(row)
    public = [it for it in inner if not it.name.startswith("_") or it.name in _CONSTRUCTORS or it.name in near]
    ranked = sorted(
        public, key=lambda it: (it.name not in _CONSTRUCTORS, it.name not in near, it.kind == "class", it.first)
    )
    kept: list[SymbolRow] = []
    size = 0
    for it in ranked[:MEMBERS]:
        size += len(it.signature)
        if kept and size > CHARACTERS:
            break
        kept.append(it)
    kept.sort(key=lambda it: it.first)
    lines = [_begin(row)]
    lines += [textwrap.indent(_signature(it, doc=False), _INDENT) for it in kept]
    if row.language not in {"python", "starlark", "ruby"}:
        lines.append("}")
    return "\n".join(lines)


def _begin(row: "SymbolRow", *, doc: bool = True) -> str:
    """The header of a type, open for what follows."""
    head = row.signature.rstrip().rstrip("{").rstrip()
    if row.language in {"python", "starlark"}:
        head = head.rstrip(":") + ":"
        return f'{head}\n{_INDENT}"""{row.doc}"""' if doc and row.doc and '"' not in row.doc else head
    if row.language == "ruby":
        return head
    return f"// {row.doc}\n{head} {{" if doc and row.doc else f"{head} {{"


def _signature(row: "SymbolRow", *, doc: bool = True) -> str:
    head = row.signature.rstrip()
    if row.language in {"python", "starlark"}:
        if row.kind not in {"function", "method", "class"}:
            return head
        head = head.rstrip(":").rstrip()
        if doc and row.doc and '"""' not in row.doc:
            return f'{head}:\n{_INDENT}"""{row.doc}"""'
        return f"{head}: ..."
    head = head.rstrip("{").rstrip()
    return f"// {row.doc}\n{head}" if doc and row.doc else head


def _body(row: "SymbolRow", view: View) -> str:
    source = view.source(row.path)
    if source is None or row.last > len(source.lines):
        return ""
    return "\n".join(source.lines[row.first - 1 : row.last])


def _header(row: "SymbolRow", view: View) -> str:
    """The line that opens the type which ``row`` is a member of."""
    outer, _, name = row.scope.rpartition(".")
    for it in view.symbols(row.path):
        if it.name == name and it.scope == outer and it.kind in TYPES:
            head = it.signature.rstrip().rstrip("{:").rstrip()
            return f"{head}:" if row.language in {"python", "starlark"} else f"{head} {{"
    return ""
