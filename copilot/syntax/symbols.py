"""What a file defines, uses and imports, as values; and what the table of a language consists of. No I/O."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tree_sitter import Node

MOST_SIGNATURE = 400
MOST_DOC = 200
_MOST_VALUE = 160
# Nothing beyond it can be seen in what is made of it.
_MOST_HEADER = 4_000


class Symbol(NamedTuple):
    """``kind``: function method class interface enum struct trait type module constant variable field macro.

    ``scope``: the names around it joined by ".", empty at the top. ``first`` and ``last``: lines from 1, inclusive,
    with decorators. ``signature``: the header as written, without the body, dedented. ``doc``: the first line of what
    documents it, without comment signs.
    """

    name: str
    kind: str
    scope: str
    first: int
    last: int
    signature: str
    doc: str


class Import(NamedTuple):
    """``module`` as written. ``names``: what is taken from it and what it is called here, ``("*", "*")`` for all of
    them, ``("*", "x")`` for the module itself under the name ``x``; empty for the module under its own name, or for its
    effects only. ``line`` counts from 1."""

    module: str
    names: tuple[tuple[str, str], ...]
    line: int


class Outline(NamedTuple):
    """``references``: the lines, from 1, on which a name is used; not where it is defined or imported."""

    symbols: tuple[Symbol, ...]
    references: Mapping[str, tuple[int, ...]]
    imports: tuple[Import, ...]


class Definition(NamedTuple):
    """A symbol as the table of its language reads it.

    Offsets are code points. ``name_at``: where its name stands. ``scope``: names around it that are not definitions
    around it, as the receiver of a Go method. ``doc``: None where it is to be looked for in the comment above.
    """

    name: str
    kind: str
    start: int
    end: int
    name_at: int
    signature: str
    scope: str = ""
    doc: str | None = None


CONTAINER = "container"
"""The kind of what gives what stands in it a scope and is no symbol itself, as an ``impl`` of Rust."""
PROTOTYPE = "prototype"
"""The kind of a function that is only declared: inside a function it is none of anyone's."""
MEMBER = "member"
"""The kind of a method that is one only in a class or a named object."""

Reader = Callable[["Node", str, int], Iterable[Definition]]
Imported = tuple[str, tuple[tuple[str, str], ...]]
ALL = (("*", "*"),)


class Table(NamedTuple):
    """How a language is read.

    ``query``: of its captures ``name`` marks names that are used, ``import`` statements that may import, ``skip`` what
    holds names that don't count as used, ``outer`` what may stand around a definition and belongs to it, and every
    other one has its reader in ``readers``. A reader is given the node, the text, and where the definition begins with
    what belongs to it. ``comment``: how a line of documentation begins. ``mended``: puts right the definitions of a
    text with faults.
    """

    query: str
    readers: Mapping[str, Reader]
    imports: "Callable[[Node, str], Iterable[Imported]]"
    keywords: frozenset[str] = frozenset()
    comment: str = "//"
    mended: Callable[[str, list[Definition]], list[Definition]] | None = None


def text_of(node: "Node", text: str) -> str:
    return text[node.start_byte : node.end_byte]


def header(text: str, start: int, end: int) -> str:
    """The lines from ``start`` to ``end`` without the indentation of the first, and without what opens a body."""
    found = text[start : min(end, start + _MOST_HEADER)].strip().rstrip("{;").rstrip()
    if "\n" in found:
        line = text.rfind("\n", 0, start) + 1
        indent = len(text[line:start]) - len(text[line:start].lstrip(" \t"))
        lines = found.split("\n")
        rest = [line[:indent].lstrip(" \t") + line[indent:].rstrip(" \t") for line in lines[1:]]
        found = "\n".join([lines[0].rstrip(" \t"), *rest])
    return clipped(found)


def clipped(signature: str) -> str:
    return signature if len(signature) <= MOST_SIGNATURE else f"{signature[: MOST_SIGNATURE - 2]} …"


def value(text: str, start: int, end: int) -> str:
    """A definition that is a value: its first line."""
    found, more, _ = text[start : min(end, start + _MOST_HEADER)].partition("\n")
    found = found.rstrip()
    if more or len(found) > _MOST_VALUE:
        return f"{found[:_MOST_VALUE].rstrip()} …"
    return found.rstrip(";")


def reader(kind: str, *, whole: bool = False) -> Reader:
    """Of a node with its name and its body in fields of these names. ``whole``: the body is part of the signature."""

    def read(node: "Node", text: str, start: int) -> Iterable[Definition]:
        name = node.child_by_field_name("name")
        if name is None:
            return
        body = None if whole else node.child_by_field_name("body")
        end = node.end_byte if body is None else body.start_byte
        signature = clipped(text[start : min(end, start + _MOST_HEADER)].strip().rstrip(";")) if whole else ""
        yield Definition(
            text_of(name, text),
            kind,
            start,
            node.end_byte,
            name.start_byte,
            signature or header(text, start, end),
        )

    return read


def enum_member(node: "Node", text: str, start: int) -> Iterable[Definition]:
    name = node.child_by_field_name("name") or node
    signature = value(text, start, node.end_byte)
    yield Definition(text_of(name, text), "constant", start, node.end_byte, name.start_byte, signature)
