"""How Python is read for an outline. No I/O."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from copilot.syntax.symbols import (
    MOST_DOC,
    MOST_SIGNATURE,
    Definition,
    Imported,
    Table,
    clipped,
    header,
    text_of,
    value,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
(identifier) @name
(import_statement) @import
(import_from_statement) @import
(future_import_statement) @import
(decorated_definition) @outer
(function_definition) @function
(class_definition) @class
(expression_statement (assignment left: (identifier))) @assignment
(type_alias_statement) @type
"""
_KEYWORDS = frozenset({"self", "cls"})
_TRIPLE = re.compile(r"[rRuU]?(\"\"\"|''')\s*(.*)")
_SINGLE = re.compile(r"[rRuU]?(?:\"([^\"\\\n]*)\"|'([^'\\\n]*)')\s*(?:[;#\n]|$)")
_DECORATOR = re.compile(r"^[ \t]*(@[^\n]*)", re.MULTILINE)
_HEADER = re.compile(r"^([ \t]*)(class|(?:async[ \t]+)?def)[ \t]+(\w+)[^\n]*", re.MULTILINE)
_LINE = re.compile(r"^([ \t]*)([^\s#])[^\n]*", re.MULTILINE)
_COMMENT = re.compile(r"#[^\n]*")
_IMPORT = re.compile(r"import (.*)")
_FROM = re.compile(r"from ?([. ]*)([\w. ]*?) ?import\b ?(.*)")
_NO_BRACKETS = {ord("("): " ", ord(")"): " ", ord(";"): " "}


def table(_language: str) -> Table:
    readers = {"function": _function, "class": _class, "assignment": _assignment, "type": _type}
    return Table(_QUERY, readers, _imports, _KEYWORDS, "#", _mended)


def _function(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("name")
    end = node.child_by_field_name("return_type") or node.child_by_field_name("parameters")
    if name is None or end is None:
        return
    yield _definition(node, name, text, start, ("function", end.end_byte))


def _class(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("name")
    if name is None:
        return
    end = node.child_by_field_name("superclasses") or node.child_by_field_name("type_parameters") or name
    yield _definition(node, name, text, start, ("class", end.end_byte))


def _definition(node: "Node", name: "Node", text: str, start: int, what: tuple[str, int]) -> Definition:
    """``what``: its kind, and where its header ends."""
    kind, end = what
    begin = node.start_byte
    signature = header(text, begin, end)
    if start != begin:
        lines = [*_decorators(text[start:begin]), signature]
        whole = "\n".join(lines)
        # The header itself says most.
        signature = whole if len(whole) <= MOST_SIGNATURE else clipped(signature)
    body = node.child_by_field_name("body")
    doc = "" if body is None else _docstring(text, body.start_byte)
    return Definition(text_of(name, text), kind, start, node.end_byte, name.start_byte, signature, doc=doc)


def _mended(text: str, definitions: list[Definition]) -> list[Definition]:
    """A bracket that isn't closed yet takes all that follows it out of the tree: then headers and indentation count."""
    known = {it.name_at for it in definitions}
    ends = _ends(text)
    missed = [found for found in _HEADER.finditer(text) if found.start(3) not in known]
    if not missed:
        return definitions
    mended = [it._replace(end=ends.get(it.name_at, it.end)) for it in definitions]
    for found in missed:
        kind = "class" if found[2] == "class" else "function"
        start, at = found.start(2), found.start(3)
        signature = header(text, start, found.end()).rstrip(": .")
        mended.append(Definition(found[3], kind, start, ends.get(at, found.end()), at, signature, doc=""))
    return mended


def _ends(text: str) -> dict[int, int]:
    """Where what a header begins ends, by the header's name."""
    ends: dict[int, int] = {}
    around: list[tuple[int, int]] = []
    end = 0
    for line in _LINE.finditer(text):
        indent = len(line[1].expandtabs())
        # A bracket that closes stands where the header does.
        if line[2] not in {")", "]", "}"}:
            while around and around[-1][0] >= indent:
                ends[around.pop()[1]] = end
        end = line.end()
        if found := _HEADER.match(text, line.start()):
            around.append((indent, found.start(3)))
    return ends | {at: end for _indent, at in around}


def _decorators(text: str) -> Iterator[str]:
    """A line each; what goes over several lines is shortened."""
    for found in _DECORATOR.finditer(text):
        said = found[1].partition("  #")[0].rstrip()
        if said.count("(") > said.count(")"):
            said += "…)" if said.endswith("(") else " …)"
        yield said if len(said) <= 120 else f"{said[:119]}…"


def _docstring(text: str, at: int) -> str:
    if found := _TRIPLE.match(text, at):
        return found[2].partition(found[1])[0].strip()[:MOST_DOC]
    if found := _SINGLE.match(text, at):
        return (found[1] or found[2] or "").strip()[:MOST_DOC]
    return ""


def _assignment(node: "Node", text: str, start: int) -> Iterable[Definition]:
    inner = node.child(0)
    name = inner.child_by_field_name("left") if inner is not None else None
    if name is None:
        return
    said = text_of(name, text)
    kind = "constant" if said.isupper() else "variable"
    yield Definition(said, kind, start, node.end_byte, name.start_byte, value(text, start, node.end_byte))


def _type(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("left")
    if name is not None:
        said = text_of(name, text).partition("[")[0].strip()
        yield Definition(said, "type", start, node.end_byte, name.start_byte, header(text, start, node.end_byte))


def _imports(node: "Node", text: str) -> Iterable[Imported]:
    said = text_of(node, text)
    if "#" in said:
        said = _COMMENT.sub("", said)
    said = " ".join(said.replace("\\\n", " ").split())
    if found := _IMPORT.match(said):
        for module, name in _named(found[1]):
            yield module, (("*", name),) if name != module else ()
    elif found := _FROM.match(said):
        module = (found[1] + found[2]).replace(" ", "")
        if module and (names := tuple(_named(found[3]))):
            yield module, names


def _named(said: str) -> Iterator[tuple[str, str]]:
    for part in said.translate(_NO_BRACKETS).split(","):
        words = part.split()
        if len(words) == 3 and words[1] == "as":
            yield words[0], words[2]
        elif words and (len(words) == 1 or words[0].endswith(".")):
            name = "".join(words)
            yield name, name
