"""What the user agreed to have remembered: preferences and facts, everywhere or in one workspace."""

import re
import sqlite3
import time
from collections.abc import Callable
from typing import NamedTuple

MOST_FACT = 400
"""Characters."""

# "Remember that ...", "always use ...", "we target ...": what people write who want it to hold from now on.
_WISH = re.compile(
    r"(?:^|(?<=[.!?\n]))\s*(?:please\s+)?"
    r"(?:(?:remember|note)(?:\s+that|:)\s+(?P<said>[^\n]{4,}?)"
    r"|(?P<rule>(?:always|never|from now on,?|in this project,?|we (?:use|target|prefer|write|avoid)|"
    r"i (?:use|prefer|always|never))\s[^\n]{3,}?))\s*(?:[.!](?=\s|$)|\n|$)",
    re.IGNORECASE,
)


class Fact(NamedTuple):
    """``workspace``: empty where it holds everywhere."""

    id: int
    workspace: str
    text: str


class Memory:
    def __init__(self, database: sqlite3.Connection, clock: Callable[[], float] = time.time) -> None:
        self._database = database
        self._clock = clock

    def facts(self, workspace: str | None = None) -> list[Fact]:
        """All of them; with ``workspace`` those that hold in it."""
        if workspace is None:
            rows = self._database.execute("SELECT id, workspace, text FROM fact ORDER BY workspace, id")
        else:
            rows = self._database.execute(
                "SELECT id, workspace, text FROM fact WHERE workspace IN ('', ?) ORDER BY workspace, id", (workspace,)
            )
        return [Fact(*row) for row in rows]

    def keep(self, text: str, workspace: str = "") -> None:
        """What is kept already is not kept twice."""
        text = " ".join(text.split())[:MOST_FACT]
        if text and text not in {it.text for it in self.facts(workspace)}:
            self._database.execute(
                "INSERT INTO fact (workspace, text, created) VALUES (?, ?, ?)", (workspace, text, self._clock())
            )

    def change(self, fact: int, text: str, workspace: str) -> None:
        self._database.execute("UPDATE fact SET text = ?, workspace = ? WHERE id = ?", (text, workspace, fact))

    def forget(self, fact: int) -> None:
        self._database.execute("DELETE FROM fact WHERE id = ?", (fact,))
        self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def wished(question: str) -> str | None:
    """A sentence of ``question`` that asks to be kept; it is kept only where the user then agrees."""
    found = _WISH.search(question)
    if found is None:
        return None
    text = " ".join((found["said"] or found["rule"]).split()).rstrip(".!")
    return text[:1].upper() + text[1:MOST_FACT]
