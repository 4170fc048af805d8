"""A copy of every row in NATS JetStream, on another machine. Needs the package's extra ``nats``.

Rows wait here until the server has said that it keeps them, so one that is away or slow delays nothing. What it was
sent but did not confirm is sent again, under the same ``Nats-Msg-Id``, by which JetStream knows it.
"""

import asyncio
import contextlib
import logging
import threading
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

from copilot.audit.events import Row
from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

log = logging.getLogger(__name__)

STREAM = "SLIPSTREAM_AUDIT"
SUBJECT = "slipstream.audit"
"""Of a row: this, a dot, and the name of its event."""

_MOST_WAITING = 10_000
_AT_ONCE = 100
_ACK_SECONDS = 5.0
_RETRY_SECONDS = 1.0
_CLOSE_SECONDS = 3.0


class NatsSink:
    """``address``: ``nats://[user:password@]host:port`` or ``tls://...``. Where there is no stream that takes the
    subject, one is made that keeps rows for ``keep_days``. ``room``: rows that may wait here."""

    name = "NATS"

    def __init__(self, address: str, *, keep_days: float, room: int = _MOST_WAITING) -> None:
        self._address = address
        self._keep_seconds = keep_days * 86_400
        self._room = room
        # The bus's thread puts in on the right, ours takes out on the left what has arrived.
        self._waiting: deque[Row] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._more = asyncio.Event()
        self._leave = asyncio.Event()
        self._leaving = False
        self._told = False

    def open(self) -> None:
        try:
            import nats  # noqa: F401
        except ModuleNotFoundError as error:
            raise SlipstreamError(
                "audit.nats is set, but the NATS client is not installed.",
                hint="Install it: pip install 'slipstream-copilot[nats]'",
                code="no_nats",
            ) from error
        if self._thread is None:
            self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="audit nats", daemon=True)
            self._thread.start()

    def write(self, rows: Sequence[Row]) -> None:
        # What comes at once may be more than there is room for.
        if self._waiting and len(self._waiting) + len(rows) > self._room:
            raise SlipstreamError("the server does not take what is sent.", code="nats_away", retryable=True)
        self._waiting.extend(rows)
        self._set(self._more)

    def flush(self) -> None:
        """What was written waits in memory, so there is nothing to do."""

    def close(self) -> None:
        if self._thread is None:
            return
        self._leaving = True
        self._set(self._leave)
        self._thread.join(3 * _CLOSE_SECONDS)
        self._thread = None
        if missing := sum(row.events for row in self._waiting):
            self._waiting.clear()
            raise SlipstreamError(f"{missing} events did not arrive.", code="nats_away")

    def _set(self, event: asyncio.Event) -> None:
        """From the bus's thread. Before there is a loop nobody waits, and after it nobody either."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(event.set)

    @property
    def _done(self) -> bool:
        return self._leaving and not self._waiting

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        sending = asyncio.create_task(self._send_all())
        if not self._leaving:
            await self._leave.wait()
        self._more.set()
        await asyncio.wait([sending], timeout=_CLOSE_SECONDS)
        sending.cancel()
        await asyncio.wait([sending], timeout=_CLOSE_SECONDS)

    async def _send_all(self) -> None:
        """Until all is sent and nothing more will come, over as many connections as that takes."""
        import nats

        while not self._done:
            try:
                client = await nats.connect(
                    self._address,
                    name="slipstream audit",
                    reconnect_time_wait=1,
                    error_cb=self._tell,
                )
                try:
                    await self._send_over(client)
                finally:
                    await client.close()
            except Exception as error:
                # Whatever it was, the next connection may do better.
                await self._tell(error)
            if not self._done:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _send_over(self, client: "Client") -> None:
        """Until the connection is closed for good, or all is done."""
        stream = client.jetstream(timeout=_ACK_SECONDS)
        goes_well = False
        while not client.is_closed and not self._done:
            if not self._waiting:
                self._more.clear()
                # What came before the line above set it in vain.
                if not self._waiting and not self._leaving:
                    await self._more.wait()
                continue
            if client.is_connected:
                if not goes_well:
                    await self._have_stream(stream)
                goes_well = await self._send_some(stream)
                self._told &= not goes_well
            if not goes_well or not client.is_connected:
                await asyncio.sleep(_RETRY_SECONDS)

    async def _have_stream(self, stream: "JetStreamContext") -> None:
        from nats.js.errors import NotFoundError

        subject = f"{SUBJECT}.>"
        try:
            await stream.find_stream_name_by_subject(subject)
        except NotFoundError:
            await stream.add_stream(name=STREAM, subjects=[subject], max_age=self._keep_seconds)

    async def _send_some(self, stream: "JetStreamContext") -> bool:
        """The first of those that wait. True: all of them arrived, or never will."""
        rows = [self._waiting[at] for at in range(min(len(self._waiting), _AT_ONCE))]
        ends = await asyncio.gather(*(self._send(stream, row) for row in rows))
        for _row in rows:
            self._waiting.popleft()
        self._waiting.extendleft(row for row, arrived in reversed(list(zip(rows, ends, strict=True))) if not arrived)
        return all(ends)

    async def _send(self, stream: "JetStreamContext", row: Row) -> bool:
        from nats.errors import Error, MaxPayloadError

        try:
            await stream.publish(f"{SUBJECT}.{row.name}", row.json, headers={"Nats-Msg-Id": row.id})
        except MaxPayloadError as error:
            # It is as large again the next time.
            await self._tell(error)
        except (Error, OSError, TimeoutError) as error:
            await self._tell(error)
            return False
        return True

    async def _tell(self, error: Exception) -> None:
        """Once, until something arrives again. Not the error's own words, which may hold the address's password."""
        if not self._told:
            self._told = True
            log.warning("audit: %s does not take what is sent (%s); trying on", self.name, type(error).__name__)
