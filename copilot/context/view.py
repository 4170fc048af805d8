"""The workspace as one question sees it: open buffers before the disk, the disk before the index.

A row of the index tells what a file was when it was read. It counts as long as the file has the size and the time that
the index has noted; otherwise the file is read and parsed anew, a few at most, and dropped beyond that. Everything from
disk comes through the gate.
"""

import hashlib
import os
from collections import OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import PurePath
from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from copilot.context.candidates import Buffer, Question
from copilot.context.imported import NONE, Imports, imports_of, statement_lines, statements
from copilot.errors import SlipstreamError
from copilot.index.rows import ChunkHit, ReferenceRow, SymbolRow
from copilot.text.languages import language_of

if TYPE_CHECKING:
    from copilot.context.similar import Window
    from copilot.index.reader import Reader
    from copilot.safety.gate import Gate
    from copilot.syntax.outline import Import, Outline

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

READS, PARSES, RESOLVED = 2, 1, 6
"""Files that one question may read from disk, texts that it may parse, and imports that it may look for, beside what is
in the cache. What is left over comes with the next key."""

LARGEST = 100_000
"""Bytes of a file that is read for a few lines of it."""

DEFINITIONS = 20
"""Rows asked for; as many as that mean a name that says little."""

TYPES = frozenset({"class", "interface", "struct", "enum", "trait", "type"})
"""Kinds of symbols that have members."""

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
        self.symbols: Kept[tuple[str, int, int], Symbols] = Kept(64)
        self.indexed: Kept[tuple[str, bytes], Symbols] = Kept(512)
        self.digests: Kept[tuple[str, int, int], bytes] = Kept(64)
        self.statements: Kept[tuple[str, str], tuple[Import, ...]] = Kept(16)
        self.imports: Kept[tuple[str, int, str], Imports] = Kept(16)
        self.resolved: Kept[tuple[str, Import], tuple[int, tuple[str, ...]]] = Kept(1024)
        self.unreadable: Kept[tuple[str, int, int], bool] = Kept(256)
        self.popularity: Kept[str, int] = Kept(8192)
        self.windows: Kept[tuple[str, int, int], tuple[Window, ...]] = Kept(128)


class View:
    """Of the workspace, for one question."""

    def __init__(self, question: Question, reader: "Reader", gate: "Gate", cache: Cache) -> None:
        self.question = question
        self.reader = reader
        self._gate = gate
        self._root = f"{gate.root}/"
        self._cache = cache
        self._generation = reader.generation
        self._buffers = {it.path: it for it in question.buffers if it.path != question.path}
        self.postponed: set[str] = set()
        """Files that would have been read, had it not been too many."""
        self._symbols: dict[str, Symbols] = {}
        self.types: dict[str, frozenset[str]] = {}
        """What is known of the types of variables."""
        self._refused: dict[str, bool] = {}
        self._fresh: dict[str, bool] = {}
        self._reads, self._parses, self._resolves = READS, PARSES, RESOLVED

    @cached_property
    def lines(self) -> Sequence[str]:
        """Of the document itself."""
        return self.question.text.split("\n")

    @cached_property
    def statement_lines(self) -> Sequence[int]:
        """The numbers, from 0, of those that import."""
        return statement_lines(self.question.text, self.lines)

    @cached_property
    def caret(self) -> int:
        """Where in the text it is."""
        before = self.lines[: self.question.line]
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
            key = _key(path, buffer.text)
            return self._cache.buffers.get(key) or self._cache.buffers.put(key, _source(*buffer))
        status = self._status(path)
        if status is None:
            return None
        known = self._cache.sources.get((path, *status))
        if known is not None:
            return known
        if status[1] > LARGEST or self._cache.unreadable.get((path, *status)):
            return None
        if self._reads <= 0:
            self.postponed.add(path)
            return None
        self._reads -= 1
        try:
            seen = self._gate.read(path)
        except (SlipstreamError, OSError):
            self._cache.unreadable.put((path, *status), True)
            return None
        return self._cache.sources.put((path, *status), _source(path, language_of(PurePath(path)), seen.text))

    def _status(self, path: str) -> tuple[int, int] | None:
        try:
            status = os.lstat(f"{self._root}{path}")
        except (OSError, ValueError):
            return None
        return status.st_mtime_ns, status.st_size

    def is_fresh(self, path: str) -> bool:
        """Whether the index knows ``path`` as it is now: on disk, or in the editor where it is open."""
        known = self._fresh.get(path)
        if known is None:
            row = self.reader.file(path)
            buffer = self._buffers.get(path)
            if row is None:
                known = False
            elif buffer is not None:
                known = row.digest == self._digest(buffer)
            else:
                known = self._status(path) == (row.mtime_ns, row.size)
            self._fresh[path] = known
        return known

    def _digest(self, buffer: Buffer) -> bytes:
        """As the gate has it, of a text that was saved as it is."""
        key = _key(buffer.path, buffer.text)
        known = self._cache.digests.get(key)
        if known is None:
            data = buffer.text.encode("utf-8", "surrogatepass")
            known = self._cache.digests.put(key, hashlib.blake2b(data, digest_size=16).digest())
        return known

    # Symbols

    def symbols(self, path: str) -> "Symbols":
        """Of another file, as it is now."""
        known = self._symbols.get(path)
        if known is None:
            known = self._symbols[path] = self._symbols_of(path)
        return known

    def _symbols_of(self, path: str) -> "Symbols":
        if path == self.question.path or not self.allowed(path):
            return NO_SYMBOLS
        if not self.is_fresh(path):
            return self._parsed(path)
        row = self.reader.file(path)
        if row is None:
            return NO_SYMBOLS
        known = self._cache.indexed.get((path, row.digest))
        if known is None:
            known = self._cache.indexed.put((path, row.digest), Symbols.of(self.reader.symbols_of(path)))
        return known

    def definitions(self, name: str) -> Sequence[SymbolRow]:
        """In other files of the same language, at most ``DEFINITIONS`` of them from the index.

        Those of the index may be out of date, or of files that may not be shown: see :meth:`current`.
        """
        rows = [row for row in self.reader.definitions(name, DEFINITIONS) if row.path not in self._edited]
        for path in self._edited:
            rows += self._parsed(path).by_name.get(name, ())
        own, language = self.question.path, self.question.language
        return [row for row in rows if row.path != own and same_language(row.language, language)]

    def enclosing(self, row: SymbolRow) -> "SymbolRow | None":
        """The type that a symbol is a member of."""
        outer, _, name = row.scope.rpartition(".")
        return next(
            (it for it in self.symbols(row.path).by_name.get(name, ()) if it.scope == outer and it.kind in TYPES), None
        )

    def current(self, row: SymbolRow) -> "SymbolRow | None":
        """The definition as it is now; None where it is gone or may not be shown."""
        if not self.allowed(row.path):
            return None
        if row.path in self._edited or self.is_fresh(row.path):
            return row
        same = self._parsed(row.path).by_name.get(row.name, ())
        return next((it for it in same if it.scope == row.scope), None)

    def references(self, name: str, limit: int = 12) -> Sequence[ReferenceRow]:
        """Files of the same language that use a name, and lines where they did when the index saw them."""
        rows = self.reader.references(name, limit)
        own, language = self.question.path, self.question.language
        return [row for row in rows if row.path != own and same_language(row.language, language)]

    def popularity(self, name: str) -> int:
        """How many files use a name, as far as that is counted; roughly, it is not counted again."""
        known = self._cache.popularity.get(name)
        if known is None:
            known = self._cache.popularity.put(name, self.reader.users(name, DEFINITIONS))
        return known

    def search(self, words: Sequence[str], limit: int = 12) -> Sequence[ChunkHit]:
        """Stretches of files that have these names, best first."""
        return self.reader.search(words, limit, self.question.language)

    @cached_property
    def _edited(self) -> Sequence[str]:
        """The open documents that the index does not know as they are."""
        return [buffer.path for buffer in self.buffers if not self.is_fresh(buffer.path)]

    def _parsed(self, path: str) -> "Symbols":
        source = self.source(path)
        if source is None:
            return NO_SYMBOLS
        key = _key(path, source.text)
        known = self._cache.symbols.get(key)
        if known is None:
            if self._parses <= 0:
                self.postponed.add(path)
                return NO_SYMBOLS
            self._parses -= 1
            known = self._cache.symbols.put(key, symbols_of(source))
        return known

    # Imports

    @cached_property
    def imports(self) -> Imports:
        """Of the document itself."""
        text = statements(self.lines, self.statement_lines)
        if not text:
            return NONE
        whole = (self.question.path, self._generation, text)
        known = self._cache.imports.get(whole)
        if known is not None:
            return known
        key = (self.question.language, text)
        found = self._cache.statements.get(key)
        if found is None:
            outline = _outline(text, self.question.language)
            found = self._cache.statements.put(key, outline.imports if outline is not None else ())
        imports = imports_of(found, self.question.path, self._resolve)
        # Where some were not looked for anew there is more to come.
        return self._cache.imports.put(whole, imports) if self._resolves > 0 else imports

    def _resolve(self, statement: "Import") -> Sequence[str]:
        """Looked for anew when the index has changed, a few at a time; until then as it was."""
        key = (self.question.path, statement._replace(line=0))
        known = self._cache.resolved.get(key)
        if known is not None and (known[0] == self._generation or self._resolves <= 0):
            return known[1]
        # A document that was just opened is looked at whole: its imports are what tells most.
        if known is not None:
            self._resolves -= 1
        from copilot.index.imports import resolve

        paths = resolve(statement, self.question.path, self.question.language, self)
        return self._cache.resolved.put(key, (self._generation, paths))[1]

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


class Symbols(NamedTuple):
    """Of a file, in the order of lines, by their names, and by what they are members of."""

    rows: tuple[SymbolRow, ...]
    by_name: Mapping[str, Sequence[SymbolRow]]
    by_scope: Mapping[str, Sequence[SymbolRow]]

    @classmethod
    def of(cls, rows: Iterable[SymbolRow]) -> "Symbols":
        ordered = tuple(rows)
        by_name: dict[str, list[SymbolRow]] = {}
        by_scope: dict[str, list[SymbolRow]] = {}
        for row in ordered:
            by_name.setdefault(row.name, []).append(row)
            by_scope.setdefault(row.scope, []).append(row)
        return cls(ordered, by_name, by_scope)


NO_SYMBOLS = Symbols((), {}, {})


def symbols_of(source: Source) -> Symbols:
    """As the index would have them."""
    outline = _outline(source.text, source.language)
    if outline is None:
        return NO_SYMBOLS
    return Symbols.of(
        SymbolRow(source.path, source.language, it.name, it.kind, it.scope, it.first, it.last, it.signature, it.doc)
        for it in outline.symbols
    )


def _key(path: str, text: str) -> tuple[str, int, int]:
    return path, len(text), hash(text)


def _source(path: str, language: str, text: str) -> Source:
    return Source(path, language, text, tuple(text.split("\n")))


def _outline(text: str, language: str) -> "Outline | None":
    # The grammar is not loaded before it is needed.
    from copilot.syntax.outline import outline

    return outline(text, language)
