"""Answers from the index of a workspace, while another process writes it.

An index that is not there, is being built or is broken answers with nothing: who asks goes on without it.
"""

import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from copilot import paths
from copilot.index.answers import Answers, is_text
from copilot.index.ranking import is_telling
from copilot.index.rows import ChunkHit, Counts, FileRow, ReferenceRow, SymbolRow
from copilot.index.words import searchable

if TYPE_CHECKING:
    import sqlite3

    from copilot.safety.gate import Gate
    from copilot.syntax.outline import Import

_T = TypeVar("_T")

# A search ranks every chunk that holds one of its words, about 2 µs each.
_MOST_RANKED = 400
# What is sorted has to be read, every row of it.
_MOST_SORTED = 400
_MOST_WORDS = 12
_COUNT_SECONDS = 30.0
# A name that more files define leads from a use to none of them.
_MOST_DEFINING = 3
_MOST_EDGES = 300_000
_TRIGRAM = 3
_MOST_TRIGRAMS = 6
# Some names have just lost their last symbol.
_SPARE = 20


class Reader:
    """A connection of its own; for one thread at a time. Never raises for what is wrong with the index."""

    def __init__(self, root: Path, folder: Path, gate: "Gate | None" = None) -> None:
        self._root = root
        self._gate = gate
        self._answers = Answers(folder)
        self._counts: dict[str, int] = {}
        self._counted = 0.0

    @classmethod
    def of(cls, root: Path, gate: "Gate | None" = None) -> "Reader":
        """``gate``: what ``text`` reads through; without one it has no patterns but those in the workspace."""
        return cls(root, paths.index_dir(root), gate)

    @classmethod
    def of_nothing(cls, root: Path) -> "Reader":
        """Answers as where there is no index."""
        return cls(root, Path(os.devnull))

    def close(self) -> None:
        self._answers.close()
        self._counts.clear()

    @property
    def generation(self) -> int:
        """Grows with each commit; 0 without an index."""
        return self._answers.answer((), 0, lambda it: int(_meta(it, "generation") or 0))

    def meta(self, key: str) -> str | int | None:
        return self._answers.answer((), None, lambda it: _meta(it, key))

    def counts(self) -> Counts:
        def ask(database: "sqlite3.Connection") -> Counts:
            left = dict(
                database.execute("SELECT left_out, count(*) FROM file WHERE left_out IS NOT NULL GROUP BY left_out")
            )
            (files,) = database.execute("SELECT count(*) FROM file").fetchone()
            (symbols,) = database.execute("SELECT count(*) FROM symbol").fetchone()
            return Counts(files - sum(left.values()), symbols, left)

        return self._answers.answer(("counts",), Counts(0, 0, {}), ask)

    def file(self, path: str) -> FileRow | None:
        def ask(database: "sqlite3.Connection") -> FileRow | None:
            row = database.execute(
                "SELECT path, language, size, mtime_ns, digest, lines FROM file WHERE path = ? AND left_out IS NULL",
                (path,),
            ).fetchone()
            return FileRow(*row) if row else None

        return self._answers.answer(("file", path), None, ask)

    def has(self, path: str) -> bool:
        return self.file(path) is not None

    def below(self, folder: str) -> Sequence[str]:
        """Files directly in a folder; ``""`` is the workspace itself."""
        return self._texts(
            ("below", folder),
            """SELECT file.path FROM folder JOIN file ON file.folder = folder.id
               WHERE folder.path = ? AND left_out IS NULL ORDER BY file.path""",
            (folder.strip("/"),),
        )

    def ending(self, tail: str) -> Sequence[str]:
        """Files whose path is ``tail`` or ends with ``"/" + tail``, shorter ones first."""
        tail = tail.lstrip("/")
        return self._texts(
            ("ending", tail),
            """SELECT path FROM file WHERE name = ? AND left_out IS NULL AND (path = ? OR substr(path, -?) = ?)
               ORDER BY length(path), path""",
            (PurePosixPath(tail).name, tail, len(tail) + 1, f"/{tail}"),
        )

    def text(self, path: str) -> str | None:
        """What lies on the disk now, through the gate; None where it may not be seen."""
        from copilot.safety.gate import Gate, Refused

        if self._gate is None:
            self._gate = Gate(self._root)
        try:
            return self._gate.read(path).text
        except Refused:
            return None

    def symbols_of(self, path: str) -> list[SymbolRow]:
        """In the order of their beginnings."""
        return self._symbols(
            ("symbols_of", path),
            f"""SELECT {_COLUMNS} FROM file JOIN symbol ON symbol.file = file.id JOIN name ON name.id = symbol.name
                WHERE file.path = ? ORDER BY symbol.number""",  # noqa: S608
            (path,),
        )

    def imports_of(self, path: str) -> "list[Import]":
        def ask(database: "sqlite3.Connection") -> "list[Import]":
            from copilot.syntax.outline import Import

            row = database.execute(
                "SELECT statements FROM import JOIN file ON file.id = import.file WHERE path = ?", (path,)
            ).fetchone()
            statements = json.loads(row[0]) if row else []
            return [Import(module, tuple((a, b) for a, b in names), line) for module, names, line in statements]

        return self._list(("imports_of", path), ask)

    def definitions(self, name: str, limit: int = 20) -> list[SymbolRow]:
        """Symbols of exactly this name, those at the top of their files first; of very many, some."""
        return self._symbols(
            ("definitions", name, limit),
            f"""SELECT {_COLUMNS}
                FROM (SELECT symbol.file AS file, symbol.number AS number
                      FROM name JOIN symbol ON symbol.name = name.id WHERE name.text = ? LIMIT {_MOST_SORTED}) AS some
                JOIN symbol USING (file, number) JOIN name ON name.id = symbol.name JOIN file ON file.id = symbol.file
                ORDER BY scope <> '', length(path), path, symbol.number LIMIT ?""",  # noqa: S608
            (name, limit),
        )

    def references(self, name: str, limit: int = 20) -> list[ReferenceRow]:
        """Files that use the name, those that use it most first; of very many, some."""

        def ask(database: "sqlite3.Connection") -> list[ReferenceRow]:
            rows = database.execute(
                f"""SELECT path, language, some.lines
                    FROM (SELECT reference.file, reference.lines
                          FROM name JOIN reference ON reference.name = name.id WHERE name.text = ? LIMIT {_MOST_SORTED}
                    ) AS some JOIN file ON file.id = some.file
                    ORDER BY length(some.lines) - length(replace(some.lines, ',', '')) DESC, path LIMIT ?""",  # noqa: S608
                (name, limit),
            )
            found = []
            for path, language, text in rows:
                lines = tuple(map(int, text.split(",")))
                found.append(ReferenceRow(path, language, lines, len(lines)))
            return found

        return self._list(("references", name, limit), ask)

    def users(self, name: str, limit: int = 20) -> int:
        """How many files use the name; counted to ``limit``."""

        def ask(database: "sqlite3.Connection") -> int:
            (count,) = database.execute(
                """SELECT count(*) FROM (SELECT 1 FROM name JOIN reference ON reference.name = name.id
                   WHERE name.text = ? LIMIT ?)""",
                (name, limit),
            ).fetchone()
            return int(count)

        return self._answers.answer(("users", name, limit), 0, ask)

    def search(self, words: Sequence[str], limit: int = 20, language: str | None = None) -> list[ChunkHit]:
        """Chunks that hold some of the words, best first by BM25; identifiers count whole and in their parts."""
        wanted = tuple(dict.fromkeys(part for word in words if is_text((word,)) for part in searchable(word)))

        def ask(database: "sqlite3.Connection") -> list[ChunkHit]:
            def hits(query: str, rank: str) -> list[ChunkHit]:
                rows = database.execute(
                    f"""SELECT path, language, first, last, hit.score FROM (
                            SELECT rowid, {rank} AS score FROM chunk_words WHERE chunk_words MATCH ?
                            LIMIT {_MOST_SORTED}
                        ) AS hit JOIN chunk ON chunk.id = hit.rowid JOIN file ON file.id = chunk.file
                        WHERE ? IS NULL OR language = ? ORDER BY hit.score, chunk.id LIMIT ?""",  # noqa: S608
                    (query, language, language, limit),
                )
                return [ChunkHit(path, of, first, last, -score) for path, of, first, last, score in rows]

            chosen, common = self._rarest(database, wanted)
            if chosen:
                return hits(" OR ".join(_quoted(word) for word in chosen), "rank")
            # Ranking what is nearly everywhere would take long and tell little.
            quoted = [_quoted(word) for word in common]
            return (hits(" AND ".join(quoted), "0.0") or hits(" OR ".join(quoted), "0.0")) if common else []

        if not wanted:
            return []
        return self._list(("search", wanted, limit, language), ask)

    def named(self, part: str, limit: int = 20) -> list[SymbolRow]:
        """Symbols whose name holds ``part`` in any case: the name itself first, those that begin so, then short ones.

        A part of one or two characters is looked for at the beginning only.
        """
        wanted, trigrams = _lower(part), _trigrams(part)
        if not wanted:
            return []
        order = "ORDER BY text <> ?, lower(text) <> ?, instr(lower(text), ?) <> 1, length(text), text LIMIT ?"
        ordered = (part, wanted, wanted, limit + _SPARE)
        if trigrams is not None:
            names = self._texts(
                ("named", part, limit),
                f"""SELECT text FROM name WHERE id IN (SELECT rowid FROM name_text WHERE name_text MATCH ?)
                    AND defined AND instr(lower(text), ?) {order}""",  # noqa: S608
                (trigrams, wanted, *ordered),
            )
        else:
            # Too short for trigrams: names that begin so, as it is written and in the usual other spellings.
            begins = {part, wanted, part.upper(), part.capitalize()}
            some = " UNION ".join(
                f"SELECT * FROM (SELECT text FROM name WHERE text >= ? AND text < ? AND defined LIMIT {_MOST_SORTED})"  # noqa: S608
                for _ in begins
            )
            names = self._texts(
                ("named", part, limit),
                f"SELECT text FROM ({some}) {order}",  # noqa: S608
                (*(bound for it in begins for bound in (it, f"{it}\U0010ffff")), *ordered),
            )
        found: list[SymbolRow] = []
        for name in names:
            if len(found) < limit:
                found += self.definitions(name, limit - len(found))
        return found

    def paths(self, part: str, limit: int = 20) -> list[str]:
        """Paths that hold ``part`` in any case, those where the file's own name does first, short ones first."""
        wanted, trigrams = _lower(part), _trigrams(part)
        if not wanted:
            return []
        match = "id IN (SELECT rowid FROM file_path WHERE file_path MATCH ?) AND" if trigrams else "? IS NULL AND"
        return self._texts(
            ("paths", part, limit),
            f"""SELECT path FROM file WHERE {match} left_out IS NULL AND instr(lower(path), ?)
                ORDER BY instr(lower(name), ?) = 0, instr(lower(name), ?) <> 1, length(path), path LIMIT ?""",  # noqa: S608
            (trigrams, wanted, wanted, wanted, limit),
        )

    def edges(self) -> Iterator[tuple[str, str, str, int]]:
        """(file that uses, file that defines, name, on how many lines), for names that at most three files define, and
        common words that only one does: of others a use does not say which is meant. At most 300,000, which take some
        150 MB: those of the names that the fewest files use.
        """

        def ask(database: "sqlite3.Connection") -> list[tuple[str, str, str, int]]:
            # Joined here: SQLite takes four times as long for it.
            defining: dict[int, list[int]] = {}
            for name, file in database.execute("SELECT DISTINCT name, file FROM symbol"):
                defining.setdefault(name, []).append(file)
            names = dict(database.execute("SELECT id, text FROM name WHERE defined"))
            wanted = [
                name
                for name, files in defining.items()
                if name in names and (len(files) == 1 or (len(files) <= _MOST_DEFINING and is_telling(names[name])))
            ]
            paths = dict(database.execute("SELECT id, path FROM file"))
            kept = _rarest_names(database, wanted, defining)
            rows = database.execute(
                """SELECT name, file, 1 + length(lines) - length(replace(lines, ',', ''))
                   FROM json_each(?) JOIN reference ON reference.name = value""",
                (json.dumps(kept),),
            )
            return [
                (paths[user], paths[definer], names[name], count)
                for name, user, count in rows
                for definer in defining[name]
                if definer != user
            ]

        yield from self._list((), ask)

    def _rarest(self, database: "sqlite3.Connection", words: Sequence[str]) -> tuple[list[str], list[str]]:
        """Those of the words that tell most, as many as can be ranked in time; and those in too many chunks for it."""
        if time.monotonic() - self._counted > _COUNT_SECONDS:
            self._counts.clear()
            self._counted = time.monotonic()
        counts = {word: self._counts.get(word, 0) for word in words}
        for word in [it for it in counts if not counts[it]]:
            # Counting stops where the word is too common to be ranked.
            (counts[word],) = database.execute(
                "SELECT count(*) FROM (SELECT 1 FROM chunk_words WHERE chunk_words MATCH ? LIMIT ?)",
                (_quoted(word), _MOST_RANKED + 1),
            ).fetchone()
            if counts[word]:
                # A word that is nowhere yet may come with the next file.
                self._counts[word] = counts[word]
        known = [word for word in words if counts[word]]
        chosen: list[str] = []
        room = _MOST_RANKED
        for word in sorted(known, key=lambda it: counts[it])[:_MOST_WORDS]:
            room -= counts[word]
            if room < 0:
                break
            chosen.append(word)
        return chosen, known

    def _texts(self, key: tuple[object, ...], query: str, values: tuple[object, ...]) -> list[str]:
        return self._list(key, lambda it: [row[0] for row in it.execute(query, values)])

    def _symbols(self, key: tuple[object, ...], query: str, values: tuple[object, ...]) -> list[SymbolRow]:
        return self._list(key, lambda it: [SymbolRow(*row) for row in it.execute(query, values)])

    def _list(self, key: tuple[object, ...], ask: "Callable[[sqlite3.Connection], list[_T]]") -> list[_T]:
        nothing: list[_T] = []
        return list(self._answers.answer(key, nothing, ask))


_COLUMNS = "path, language, name.text, kind, scope, first, last, signature, doc"


def _rarest_names(database: "sqlite3.Connection", names: list[int], defining: Mapping[int, Sequence[int]]) -> list[int]:
    """Those that the fewest files use, as many as make ``_MOST_EDGES`` edges."""
    (references,) = database.execute("SELECT count(*) FROM reference").fetchone()
    if references * _MOST_DEFINING <= _MOST_EDGES:
        return names
    rows = database.execute(
        "SELECT name, count(*) FROM json_each(?) JOIN reference ON reference.name = value GROUP BY name",
        (json.dumps(names),),
    )
    edges = {name: uses * len(defining[name]) for name, uses in rows}
    room = _MOST_EDGES
    kept = []
    for name in sorted(edges, key=lambda it: (edges[it], it)):
        room -= edges[name]
        if room < 0:
            break
        kept.append(name)
    return kept


def _meta(database: "sqlite3.Connection", key: str) -> str | int | None:
    row = database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def _lower(text: str) -> str:
    """As SQLite's own function: ASCII only."""
    return text.encode(errors="surrogatepass").lower().decode(errors="surrogatepass")


def _quoted(word: str) -> str:
    """A string of FTS5."""
    return '"' + word.replace('"', '""') + '"'


def _trigrams(part: str) -> str | None:
    """A full-text query for what holds all of ``part``'s trigrams, or enough of them; None: it is shorter than one."""
    count = len(part) - _TRIGRAM + 1
    if count < 1:
        return None
    step = max(1, count // _MOST_TRIGRAMS)
    found = [part[at : at + _TRIGRAM] for at in range(0, count, step)]
    return " ".join(_quoted(it) for it in dict.fromkeys(found))
