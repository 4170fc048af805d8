"""Code as it is coloured: what each stretch of it is, by the highlight queries that come with the grammars. No I/O.

Code may grow: what is appended is parsed on from the last tree, and only the part that changed is looked at again.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

from copilot.syntax.grammar import grammar_of
from copilot.syntax.window import as_ascii

if TYPE_CHECKING:
    from tree_sitter import Query, Tree

# What a fence or a file calls a language, where that is not the id that editors send.
_ALIASES = {
    "py": "python",
    "python3": "python",
    "js": "javascript",
    "jsx": "javascriptreact",
    "ts": "typescript",
    "tsx": "typescriptreact",
    "golang": "go",
    "rs": "rust",
    "c++": "cpp",
    "cxx": "cpp",
    "h": "c",
    "cs": "csharp",
    "c#": "csharp",
    "rb": "ruby",
    "sh": "shellscript",
    "shell": "shellscript",
    "zsh": "shellscript",
    "console": "shellscript",
}
# A query of a dialect holds only what it adds.
_QUERIES = {
    "typescript": ("tree_sitter_javascript", "tree_sitter_typescript"),
    "typescriptreact": ("tree_sitter_javascript", "tree_sitter_typescript"),
    "cpp": ("tree_sitter_c", "tree_sitter_cpp"),
    "cuda-cpp": ("tree_sitter_c", "tree_sitter_cpp"),
    "javascript": ("tree_sitter_javascript",),
    "javascriptreact": ("tree_sitter_javascript",),
    "csharp": ("tree_sitter_c_sharp",),
    "shellscript": ("tree_sitter_bash",),
    "sh": ("tree_sitter_bash",),
    "jsonc": ("tree_sitter_json",),
    "starlark": ("tree_sitter_python",),
}
_KINDS = {
    "keyword": "keyword",
    "conditional": "keyword",
    "repeat": "keyword",
    "include": "keyword",
    "string": "string",
    "escape": "string",
    "comment": "comment",
    "number": "number",
    "float": "number",
    "boolean": "number",
    "constant": "constant",
    "function": "function",
    "method": "function",
    "constructor": "type",
    "type": "type",
    "tag": "type",
    "module": "type",
    "namespace": "type",
    "property": "property",
    "attribute": "property",
    "variable": "plain",
    "embedded": "plain",
}
KINDS = ("keyword", "string", "comment", "number", "constant", "function", "type", "property")
_LOOK_BACK = 2_000
"""Characters before a change that are looked at again at most: far above any token that an end can still change."""


class Span(NamedTuple):
    """``kind`` is one of :data:`KINDS`; offsets in code points."""

    start: int
    end: int
    kind: str


def language_named(name: str) -> str:
    """The language id for what a fence says."""
    name = name.strip().lower()
    return _ALIASES.get(name, name)


class Highlighter:
    """``language`` is an id or what a fence says; without a grammar for it nothing has a colour."""

    def __init__(self, language: str) -> None:
        self._language = language_named(language)
        self._query = _query(self._language)
        self._bytes = b""
        self._tree: Tree | None = None

    def grow(self, text: str) -> tuple[int, list[Span]]:
        """``text`` is put behind what there is: from where on colours may have changed, and those from there on."""
        if self._query is None or not text:
            return len(self._bytes) + len(text), []
        from tree_sitter import Parser

        start = len(self._bytes)
        before = _point(self._bytes)
        self._bytes += as_ascii(text)
        if self._tree is not None:
            self._tree.edit(start, start, len(self._bytes), before, before, _point(self._bytes))
        old, parser = self._tree, Parser(grammar_of(self._language))
        self._tree = parser.parse(self._bytes) if old is None else parser.parse(self._bytes, old)
        changed = start
        if old is not None:
            changed = min([start, *(it.start_byte for it in old.changed_ranges(self._tree))])
        changed = max(changed, start - _LOOK_BACK, 0)
        # A whole line at least: colours are applied by lines.
        first = self._bytes.rfind(b"\n", 0, changed) + 1
        return first, list(self._spans(first))

    def all(self) -> list[Span]:
        return list(self._spans(0))

    def _spans(self, first: int) -> Iterator[Span]:
        from tree_sitter import QueryCursor

        if self._tree is None or self._query is None:
            return
        cursor = QueryCursor(self._query)
        cursor.set_byte_range(first, len(self._bytes))
        found = []
        for pattern, captures in cursor.matches(self._tree.root_node):
            for name, nodes in captures.items():
                kind = _KINDS.get(name.partition(".")[0])
                if kind is not None:
                    found += [(node.start_byte, -node.end_byte, pattern, kind) for node in nodes]
        # The smaller node inside wins, and of one node the later pattern: queries begin with what is most general.
        kinds = bytearray(len(self._bytes) - first)
        for start, end, _pattern, kind in sorted(found):
            a, b = max(start, first) - first, -end - first
            if b > a:
                kinds[a:b] = bytes([1 + KINDS.index(kind) if kind != "plain" else 0]) * (b - a)
        at = 0
        while at < len(kinds):
            end = at + 1
            while end < len(kinds) and kinds[end] == kinds[at]:
                end += 1
            if kinds[at]:
                yield Span(first + at, first + end, KINDS[kinds[at] - 1])
            at = end


def highlighted(text: str, language: str) -> list[Span]:
    highlighter = Highlighter(language)
    highlighter.grow(text)
    return highlighter.all()


def _point(data: bytes) -> tuple[int, int]:
    return data.count(b"\n"), len(data) - data.rfind(b"\n") - 1


@cache
def _query(language: str) -> "Query | None":
    grammar = grammar_of(language)
    if grammar is None:
        return None
    from tree_sitter import Query, QueryError

    modules = _QUERIES.get(language, (f"tree_sitter_{language}",))
    try:
        text = "\n".join(getattr(import_module(module), "HIGHLIGHTS_QUERY", None) or "" for module in modules)
        return Query(grammar, text) if text.strip() else None
    except (ImportError, AttributeError, QueryError):
        return None
