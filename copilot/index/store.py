"""Writes the index. One process at a time, which holds the lock of the folder.

What is written shows with ``commit``, all at once. Errors are SQLite's: ``is_damage`` tells those that only a new
file helps against from those that pass, such as a full disk.
"""

import contextlib
import os
import sqlite3
import time
import zlib
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from copilot import __version__
from copilot.index.parsed import Parsed, language_at
from copilot.index.schema import DATABASE, TABLES, VERSION

_BUSY_SECONDS = 10.0
_CACHE_KIB = 48 * 1024
_CHECKPOINT_PAGES = 8_000
_KEPT_NAMES = 100_000
_MERGE_PAGES = 400
_MOST_MERGES = 10_000
_ENDS = ("", "-wal", "-shm")


class Known(NamedTuple):
    size: int
    mtime_ns: int


class Store:
    def __init__(self, folder: Path, root: Path) -> None:
        """Open what lies in ``folder``, or begin. A file that is damaged or of another make is put aside first.

        ``reason``: why this is a new index, empty when it is the old one.
        """
        self.file = folder / DATABASE
        self._names: dict[str, int] = {}
        self._folders: dict[str, int] = {}
        self._count: int | None = None
        self.reason = ""
        if self.file.exists():
            self.reason = _unfit(self.file, root)
            if self.reason == _DAMAGED:
                put_aside(folder)
            elif self.reason:
                remove(folder)
        else:
            # A log of a file that is gone must not be taken for the new one's.
            remove(folder)
            self.reason = "there was none"
        self._database = _opened(self.file)
        try:
            if self.reason:
                self._create(root)
            with _decoding():
                self.generation = int(str(self.meta("generation")))
                self.created = int(str(self.meta("created")))
            info = self.file.stat()
        except BaseException:
            self._database.close()
            raise
        self._identity = (info.st_dev, info.st_ino)

    def _create(self, root: Path) -> None:
        self.file.chmod(0o600)
        self._database.execute("BEGIN IMMEDIATE")
        for statement in TABLES:
            self._database.execute(statement)
        # Milliseconds since 1970: it grows with each new file too, as nobody commits a thousand times a second.
        began = int(time.time() * 1000)
        values = {"version": __version__, "root": _as_text(root), "created": began, "generation": began, "phase": "new"}
        self._database.executemany("INSERT INTO meta VALUES (?, ?)", values.items())
        # Last: whoever sees the version sees all of it.
        self._database.execute(f"PRAGMA user_version = {VERSION}")
        self._database.execute("COMMIT")

    def close(self) -> None:
        self._database.close()

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode of the open file."""
        return self._identity

    def is_in_place(self) -> bool:
        """Whether the file that is open is the one that readers find."""
        with contextlib.suppress(OSError):
            info = self.file.stat()
            return (info.st_dev, info.st_ino) == self._identity
        return False

    def meta(self, key: str) -> str | int | None:
        row = self._database.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return row[0] if row else None

    def known(self) -> dict[str, Known]:
        """Every file, those left out too."""
        found = {path: Known(a, b) for path, a, b in self._database.execute("SELECT path, size, mtime_ns FROM file")}
        if not all(isinstance(path, str) for path in found):
            raise sqlite3.DatabaseError("a path is none")
        return found

    def digest(self, path: str) -> bytes:
        """Of what is indexed; empty where nothing is, or where the file is left out."""
        row = self._database.execute("SELECT digest FROM file WHERE path = ?", (path,)).fetchone()
        with _decoding():
            return bytes(memoryview(row[0])) if row else b""

    def below(self, path: str) -> list[str]:
        """The file of this path, and those in the folder of this path, however deep."""
        rows = self._database.execute(
            "SELECT path FROM file WHERE path = ? OR (path >= ? AND path < ?)", (path, f"{path}/", f"{path}0")
        )
        return [row[0] for row in rows]

    def files(self) -> int:
        """How many are in the index. Counted once: that takes long where there are many."""
        if self._count is None:
            (count,) = self._database.execute("SELECT count(*) FROM file WHERE left_out IS NULL").fetchone()
            self._count = int(count)
        return self._count

    def write(self, file: Parsed) -> None:
        """Take over what was found in a file."""
        if file.gone:
            self.remove([file.path])
            return
        self._begin()
        row = self._row(file.path)
        if row and file.same:
            self._database.execute(
                "UPDATE file SET size = ?, mtime_ns = ? WHERE id = ?", (file.size, file.mtime_ns, row[0])
            )
            return
        number = row[0] if row else None
        if number is not None:
            self._forget(number)
        self._add_to_count((file.left_out is None) - (row is not None and row[1] is None))
        references = sorted((self._name(name), lines) for name, lines in file.references)
        uses = array("I", [name for name, _ in references]).tobytes()
        if number is None:
            number = self._insert_file(file, uses)
        else:
            self._database.execute(
                """UPDATE file SET language = ?, size = ?, mtime_ns = ?, digest = ?, lines = ?, left_out = ?, uses = ?
                   WHERE id = ?""",
                (*_columns(file), uses, number),
            )
        if file.left_out is None:
            self._database.execute("INSERT INTO file_path (rowid, path) VALUES (?, ?)", (number, file.path))
        self._database.executemany(
            "INSERT INTO reference (name, file, lines) VALUES (?, ?, ?)",
            [(name, number, lines) for name, lines in references],
        )
        self._database.executemany(
            "INSERT INTO symbol VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [(number, at, self._defined(it[0]), *it[1:]) for at, it in enumerate(file.symbols)],
        )
        if file.imports:
            self._database.execute("INSERT INTO import VALUES (?, ?)", (number, file.imports))
        for first, last, words in file.chunks:
            chunk = self._database.execute(
                "INSERT INTO chunk (file, first, last, words) VALUES (?, ?, ?, ?)",
                (number, first, last, zlib.compress(words.encode(), 1)),
            ).lastrowid
            self._database.execute("INSERT INTO chunk_words (rowid, words) VALUES (?, ?)", (chunk, words))

    def remove(self, paths: Iterable[str]) -> int:
        """Forget files; how many of them there were."""
        count = 0
        for path in paths:
            row = self._row(path)
            if row:
                self._begin()
                self._forget(row[0])
                self._database.execute("DELETE FROM file WHERE id = ?", row[:1])
                self._add_to_count(-(row[1] is None))
                count += 1
        return count

    def note(self, **values: str | int) -> None:
        """Set values of ``meta``, with the next commit."""
        self._begin()
        self._database.executemany("INSERT OR REPLACE INTO meta VALUES (?, ?)", values.items())

    def commit(self) -> bool:
        """Show what was written since the last time, all at once. False: there was nothing."""
        if not self._database.in_transaction:
            return False
        self.note(generation=self.generation + 1, changed=int(time.time()))
        self._database.execute("COMMIT")
        self.generation += 1
        return True

    def rollback(self) -> None:
        self._names.clear()
        self._folders.clear()
        self._count = None
        with contextlib.suppress(sqlite3.Error):
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")

    def tidy(self) -> Iterator[None]:
        """After many files came or went, in steps: forget names that nothing uses, fold the full-text indexes.

        Between two steps other things may be written.
        """
        self._begin()
        self._names.clear()
        unused = """NOT EXISTS (SELECT 1 FROM symbol WHERE symbol.name = name.id)
                    AND NOT EXISTS (SELECT 1 FROM reference WHERE reference.name = name.id)"""
        self._database.execute(
            f"""INSERT INTO name_text (name_text, rowid, text)
                SELECT 'delete', id, text FROM name WHERE defined AND {unused}"""  # noqa: S608
        )
        self._database.execute(f"DELETE FROM name WHERE {unused}")  # noqa: S608
        self._database.execute("DELETE FROM folder WHERE NOT EXISTS (SELECT 1 FROM file WHERE file.folder = folder.id)")
        self._folders.clear()
        self.commit()
        for table in ("chunk_words", "name_text", "file_path"):
            # Negative: begin to fold all into one; see "The merge command" in SQLite's documentation of FTS5.
            pages = -_MERGE_PAGES
            for _ in range(_MOST_MERGES):
                yield
                self._begin()
                before = self._database.total_changes
                self._database.execute(f"INSERT INTO {table} ({table}, rank) VALUES ('merge', ?)", (pages,))  # noqa: S608
                merged = self._database.total_changes - before > 1
                self.commit()
                pages = _MERGE_PAGES
                if not merged:
                    break
        yield
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _row(self, path: str) -> tuple[int, str | None] | None:
        """A file's number, and why it is left out."""
        row = self._database.execute("SELECT id, left_out FROM file WHERE path = ?", (path,)).fetchone()
        return (row[0], row[1]) if row else None

    def _add_to_count(self, more: int) -> None:
        if self._count is not None:
            self._count += more

    def _begin(self) -> None:
        if not self._database.in_transaction:
            self._database.execute("BEGIN IMMEDIATE")

    def _insert_file(self, file: Parsed, uses: bytes) -> int:
        pure = PurePosixPath(file.path)
        folder = "" if str(pure.parent) == "." else str(pure.parent)
        if folder not in self._folders:
            if len(self._folders) > _KEPT_NAMES:
                self._folders.clear()
            self._database.execute("INSERT OR IGNORE INTO folder (path) VALUES (?)", (folder,))
            row = self._database.execute("SELECT id FROM folder WHERE path = ?", (folder,)).fetchone()
            self._folders[folder] = row[0]
        number = self._database.execute(
            """INSERT INTO file (path, folder, name, language, size, mtime_ns, digest, lines, left_out, uses)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            (file.path, self._folders[folder], pure.name, *_columns(file), uses),
        ).lastrowid
        assert number is not None
        return number

    def _forget(self, number: int) -> None:
        """Everything of a file but its own row."""
        execute = self._database.execute
        path, left_out, uses = execute("SELECT path, left_out, uses FROM file WHERE id = ?", (number,)).fetchone()
        if left_out is None:
            execute("INSERT INTO file_path (file_path, rowid, path) VALUES ('delete', ?, ?)", (number, path))
        names = array("I")
        with _decoding():
            names.frombytes(uses)
        self._database.executemany(
            "DELETE FROM reference WHERE name = ? AND file = ?", [(name, number) for name in names]
        )
        execute("DELETE FROM symbol WHERE file = ?", (number,))
        execute("DELETE FROM import WHERE file = ?", (number,))
        for chunk, words in execute("SELECT id, words FROM chunk WHERE file = ?", (number,)).fetchall():
            with _decoding():
                text = zlib.decompress(words).decode()
            execute("INSERT INTO chunk_words (chunk_words, rowid, words) VALUES ('delete', ?, ?)", (chunk, text))
        execute("DELETE FROM chunk WHERE file = ?", (number,))

    def _name(self, text: str) -> int:
        number = self._names.get(text)
        if number is None:
            row = self._database.execute("SELECT id FROM name WHERE text = ?", (text,)).fetchone()
            number = row[0] if row else self._database.execute("INSERT INTO name (text) VALUES (?)", (text,)).lastrowid
            assert number is not None
            if len(self._names) > _KEPT_NAMES:
                self._names.clear()
            self._names[text] = number
        return number

    def _defined(self, text: str) -> int:
        """The name's number; it is found by its trigrams from now on."""
        number = self._name(text)
        changed = self._database.execute("UPDATE name SET defined = 1 WHERE id = ? AND NOT defined", (number,))
        if changed.rowcount:
            self._database.execute("INSERT INTO name_text (rowid, text) VALUES (?, ?)", (number, text))
        return number


_DAMAGED = "it was damaged"


def is_damage(error: sqlite3.Error) -> bool:
    """Whether only a new file helps. A full disk, a lock, a lack of memory pass."""
    if isinstance(error, sqlite3.OperationalError):
        return "Could not decode" in str(error)
    return isinstance(error, sqlite3.DatabaseError)


@contextlib.contextmanager
def _decoding() -> Iterator[None]:
    """What SQLite takes for sound may still not be what was written."""
    try:
        yield
    except (zlib.error, ValueError, TypeError) as error:
        raise sqlite3.DatabaseError(f"what is stored can't be read: {error}") from error


def _as_text(root: Path) -> str:
    """A folder's name need not be text."""
    return os.fsencode(root).decode(errors="backslashreplace")


def put_aside(folder: Path) -> None:
    """Keep a damaged index under another name, the newest one only, for whoever wants to know what happened."""
    for end in ("-wal", "-shm", ""):
        source, aside = folder / f"{DATABASE}{end}", folder / f"{DATABASE}.corrupt{end}"
        with contextlib.suppress(FileNotFoundError):
            aside.unlink()
        with contextlib.suppress(FileNotFoundError):
            # The index of the log in shared memory is made anew from the log.
            source.unlink() if end == "-shm" else source.rename(aside)


def remove(folder: Path) -> None:
    for end in _ENDS:
        with contextlib.suppress(FileNotFoundError):
            (folder / f"{DATABASE}{end}").unlink()


def stored_bytes(folder: Path) -> int:
    """Bytes of the index with its log."""
    found = 0
    for end in _ENDS:
        with contextlib.suppress(OSError):
            found += (folder / f"{DATABASE}{end}").stat().st_size
    return found


def _unfit(file: Path, root: Path) -> str:
    """Why this file can't go on being the index; empty if it can."""
    try:
        with contextlib.closing(_opened(file)) as database:
            if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                tables = database.execute("SELECT count(*) FROM sqlite_master WHERE name = 'meta'").fetchone()[0]
                # Not one of ours at all: somebody's, so it is not thrown away.
                return "it is of another version" if tables or not _any_table(database) else _DAMAGED
            meta = dict(database.execute("SELECT key, value FROM meta"))
            if meta.get("version") != __version__ or meta.get("root") != _as_text(root):
                return "it is of another version"
            if database.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
                return _DAMAGED
    except sqlite3.DatabaseError as error:
        if is_damage(error) or "no such table" in str(error):
            return _DAMAGED
        raise
    return ""


def _any_table(database: sqlite3.Connection) -> bool:
    return bool(database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0])


def _opened(file: Path) -> sqlite3.Connection:
    with contextlib.suppress(FileExistsError):
        # Only its owner may read it, from its first moment on. (One that is there must not be opened and closed here:
        # that would take the locks away that another connection of this process has on it.)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    database = sqlite3.connect(file, timeout=_BUSY_SECONDS, isolation_level=None, cached_statements=64)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        database.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        database.execute(f"PRAGMA journal_size_limit = {_CHECKPOINT_PAGES * 4096}")
        database.execute("PRAGMA secure_delete = FAST")
    except BaseException:
        database.close()
        raise
    return database


def _columns(file: Parsed) -> tuple[str, int, int, bytes, int, str | None]:
    language = file.language or language_at(file.path)
    return (language, file.size, file.mtime_ns, file.digest, file.lines, file.left_out)
