"""The workspace as one question sees it: open buffers before the disk, the disk before the index.

A row of the index tells what a file was when it was read. It counts as long as the file has the size and the time that
the index has noted; otherwise the file is read and parsed anew, a few at most, and dropped beyond that. Everything from
disk comes through the gate.
"""

from collections import OrderedDict
from collections.abc import Hashable, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from copilot.context.candidates import Buffer, Question
from copilot.context.imported import NONE, Imports, imports_of, statements
from copilot.errors import SlipstreamError
from copilot.text.languages import language_of

if TYPE_CHECKING:
    from copilot.context.similar import Window
    from copilot.index.reader import ChunkHit, Reader, ReferenceRow, SymbolRow
    from copilot.safety.gate import Gate
    from copilot.syntax.outline import Import, Outline

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

READS, PARSES = 12, 2
"""Files that one question may read from disk, and texts that it may parse, beside those that are in the cache."""

DEFINITIONS = 20
"""Rows asked for; as many as that mean a name that says little."""

_WEB = frozenset({"javascript", "javascriptreact", "typescript", "typescriptreact"})
_C = frozenset({"c", "cpp", "cuda-cpp"})


class Source(NamedTuple):
    """The text of a file."""

    path: str
    language: str
    text: str
    lines: tuple[str, ...]


class Kept(Generic[K, V]):
    """The values of the last ``size`` keys."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._values: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        value = self._values.get(key)
        if value is not None:
            self._values.move_to_end(key)
        return value

    def put(self, key: K, value: V) -> V:
        self._values[key] = value
        if len(self._values) > self._size:
            self._values.popitem(last=False)
        return value


class Cache:
    """What questions have in common. For one thread."""

    def __init__(self) -> None:
        self.sources: Kept[tuple[str, int, int], Source] = Kept(256)
        self.buffers: Kept[tuple[str, int, int], Source] = Kept(64)
        self.outlines: Kept[tuple[str, int, int], Outline | bool] = Kept(64)
        self.imports: Kept[tuple[str, int, str], Imports] = Kept(16)
        self.windows: Kept[tuple[str, int, int], tuple[Window, ...]] = Kept(128)


class View:
    """Of the workspace, for one question."""

    def __init__(self, question: Question, reader: "Reader", gate: "Gate", cache: Cache) -> None:
        self.question = question
        self.reader = reader
        self._gate = gate
        self._cache = cache
        self._generation = reader.generation
        self._buffers = {it.path: it for it in question.buffers if it.path != question.path}
        self._refused: dict[str, bool] = {}
        self._fresh: dict[str, bool] = {}
        self._reads, self._parses = READS, PARSES

    @cached_property
    def caret(self) -> int:
        """Where in the text it is."""
        before = self.question.text.split("\n", self.question.line)[: self.question.line]
        return sum(map(len, before)) + len(before) + self.question.column

    # What may be seen

    def allowed(self, path: str, *, open_too: bool = True) -> bool:
        """Whether anything of ``path`` may be shown. What is open may be what git ignores."""
        known = self._refused.get(path)
        if known is None:
            refusal = self._gate.refusal(path)
            fine = refusal is None or (open_too and path in self._buffers and refusal == "ignored")
            known = self._refused[path] = not fine
        return not known

    @property
    def buffers(self) -> Sequence[Buffer]:
        """The other open documents."""
        return tuple(it for it in self._buffers.values() if self.allowed(it.path))

    # Files

    def source(self, path: str) -> Source | None:
        """The text of another file, or None where it can't be had."""
        if path == self.question.path or not self.allowed(path):
            return None
        buffer = self._buffers.get(path)
        if buffer is not None:
            key = (path, len(buffer.text), hash(buffer.text))
            known = self._cache.buffers.get(key)
            return known or self._cache.buffers.put(key, _source(path, buffer.language, buffer.text))
        status = self._status(path)
        if status is None:
            return None
        known = self._cache.sources.get((path, *status))
        if known is not None:
            return known
        if self._reads <= 0:
            return None
        self._reads -= 1
        try:
            seen = self._gate.read(path)
        except (SlipstreamError, OSError):
            return None
        found = _source(path, language_of(PurePath(path)), seen.text)
        return self._cache.sources.put((path, *status), found)

    def _status(self, path: str) -> tuple[int, int] | None:
        try:
            status = (self._gate.root / path).lstat()
        except (OSError, ValueError):
            return None
        return status.st_mtime_ns, status.st_size

    def is_fresh(self, path: str) -> bool:
        """Whether the index knows ``path`` as it is on disk now."""
        known = self._fresh.get(path)
        if known is None:
            row = self.reader.file(path)
            known = row is not None and self._status(path) == (row.mtime_ns, row.size)
            self._fresh[path] = known
        return known

    # Symbols

    def symbols(self, path: str) -> Sequence["SymbolRow"]:
        """In the order of lines."""
        if path == self.question.path or not self.allowed(path):
            return ()
        if path not in self._buffers and self.is_fresh(path):
            return self.reader.symbols_of(path)
        return self._parsed(path)

    def definitions(self, name: str) -> Sequence["SymbolRow"]:
        """In other files, at most ``DEFINITIONS`` of them from the index."""
        rows = [row for path in self._buffers for row in self.symbols(path) if row.name == name]
        for row in self.reader.definitions(name, DEFINITIONS):
            if row.path in self._buffers or row.path == self.question.path or not self.allowed(row.path):
                continue
            if self.is_fresh(row.path):
                rows.append(row)
            else:
                rows += [fresh for fresh in self._parsed(row.path) if fresh.name == name and fresh not in rows]
        return [row for row in rows if same_language(row.language, self.question.language)]

    def references(self, name: str, limit: int = 12) -> Sequence["ReferenceRow"]:
        """Lines in other files; where the index is behind they are those that have the name now."""
        rows = []
        for row in self.reader.references(name, limit):
            if row.path in self._buffers or row.path == self.question.path or not self.allowed(row.path):
                continue
            if same_language(row.language, self.question.language) and self.is_fresh(row.path):
                rows.append(row)
        return rows

    def search(self, words: Sequence[str], limit: int = 12) -> Sequence["ChunkHit"]:
        """Stretches of files that have these names, best first."""
        hits = self.reader.search(words, limit, self.question.language)
        return [hit for hit in hits if self.allowed(hit.path)]

    def _parsed(self, path: str) -> Sequence["SymbolRow"]:
        source = self.source(path)
        outline = None if source is None else self._outline(source.text, source.language)
        if source is None or outline is None:
            return ()
        return rows_of(path, source.language, outline)

    def _outline(self, text: str, language: str) -> "Outline | None":
        key = (language, len(text), hash(text))
        known = self._cache.outlines.get(key)
        if known is None:
            if self._parses <= 0:
                return None
            self._parses -= 1
            known = self._cache.outlines.put(key, _outline(text, language) or False)
        return None if isinstance(known, bool) else known

    # Imports

    @cached_property
    def imports(self) -> Imports:
        """Of the document itself."""
        text = statements(self.question.text, self.question.text.split("\n"))
        if not text:
            return NONE
        key = (self.question.path, self._generation, text)
        known = self._cache.imports.get(key)
        if known is None:
            outline = _outline(text, self.question.language)
            found = outline.imports if outline is not None else ()
            known = self._cache.imports.put(key, imports_of(found, self.question.path, self._resolve))
        return known

    def _resolve(self, statement: "Import") -> Sequence[str]:
        from copilot.index.imports import resolve

        return resolve(statement, self.question.path, self.question.language, self)

    # As copilot.index.imports.Files

    def has(self, path: str) -> bool:
        return path in self._buffers or self.reader.has(path)

    def below(self, folder: str) -> Sequence[str]:
        return self.reader.below(folder)

    def ending(self, tail: str) -> Sequence[str]:
        own = [path for path in self._buffers if path == tail or path.endswith("/" + tail)]
        return [*own, *(path for path in self.reader.ending(tail) if path not in own)]

    def text(self, path: str) -> str | None:
        return self.reader.text(path)


def same_language(one: str, other: str) -> bool:
    """Whether a file in one can use what is defined in the other."""
    return one == other or any(one in group and other in group for group in (_WEB, _C))


def rows_of(path: str, language: str, outline: "Outline") -> list["SymbolRow"]:
    """The symbols of a text as the index would have them."""
    from copilot.index.reader import SymbolRow

    return [
        SymbolRow(path, language, it.name, it.kind, it.scope, it.first, it.last, it.signature, it.doc)
        for it in outline.symbols
    ]


def _source(path: str, language: str, text: str) -> Source:
    return Source(path, language, text, tuple(text.split("\n")))


def _outline(text: str, language: str) -> "Outline | None":
    # The grammar is not loaded before it is needed.
    from copilot.syntax.outline import outline

    return outline(text, language)
