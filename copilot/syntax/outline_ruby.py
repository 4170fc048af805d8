"""How Ruby is read for an outline. No I/O."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from copilot.syntax.symbols import Definition, Imported, Reader, Table, header, text_of, value

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
[(identifier) (constant)] @name
(call method: (identifier) arguments: (argument_list . (string))) @import
(module) @module
(class) @class
(method) @function
(singleton_method) @function
(assignment left: (constant)) @constant
"""
_KEYWORDS = frozenset({"require", "require_relative", "attr_accessor", "attr_reader", "attr_writer", "puts", "raise"})
_REQUIRE = re.compile(r"(require|require_relative|load)\b\s*\(?\s*[\"']([^\"'#\n]+)[\"']")


def table(_language: str) -> Table:
    readers = {
        "module": _reader("module"),
        "class": _reader("class"),
        "function": _reader("function"),
        "constant": _constant,
    }
    return Table(_QUERY, readers, _imports, _KEYWORDS, "#")


def _reader(kind: str) -> Reader:
    def read(node: "Node", text: str, start: int) -> Iterable[Definition]:
        name = node.child_by_field_name("name")
        if name is None:
            return
        last = node.child_by_field_name("superclass") or node.child_by_field_name("parameters") or name
        signature = header(text, start, last.end_byte)
        said = text_of(name, text).replace("::", ".")
        yield Definition(said, kind, start, node.end_byte, name.start_byte, signature)

    return read


def _constant(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("left")
    if name is not None:
        end = node.end_byte
        yield Definition(text_of(name, text), "constant", start, end, name.start_byte, value(text, start, end))


def _imports(node: "Node", text: str) -> Iterable[Imported]:
    if found := _REQUIRE.match(text_of(node, text)):
        is_near = found[1] == "require_relative" and not found[2].startswith(".")
        yield f"./{found[2]}" if is_near else found[2], ()
