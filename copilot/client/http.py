"""HTTP/1.1, just what the engine host speaks of it.

Not httpx: importing it costs a language server 8 MB and a tenth of a second in the middle of someone's first
completion, and each first token 0.5 ms (1.4 against 0.9; medians of 300, same host, same run).
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from types import MappingProxyType

import h11

from copilot.client.dial import ConnectionLostError, Dial, Loss

_READ_BYTES = 65_536
_MAX_IDLE = 8


class Response:
    """Status and headers (names in lower case) are here; the body is read as it comes."""

    def __init__(self, connection: "_Connection", head: h11.Response) -> None:
        self.status = head.status_code
        self.headers = {name.decode(): value.decode("latin-1") for name, value in head.headers}
        self._connection = connection
        self._over = False

    async def chunk(self) -> bytes:
        """The next bytes of the body; empty at its end. Raises :class:`ConnectionLostError`."""
        if not self._over:
            event = await self._connection.event()
            if isinstance(event, h11.Data):
                return bytes(event.data)
            self._over = True
        return b""

    async def body(self) -> bytes:
        """What is left of the body."""
        chunks = []
        while chunk := await self.chunk():
            chunks.append(chunk)
        return b"".join(chunks)


_NONE: Mapping[str, str] = MappingProxyType({})


class Http:
    """Connections to one host, kept for the next request. ``silence_seconds``: how long to wait for any byte;
    ``headers``: with every request."""

    def __init__(self, dial: Dial, *, silence_seconds: float, headers: Mapping[str, str] = _NONE) -> None:
        self._dial = dial
        self._silence = silence_seconds
        self._headers = {"host": "slipstream", **headers}
        self._idle: list[_Connection] = []
        self._open: set[_Connection] = set()

    @contextlib.asynccontextmanager
    async def request(
        self, method: str, path: str, content: bytes | None = None, headers: Mapping[str, str] = _NONE
    ) -> AsyncGenerator[Response]:
        """Send a request; leaving the block closes the connection at once unless the body was read to its end.

        Raises :class:`ConnectionLostError`.
        """
        connection, response = await self._send(method, path, content, {**self._headers, **headers})
        try:
            yield response
        finally:
            if connection.rewind() and len(self._idle) < _MAX_IDLE:
                self._idle.append(connection)
            else:
                self._open.discard(connection)
                await connection.close()

    async def aclose(self) -> None:
        """Close every connection, in use or not."""
        self._idle.clear()
        while self._open:
            await self._open.pop().close()

    async def _send(
        self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]
    ) -> tuple["_Connection", Response]:
        while True:
            connection = self._reusable()
            reused = connection is not None
            if connection is None:
                connection = _Connection(*await self._dial(), self._silence)
                self._open.add(connection)
            try:
                return connection, await connection.ask(method, path, content, headers)
            except BaseException as error:
                self._open.discard(connection)
                await connection.close()
                # The host may have closed an idle connection in the very moment we used it: nobody saw the request.
                unseen = reused and isinstance(error, ConnectionLostError) and error.loss is Loss.BROKEN
                if not unseen:
                    raise

    def _reusable(self) -> "_Connection | None":
        while self._idle:
            connection = self._idle.pop()
            if connection.alive:
                return connection
            self._open.discard(connection)
            connection.abort()
        return None


class _Connection:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, silence: float) -> None:
        self._reader = reader
        self._writer = writer
        self._silence = silence
        self._http = h11.Connection(h11.CLIENT)

    @property
    def alive(self) -> bool:
        return not (self._reader.at_eof() or self._reader.exception() or self._writer.is_closing())

    async def ask(self, method: str, path: str, content: bytes | None, headers: Mapping[str, str]) -> Response:
        given = [*headers.items()]
        if content is not None:
            given += [("content-type", "application/json"), ("content-length", str(len(content)))]
        data = self._http.send(h11.Request(method=method, target=path, headers=given)) or b""
        if content:
            data += self._http.send(h11.Data(data=content)) or b""
        self._writer.write(data + (self._http.send(h11.EndOfMessage()) or b""))
        # Not drained: the host may refuse a large body unread, and its answer is what we want.
        while not isinstance(event := await self.event(), h11.Response):
            if isinstance(event, h11.ConnectionClosed):
                raise ConnectionLostError(Loss.BROKEN)
        return Response(self, event)

    async def event(self) -> h11.Event:
        """The next event of the answer. Raises :class:`ConnectionLostError`."""
        try:
            while not isinstance(event := self._http.next_event(), h11.Event):
                if event is h11.PAUSED:
                    # Bytes after the end of the answer.
                    raise ConnectionLostError(Loss.BROKEN)
                async with asyncio.timeout(self._silence):
                    self._http.receive_data(await self._reader.read(_READ_BYTES))
        except TimeoutError:
            raise ConnectionLostError(Loss.SILENT) from None
        except (OSError, h11.RemoteProtocolError):
            raise ConnectionLostError(Loss.BROKEN) from None
        return event

    def rewind(self) -> bool:
        """Get ready for another request; False when the last one is not over."""
        if self._http.their_state is h11.DONE and self._http.our_state is h11.DONE:
            self._http.start_next_cycle()
            return self.alive
        return False

    def abort(self) -> None:
        self._writer.transport.abort()

    async def close(self) -> None:
        """At once: what was not sent or read does not matter any more."""
        self.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
