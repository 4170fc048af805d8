"""How Rust is read for an outline. No I/O."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from copilot.syntax.symbols import (
    CONTAINER,
    Definition,
    Imported,
    Reader,
    Table,
    clipped,
    enum_member,
    header,
    reader,
    text_of,
    value,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
[(identifier) (field_identifier) (type_identifier) (shorthand_field_identifier)] @name
(use_declaration) @import
(extern_crate_declaration) @import
(mod_item !body) @import
(mod_item body: (_)) @module
(function_item) @function
(function_signature_item) @function
(struct_item) @struct
(union_item) @struct
(enum_item) @enum
(enum_variant) @member
(trait_item) @trait
(impl_item) @impl
(const_item) @constant
(static_item) @constant
(type_item) @type
(associated_type) @type
(macro_definition) @macro
(field_declaration) @field
"""
_KEYWORDS = frozenset({"Self", "derive", "cfg", "test", "allow", "macro_rules", "Some", "None", "Ok", "Err"})
_TOKEN = re.compile(r"::|[{},*;]|(?:r#)?\w+")
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*", re.DOTALL)
_TYPE = re.compile(r"(?:&\s*)?(?:'\w+\s+)?(?:mut\s+|dyn\s+)*((?:\w+\s*::\s*)*)(\w+)")
_MOST_ATTRIBUTE_LINES = 12


def table(_language: str) -> Table:
    readers: dict[str, Reader] = {
        "module": _with_attributes(reader("module")),
        "function": _with_attributes(reader("function")),
        "struct": _with_attributes(_struct),
        "enum": _with_attributes(reader("enum", whole=True)),
        "member": enum_member,
        "trait": _with_attributes(reader("trait")),
        "impl": _impl,
        "constant": _value("constant"),
        "type": _with_attributes(reader("type", whole=True)),
        "macro": _macro,
        "field": _value("field"),
    }
    return Table(_QUERY, readers, _imports, _KEYWORDS)


def _with_attributes(read: Reader) -> Reader:
    """The attributes above an item belong to it: siblings in the tree, found in the text, which costs nothing."""

    def whole(node: "Node", text: str, start: int) -> Iterable[Definition]:
        begin = _attributes(text, start)
        for it in read(node, text, start):
            if begin == start:
                yield it
            else:
                lines = [line.strip() for line in text[begin:start].split("\n")]
                said = "\n".join([line for line in lines if line.startswith("#[")] + [it.signature])
                yield it._replace(start=begin, signature=said if len(said) <= 400 else it.signature)

    return whole


def _attributes(text: str, start: int) -> int:
    line = text.rfind("\n", 0, start) + 1
    if text[line:start].strip():
        return start
    best = line
    for _ in range(_MOST_ATTRIBUTE_LINES):
        above = text.rfind("\n", 0, max(0, line - 1)) + 1
        if above == line:
            break
        said = text[above : line - 1].strip()
        if said.startswith("#["):
            best = above
        elif (best == line and not said.endswith("]")) or not said or said.startswith(("//", "}")):
            break
        line = above
    if best == text.rfind("\n", 0, start) + 1:
        return start
    return best + len(text[best:start]) - len(text[best:start].lstrip())


def _struct(node: "Node", text: str, start: int) -> Iterable[Definition]:
    body = node.child_by_field_name("body")
    # The fields of a tuple have no names, so the header says what they are.
    is_tuple = body is not None and body.type == "ordered_field_declaration_list"
    for it in reader("struct", whole=is_tuple)(node, text, start):
        yield it._replace(signature=it.signature.rstrip(";"))


def _impl(node: "Node", text: str, start: int) -> Iterable[Definition]:
    of = node.child_by_field_name("type")
    found = _TYPE.match(text_of(of, text)) if of is not None else None
    if of is not None and found is not None:
        yield Definition(found[2], CONTAINER, start, node.end_byte, -1, "")


def _value(kind: str) -> Reader:
    def read(node: "Node", text: str, start: int) -> Iterable[Definition]:
        name = node.child_by_field_name("name")
        if name is not None:
            end = node.end_byte
            yield Definition(text_of(name, text), kind, start, end, name.start_byte, value(text, start, end))

    return read


def _macro(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("name")
    if name is None:
        return
    # Its first pattern says how it is called.
    said = clipped(header(text, start, name.end_byte))
    pattern = re.compile(r"\s*[{(\[]\s*(\([^\n]*\))\s*=>").match(text, name.end_byte)
    if pattern is not None:
        said = clipped(f"{said} {pattern[1]}")
    begin = _attributes(text, start)
    yield Definition(text_of(name, text), "macro", begin, node.end_byte, name.start_byte, said)


def _imports(node: "Node", text: str) -> Iterable[Imported]:
    if node.type == "mod_item":
        name = node.child_by_field_name("name")
        if name is not None:
            yield f"self::{text_of(name, text)}", ()
        return
    if node.type == "extern_crate_declaration":
        name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
        if name is not None:
            yield text_of(name, text), (("*", text_of(alias, text)),) if alias is not None else ()
        return
    argument = node.child_by_field_name("argument")
    if argument is None:
        return
    grouped: dict[str, list[tuple[str, str]]] = {}
    for path, other in _leaves(_COMMENT.sub("", text_of(argument, text))):
        if len(path) == 1 or path[-1] == "self":
            module = path[:-1] if path[-1] == "self" and len(path) > 1 else path
            grouped.setdefault("::".join(module), []).append(("*", other or module[-1]))
        else:
            grouped.setdefault("::".join(path[:-1]), []).append((path[-1], other or path[-1]))
    for said, names in grouped.items():
        # The module alone, under its own name.
        alone = names == [("*", said.rpartition("::")[2])]
        yield said, () if alone else tuple(names)


def _leaves(said: str) -> Iterator[tuple[list[str], str]]:
    """The paths of a use tree and their other names. Not by recursion."""
    outer: list[list[str]] = []
    base: list[str] = []
    path: list[str] = []
    alias = ""
    is_alias = False
    for part in _TOKEN.findall(said):
        if part == "{":
            outer.append(base)
            base = base + path
            path = []
        elif part in {",", "}", ";"}:
            if path:
                yield base + path, alias
            path, alias = [], ""
            if part == "}" and outer:
                base = outer.pop()
        elif part == "as":
            is_alias = True
        elif is_alias:
            alias, is_alias = part, False
        elif part != "::":
            path.append(part)
    if path:
        yield base + path, alias
