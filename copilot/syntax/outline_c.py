"""How C and C++ are read for an outline. No I/O."""

import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from copilot.syntax.symbols import (
    PROTOTYPE,
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

_BOTH = """
[(identifier) (type_identifier) (field_identifier)] @name
(preproc_include) @import
(preproc_def) @macro
(preproc_function_def) @macro
(type_definition) @typedef
(struct_specifier body: (_)) @struct
(union_specifier body: (_)) @struct
(enum_specifier body: (_)) @enum
(enumerator) @member
(function_definition) @function
(field_declaration) @field
(translation_unit (declaration) @declaration)
(declaration_list (declaration) @declaration)
(preproc_ifdef (declaration) @declaration)
(preproc_if (declaration) @declaration)
(preproc_else (declaration) @declaration)
(preproc_elif (declaration) @declaration)
(linkage_specification (declaration) @declaration)
(ERROR (declaration) @declaration)
"""
_CPLUSPLUS = """
(namespace_identifier) @name
(class_specifier body: (_)) @class
(namespace_definition) @namespace
(alias_declaration) @alias
(concept_definition) @alias
(template_declaration) @outer
(template_declaration (declaration) @declaration)
(field_declaration_list (declaration) @declaration)
"""
_KEYWORDS = frozenset({"NULL", "std", "defined", "nullptr", "override", "final"})
_INCLUDE = re.compile(r"#\s*(?:include|import|include_next)\s*(?:\"([^\"\n]+)\"|<([^>\n]+)>)")
_GUARD = re.compile(r"_*[A-Z0-9_]+_(?:H|HH|HPP|HXX|H_|INCLUDED)_*\Z")
_ARGUMENTS = re.compile(r"<[^<>]*>")
_NAMES = frozenset(
    {
        *("identifier", "field_identifier", "type_identifier", "qualified_identifier", "destructor_name"),
        *("operator_name", "operator_cast", "template_function", "template_method", "literal_operator"),
    }
)
_MOST_WRAPPED = 40
_LONGEST_NAME = 1_000


def table(language: str) -> Table:
    readers: dict[str, Reader] = {
        "macro": _macro,
        "typedef": _typedef,
        "struct": reader("struct"),
        "class": reader("class"),
        "enum": reader("enum", whole=True),
        "member": enum_member,
        "function": _function,
        "field": _declaration,
        "declaration": _declaration,
        "namespace": _namespace,
        "alias": reader("type", whole=True),
    }
    return Table(_BOTH + ("" if language == "c" else _CPLUSPLUS), readers, _imports, _KEYWORDS)


class _Named(NamedTuple):
    name: str
    at: int
    scope: str
    is_function: bool


def _named(declarator: "Node | None", text: str) -> _Named | None:
    """A name is wrapped in what is done with it: ``*f(int)`` is a function, ``(*f)(int)`` a pointer to one."""
    is_function = False
    for _ in range(_MOST_WRAPPED):
        if declarator is None or (kind := declarator.type) in _NAMES:
            break
        if kind == "function_declarator":
            is_function = True
        elif kind in {"parenthesized_declarator", "pointer_declarator"} and is_function:
            is_function = False
        inner = declarator.child_by_field_name("declarator")
        if inner is None and declarator.named_child_count:
            inner = declarator.named_children[-1]
        declarator = inner
    if declarator is None or (kind := declarator.type) not in _NAMES:
        return None
    said = text_of(declarator, text)
    if kind == "operator_cast":
        return _Named(said.partition("(")[0].strip(), declarator.start_byte, "", True)
    if kind != "qualified_identifier":
        return _Named(" ".join(said.split()), declarator.start_byte, "", is_function)
    while "<" in said and len(said) < _LONGEST_NAME and (less := _ARGUMENTS.sub("", said)) != said:
        said = less
    if "operator" in said:
        scope, _, name = said.partition("operator")
        scope, name = scope.rstrip(": "), f"operator{name.partition('(')[0].rstrip()}"
        is_function = True
    else:
        scope, _, name = said.rpartition("::")
    parts = [part.strip() for part in scope.split("::") if part.strip()]
    at = declarator.end_byte - len(name)
    return _Named(name.strip(), at, ".".join(parts), is_function)


def _function(node: "Node", text: str, start: int) -> Iterable[Definition]:
    named = _named(node.child_by_field_name("declarator"), text)
    if named is None or not named.name:
        return
    declarator = node.child_by_field_name("declarator")
    end = node.end_byte if declarator is None else declarator.end_byte
    yield Definition(
        named.name, "function", start, node.end_byte, named.at, header(text, start, end), scope=named.scope
    )


def _declaration(node: "Node", text: str, start: int) -> Iterable[Definition]:
    """Prototypes, variables and fields."""
    is_field = node.type == "field_declaration"
    declarators = node.children_by_field_name("declarator")
    body = _body(node)
    for declarator in declarators:
        named = _named(declarator, text)
        if named is None or not named.name:
            continue
        if named.is_function and declarator.type != "init_declarator":
            kind, signature = PROTOTYPE, header(text, start, node.end_byte)
        else:
            kind = "field" if is_field else "constant" if named.name.isupper() else "variable"
            if body is None:
                signature = value(text, start, node.end_byte)
            else:
                signature = f"{header(text, start, body.start_byte)} {{…}} {text_of(declarator, text)}"
        yield Definition(named.name, kind, start, node.end_byte, named.at, signature, scope=named.scope)


def _body(node: "Node") -> "Node | None":
    of = node.child_by_field_name("type")
    return of.child_by_field_name("body") if of is not None else None


def _typedef(node: "Node", text: str, start: int) -> Iterable[Definition]:
    of = node.child_by_field_name("type")
    body = of.child_by_field_name("body") if of is not None else None
    own = of.child_by_field_name("name") if of is not None else None
    for declarator in node.children_by_field_name("declarator"):
        named = _named(declarator, text)
        if named is None or (own is not None and body is not None and text_of(own, text) == named.name):
            continue
        kind, end = "type", node.end_byte
        if body is None:
            signature = header(text, start, end)
        else:
            signature = clipped(f"{header(text, start, body.start_byte)} {{…}} {text_of(declarator, text)}")
            if own is None and of is not None and declarator.type == "type_identifier":
                # Without a name of its own it has this one.
                kind = "enum" if of.type == "enum_specifier" else "struct"
                if kind == "enum":
                    signature = clipped(text[start:end].strip().rstrip(";"))
        yield Definition(named.name, kind, start, end, named.at, signature)


def _namespace(node: "Node", text: str, start: int) -> Iterable[Definition]:
    for it in reader("module")(node, text, start):
        yield it._replace(name=re.sub(r"\s*::\s*", ".", it.name))


def _macro(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("name")
    if name is None:
        return
    said = text_of(name, text)
    if node.child_by_field_name("value") is None and _GUARD.match(said):
        return
    end = node.end_byte - (text[node.end_byte - 1 : node.end_byte] == "\n")
    yield Definition(said, "macro", start, end, name.start_byte, value(text, start, end))


def _imports(node: "Node", text: str) -> Iterator[Imported]:
    if found := _INCLUDE.match(text_of(node, text)):
        # What stands in <> is looked for elsewhere, which the signs say.
        yield found[1] or f"<{found[2]}>", ()
