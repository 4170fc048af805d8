"""A whole file as its grammar reads it: definitions, names, tokens, faults. No I/O.

Offsets are code points of the text that was given. The grammar sees ASCII only, see ``copilot.syntax.window``.
"""

from collections.abc import Iterator
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from copilot.syntax.grammar import grammar_of
from copilot.syntax.window import as_ascii, faults_of

if TYPE_CHECKING:
    from tree_sitter import Node

_FUNCTIONS = frozenset(
    {
        *("function_definition", "function_declaration", "generator_function_declaration", "function_item"),
        *("method_definition", "method_declaration", "constructor_declaration", "local_function_statement"),
        *("method", "singleton_method"),
    }
)
_TYPES = frozenset(
    {
        *("class_definition", "class_declaration", "abstract_class_declaration", "class_specifier", "class"),
        *("interface_declaration", "enum_declaration", "record_declaration", "struct_declaration"),
        *("type_alias_declaration", "type_declaration", "namespace_declaration", "namespace_definition", "module"),
        *("struct_item", "enum_item", "trait_item", "impl_item", "mod_item", "struct_specifier", "enum_specifier"),
    }
)
# What may stand around a definition and belongs to it.
_WRAPPERS = frozenset({"decorated_definition", "export_statement", "template_declaration", "ambient_declaration"})
_FUNCTION_VALUES = frozenset({"arrow_function", "function_expression", "generator_function", "function"})
_DECLARATIONS = frozenset({"lexical_declaration", "variable_declaration"})
_NAMES = frozenset({"identifier", "type_identifier", "field_identifier", "property_identifier", "constant"})


class Token(NamedTuple):
    """A leaf of the tree: ``kind`` is the grammar's name for it, ``parent`` that of the node it stands in, and
    ``field`` what it is there."""

    start: int
    end: int
    kind: str
    parent: str
    field: str | None
    text: str


class Definition(NamedTuple):
    """A function or a type with its name, from its first decorator to its end.

    ``header`` is where it begins behind decorators and attributes; ``body`` is where its body begins, if it has one.
    ``doc``: start and end of a docstring.
    """

    name: str
    is_function: bool
    start: int
    header: int
    end: int
    body: int | None
    doc: tuple[int, int] | None = None


class Source:
    """``grammar_of(language)`` is not None."""

    def __init__(self, text: str, language: str) -> None:
        from tree_sitter import Parser

        self.text = text
        self._tree = Parser(grammar_of(language)).parse(as_ascii(text))

    @classmethod
    def of(cls, text: str, language: str | None) -> "Source | None":
        """None where there is no grammar for ``language``."""
        return cls(text, language) if language and grammar_of(language) is not None else None

    @cached_property
    def faults(self) -> int:
        """Stretches that fit no rule, and tokens that are missing."""
        return sum(1 for _ in faults_of(self._tree.root_node))

    @cached_property
    def definitions(self) -> tuple[Definition, ...]:
        """All of them in the order of their starts, outer ones before inner ones."""
        return tuple(self._definitions())

    def around(self, start: int, end: int) -> tuple[Definition, ...]:
        """The definitions that hold the text from ``start`` to ``end``, outermost first."""
        return tuple(it for it in self.definitions if it.start <= start and end <= it.end)

    @cached_property
    def tokens(self) -> tuple[Token, ...]:
        """The leaves in order, comments left out; strings are leaves of their own, not their quotes."""
        found = []
        for node, parent, field in self._walk():
            if node.child_count == 0 and node.end_byte > node.start_byte:
                found.append(self._token(node, parent, field))
        return tuple(found)

    @property
    def names(self) -> Iterator[Token]:
        """The tokens that are names of something."""
        return (token for token in self.tokens if token.kind in _NAMES or token.kind.endswith("identifier"))

    def code(self, *, docstrings: bool = True) -> list[tuple[str, str]]:
        """Kind and text of each token; a comment is none, and where ``docstrings`` is False neither is a docstring."""
        docs = [it.doc for it in self.definitions if it.doc is not None] if not docstrings else []
        return [
            (token.kind, token.text)
            for token in self.tokens
            if not any(start <= token.start and token.end <= end for start, end in docs)
        ]

    def comments_above(self, start: int) -> tuple[int, int] | None:
        """Where the comments stand that end on the line before the one of ``start``, without a blank line between."""
        best: tuple[int, int] | None = None
        top = start
        for begin, end in reversed(self._comments):
            if end <= top:
                between = self.text[end:top]
                if between.strip() or between.count("\n") > (0 if self.text[end - 1 : end] == "\n" else 1):
                    break
                if self.text[self.text.rfind("\n", 0, begin) + 1 : begin].strip():
                    break
                best = (begin, start if best is None else best[1])
                top = begin
        return best

    @cached_property
    def _comments(self) -> list[tuple[int, int]]:
        found = []
        nodes = [self._tree.root_node]
        while nodes:
            node = nodes.pop()
            if "comment" in node.type:
                found.append((node.start_byte, node.end_byte))
            else:
                nodes += node.children
        return sorted(found)

    def _walk(self) -> "Iterator[tuple[Node, str, str | None]]":
        """Every node but comments, with its parent's kind and its field there. Not by recursion: nesting is free."""
        cursor = self._tree.walk()
        parents: list[str] = []
        while True:
            node = cursor.node
            assert node is not None
            skip = "comment" in node.type
            if not skip:
                yield node, parents[-1] if parents else "", cursor.field_name
            if not skip and cursor.goto_first_child():
                parents.append(node.type)
                continue
            while not cursor.goto_next_sibling():
                if not cursor.goto_parent():
                    return
                parents.pop()

    def _token(self, node: "Node", parent: str, field: str | None) -> Token:
        start, end = node.start_byte, node.end_byte
        return Token(start, end, node.type, parent, field, self.text[start:end])

    def _definitions(self) -> Iterator[Definition]:
        for node, _parent, _field in self._walk():
            if not node.is_named:
                continue
            if node.type in _FUNCTIONS or node.type in _TYPES:
                name = _name_node(node)
                body = node.child_by_field_name("body")
                if name is not None and (body is not None or node.type not in {"struct_specifier", "enum_specifier"}):
                    yield self._definition(node, name, body, node.type in _FUNCTIONS)
            elif node.type in _DECLARATIONS:
                yield from self._function_values(node)

    def _function_values(self, node: "Node") -> Iterator[Definition]:
        """``const f = () => …`` defines f as much as a declaration does."""
        declarators = [child for child in node.named_children if child.type == "variable_declarator"]
        if len(declarators) == 1:
            name, value = declarators[0].child_by_field_name("name"), declarators[0].child_by_field_name("value")
            if name is not None and value is not None and value.type in _FUNCTION_VALUES:
                yield self._definition(node, name, value.child_by_field_name("body"), True)

    def _definition(self, node: "Node", name: "Node", body: "Node | None", is_function: bool) -> Definition:
        outer = node
        while outer.parent is not None and outer.parent.type in _WRAPPERS:
            outer = outer.parent
        # An export has no life of its own, decorators and templates stand on lines that documentation goes above.
        start = outer.start_byte
        while (before := outer.prev_named_sibling) is not None and before.type == "attribute_item":
            outer, start = before, before.start_byte
        # The rest of the line that ends an item in Rust's grammar belongs to the next one.
        end = max(node.end_byte, outer.end_byte)
        return Definition(
            name=self.text[name.start_byte : name.end_byte],
            is_function=is_function,
            start=start,
            header=node.start_byte,
            end=end,
            body=None if body is None else body.start_byte,
            doc=_docstring(body),
        )


def _name_node(node: "Node") -> "Node | None":
    name = node.child_by_field_name("name")
    if name is None and node.type == "impl_item":
        name = node.child_by_field_name("type")
    if name is None and node.type == "type_declaration":
        name = next((it.child_by_field_name("name") for it in node.named_children if it.type == "type_spec"), None)
    inner = node.child_by_field_name("declarator")
    while name is None and inner is not None:
        # In C a name is wrapped in what is done with it: `*f(int)`.
        name, inner = (inner, None) if "identifier" in inner.type else (None, inner.child_by_field_name("declarator"))
    return name


def _docstring(body: "Node | None") -> tuple[int, int] | None:
    """The string that a Python body begins with."""
    if body is None or body.type != "block" or not body.named_children:
        return None
    first = body.named_children[0]
    if first.type != "expression_statement" or [child.type for child in first.children] != ["string"]:
        return None
    return first.start_byte, first.end_byte
