"""Standard input and output as a message channel that neither blocks the event loop nor is blocked by it.

Reading and writing have a thread each: an executor shared with other work could be full when a cancel arrives, and a
client that stops reading would stop a loop that writes by itself.
"""

import asyncio
import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable

from copilot_lsp.framing import Event, FrameReader, Message

log = logging.getLogger(__name__)

_CHUNK = 64 * 1024
# Decoded messages wait here while the loop is busy; more than this and the client's pipe fills up instead.
_MAX_WAITING_BYTES = 4 * 1024 * 1024
# Losing an intermediate state of a growing text is no loss; losing an answer is.
_SOFT_LIMIT_BYTES = 1024 * 1024
_HARD_LIMIT_BYTES = 16 * 1024 * 1024


def claim_stdio() -> tuple[int, int]:
    """Keep standard input and output for the protocol; returns their new descriptors.

    From here on whatever prints, in Python, in C or in a child process, prints to standard error, and nothing
    that a child inherits can read the editor's messages.
    """
    reader, writer = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return reader, writer


class Inbox(threading.Thread):
    """Reads ``fd`` until its end and hands each event to ``receive`` on ``loop``; then calls ``ended`` here."""

    def __init__(
        self,
        fd: int,
        loop: asyncio.AbstractEventLoop,
        receive: Callable[[Event], None],
        ended: Callable[[], None],
    ) -> None:
        super().__init__(name="inbox", daemon=True)
        self._fd = fd
        self._loop = loop
        self._receive = receive
        self._ended = ended
        self._waiting = 0
        self._room = threading.Condition()

    def run(self) -> None:
        frames = FrameReader()
        with contextlib.suppress(RuntimeError):  # the loop has closed
            while data := self._read():
                for event in frames.feed(data):
                    self._hand_over(event)
        self._ended()

    def _read(self) -> bytes:
        try:
            return os.read(self._fd, _CHUNK)
        except OSError:
            return b""

    def _hand_over(self, event: Event) -> None:
        size = len(event.body) if isinstance(event, Message) else 0
        with self._room:
            self._room.wait_for(lambda: self._waiting < _MAX_WAITING_BYTES)
            self._waiting += size
        self._loop.call_soon_threadsafe(self._take, event, size)

    def _take(self, event: Event, size: int) -> None:
        with self._room:
            self._waiting -= size
            self._room.notify()
        self._receive(event)


class Outbox(threading.Thread):
    """Writes to ``fd`` what :meth:`put` is given, in order. Putting never blocks.

    ``lost`` is called, from any thread, when the client cannot be reached any more: its end of the pipe is
    closed, or it has not read for so long that too much waits for it.
    """

    def __init__(self, fd: int, lost: Callable[[str], None]) -> None:
        super().__init__(name="outbox", daemon=True)
        self._fd = fd
        self._lost = lost
        self._queue: deque[bytes] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, data: bytes, *, droppable: bool = False) -> None:
        """Queue ``data``. What is ``droppable`` is left out while the client is slow."""
        with self._changed:
            if self._closed or (droppable and self._bytes > _SOFT_LIMIT_BYTES):
                return
            self._queue.append(data)
            self._bytes += len(data)
            full = self._bytes > _HARD_LIMIT_BYTES
            self._closed = full
            self._changed.notify()
        if full:
            self._lost("The editor has stopped reading its language server's answers.")

    def finish(self, timeout: float) -> None:
        """Write what is left, for at most ``timeout`` seconds."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self.join(timeout)

    def run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed)
                if not self._queue:
                    return
                data = self._queue.popleft()
            try:
                self._write(data)
            except OSError:
                with self._changed:
                    closing, self._closed = self._closed, True
                    self._queue.clear()
                if not closing:
                    self._lost("The editor has closed its end of the connection.")
                return
            with self._changed:
                self._bytes -= len(data)

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._fd, rest) :]
