"""Questions to the index file of a workspace, which another process writes and may replace at any time."""

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from copilot.index.schema import DATABASE, MARKER, VERSION

if TYPE_CHECKING:
    import sqlite3

_T = TypeVar("_T")

_BUSY_SECONDS = 0.25
_KEPT_ANSWERS = 512


class Answers:
    """One connection, for one thread at a time, and what it answered since the last commit. Never raises for what is
    wrong with the index."""

    def __init__(self, folder: Path) -> None:
        self._file = str(folder / DATABASE)
        self._marker = folder / MARKER
        self._database: sqlite3.Connection | None = None
        self._identity: tuple[int, int] | None = None
        self._seen_version = -1
        self._kept: dict[tuple[object, ...], object] = {}

    def close(self) -> None:
        if self._database is not None:
            self._database.close()
        self._database, self._identity = None, None
        self._kept.clear()

    def answer(self, key: tuple[object, ...], nothing: _T, ask: "Callable[[sqlite3.Connection], _T]") -> _T:
        """What ``ask`` says of the index as it is, or said already; ``nothing`` where it can't be asked.

        ``key``: what the answer is kept by until the index changes; empty: it is not kept.
        """
        import sqlite3

        if not is_text(key):
            # Nothing is called so; that says nothing against the index.
            return nothing
        try:
            database = self._connection()
            if database is None:
                return nothing
            (version,) = database.execute("PRAGMA data_version").fetchone()
            if version != self._seen_version or len(self._kept) > _KEPT_ANSWERS:
                self._seen_version = version
                self._kept.clear()
            if key in self._kept:
                return self._kept[key]  # type: ignore[return-value]  # kept by this very function
            answer = ask(database)
        except sqlite3.OperationalError as error:
            # Busy, out of memory, about to be made: not known to be broken.
            if "Could not decode" in str(error):
                self._broken()
            return nothing
        except (sqlite3.DatabaseError, ValueError, TypeError):
            self._broken()
            return nothing
        if key:
            self._kept[key] = answer
        return answer

    def _connection(self) -> "sqlite3.Connection | None":
        """The file that lies there now; a new one may have taken the place of the one that is open."""
        import sqlite3

        try:
            info = os.stat(self._file)  # noqa: PTH116  (a third of the time of Path.stat, at every question)
        except OSError:
            self.close()
            return None
        identity = (info.st_dev, info.st_ino)
        if self._database is not None and identity == self._identity:
            return self._database
        self.close()
        database = sqlite3.connect(
            f"{Path(self._file).as_uri()}?mode=ro",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
            cached_statements=64,
            check_same_thread=False,
        )
        try:
            database.execute("PRAGMA query_only = ON")
            database.execute("PRAGMA mmap_size = 268435456")
            if database.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                database.close()
                return None
        except BaseException as error:
            database.close()
            if isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError):
                self._identity = identity
            raise
        self._database, self._identity, self._seen_version = database, identity, -1
        return database

    def _broken(self) -> None:
        """Ask for a new index, in place of the very file that was read."""
        if self._identity is not None:
            with contextlib.suppress(OSError):
                self._marker.write_text(f"{self._identity[0]} {self._identity[1]}\n", encoding="ascii")
        self.close()


def is_text(key: tuple[object, ...]) -> bool:
    """Whether it has no lone surrogates, which SQLite can't be asked for."""
    try:
        for part in key:
            if isinstance(part, str) and not part.isascii():
                part.encode()
            elif isinstance(part, tuple) and not is_text(part):
                return False
    except UnicodeEncodeError:
        return False
    return True
