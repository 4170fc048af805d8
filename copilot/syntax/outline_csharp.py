"""How C# is read for an outline. No I/O."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from copilot.syntax.symbols import ALL, Definition, Imported, Table, header, reader, text_of, value

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
(identifier) @name
(using_directive) @import
(namespace_declaration) @module
(class_declaration) @class
(record_declaration) @class
(struct_declaration) @struct
(interface_declaration) @interface
(enum_declaration) @enum
(method_declaration) @function
(constructor_declaration) @function
(local_function_statement) @function
(delegate_declaration) @delegate
(property_declaration) @property
(field_declaration) @field
(event_field_declaration) @field
"""
_KEYWORDS = frozenset({"var", "nameof", "value", "get", "set"})
_USING = re.compile(r"(?:global\s+)?using\s+(static\s+)?(?:(\w+)\s*=\s*)?([\w.:]+)")


def table(_language: str) -> Table:
    readers = {
        "module": reader("module"),
        "class": reader("class"),
        "struct": reader("struct"),
        "interface": reader("interface"),
        "enum": reader("enum", whole=True),
        "function": reader("function"),
        "delegate": reader("type", whole=True),
        "property": _property,
        "field": _field,
    }
    return Table(_QUERY, readers, _imports, _KEYWORDS)


def _property(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("name")
    body = node.child_by_field_name("accessors") or node.child_by_field_name("value")
    if name is not None:
        end = name.end_byte if body is None else body.start_byte
        signature = header(text, start, end)
        yield Definition(text_of(name, text), "field", start, node.end_byte, name.start_byte, signature)


def _field(node: "Node", text: str, start: int) -> Iterable[Definition]:
    signature = value(text, start, node.end_byte)
    kind = "constant" if re.search(r"\bconst\b|\bstatic\s+readonly\b", signature) else "field"
    for declaration in node.named_children:
        if declaration.type != "variable_declaration":
            continue
        for declarator in declaration.named_children:
            name = declarator.child_by_field_name("name") if declarator.type == "variable_declarator" else None
            if name is not None:
                yield Definition(text_of(name, text), kind, start, node.end_byte, name.start_byte, signature)


def _imports(node: "Node", text: str) -> Iterable[Imported]:
    if found := _USING.match(text_of(node, text)):
        yield found[3], ALL if found[1] else (("*", found[2]),) if found[2] else ()
