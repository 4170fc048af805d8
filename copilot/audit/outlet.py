"""One sink as the bus uses it: what it can't take yet waits, and what finds no room is counted."""

import logging
import time
from collections.abc import Callable, Sequence

from copilot.audit.events import Row
from copilot.audit.sink import Sink
from copilot.errors import SlipstreamError

log = logging.getLogger(__name__)

BATCH_ROWS = 1000
_RETRY_SECONDS = 1.0


class Outlet:
    """Of one thread, but for ``failing``, which anyone may read. Nothing here raises.

    ``failing``: rows can't be taken for sure, from the start until the sink is open. ``room``: rows that may wait
    while it fails. ``gap``: makes the row that stands for so many missing ones; the row is the last of them.
    """

    def __init__(
        self, sink: Sink, *, room: int, gap: Callable[[int, Row], Row], notice: Callable[[str], None], consequence: str
    ) -> None:
        self.failing = True
        self.sink = sink
        self._room = room
        self._gap = gap
        self._notice = notice
        self._consequence = consequence
        self._waiting: list[Row] = []
        self._lost = 0
        self._last_lost: Row | None = None
        self._is_open = False
        self._dirty = False
        self._told = False
        self._retry_at = 0.0

    @property
    def is_busy(self) -> bool:
        """It wants :meth:`give` or :meth:`flush` to be called within a second, even if nothing new comes."""
        return self._dirty or self.failing

    def give(self, rows: Sequence[Row], *, at_once: bool = False) -> None:
        """``at_once``: even if the sink failed a moment ago."""
        for row in rows:
            self._add(row)
        if not at_once and self.failing and time.monotonic() < self._retry_at:
            return
        self._guarded(self._pass_on)

    def flush(self) -> None:
        if self._dirty and not self.failing:
            self._guarded(self._flush)

    def close(self) -> None:
        """Rows that still wait are given up, with a notice."""
        try:
            self.sink.close()
        except Exception as error:
            self._notice(f"Audit: {self.sink.name} did not end well: {_described(error)}")
        missing = self._lost + sum(row.events for row in self._waiting)
        if missing:
            self._notice(f"Audit: {missing} events did not reach {self.sink.name}.")
        self.failing = True

    def _add(self, row: Row) -> None:
        if not self.failing or len(self._waiting) < self._room:
            self._tell_gap()
            self._waiting.append(row)
        else:
            self._lost += row.events
            self._last_lost = row

    def _tell_gap(self) -> None:
        if self._lost and self._last_lost is not None:
            self._waiting.append(self._gap(self._lost, self._last_lost))
            self._lost = 0

    def _pass_on(self) -> None:
        if not self._is_open:
            self.sink.open()
            self._is_open = True
        while self._waiting or self._lost:
            if not self._waiting:
                self._tell_gap()
            self.sink.write(self._waiting[:BATCH_ROWS])
            del self._waiting[:BATCH_ROWS]
            self._dirty = True
        if self.failing and self._dirty:
            # Else it would seem to work again, and fail anew a second later.
            self._flush()

    def _flush(self) -> None:
        self.sink.flush()
        self._dirty = False

    def _guarded(self, step: Callable[[], None]) -> None:
        """A sink must neither end the thread nor say twice what is wrong."""
        try:
            step()
        except Exception as error:
            self.failing = True
            self._is_open = False
            self._retry_at = time.monotonic() + _RETRY_SECONDS
            if not self._told:
                self._told = True
                self._notice(f"Audit: {self.sink.name} can't be written: {_described(error)} {self._consequence}")
        else:
            if self._told:
                log.info("audit: %s can be written again", self.sink.name)
            self.failing = self._told = False


def _described(error: Exception) -> str:
    """Without the messages of errors that are not ours: they may hold what someone wrote."""
    if isinstance(error, SlipstreamError):
        return str(error)
    return f"{error.strerror}." if isinstance(error, OSError) and error.strerror else f"{type(error).__name__}."
