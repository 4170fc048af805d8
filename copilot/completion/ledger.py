"""What became of suggestions, in a file of the user's own. Numbers and names of languages; never code, never sent.

Writing waits for nobody: moments go to a thread of their own, which writes them in batches. Several language servers
may write to the one file.
"""

import contextlib
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.completion.moment import Moment, Outcome

if TYPE_CHECKING:
    import sqlite3

# Append only: a file of any earlier version is brought up by what it lacks.
_MIGRATIONS = (
    """CREATE TABLE moment (
        at REAL NOT NULL,             -- seconds since 1970
        outcome TEXT NOT NULL,
        language TEXT NOT NULL,
        place TEXT NOT NULL,
        characters INTEGER NOT NULL,
        lines INTEGER NOT NULL,
        waited_ms REAL,
        share REAL,
        after_s REAL
    )""",
    "CREATE INDEX moment_at ON moment (at)",
    "ALTER TABLE moment ADD COLUMN visible_ms REAL",
)
# By name: a later version may have added columns while this one still runs.
_INSERT = """INSERT INTO moment (at, outcome, language, place, characters, lines, waited_ms, share, after_s, visible_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_BUSY_SECONDS = 5.0
_LARGEST_BATCH = 500


class Summary(dict[str, float | None]):
    """Counts by outcome, and shares; see :func:`summarise`."""


class Ledger:
    """Appends. File and thread come with the first moment; a file that can't be written costs only the record."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: queue.SimpleQueue[tuple[float, Moment] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    def add(self, moment: Moment) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._write_all, name="ledger", daemon=True)
            self._thread.start()
        self._queue.put((time.time(), moment))

    def close(self) -> None:
        """Write what is waiting."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(_BUSY_SECONDS)

    def _write_all(self) -> None:
        import sqlite3

        while (first := self._queue.get()) is not None:
            batch, last = [first], False
            with contextlib.suppress(queue.Empty):
                while len(batch) < _LARGEST_BATCH and not last:
                    item = self._queue.get_nowait()
                    last = item is None
                    if item is not None:
                        batch.append(item)
            with contextlib.suppress(sqlite3.Error, OSError), opened(self._path) as database, database:
                database.executemany(_INSERT, map(_row, batch))
            if last:
                return


@contextlib.contextmanager
def opened(path: Path) -> "Iterator[sqlite3.Connection]":
    """The file, made or brought up to date where it must be; only its owner may read it."""
    import sqlite3

    path.parent.mkdir(parents=True, exist_ok=True)
    database = sqlite3.connect(path, timeout=_BUSY_SECONDS)
    path.chmod(0o600)
    with contextlib.suppress(sqlite3.OperationalError):
        # Refused, busy time-out or not, while another process does the same.
        database.execute("PRAGMA journal_mode = WAL")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    for number, statement in enumerate(_MIGRATIONS[version:], version + 1):
        with database:
            database.execute("BEGIN IMMEDIATE")
            # Another process may have been here first.
            if database.execute("PRAGMA user_version").fetchone()[0] < number:
                database.execute(statement)
                database.execute(f"PRAGMA user_version = {number}")
    try:
        yield database
    finally:
        database.close()


def summarise(database: "sqlite3.Connection", since: float) -> Summary:
    """Since ``since`` (seconds since 1970): how many moments of each outcome.

    ``waited_ms``: median time from request to first text. ``kept_30`` and ``kept_180``: mean share of accepted words
    that were still there after so many seconds.
    """
    counts = dict(
        database.execute("SELECT outcome, count(*) FROM moment WHERE at >= ? GROUP BY outcome", (since,)).fetchall()
    )
    waited = [
        value
        for (value,) in database.execute(
            "SELECT waited_ms FROM moment WHERE at >= ? AND waited_ms IS NOT NULL ORDER BY waited_ms", (since,)
        )
    ]
    kept = dict(
        database.execute(
            "SELECT after_s, avg(share) FROM moment WHERE at >= ? AND outcome = ? GROUP BY after_s",
            (since, Outcome.KEPT.value),
        ).fetchall()
    )
    return Summary(
        {outcome.value: counts.get(outcome.value, 0) for outcome in Outcome}
        | {"waited_ms": waited[len(waited) // 2] if waited else None}
        | {"kept_30": kept.get(30.0), "kept_180": kept.get(180.0)}
    )


def kept_over_time(database: "sqlite3.Connection", since: float, after_s: float = 30.0) -> list[tuple[float, float]]:
    """When something was looked at again (seconds since 1970), and the share of its words that was still there."""
    rows = database.execute(
        "SELECT at, share FROM moment WHERE at >= ? AND outcome = ? AND after_s = ? AND share IS NOT NULL ORDER BY at",
        (since, Outcome.KEPT.value, after_s),
    )
    return [(float(at), float(share)) for at, share in rows]


def clear(database: "sqlite3.Connection") -> int:
    """Forget everything, in the file too; how many moments there were."""
    with database:
        count = database.execute("DELETE FROM moment").rowcount
    database.execute("VACUUM")
    database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return count


def _row(item: tuple[float, Moment]) -> tuple[float | str | int | None, ...]:
    at, moment = item
    return (
        at,
        moment.outcome.value,
        moment.language,
        moment.place.value,
        moment.characters,
        moment.lines,
        moment.waited_ms,
        moment.share,
        moment.after_s,
        moment.visible_ms,
    )
