"""The bus: events go in at once and reach the sinks a moment later, from a thread of its own.

Whoever publishes is in the middle of a stream, so publishing waits for nothing, whatever disk and network do. What that
costs is counted: where events came too fast there is a gap that says how many are missing.
"""

import itertools
import logging
import queue
import secrets
import threading
import time
from collections.abc import Callable, Sequence

from copilot.audit.events import AuditGap, Content, Event, Missing, Row, Text, permitted, row
from copilot.audit.outlet import BATCH_ROWS, Outlet
from copilot.audit.sink import Sink

log = logging.getLogger(__name__)

CAPACITY = 10_000
TEXT_CAPACITY = 32_000_000
"""Characters of prompts and answers that may wait."""

CLOSE_SECONDS = 5.0
_FLUSH_SECONDS = 1.0
# A batch is worth waiting for: the writer takes the interpreter from the stream less often.
_LINGER_SECONDS = 0.05
# After so many rows the writer lets others run: else it would keep the interpreter for 5 ms at a time.
_ROWS_AT_ONCE = 16
_FULL = 0.9

# Its number, nanoseconds since 1970, monotonic seconds, how many were dropped before it, and itself.
_Item = tuple[int, int, float, int, Event]


class _Mark:
    """Stands in the queue behind what is to be flushed, or is the last to be."""

    def __init__(self, *, is_last: bool) -> None:
        self.is_last = is_last
        self.reached = threading.Event()


class Bus:
    """``required``: sinks without which nothing shall be served, see :attr:`refusing`; ``optional``: the others.

    With no sinks at all publishing does nothing and there is no thread. ``content``: what of :class:`Text` is recorded.
    ``capacity``: events that may wait, in the queue and again before each sink that fails. ``notice``: called from the
    bus's thread with a sentence for people, once for each time that something begins to fail.
    """

    def __init__(
        self,
        *,
        required: Sequence[Sink] = (),
        optional: Sequence[Sink] = (),
        content: Content = "none",
        capacity: int = CAPACITY,
        notice: Callable[[str], None] = log.warning,
    ) -> None:
        self.content: Content = content
        self._capacity = capacity
        self._notice = notice
        self._run_id = secrets.token_hex(4)
        self._numbers = itertools.count(1)
        self._queue: queue.SimpleQueue[_Item | _Mark] = queue.SimpleQueue()
        self._counting = threading.Lock()
        self._dropped = 0
        self._last_dropped = 0
        self._characters_in = self._characters_out = 0
        # Only the writer's.
        self._told = 0
        self._flush_at = 0.0
        self._required = [self._outlet(it, "Requests are refused until it can.") for it in required]
        self._outlets = [*self._required, *(self._outlet(it, "Work goes on without.") for it in optional)]
        self._closed = not self._outlets
        self._thread = threading.Thread(target=self._write, name="audit", daemon=True)
        if self._outlets:
            self._thread.start()

    def _outlet(self, sink: Sink, consequence: str) -> Outlet:
        return Outlet(sink, room=self._capacity, gap=self._sink_gap, notice=self._notice, consequence=consequence)

    @property
    def refusing(self) -> bool:
        """Requests are to be answered with 503: what they do could not be recorded, and it has to be."""
        if not self._required:
            return False
        return self._queue.qsize() > _FULL * self._capacity or any(outlet.failing for outlet in self._required)

    @property
    def takes_text(self) -> bool:
        """Whether it is worth making a :class:`Text`, which is dropped otherwise."""
        return self.content != "none" and not self._closed

    def publish(self, event: Event) -> None:
        """From any thread; waits for nothing and never raises. After :meth:`close` it does nothing."""
        if self._closed or (type(event) is Text and not self._has_room_for(event)):
            return
        number = next(self._numbers)
        if self._queue.qsize() >= self._capacity:
            self._drop(number)
            return
        self._queue.put((number, time.time_ns(), time.monotonic(), self._dropped, event))

    def _drop(self, number: int) -> None:
        # The lock is only for those who publish at the same time, so nobody holds it for long.
        with self._counting:
            self._dropped += 1
            self._last_dropped = number

    def _has_room_for(self, text: Text) -> bool:
        if self.content == "none":
            return False
        size = len(text.prompt) + len(text.answer)
        with self._counting:
            if self._characters_in - self._characters_out + size <= TEXT_CAPACITY:
                self._characters_in += size
                return True
        self._drop(next(self._numbers))
        return False

    def flush(self, timeout: float = CLOSE_SECONDS) -> bool:
        """Wait until what was published before is in the sinks, or was given to them in vain. False: it took longer."""
        if self._closed:
            return True
        mark = _Mark(is_last=False)
        self._queue.put(mark)
        return mark.reached.wait(timeout)

    def close(self, timeout: float = CLOSE_SECONDS) -> bool:
        """As :meth:`flush`, and the end. It blocks, so an event loop calls it in a thread."""
        if not self._closed:
            self._closed = True
            self._queue.put(_Mark(is_last=True))
        if self._thread.ident is not None:
            self._thread.join(timeout)
        return not self._thread.is_alive()

    def _write(self) -> None:
        try:
            self._give([], at_once=True)
            while not self._write_batch():
                pass
        except Exception as error:
            # Of our own, since no sink's error comes here; whatever it is, serving goes on.
            self._notice(f"Audit: nothing is recorded any more ({type(error).__name__}).")
        finally:
            self._closed = True
            for outlet in self._outlets:
                outlet.close()

    def _write_batch(self) -> bool:
        """True after the last."""
        rows, mark = self._taken()
        self._give(rows, at_once=mark is not None)
        if mark is not None or time.monotonic() >= self._flush_at:
            for outlet in self._outlets:
                outlet.flush()
            self._flush_at = time.monotonic() + _FLUSH_SECONDS
        if mark is None:
            return False
        mark.reached.set()
        return mark.is_last

    def _give(self, rows: Sequence[Row], *, at_once: bool) -> None:
        for outlet in self._outlets:
            outlet.give(rows, at_once=at_once)

    def _taken(self) -> tuple[list[Row], _Mark | None]:
        """The next batch, up to the first mark. Empty when a second went by and a sink wants to be asked."""
        patience = _FLUSH_SECONDS if any(outlet.is_busy for outlet in self._outlets) else None
        rows: list[Row] = []
        try:
            item = self._queue.get(timeout=patience)
            if not isinstance(item, _Mark) and not self._closed and self._queue.qsize() < BATCH_ROWS:
                time.sleep(_LINGER_SECONDS)
            while not isinstance(item, _Mark):
                rows += self._rows(item)
                if len(rows) >= BATCH_ROWS - 1:
                    return rows, None
                if len(rows) % _ROWS_AT_ONCE == 0:
                    time.sleep(0)
                item = self._queue.get_nowait()
        except queue.Empty:
            return rows + self._gap_at_end(), None
        return rows + self._gap_at_end(), item

    def _rows(self, item: _Item) -> list[Row]:
        """The event's, behind that of the gap before it."""
        number, wall_ns, monotonic, dropped, event = item
        rows = self._gap(dropped, number - 1)
        if type(event) is Text:
            self._characters_out += len(event.prompt) + len(event.answer)
        try:
            event = permitted(event, self.content)
            rows.append(row(event, run=self._run_id, number=number, wall_ns=wall_ns, monotonic=monotonic))
        except Exception:
            # A lone surrogate, or a field of the wrong type.
            rows.append(self._gap_row(1, number, "event"))
        return rows

    def _gap_at_end(self) -> list[Row]:
        return self._gap(self._dropped, self._last_dropped) if self._dropped > self._told else []

    def _gap(self, dropped: int, number: int) -> list[Row]:
        count, self._told = dropped - self._told, max(dropped, self._told)
        return [self._gap_row(count, number, "queue")] if count > 0 else []

    def _gap_row(self, count: int, number: int, reason: Missing) -> Row:
        event = AuditGap(count=count, reason=reason)
        return row(event, run=self._run_id, number=number, wall_ns=time.time_ns(), monotonic=time.monotonic())

    def _sink_gap(self, count: int, last: Row) -> Row:
        return self._gap_row(count, last.number, "sink")
