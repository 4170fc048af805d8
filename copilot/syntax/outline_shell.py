"""How shell scripts are read for an outline. No I/O."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from copilot.syntax.symbols import Definition, Imported, Table, reader, text_of, value

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
(command_name (word) @name)
(variable_name) @name
(command name: (command_name (word))) @import
(function_definition) @function
(program (variable_assignment) @variable)
(program (declaration_command (variable_assignment) @variable))
"""
_KEYWORDS = frozenset({"source", "echo", "cd", "exit", "return", "set", "shift", "local", "true", "false", "printf"})
_SOURCE = re.compile(r"(?:source|\.)\s+[\"']?([^\s\"'$;&|]+)")


def table(_language: str) -> Table:
    return Table(_QUERY, {"function": reader("function"), "variable": _variable}, _imports, _KEYWORDS, "#")


def _variable(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("name")
    if name is not None:
        end = node.end_byte
        kind = "constant" if text_of(name, text).isupper() else "variable"
        yield Definition(text_of(name, text), kind, start, end, name.start_byte, value(text, start, end))


def _imports(node: "Node", text: str) -> Iterable[Imported]:
    if found := _SOURCE.match(text_of(node, text)):
        yield found[1], ()
