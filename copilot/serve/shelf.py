"""Streams whose readers may come back: kept a while after the connection, and after their end.

Who opens a stream says for how long (``RESUME_HEADER``). While nobody reads it the engine goes on; nobody back in time,
it is cancelled and forgotten. Only its owner finds it.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Protocol

from copilot.serve.guard import RequestError
from copilot.serve.streams import Event, Stream

RESUME_HEADER = "slipstream-resume"
"""Of a request for a stream: seconds for which it is kept without a reader."""

MOST_SECONDS = 60
MOST_OF_TENANT = 64
"""Streams without a reader; with more one is forgotten, of those that have ended the one that lost its reader first."""

_REMEMBERED = 4096
_FOUND_NOTHING = "No such stream is waiting or running."


class Frames(Protocol):
    """Encodes the events of one stream, each given once and in order; may return nothing for one."""

    def feed(self, event: Event) -> bytes: ...


Cancel = Callable[[str], object]


class Kept:
    """``frames`` makes an encoder that starts at the stream's first event."""

    def __init__(self, stream: Stream, frames: Callable[[], Frames], cancel: Cancel, seconds: float) -> None:
        self.stream = stream
        self.frames = frames
        self.cancel = cancel
        self.seconds = seconds
        self.readers = 0
        self.timer: asyncio.TimerHandle | None = None


class Shelf:
    def __init__(self) -> None:
        self._kept: dict[str, Kept] = {}
        self._gone: OrderedDict[str, str] = OrderedDict()
        """Tenants of streams that were forgotten, so that their owners hear why they are not there."""

    def put(self, kept: Kept) -> None:
        """Keep a stream; it has no reader until :meth:`reading`."""
        self._kept[kept.stream.id] = kept
        self._wait(kept)

    def find(self, stream_id: str, tenant: str) -> Kept:
        """Raises :class:`RequestError`: 410 for a stream of ``tenant`` that was kept too long, else 404."""
        kept = self._kept.get(stream_id)
        if kept is not None and kept.stream.tenant == tenant:
            return kept
        if self._gone.get(stream_id) == tenant:
            raise RequestError(
                410, "This stream was not read for too long and was given up.", hint="Ask again.", code="stream_expired"
            )
        raise RequestError(404, _FOUND_NOTHING, code="unknown_stream")

    def knows(self, stream_id: str) -> bool:
        return stream_id in self._kept or stream_id in self._gone

    @contextlib.contextmanager
    def reading(self, kept: Kept) -> Iterator[None]:
        """While someone reads it."""
        kept.readers += 1
        if kept.timer is not None:
            kept.timer.cancel()
            kept.timer = None
        try:
            yield
        finally:
            kept.readers -= 1
            if not kept.readers and kept.stream.id in self._kept:
                self._wait(kept)

    def close(self) -> None:
        for kept in list(self._kept.values()):
            self._forget(kept)

    def _wait(self, kept: Kept) -> None:
        kept.timer = asyncio.get_running_loop().call_later(kept.seconds, self._forget, kept)
        # In the order in which they lost their readers.
        self._kept[kept.stream.id] = self._kept.pop(kept.stream.id)
        waiting = [it for it in self._kept.values() if not it.readers and it.stream.tenant == kept.stream.tenant]
        # Those that have ended first: of them nothing but what is there can be missed.
        waiting.sort(key=lambda it: not it.stream.closed)
        for oldest in waiting[:-MOST_OF_TENANT]:
            self._forget(oldest)

    def _forget(self, kept: Kept) -> None:
        if kept.timer is not None:
            kept.timer.cancel()
            kept.timer = None
        self._kept.pop(kept.stream.id, None)
        kept.cancel(kept.stream.id)
        self._gone[kept.stream.id] = kept.stream.tenant
        while len(self._gone) > _REMEMBERED:
            self._gone.popitem(last=False)
