"""The file of conversations and memory: SQLite with write-ahead log, readable by its owner only."""

import contextlib
import sqlite3
from pathlib import Path

from copilot.errors import SlipstreamError

# Append only: a file of any earlier version is brought up by what it lacks.
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE conversation (
            id INTEGER PRIMARY KEY,
            title TEXT NOT NULL,
            named INTEGER NOT NULL DEFAULT 0,    -- by the user or the model, not after its first words
            pinned INTEGER NOT NULL DEFAULT 0,
            workspace TEXT NOT NULL DEFAULT '',
            created REAL NOT NULL,               -- seconds since 1970, as all times here
            updated REAL NOT NULL,
            leaf INTEGER,
            summary TEXT NOT NULL DEFAULT '',
            summarised INTEGER                   -- the last message that the summary covers
        )""",
        """CREATE TABLE message (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
            parent INTEGER REFERENCES message ON DELETE CASCADE,
            role TEXT NOT NULL,
            text TEXT NOT NULL,
            state TEXT NOT NULL,
            note TEXT NOT NULL DEFAULT '',
            model TEXT NOT NULL DEFAULT '',
            created REAL NOT NULL,
            attachments TEXT NOT NULL DEFAULT '[]',
            figures TEXT NOT NULL DEFAULT '{}'
        )""",
        "CREATE INDEX message_conversation ON message (conversation, id)",
        "CREATE INDEX message_parent ON message (parent)",
        "CREATE VIRTUAL TABLE message_text USING fts5 (text, content='message', content_rowid='id')",
        """CREATE TRIGGER message_added AFTER INSERT ON message BEGIN
            INSERT INTO message_text (rowid, text) VALUES (new.id, new.text);
        END""",
        """CREATE TRIGGER message_gone AFTER DELETE ON message BEGIN
            INSERT INTO message_text (message_text, rowid, text) VALUES ('delete', old.id, old.text);
        END""",
        """CREATE TRIGGER message_changed AFTER UPDATE OF text ON message BEGIN
            INSERT INTO message_text (message_text, rowid, text) VALUES ('delete', old.id, old.text);
            INSERT INTO message_text (rowid, text) VALUES (new.id, new.text);
        END""",
        """CREATE TABLE fact (
            id INTEGER PRIMARY KEY,
            workspace TEXT NOT NULL DEFAULT '',  -- empty: everywhere
            text TEXT NOT NULL,
            created REAL NOT NULL
        )""",
    ),
)


def opened(path: Path) -> sqlite3.Connection:
    """The file, made or brought up to date where it must be. Raises :class:`SlipstreamError` ``history_broken``."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Not after the fact: for a moment anyone could open it.
        path.touch(mode=0o600)
        database = sqlite3.connect(path, timeout=5.0, isolation_level=None)
        try:
            _prepared(database)
        except BaseException:
            database.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise SlipstreamError(
            f"The history in {path} cannot be opened: {error}.",
            hint="Move the file away to begin with an empty history.",
            code="history_broken",
        ) from error
    return database


def opened_in_memory() -> sqlite3.Connection:
    """For where the file cannot be used: nothing of it stays."""
    database = sqlite3.connect(":memory:", isolation_level=None)
    _prepared(database)
    return database


def moved_aside(path: Path) -> Path:
    """Give a file that cannot be opened another name, with what belongs to it; returns it. Raises ``OSError``."""
    number = 1
    while (aside := path.with_name(f"{path.stem}-old-{number}{path.suffix}")).exists():
        number += 1
    path.rename(aside)
    for end in ("-wal", "-shm"):
        beside = path.with_name(f"{path.name}{end}")
        if beside.exists():
            beside.rename(aside.with_name(f"{aside.name}{end}"))
    return aside


def _prepared(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute("PRAGMA foreign_keys = ON")
    # What is deleted is overwritten.
    database.execute("PRAGMA secure_delete = ON")
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise sqlite3.DatabaseError("it was written by a newer version of Slipstream")
    for number, statements in enumerate(MIGRATIONS[version:], version + 1):
        database.execute("BEGIN IMMEDIATE")
        try:
            # Another process may have been here first.
            if database.execute("PRAGMA user_version").fetchone()[0] < number:
                for statement in statements:
                    database.execute(statement)
                database.execute(f"PRAGMA user_version = {number}")
        except BaseException:
            database.execute("ROLLBACK")
            raise
        database.execute("COMMIT")


def purge(database: sqlite3.Connection) -> None:
    """Have nothing of what was deleted stay in the file, the index or the log."""
    database.execute("INSERT INTO message_text (message_text) VALUES ('rebuild')")
    with contextlib.suppress(sqlite3.OperationalError):
        # Refused while another process reads; the next deletion makes up for it.
        database.execute("VACUUM")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
