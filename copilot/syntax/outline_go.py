"""How Go is read for an outline. No I/O."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from copilot.syntax.symbols import (
    ALL,
    Definition,
    Imported,
    Table,
    clipped,
    header,
    reader,
    text_of,
    value,
)

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
[(identifier) (field_identifier) (type_identifier) (package_identifier)] @name
(import_declaration) @import
(package_clause) @skip
(function_declaration) @function
(method_declaration) @method
(type_spec) @type
(type_alias) @type
(const_spec) @value
(var_spec) @value
(field_declaration) @field
(method_elem) @element
"""
_KEYWORDS = frozenset({"nil", "iota", "true", "false"})
_RECEIVER = re.compile(r"\(\s*(?:\w+\s+)?\*?\s*(\w+)")
_IMPORT = re.compile(r"(?:(?<![\w.])([\w.]++)\s*+)?[\"`]([^\"`\n]++)[\"`]")
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|(?<!:)//[^\n]*", re.DOTALL)
_KINDS = {"struct_type": "struct", "interface_type": "interface"}


def table(_language: str) -> Table:
    readers = {
        "function": reader("function"),
        "method": _method,
        "type": _type,
        "value": _value,
        "field": _field,
        "element": reader("function"),
    }
    return Table(_QUERY, readers, _imports, _KEYWORDS)


def _method(node: "Node", text: str, start: int) -> Iterable[Definition]:
    receiver = node.child_by_field_name("receiver")
    of = _RECEIVER.match(text, receiver.start_byte) if receiver is not None else None
    for it in reader("function")(node, text, start):
        yield it._replace(scope=of[1] if of is not None else "")


def _type(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name, given = node.child_by_field_name("name"), node.child_by_field_name("type")
    if name is None or given is None:
        return
    kind = _KINDS.get(given.type, "type")
    end = node.end_byte if kind == "type" else given.start_byte + len(kind)
    signature = clipped(f"type {header(text, start, end)}")
    yield Definition(text_of(name, text), kind, start, node.end_byte, name.start_byte, signature)


def _value(node: "Node", text: str, start: int) -> Iterable[Definition]:
    kind, word = ("constant", "const") if node.type == "const_spec" else ("variable", "var")
    signature = f"{word} {value(text, start, node.end_byte)}"
    for name in node.children_by_field_name("name"):
        if name.is_named and (said := text_of(name, text)) != "_":
            yield Definition(said, kind, start, node.end_byte, name.start_byte, signature)


def _field(node: "Node", text: str, start: int) -> Iterable[Definition]:
    names = node.children_by_field_name("name")
    signature = value(text, start, node.end_byte)
    for name in names:
        yield Definition(text_of(name, text), "field", start, node.end_byte, name.start_byte, signature)
    given = node.child_by_field_name("type")
    if not names and given is not None:
        # What is embedded has the name of its type; that it is used here counts.
        said = text_of(given, text).partition("[")[0].rpartition(".")[2].strip("* ")
        yield Definition(said, "field", start, node.end_byte, -1, signature)


def _imports(node: "Node", text: str) -> Iterable[Imported]:
    said = _COMMENT.sub("", text_of(node, text).removeprefix("import"))
    for name, path in _IMPORT.findall(said):
        yield path, ALL if name == "." else (("*", name),) if name and name != "_" else ()
