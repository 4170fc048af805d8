"""The outline of a file: its symbols, the names it uses, what it imports. No I/O.

One query of the grammar finds what matters, and each language's table says how that is read. Nothing here follows the
tree upwards or by recursion, so neither deep nor wide text is slow. Offsets are code points, see
``copilot.syntax.window``.
"""

import re
import time
import warnings
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from threading import local
from typing import TYPE_CHECKING

from copilot.syntax.grammar import grammar_of
from copilot.syntax.symbols import CONTAINER, MEMBER, MOST_DOC, PROTOTYPE, Definition, Import, Outline, Symbol, Table
from copilot.syntax.window import as_ascii

if TYPE_CHECKING:
    from tree_sitter import Node, Query, Tree

__all__ = ["Import", "Outline", "Symbol", "outline"]

_TABLES = {
    "python": "outline_python",
    "starlark": "outline_python",
    "javascript": "outline_javascript",
    "javascriptreact": "outline_javascript",
    "typescript": "outline_javascript",
    "typescriptreact": "outline_javascript",
    "go": "outline_go",
    "rust": "outline_rust",
    "java": "outline_java",
    "c": "outline_c",
    "cpp": "outline_c",
    "cuda-cpp": "outline_c",
    "csharp": "outline_csharp",
    "ruby": "outline_ruby",
    "shellscript": "outline_shell",
    "sh": "outline_shell",
    "bash": "outline_shell",
}
_MOST_LINES = 8
_EMPTY = Outline((), {}, ())
_CLASSES = frozenset({"class", "interface", "enum", "struct", "trait", CONTAINER})
_SCOPES = _CLASSES | {"module", "function", "method"}
_VALUES = frozenset({"constant", "variable", "field"})
_CPLUSPLUS = re.compile(
    r"^[ \t]*(?:class\s+\w|namespace\b|template\s*<|using\s+\w|(?:public|private|protected):)|\w::\w", re.MULTILINE
)
# Milliseconds of the processor that parsing may take, and more for each 1,000 characters. Ordinary code takes 0.2 of
# them. What is not of the language at all takes 6 to its end, where the parser then puts it right in one step that
# nothing ends: 40 KB of `a => ` as Java took all of 24 GB. So it must not get there.
_LEAST_MS, _MS_PER_THOUSAND = 8, 2
_SLICE_MICROS = 4_000
_QUERY_MICROS = 2_500_000


def outline(text: str, language: str) -> Outline | None:
    """None where there is no grammar for ``language``, or one without symbols. Never raises for any text."""
    if language == "c" and _CPLUSPLUS.search(text):
        # The name of a header doesn't say of which of the two languages it is.
        language = "cpp"
    reader = _reader(language)
    return None if reader is None else reader.outline(text)


class _Tools:
    """A parser and a query's cursor that give up after some time. Not for two threads at once."""

    def __init__(self, language: str, query: "Query") -> None:
        from tree_sitter import Parser, QueryCursor

        grammar = grammar_of(language)
        assert grammar is not None
        with warnings.catch_warnings():
            # The callback that is to replace it is not called for bytes, and crashes in a query.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._parser = Parser(grammar, timeout_micros=_SLICE_MICROS)
            self.cursor = QueryCursor(query, timeout_micros=_QUERY_MICROS)

    def parsed(self, data: bytes, milliseconds: float) -> "Tree | None":
        # Of the processor: on a busy machine time passes in which nothing is done.
        end = time.thread_time() + milliseconds / 1000
        while True:
            try:
                return self._parser.parse(data)
            except ValueError:
                # It goes on from where it was.
                if time.thread_time() > end:
                    self._parser.reset()
                    return None


class _Reader:
    def __init__(self, table: Table, query: "Query", language: str) -> None:
        self._table = table
        self._query = query
        self._language = language
        self._own = local()
        """Of each thread."""

    def outline(self, text: str) -> Outline:
        if not hasattr(self._own, "tools"):
            self._own.tools = _Tools(self._language, self._query)
        tools: _Tools = self._own.tools
        tree = tools.parsed(as_ascii(text), _LEAST_MS + _MS_PER_THOUSAND * len(text) / 1000)
        if tree is None:
            return _EMPTY
        captures = tools.cursor.captures(tree.root_node)
        starts = [0, *(match.end() for match in re.finditer("\n", text))]
        uses = captures.pop("name", [])
        skipped = captures.pop("skip", [])
        imports = []
        for node in sorted(captures.pop("import", ()), key=lambda node: node.start_byte):
            found = [Import(*it, bisect_right(starts, node.start_byte)) for it in self._table.imports(node, text)]
            if found:
                imports += found
                skipped.append(node)
        definitions = self._definitions(captures, text)
        if self._table.mended is not None and tree.root_node.has_error:
            definitions = self._table.mended(text, definitions)
            definitions.sort(key=_place)
        return Outline(
            tuple(_symbols(definitions, text, starts, self._table.comment)),
            self._references(uses, skipped, definitions, text, starts),
            tuple(imports),
        )

    def _definitions(self, captures: "dict[str, list[Node]]", text: str) -> list[Definition]:
        """In the order of their starts, outer ones before inner ones."""
        begins: dict[int, int] = {}
        for outer in sorted(captures.pop("outer", ()), key=lambda node: (node.start_byte, -node.end_byte)):
            inner = outer.child_by_field_name("definition") or outer.child_by_field_name("declaration")
            if inner is None:
                inner = outer.named_children[-1] if outer.named_child_count else None
            if inner is not None:
                start = outer.start_byte
                begins[inner.start_byte] = begins.get(start, start)
        found: list[Definition] = []
        for capture, nodes in captures.items():
            read = self._table.readers[capture]
            for node in nodes:
                start = node.start_byte
                found += read(node, text, begins.get(start, start))
        found.sort(key=_place)
        return found

    def _references(
        self,
        uses: "list[Node]",
        skipped: "list[Node]",
        definitions: Sequence[Definition],
        text: str,
        starts: Sequence[int],
    ) -> dict[str, tuple[int, ...]]:
        # Captures come nearly in the order of the text.
        places = sorted([(node.start_byte, node.end_byte) for node in uses])
        for node in reversed(skipped):
            low = bisect_left(places, (node.start_byte, 0))
            del places[low : bisect_left(places, (node.end_byte, 0), low)]
        defined = {it.name_at for it in definitions}
        keywords = self._table.keywords
        found: dict[str, list[int]] = {}
        line, after, lines = 1, starts[1] if len(starts) > 1 else len(text) + 1, len(starts)
        for start, end in places:
            while start >= after:
                line += 1
                after = starts[line] if line < lines else len(text) + 1
            if end - start < 2 or start in defined:
                continue
            name = text[start:end]
            if (known := found.get(name)) is None:
                if name not in keywords:
                    found[name] = [line]
            elif known[-1] != line and len(known) < _MOST_LINES:
                known.append(line)
        return {name: tuple(known) for name, known in found.items()}


def _place(it: Definition) -> tuple[int, int]:
    return it.start, -it.end


def _symbols(definitions: Sequence[Definition], text: str, starts: Sequence[int], comment: str) -> list[Symbol]:
    found: list[Symbol] = []
    values: set[tuple[str, str]] = set()
    # What is open around the current one: its end, its scope with its own name, and its kind.
    around: list[tuple[int, str, str]] = []
    for it in definitions:
        while around and around[-1][0] <= it.start:
            around.pop()
        _end, scope, outer = around[-1] if around else (0, "", "module")
        in_class = outer in _CLASSES or bool(it.scope)
        kind = it.kind
        if kind in _VALUES:
            # What is local to a function is no one else's; what is assigned again is one symbol.
            if outer in {"function", "method"} or (kind == "field" and not in_class) or (scope, it.name) in values:
                continue
            values.add((scope, it.name))
            if in_class and kind == "variable":
                kind = "field"
        elif kind in {MEMBER, PROTOTYPE, "function"}:
            if (kind == PROTOTYPE and outer in {"function", "method"}) or (kind == MEMBER and not in_class):
                continue
            # What an exported object holds stands for itself.
            kind = "method" if in_class and (scope or it.scope) else "function"
        if it.scope:
            scope = f"{scope}.{it.scope}" if scope else it.scope
        if kind in _SCOPES:
            around.append((it.end, ".".join(filter(None, (scope, it.name))), kind))
        if kind == CONTAINER:
            continue
        first = bisect_right(starts, it.start)
        doc = it.doc
        if doc is None:
            # It is about what begins the line.
            doc = "" if found and found[-1].first == first else _comment_above(text, starts, first, comment)
        last = bisect_right(starts, max(it.start, it.end - 1))
        found.append(Symbol(it.name, kind, scope, first, last, it.signature, doc))
    return found


def _comment_above(text: str, starts: Sequence[int], first: int, comment: str) -> str:
    """The first line of the comment that ends on the line above ``first``."""
    number = first - 1
    best = ""
    block = False
    while number >= 1:
        line = text[starts[number - 1] : starts[number] - 1].strip()
        if not block and comment == "//" and line.endswith("*/"):
            if best:
                break
            block = True
        if block:
            said = line.removesuffix("*/").strip().lstrip("/*!").strip()
            if said and not said.startswith("@"):
                best = said
            if line.startswith("/*"):
                break
            if "/*" in line:
                # A comment behind code is about that code.
                return ""
        elif line.startswith(comment):
            said = line.lstrip(comment[0] + "!").strip()
            if said:
                best = said
        else:
            break
        number -= 1
        if first - number > 200:
            break
    return best[:MOST_DOC]


@cache
def _reader(language: str) -> _Reader | None:
    module = _TABLES.get(language)
    grammar = grammar_of(language) if module is not None else None
    if grammar is None:
        return None
    from tree_sitter import Query

    table: Table = import_module(f"copilot.syntax.{module}").table(language)
    return _Reader(table, Query(grammar, table.query), language)
