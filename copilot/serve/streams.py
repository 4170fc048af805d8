"""One answer as it grows: an append-only ring between the engine, which writes, and readers, which follow.

Neither side waits for the other: the engine's slot is free when generation ends, however slowly someone reads.
"""

import asyncio
from collections.abc import Sequence
from typing import TypeAlias

from copilot.serve.api import DoneData, ErrorData, ProgressData, QueuedData, StartData, TokenData

Event: TypeAlias = QueuedData | StartData | ProgressData | TokenData | DoneData | ErrorData


class Stream:
    """Events in order; the index of one is its sequence number. Ends with exactly one terminal event.

    ``max_tokens`` bounds the memory: progress and places beyond bounds of their own are dropped before they get a
    number, and token events beyond theirs are refused by :meth:`append`.
    """

    # A prompt of a million tokens in steps of 256; nobody draws a finer progress bar.
    MAX_PROGRESS = 4096
    MAX_PLACES = 256
    # Held-back text may come in an event of its own after the last token.
    EXTRA_TOKENS = 8

    def __init__(self, stream_id: str, *, max_tokens: int, tenant: str = "") -> None:
        self.id = stream_id
        self.tenant = tenant
        """Whose it is; for anyone else it is not there."""
        self._events: list[Event] = []
        self._max_tokens = max_tokens + self.EXTRA_TOKENS
        self._tokens = 0
        self._progress = 0
        self._places = 0
        self._last_progress: ProgressData | None = None
        self._closed = False
        self._grown = asyncio.Event()

    @property
    def closed(self) -> bool:
        """The terminal event is in."""
        return self._closed

    @property
    def events(self) -> Sequence[Event]:
        return self._events

    @property
    def tokens(self) -> int:
        """Token events so far."""
        return self._tokens

    @property
    def last_progress(self) -> ProgressData | None:
        return self._last_progress

    def append(self, event: QueuedData | StartData | ProgressData | TokenData) -> bool:
        """Add an event. False: nothing more is wanted, the writer should stop."""
        if self._closed:
            return False
        if isinstance(event, ProgressData):
            self._last_progress = event
            self._progress += 1
            if self._progress > self.MAX_PROGRESS:
                return True
        elif isinstance(event, QueuedData):
            self._places += 1
            if self._places > self.MAX_PLACES:
                return True
        elif isinstance(event, TokenData):
            if self._tokens >= self._max_tokens:
                return False
            self._tokens += 1
        self._events.append(event)
        self._grown.set()
        return True

    def finish(self, event: DoneData | ErrorData) -> None:
        """Add the terminal event; only the first one counts."""
        if self._closed:
            return
        self._closed = True
        self._events.append(event)
        self._grown.set()

    async def after(self, position: int, seconds: float) -> Sequence[Event]:
        """The events from sequence number ``position`` on.

        Waits until there is one. Empty: none came within ``seconds``, or the stream has ended before ``position``.
        """
        while len(self._events) <= position:
            if self._closed:
                return ()
            self._grown.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._grown.wait()
            except TimeoutError:
                return ()
        return self._events[position:]
