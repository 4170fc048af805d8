"""A walk over the workspace, compared with what the index holds."""

import time
from collections.abc import Iterator

from copilot.index.parsed import Task
from copilot.index.store import Known, Store
from copilot.safety.gate import Found, Gate


class Scan:
    """``found``: files so far. ``over``: the walk is at its end, and ``gone`` is what it did not meet."""

    def __init__(self, gate: Gate, store: Store) -> None:
        self.found = 0
        self.over = False
        self.started = time.monotonic()
        self._store = store
        self._known: dict[str, Known] = store.known()
        self._walk: Iterator[Found] = gate.walk()

    def step(self, seconds: float) -> list[Task]:
        """Walk on for so long; the files met that are not as the index knows them."""
        tasks = []
        until = time.monotonic() + seconds
        for found in self._walk:
            self.found += 1
            known = self._known.pop(found.path, None)
            if known != (found.size, found.mtime_ns):
                digest = self._store.digest(found.path) if known else b""
                tasks.append(Task(found.path, size=found.size, mtime_ns=found.mtime_ns, digest=digest))
            if time.monotonic() > until:
                return tasks
        self.over = True
        return tasks

    @property
    def gone(self) -> list[str]:
        return list(self._known)
