"""How JavaScript and TypeScript are read for an outline. No I/O."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from copilot.syntax.symbols import (
    ALL,
    CONTAINER,
    MEMBER,
    Definition,
    Imported,
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

_BOTH = """
[(identifier) (property_identifier) (shorthand_property_identifier)] @name
(import_statement) @import
(export_statement source: (string)) @import
(call_expression function: [(identifier) (import)] arguments: (arguments . (string))) @import
(export_statement) @outer
(lexical_declaration . (variable_declarator) @declarator)
(lexical_declaration (variable_declarator) (variable_declarator) @declarator)
(variable_declaration . (variable_declarator) @declarator)
(variable_declaration (variable_declarator) (variable_declarator) @declarator)
(function_declaration) @function
(generator_function_declaration) @function
(class_declaration) @class
(method_definition) @method
(pair key: (property_identifier) value: [(arrow_function) (function_expression)]) @pair
(assignment_expression left: (member_expression) right: (_)) @assigned
(export_statement value: (object)) @object
"""
_JAVASCRIPT = """
(field_definition) @field
"""
_TYPESCRIPT = """
(type_identifier) @name
(ambient_declaration) @outer
(function_signature) @function
(abstract_class_declaration) @class
(public_field_definition) @field
(interface_declaration) @interface
(interface_body (property_signature) @property)
(interface_body (method_signature) @method)
(abstract_method_signature) @method
(class_body (method_signature) @method)
(type_alias_declaration) @type
(enum_declaration) @enum
(enum_assignment) @member
(enum_body name: (property_identifier) @member)
(module) @module
(internal_module) @module
"""
_FUNCTIONS = frozenset({"arrow_function", "function_expression", "generator_function", "function"})
_KEYWORDS = frozenset({"undefined", "arguments", "require", "module", "exports", "constructor", "prototype", "of"})
_COMMENT = re.compile(r"(?<![:\"'\w])(?:/\*.*?(?:\*/|\Z)|//[^\n]*)", re.DOTALL)
_STATEMENT = re.compile(r"(?:import|export)\b(.*?)(?:\bfrom\s*)?(?:require\s*\(\s*)?[\"']([^\"'\n]*)[\"']", re.DOTALL)
_CALL = re.compile(r"(?:require|import)\s*\(\s*[\"']([^\"'\n]+)[\"']")
_BOUND = re.compile(r"(\{[^{}]*\}|[\w$]+)\s*(?::[^=]*)?=\s*(?:await\s+)?$")
_DECLARED = re.compile(r"\b(?:(?:export|declare)[ \t]+)*(?:const|let|var)[ \t]+\Z")
_LIST = re.compile(r"\{([^{}]*)\}")
_ALL_AS = re.compile(r"\*\s*as\s+([\w$]+)")
_DEFAULT = re.compile(r"\s*(?:type\s+|typeof\s+)?([\w$]+)\s*(?:,|$|=)")
_OBJECT = re.compile(r"(?:module\.exports|exports|window|self|globalThis|this)\b\.?|\.prototype\b|\s+")
_PATH = re.compile(r"[\w$.]{0,80}\Z")


def table(language: str) -> Table:
    typed = language.startswith("typescript")
    readers = {
        "declarator": _declarator,
        "function": reader("function"),
        "class": reader("class"),
        "method": reader(MEMBER),
        "pair": _pair,
        "assigned": _assigned,
        "object": _exported_object,
        "field": _field,
        "interface": reader("interface"),
        "property": _property,
        "type": reader("type", whole=True),
        "enum": reader("enum", whole=True),
        "member": enum_member,
        "module": _module,
    }
    return Table(_BOTH + (_TYPESCRIPT if typed else _JAVASCRIPT), readers, _imports, _KEYWORDS)


def _declarator(node: "Node", text: str, _start: int) -> Iterable[Definition]:
    name, given = node.child_by_field_name("name"), node.child_by_field_name("value")
    if name is None or name.type != "identifier":
        return
    # With `export const`, where that stands on the same line.
    line = text.rfind("\n", 0, node.start_byte) + 1
    before = _DECLARED.search(text, max(line, node.start_byte - 60), node.start_byte)
    start = node.start_byte if before is None else before.start()
    yield from _valued(name, given, node, text, start)


def _valued(
    name: "Node", given: "Node | None", node: "Node", text: str, start: int, *, scope: str = ""
) -> Iterator[Definition]:
    """What has a name and a value, which may be a function."""
    said = text_of(name, text)
    end = node.end_byte
    if given is not None and given.type in _FUNCTIONS | {"class"}:
        kind = "class" if given.type == "class" else "function"
        body = given.child_by_field_name("body")
        signature = header(text, start, end if body is None else body.start_byte)
        yield Definition(said, kind, start, end, name.start_byte, signature, scope)
        return
    kind = "constant" if said.isupper() else "variable"
    yield Definition(said, kind, start, end, name.start_byte, value(text, start, end), scope)
    if given is not None and given.type == "object":
        yield Definition(said, CONTAINER, start, end, name.start_byte, "", scope)


def _pair(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name, given = node.child_by_field_name("key"), node.child_by_field_name("value")
    if name is None or given is None:
        return
    body = given.child_by_field_name("body")
    end = node.end_byte if body is None else body.start_byte
    yield Definition(text_of(name, text), MEMBER, start, node.end_byte, name.start_byte, header(text, start, end))


def _assigned(node: "Node", text: str, start: int) -> Iterable[Definition]:
    """``exports.x = …``, ``X.prototype.m = function…``; other assignments only where a function is assigned."""
    left, right = node.child_by_field_name("left"), node.child_by_field_name("right")
    if left is None or right is None:
        return
    name, of = left.child_by_field_name("property"), left.child_by_field_name("object")
    if name is None or of is None or of.end_byte - of.start_byte > 80:
        return
    said, owner = text_of(name, text), text_of(of, text)
    if owner == "module" and said == "exports":
        if right.type == "object":
            yield Definition("", CONTAINER, start, node.end_byte, -1, "")
        elif right.type in _FUNCTIONS | {"class"} and (own := right.child_by_field_name("name")) is not None:
            yield from _valued(own, right, node, text, start)
        return
    is_exported = owner in {"exports", "module.exports"}
    scope = _OBJECT.sub("", owner)
    if not _PATH.match(scope) or (right.type not in _FUNCTIONS | {"class"} and not is_exported):
        return
    if is_exported and right.type == "identifier" and text_of(right, text) == said:
        # It is defined above under the same name.
        return
    yield from _valued(name, right, node, text, start, scope=scope)


def _exported_object(node: "Node", text: str, start: int) -> Iterable[Definition]:
    yield Definition("", CONTAINER, start, node.end_byte, -1, "")


def _field(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("name") or node.child_by_field_name("property")
    if name is None:
        return
    for it in _valued(name, node.child_by_field_name("value"), node, text, start):
        if it.kind != CONTAINER:
            yield it._replace(kind="field") if it.kind == "variable" else it


def _property(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("name")
    if name is not None:
        said = text_of(name, text)
        yield Definition(said, "field", start, node.end_byte, name.start_byte, value(text, start, node.end_byte))


def _module(node: "Node", text: str, start: int) -> Iterable[Definition]:
    for it in reader("module")(node, text, start):
        yield it._replace(name=clipped(it.name.strip("\"'")))


def _imports(node: "Node", text: str) -> Iterable[Imported]:
    said = text_of(node, text)
    if node.type == "call_expression":
        found = _CALL.match(said)
        if found is None:
            return
        bound = _BOUND.search(text[max(0, node.start_byte - 500) : node.start_byte])
        names: tuple[tuple[str, str], ...] = ()
        if bound is not None and bound[1].startswith("{"):
            names = tuple(_named(bound[1][1:-1], ":"))
        elif bound is not None and text[node.end_byte : node.end_byte + 1] != ".":
            names = (("*", bound[1]),)
        yield found[1], names
        return
    if "/*" in said or "//" in said:
        # Not what looks like a comment within an address.
        said = _COMMENT.sub("", said)
    found = _STATEMENT.match(said)
    if found is None or not found[2]:
        return
    clause = found[1]
    taken: list[tuple[str, str]] = []
    default = _DEFAULT.match(_LIST.sub("", clause)) if node.type == "import_statement" else None
    # `import type {…}` takes no default, and `import x = require("m")` is the module itself.
    if default is not None and (default[1] not in {"type", "typeof"} or not re.search(r"[{*]", clause)):
        taken.append(("*" if "=" in clause else "default", default[1]))
    if star := _ALL_AS.search(clause):
        taken.append(("*", star[1]))
    elif node.type == "export_statement" and "*" in clause:
        taken += ALL
    if listed := _LIST.search(clause):
        taken += _named(listed[1], " as ")
    yield found[2], tuple(taken)


def _named(said: str, sign: str) -> Iterator[tuple[str, str]]:
    for part in said.split(","):
        name, _, here = part.partition("=")[0].replace("\n", " ").strip().partition(sign)
        name = name.strip().removeprefix("type ").removeprefix("typeof ").strip()
        if name and not name.startswith("..."):
            yield name, here.strip() or name
