"""Answers that follow a stream to its reader's connection. When that goes, the stream is cancelled or kept a while."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import TypeAlias

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from copilot.serve.guard import STILL
from copilot.serve.relay import Mailbox, Relay
from copilot.serve.shelf import Cancel, Frames, Kept, Shelf
from copilot.serve.sse import HEARTBEAT, PeerFrames
from copilot.serve.streams import Event, Stream

HEARTBEAT_SECONDS = 5.0
WRITE_SECONDS = 15.0
"""A reader that takes nothing for this long has gone, whatever its socket says."""

STREAM_HEADER = "slipstream-stream"

Still: TypeAlias = Callable[[], bool]
"""Whether whoever reads would be let in now."""


@contextlib.asynccontextmanager
async def cancelled_with_connection(stream: Stream, cancel: Cancel, receive: Receive) -> AsyncIterator[None]:
    """Cancel ``stream`` as soon as the client's side is gone, or when the block is left early."""

    async def watch() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        cancel(stream.id)

    watcher = asyncio.create_task(watch(), name="disconnect watch")
    try:
        yield
    finally:
        watcher.cancel()
        cancel(stream.id)


class StreamResponse(Response):
    """Server-sent events. The engine does not wait for this reader (see ``streams``)."""

    def __init__(self, stream: Stream, frames: Frames, cancel: Cancel) -> None:
        self._stream = stream
        self._frames = frames
        self._cancel = cancel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with cancelled_with_connection(self._stream, self._cancel, receive):
            try:
                await self._deliver(send, scope[STILL])
            except TimeoutError:
                scope["slipstream.abort"]()

    async def _deliver(self, send: Send, still: Still) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": [
                    (b"content-type", b"text/event-stream; charset=utf-8"),
                    (b"cache-control", b"no-store"),
                    (STREAM_HEADER.encode(), self._stream.id.encode()),
                ],
            }
        )
        now = asyncio.get_running_loop().time
        position = 0
        over = False
        asked = written = now()
        while not over:
            if now() - asked > HEARTBEAT_SECONDS:
                asked = now()
                if not still():
                    self._cancel(self._stream.id)
                    raise TimeoutError
            due = written + HEARTBEAT_SECONDS
            events = await self._stream.after(position, max(0.0, due - now()))
            position += len(events)
            over = self._stream.closed and position == len(self._stream.events)
            body = b"".join([self._frames.feed(event) for event in events])
            if not body and not over:
                if now() < due:
                    continue
                body = HEARTBEAT
            async with asyncio.timeout(WRITE_SECONDS):
                await send({"type": "http.response.body", "body": body, "more_body": not over})
            written = now()


class KeptResponse(StreamResponse):
    """As :class:`StreamResponse`, of a stream that outlives this connection. ``after``: number of the last frame that
    the reader has; it gets what follows."""

    def __init__(self, kept: Kept, shelf: Shelf, *, after: int = -1) -> None:
        super().__init__(kept.stream, _Later(kept.frames(), after + 1), kept.cancel)
        self._kept = kept
        self._shelf = shelf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def gone() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        with self._shelf.reading(self._kept):
            delivery = asyncio.create_task(self._deliver(send, scope[STILL]))
            watch = asyncio.create_task(gone())
            try:
                await asyncio.wait({delivery, watch}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                watch.cancel()
                delivery.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    try:
                        await delivery
                    except TimeoutError:
                        scope["slipstream.abort"]()


class _Later:
    """``frames`` without the first ``skipped`` of them."""

    def __init__(self, frames: Frames, skipped: int) -> None:
        self._frames = frames
        self._left = skipped

    def feed(self, event: Event) -> bytes:
        data = self._frames.feed(event)
        while self._left and data:
            # A frame ends with an empty line and has none within.
            data = data.partition(b"\n\n")[2]
            self._left -= 1
        return data


class PeerResponse(Response):
    """What a peer is sent, for as long as it listens."""

    def __init__(self, relay: Relay, box: Mailbox) -> None:
        self._relay = relay
        self._box = box
        self._frames = PeerFrames()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            self._relay.leave(self._box)

        watcher = asyncio.create_task(watch(), name="peer watch")
        try:
            await self._deliver(send, scope[STILL])
        except TimeoutError:
            scope["slipstream.abort"]()
        finally:
            watcher.cancel()
            self._relay.leave(self._box)

    async def _deliver(self, send: Send, still: Still) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while not self._box.closed:
            posts = await self._box.take(HEARTBEAT_SECONDS)
            if not still():
                # A token that is good no more brings no letters either.
                raise TimeoutError
            body = b"".join([self._frames.feed(post) for post in posts]) or HEARTBEAT
            async with asyncio.timeout(WRITE_SECONDS):
                await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def whole(stream: Stream, cancel: Cancel, receive: Receive) -> list[Event]:
    """All events of ``stream``, once it has ended."""
    async with cancelled_with_connection(stream, cancel, receive):
        position = 0
        while not stream.closed:
            position += len(await stream.after(position, HEARTBEAT_SECONDS))
    return list(stream.events)
