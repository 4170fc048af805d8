"""Engine hosts for tests: in this process with a scripted engine, on the real Unix socket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import httpx
import msgspec
from copilot_models import families

from copilot import paths
from copilot.client.host import HostClient
from copilot.config.settings import HostSettings, Settings
from copilot.engine.protocol import Engine
from copilot.serve.api import HostState
from copilot.serve.claim import listening
from copilot.serve.host import Host
from copilot.serve.keeper import Load, Loaded, Report
from copilot.serve.ports import Port
from copilot.serve.recording import Recorder
from copilot.serve.service import Choose
from copilot.serve.sharing import Sharing

if TYPE_CHECKING:
    from copilot.serve.metrics import Metrics

GUARD_SECONDS = 30.0
"""Far above what anything here takes; only stops a test that hangs."""


class Running(NamedTuple):
    host: Host
    client: HostClient
    http: httpx.AsyncClient
    task: asyncio.Task[None]


def loads(engine: Engine) -> Load:
    """A loader that has ``engine`` at once."""

    async def load(report: Report) -> Loaded:
        report("Loading the script", 0.5)
        return Loaded(engine, families.load("plain"))

    return load


def settings(*, idle_minutes: float = 30.0, max_queue: int = 64) -> Settings:
    return msgspec.structs.replace(Settings(), host=HostSettings(idle_minutes=idle_minutes, max_queue=max_queue))


def http_client() -> httpx.AsyncClient:
    """A plain HTTP client of the host, for what ``HostClient`` would never send."""
    return httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(paths.host_socket())),
        base_url="http://localhost",
        timeout=GUARD_SECONDS,
    )


async def until(condition: Callable[[], object]) -> None:
    """Wait until ``condition()`` holds; fails the test when it never does."""
    async with asyncio.timeout(GUARD_SECONDS):
        while not condition():  # noqa: ASYNC110 - much of it happens in other processes
            await asyncio.sleep(0.005)


def infill_bytes(body: bytes, *, length: int | None = None) -> bytes:
    """A request as it goes over the wire, for clients that misbehave. ``length``: what it claims to send."""
    return (
        b"POST /v1/infill HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n%s" % (len(body) if length is None else length, body)
    )


@contextlib.asynccontextmanager
async def running(
    engine: Engine | None = None,
    *,
    load: Load | None = None,
    chat: Load | None = None,
    choose: Choose | None = None,
    options: Settings | None = None,
    ports: Sequence[Port] = (),
    metrics: "Metrics | None" = None,
    recorder: Recorder | None = None,
    ready: bool = True,
) -> AsyncIterator[Running]:
    """A host in this process, with clients of it; stopped at the end."""
    assert (engine is None) != (load is None)
    with listening(paths.host_socket()) as listener:
        load = load or loads(engine)  # type: ignore[arg-type]
        options = options or settings()
        gate = recorder.need_record if recorder is not None else lambda: None
        host = Host(
            options,
            load,
            chat=chat,
            choose=choose,
            sharing=Sharing(options.team, paths.use_file(), gate=gate) if ports else None,
            observers=(recorder,) if recorder is not None else (),
            metrics=metrics,
        )
        task = asyncio.create_task(host.run(listener, *ports))
        async with HostClient() as client, http_client() as http:
            if ready:
                await until(lambda: host.service.keeper.state is not HostState.STARTING)
            try:
                yield Running(host, client, http, task)
            finally:
                host.stop()
                await asyncio.wait_for(task, GUARD_SECONDS)
