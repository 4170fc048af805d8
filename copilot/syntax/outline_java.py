"""How Java is read for an outline. No I/O."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from copilot.syntax.symbols import ALL, Definition, Imported, Table, enum_member, reader, text_of, value

if TYPE_CHECKING:
    from tree_sitter import Node

_QUERY = """
[(identifier) (type_identifier)] @name
(import_declaration) @import
(package_declaration) @skip
(class_declaration) @class
(record_declaration) @class
(interface_declaration) @interface
(annotation_type_declaration) @interface
(enum_declaration) @enum
(enum_constant) @member
(method_declaration) @function
(constructor_declaration) @function
(compact_constructor_declaration) @function
(annotation_type_element_declaration) @function
(field_declaration) @field
(constant_declaration) @field
"""
_IMPORT = re.compile(r"import (static )?([\w. ]+?)(\. ?\*)? ?;?$")
_COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)|//[^\n]*", re.DOTALL)
_CONSTANT = re.compile(r"\bstatic\b[^=]*\bfinal\b|\bfinal\b[^=]*\bstatic\b")


def table(_language: str) -> Table:
    readers = {
        "class": reader("class"),
        "interface": reader("interface"),
        "enum": reader("enum", whole=True),
        "member": enum_member,
        "function": reader("function"),
        "field": _field,
    }
    return Table(_QUERY, readers, _imports)


def _field(node: "Node", text: str, start: int) -> Iterable[Definition]:
    signature = value(text, start, node.end_byte)
    constant = node.type == "constant_declaration" or _CONSTANT.search(signature) is not None
    for declarator in node.children_by_field_name("declarator"):
        name = declarator.child_by_field_name("name")
        if name is not None:
            kind = "constant" if constant else "field"
            yield Definition(text_of(name, text), kind, start, node.end_byte, name.start_byte, signature)


def _imports(node: "Node", text: str) -> Iterable[Imported]:
    found = _IMPORT.match(" ".join(_COMMENT.sub("", text_of(node, text)).split()))
    if found is None:
        return
    module = "".join(found[2].split())
    if found[3]:
        yield module, ALL
    elif found[1] and "." in module:
        of, _, name = module.rpartition(".")
        yield of, ((name, name),)
    else:
        yield module, ()
