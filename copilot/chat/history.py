"""Conversations that are kept: found, named, pinned, exported, deleted for real."""

import sqlite3
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import msgspec

from copilot.chat.attachments import Attachment
from copilot.chat.database import purge
from copilot.chat.thread import Figures, Message, MessageState, Thread

UNTITLED = "New conversation"
_COLUMNS = "id, parent, role, text, state, note, model, created, attachments, figures"
_MOST_FOUND = 200


class Entry(NamedTuple):
    """A conversation in a list. ``excerpt``: where what was searched for stands in it."""

    id: int
    title: str
    named: bool
    pinned: bool
    workspace: str
    updated: float
    excerpt: str = ""


class Summary(NamedTuple):
    """What was said up to message ``upto``, in short."""

    text: str
    upto: int | None


class History:
    """``clock``: seconds since 1970."""

    def __init__(self, database: sqlite3.Connection, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock
        # A window that was killed leaves answers that nothing will finish.
        database.execute(
            "UPDATE message SET state = ?, note = ? WHERE state = ?",
            (MessageState.FAILED, "The window was closed while this was written.", MessageState.RUNNING),
        )

    # ------------------------------------------------------------------------------------------ conversations

    def start(self, workspace: str = "", title: str = UNTITLED, *, named: bool = False) -> int:
        now = self._clock()
        done = self._database.execute(
            "INSERT INTO conversation (title, named, workspace, created, updated) VALUES (?, ?, ?, ?, ?)",
            (title, named, workspace, now, now),
        )
        return int(done.lastrowid or 0)

    def entries(self, search: str = "") -> list[Entry]:
        """Pinned ones first, then the newest; with ``search`` those that hold all of its words."""
        words = search.split()
        if not words:
            rows = self._database.execute(
                "SELECT id, title, named, pinned, workspace, updated, '' FROM conversation "
                "ORDER BY pinned DESC, updated DESC"
            )
            return [_entry(row) for row in rows]
        # Each word as a phrase that may go on: no operator of the query language is meant.
        query = " ".join('"{}"*'.format(word.replace('"', '""')) for word in words)
        rows = self._database.execute(
            "SELECT c.id, c.title, c.named, c.pinned, c.workspace, c.updated, max(found.excerpt) FROM "
            # The newest ones; with a limit SQLite keeps this apart, as a snippet wants it.
            "(SELECT rowid, snippet(message_text, 0, '', '', '…', 12) AS excerpt FROM message_text "
            "WHERE message_text MATCH ? ORDER BY rowid DESC LIMIT ?) AS found "
            "JOIN message m ON m.id = found.rowid JOIN conversation c ON c.id = m.conversation "
            "GROUP BY c.id ORDER BY c.pinned DESC, c.updated DESC",
            (query, _MOST_FOUND),
        )
        found = {row[0]: _entry(row) for row in self._matching(rows)}
        pattern = "%{}%".format(search.strip().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_"))
        for row in self._database.execute(
            "SELECT id, title, named, pinned, workspace, updated, '' FROM conversation "
            "WHERE title LIKE ? ESCAPE '\\' ORDER BY updated DESC LIMIT ?",
            (pattern, _MOST_FOUND),
        ):
            found.setdefault(row[0], _entry(row))
        return sorted(found.values(), key=lambda it: (not it.pinned, -it.updated))

    def _matching(self, rows: sqlite3.Cursor) -> Iterator[tuple[object, ...]]:
        return iter(rows.fetchall())

    def entry(self, conversation: int) -> Entry | None:
        row = self._database.execute(
            "SELECT id, title, named, pinned, workspace, updated, '' FROM conversation WHERE id = ?", (conversation,)
        ).fetchone()
        return None if row is None else _entry(row)

    def rename(self, conversation: int, title: str, *, named: bool = True) -> None:
        self._database.execute(
            "UPDATE conversation SET title = ?, named = ? WHERE id = ?",
            (" ".join(title.split())[:200] or UNTITLED, named, conversation),
        )

    def pin(self, conversation: int, *, pinned: bool) -> None:
        self._database.execute("UPDATE conversation SET pinned = ? WHERE id = ?", (pinned, conversation))

    def delete(self, conversation: int) -> None:
        """For real: nothing of it stays in the file."""
        self._database.execute("DELETE FROM conversation WHERE id = ?", (conversation,))
        purge(self._database)

    def delete_all(self) -> None:
        self._database.execute("DELETE FROM conversation")
        purge(self._database)

    # ----------------------------------------------------------------------------------------------- messages

    def thread(self, conversation: int) -> Thread:
        rows = self._database.execute(
            f"SELECT {_COLUMNS} FROM message WHERE conversation = ? ORDER BY id",  # noqa: S608 - a constant
            (conversation,),
        )
        leaf = self._database.execute("SELECT leaf FROM conversation WHERE id = ?", (conversation,)).fetchone()
        return Thread(map(_message, rows), leaf[0] if leaf is not None else None)

    def add(
        self,
        conversation: int,
        parent: int | None,
        role: str,
        text: str,
        *,
        attachments: tuple[Attachment, ...] = (),
        state: MessageState = MessageState.DONE,
        model: str = "",
    ) -> Message:
        now = self._clock()
        done = self._database.execute(
            "INSERT INTO message (conversation, parent, role, text, state, model, created, attachments) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (conversation, parent, role, _storable(text), state, model, now, _json(attachments)),
        )
        message_id = int(done.lastrowid or 0)
        self._database.execute(
            "UPDATE conversation SET updated = ?, leaf = ? WHERE id = ?", (now, message_id, conversation)
        )
        return Message(
            id=message_id,
            parent=parent,
            role=role,
            text=text,
            state=state,
            model=model,
            created=now,
            attachments=attachments,
        )

    def save(self, message: Message) -> None:
        """What has become of an answer."""
        self._database.execute(
            "UPDATE message SET text = ?, state = ?, note = ?, model = ?, figures = ? WHERE id = ?",
            (
                _storable(message.text),
                message.state,
                message.note,
                message.model,
                _json(message.figures),
                message.id,
            ),
        )

    def look_at(self, conversation: int, leaf: int | None) -> None:
        self._database.execute("UPDATE conversation SET leaf = ? WHERE id = ?", (leaf, conversation))

    def summary(self, conversation: int) -> Summary:
        row = self._database.execute(
            "SELECT summary, summarised FROM conversation WHERE id = ?", (conversation,)
        ).fetchone()
        return Summary("", None) if row is None else Summary(*row)

    def summarise(self, conversation: int, summary: Summary) -> None:
        self._database.execute(
            "UPDATE conversation SET summary = ?, summarised = ? WHERE id = ?",
            (_storable(summary.text), summary.upto, conversation),
        )


def _entry(row: tuple[object, ...]) -> Entry:
    number, title, named, pinned, workspace, updated, excerpt = row
    assert isinstance(number, int)
    assert isinstance(updated, float)
    return Entry(
        number, str(title), bool(named), bool(pinned), str(workspace), updated, " ".join(str(excerpt or "").split())
    )


def _message(row: tuple[object, ...]) -> Message:
    number, parent, role, text, state, note, model, created, attachments, figures = row
    return Message(
        id=msgspec.convert(number, int),
        parent=msgspec.convert(parent, int | None),
        role=str(role),
        text=str(text),
        state=MessageState(str(state)),
        note=str(note),
        model=str(model),
        created=msgspec.convert(created, float),
        attachments=msgspec.json.decode(str(attachments), type=tuple[Attachment, ...]),
        figures=msgspec.json.decode(str(figures), type=Figures),
    )


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _storable(text: str) -> str:
    """Half a surrogate pair, which a broken clipboard may hold, is no text to SQLite."""
    return text.encode("utf-8", "replace").decode()
