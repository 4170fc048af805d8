"""The process: one host a user, on a private Unix socket and, for a team, on a port; it leaves when idle or told to."""

import asyncio
import contextlib
import functools
import logging
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import h11
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from copilot import paths
from copilot.config.settings import Settings
from copilot.serve import app
from copilot.serve.claim import listening, only_one
from copilot.serve.doors import LocalDoor
from copilot.serve.failures import describe_crash
from copilot.serve.generations import Generations
from copilot.serve.keeper import Load
from copilot.serve.observing import Observer
from copilot.serve.ports import Port
from copilot.serve.service import Choose, Service, draining_error
from copilot.serve.sharing import Sharing

if TYPE_CHECKING:
    from copilot.serve.metrics import Metrics
    from copilot.serve.recording import Recorder

log = logging.getLogger(__name__)

DRAIN_SECONDS = 5.0
"""What running streams get to end by themselves."""

_LEAVE_SECONDS = 3.0
_KEEP_ALIVE_SECONDS = 75
_HANDSHAKE_SECONDS = 10.0
_HEAD_SECONDS = 10.0
_MOST_CONNECTIONS = 4096
_MOST_OF_ADDRESS = 512
"""A whole office may come from one."""
_WRITE_BUFFER_BYTES = 64 * 1024


class Host:
    """Serves until :meth:`stop`, a request to shut down, or idleness. ``load`` makes the engine."""

    def __init__(
        self,
        settings: Settings,
        load: Load,
        *,
        choose: Choose | None = None,
        chat: Load | None = None,
        sharing: Sharing | None = None,
        observers: Sequence[Observer] = (),
        metrics: "Metrics | None" = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._leave = asyncio.Event()
        self._states: list[ServerState] = []
        """One for each listener."""
        self._metrics = metrics
        self.service = Service(
            settings,
            load,
            on_shutdown=self.stop,
            choose=choose,
            chat=chat,
            sharing=sharing,
            observers=observers if metrics is None else (*observers, metrics),
            clock=clock,
        )

    @property
    def connections(self) -> int:
        """Open connections of clients."""
        return sum(len(state.connections) for state in self._states)

    def stop(self) -> None:
        """Begin to leave: see :meth:`run`."""
        self.service.draining = True
        self._leave.set()

    async def run(self, listener: socket.socket, *ports: Port) -> None:
        """Serve on ``listener``, the private socket, and on ``ports``, all of which listen, until told to leave.

        Then: new requests get ``server_draining``, what waits ends with it at once and what runs after
        ``DRAIN_SECONDS``, and every stream's reader gets its end before the connection closes.
        """
        servers = [await self._listen(port) for port in (Port(listener, LocalDoor()), *ports)]
        self.service.keeper.start()
        watch = asyncio.create_task(self.service.watch(), name="watch models")
        try:
            await self._until_leaving()
            await self._drain()
        finally:
            self.service.draining = True
            for server in servers:
                server.close()
            try:
                await asyncio.gather(*(_close_connections(state) for state in self._states))
            finally:
                watch.cancel()
                await self.service.close()

    async def _listen(self, port: Port) -> asyncio.Server:
        config = uvicorn.Config(
            app.build(self.service, port.door, self._metrics),
            http=H11Protocol,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        )
        config.load()
        state = ServerState()
        self._states.append(state)
        # uvicorn's own Server wakes ten times a second and takes over the signals; its protocol is all we need.
        return await asyncio.get_running_loop().create_server(
            lambda: _Connection(config, state, public=not isinstance(port.door, LocalDoor)),
            sock=port.listener,
            ssl=port.tls,
            ssl_handshake_timeout=_HANDSHAKE_SECONDS if port.tls is not None else None,
        )

    async def _until_leaving(self) -> None:
        while True:
            remaining = self.service.idle_limit - self.service.idle_seconds()
            if remaining <= 0:
                log.info("idle for %.0f minutes, leaving", self.service.idle_limit / 60)
                self.stop()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.01, remaining)):
                    await self._leave.wait()
            if self._leave.is_set():
                return

    async def _drain(self) -> None:
        self.service.relay.close()
        await asyncio.gather(*(_drain(ready.generations) for ready in self.service.held))


async def _drain(generations: Generations) -> None:
    generations.fail_queued(draining_error())
    if not await generations.settled(DRAIN_SECONDS):
        generations.fail_all(draining_error())
        await generations.settled(_LEAVE_SECONDS)


async def _close_connections(state: ServerState) -> None:
    """Let answers end, then close; whoever does not take the rest is cut off."""
    for connection in list(state.connections):
        if connection.transport.is_closing():
            # It waits for the other side's word of TLS. (A second `close` would take away the means to end that.)
            connection.transport.abort()
        else:
            connection.shutdown()
    if state.tasks:
        await asyncio.wait(list(state.tasks), timeout=_LEAVE_SECONDS)
    for connection in list(state.connections):
        if isinstance(connection, _Connection):
            connection.abort_unless_flushed()


class _Connection(H11Protocol):
    """uvicorn's HTTP/1.1 protocol, plus a way to cut off a reader that has stopped reading, and an end to waiting for
    the head of a request: a port is open to whoever reaches it. ``public``: the number of connections is limited, of
    all and of one address.

    The application finds it in the scope as ``slipstream.abort``: closing would wait for the very bytes that
    nobody takes.
    """

    def __init__(self, config: uvicorn.Config, state: ServerState, *, public: bool) -> None:
        super().__init__(config, state, {})
        self._public = public
        self._head: asyncio.TimerHandle | None = None
        self.app = functools.partial(self._with_abort, self.app)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=_WRITE_BUFFER_BYTES)
        if self._public and self._too_many():
            transport.abort()
        self._wait_for_head()

    def _too_many(self) -> bool:
        others = [it.client for it in self.connections if isinstance(it, _Connection) and it.client]
        same = sum(self.client is not None and other[0] == self.client[0] for other in others)
        return len(self.connections) > _MOST_CONNECTIONS or same > _MOST_OF_ADDRESS

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.conn.their_state is h11.IDLE:
            # The beginning of another request, or of the first.
            self._wait_for_head()
        elif self._head is not None:
            self._head.cancel()
            self._head = None

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            self._wait_for_head()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._head is not None:
            self._head.cancel()
        super().connection_lost(exc)

    def _wait_for_head(self) -> None:
        if self._head is None:
            self._head = self.loop.call_later(_HEAD_SECONDS, self.transport.abort)

    def abort_unless_flushed(self) -> None:
        # One that closes with TLS has no buffer to ask for.
        if self.transport.is_closing() or self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            self.transport.close()

    async def _with_abort(self, inner: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        scope["slipstream.abort"] = self.transport.abort
        await inner(scope, receive, send)


def serve(
    settings: Settings,
    load: Load,
    *,
    choose: Choose | None = None,
    chat: Load | None = None,
    wait_seconds: float = 0.0,
    ports: Sequence[Port] = (),
    recorder: "Recorder | None" = None,
) -> bool:
    """Be the host until it is time to leave. False: another process is, or was still leaving after ``wait_seconds``.
    ``ports`` and ``recorder`` are a shared host's."""
    with only_one(wait_seconds) as first:
        if first:
            sharing = _sharing(settings, recorder) if ports else None
            observers = (recorder,) if recorder is not None else ()
            # Made in the loop, to which it belongs.
            make = functools.partial(
                Host, settings, load, choose=choose, chat=chat, sharing=sharing, observers=observers, metrics=_metrics()
            )
            asyncio.run(_serve(make, ports))
            log.info("left")
        return first


def _sharing(settings: Settings, recorder: "Recorder | None") -> Sharing:
    if recorder is None:
        return Sharing(settings.team, paths.use_file())
    return Sharing(settings.team, paths.use_file(), gate=recorder.need_record)


async def _serve(make: Callable[[], Host], ports: Sequence[Port]) -> None:
    host = make()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_log_stray)
    # Before the socket is there: whoever can connect may also ask us to stop.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, host.stop)
    # The terminal that started us may go.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with listening(paths.host_socket()) as listener:
        log.info("serving on %s, process %d", paths.host_socket(), os.getpid())
        for port in ports:
            log.info("serving on %s, %s", *_said(port))
        await host.run(listener, *ports)


def _metrics() -> "Metrics | None":
    """None where prometheus_client is not installed, which the extra ``team`` brings."""
    try:
        from copilot.serve.metrics import Metrics
    except ModuleNotFoundError as error:
        if error.name != "prometheus_client":
            raise
        return None
    return Metrics()


def _said(port: Port) -> tuple[str, str]:
    host, number = port.listener.getsockname()[:2]
    return f"{host} port {number}", "with TLS" if port.tls is not None else "in clear text"


def _log_stray(_loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    """An error that nobody awaited. Only its type and places: messages may hold someone's code."""
    error = context.get("exception")
    log.error("stray error: %s", describe_crash(error) if isinstance(error, BaseException) else context.get("message"))
