"""The host as a process of its own: one a user, private, leaving in good order."""

import asyncio
import contextlib
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from copilot import paths
from copilot.client.failures import HostError
from copilot.client.host import HostClient
from copilot.errors import SlipstreamError
from copilot.serve import delivery
from copilot.serve import host as host_module
from copilot.serve.api import DoneData, HostState, InfillBody, QueuedData, TokenData
from copilot.serve.claim import answers, holder, listening, only_one
from copilot.serve.service import Service
from tests.fakes import ScriptedEngine
from tests.hosts import GUARD_SECONDS, http_client, infill_bytes, loads, running, settings, until

ROOT = Path(__file__).parents[3]
LONG = InfillBody(prefix="x", max_tokens=2000)


@contextlib.asynccontextmanager
async def process(*arguments: str, wait: bool = True) -> AsyncIterator[asyncio.subprocess.Process]:
    """A scripted host in a process of its own."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.copilot.serve.scripted_host", *arguments, cwd=ROOT, stderr=subprocess.PIPE
    )
    try:
        if wait:
            await until(answers)
        yield child
    finally:
        if child.returncode is None:
            child.kill()
        await child.communicate()


async def exit_status(child: asyncio.subprocess.Process) -> int:
    return await asyncio.wait_for(child.wait(), GUARD_SECONDS)


async def first_token(stream: object) -> None:
    async for event in stream:  # type: ignore[attr-defined]
        if isinstance(event, TokenData):
            return


async def test_the_socket_is_private_and_gone_afterwards() -> None:
    async with process() as child:
        mode = stat.S_IMODE(paths.host_socket().stat().st_mode)
        folder = stat.S_IMODE(paths.runtime_dir().stat().st_mode)
        assert (mode, folder) == (0o600, 0o700)
        assert holder() == child.pid
        child.terminate()
        assert await exit_status(child) == 0
    assert not paths.host_socket().exists()
    assert holder() is None


async def test_a_second_host_does_not_start() -> None:
    async with process() as first, process(wait=False) as second:
        assert await exit_status(second) == 3
        assert first.returncode is None
        assert answers()


async def test_of_two_started_at_once_one_serves() -> None:
    async with process(wait=False) as one, process(wait=False) as other:
        await until(lambda: answers() and (one.returncode is None) != (other.returncode is None))
        loser, winner = (one, other) if one.returncode is not None else (other, one)
        assert loser.returncode == 3
        assert holder() == winner.pid


async def test_a_stale_socket_of_a_killed_host_is_no_obstacle() -> None:
    async with process() as child:
        child.kill()
        await exit_status(child)
    assert paths.host_socket().exists()
    assert not answers()
    async with process():
        assert answers()


async def test_sigterm_lets_streams_end_and_refuses_new_ones() -> None:
    async with process("30", "0.05") as child, HostClient() as client, http_client() as http:
        async with client.infill(InfillBody(prefix="x", max_tokens=40)) as stream:
            await first_token(stream)
            child.terminate()
            refused = None
            while refused is None or refused.status_code == 200:
                refused = await http.post("/v1/infill", json={"prefix": "x", "max_tokens": 1})
            assert refused.status_code == 503
            assert refused.json()["code"] == "server_draining"
            assert refused.headers["retry-after"] == "1"
            assert (await http.get("/health/live")).status_code == 503
            *_, end = [event async for event in stream]
        assert isinstance(end, DoneData)
        assert end.reason == "length"
        assert await exit_status(child) == 0


async def test_draining_ends_long_and_waiting_streams_with_one_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "DRAIN_SECONDS", 0.05)
    hold = asyncio.Event()
    engine = ScriptedEngine(slots=1, hold=hold, tokens=["a"])
    async with running(engine) as host:

        async def end() -> HostError:
            with pytest.raises(HostError) as caught:
                async with host.client.infill(LONG) as stream:
                    async for _ in stream:
                        pass
            return caught.value

        ends = [asyncio.create_task(end()) for _ in range(2)]
        await until(lambda: engine.busy == 1 and host.host.service.status().queued_streams == 1)
        host.host.stop()
        errors = await asyncio.gather(*ends)
        await asyncio.wait_for(host.task, GUARD_SECONDS)
    assert [(error.code, error.retryable) for error in errors] == [("server_draining", True)] * 2
    assert [call.ended for call in engine.calls] == ["cancelled"]
    assert engine.closed


async def test_what_waits_need_not_wait_for_the_end() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(slots=1, hold=hold)
    async with running(engine) as host, host.client.infill(LONG) as runs, host.client.infill(LONG) as waits:
        await anext(runs)
        assert await anext(waits) == QueuedData(position=0)
        host.host.stop()
        with pytest.raises(HostError) as caught:
            await anext(waits)
        assert caught.value.code == "server_draining"
        assert engine.busy == 1
        hold.set()
        assert isinstance([event async for event in runs][-1], DoneData)


async def test_a_stalled_reader_does_not_keep_the_host_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "_LEAVE_SECONDS", 0.2)
    monkeypatch.setattr(delivery, "WRITE_SECONDS", 10 * GUARD_SECONDS)
    engine = ScriptedEngine(["x" * 4000] * 2000)
    async with running(engine) as host:
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(paths.host_socket()))
        connection.sendall(infill_bytes(b'{"prefix":"x","max_tokens":2000}'))
        await until(lambda: engine.calls and engine.calls[0].ended)
        host.host.stop()
        await asyncio.wait_for(host.task, GUARD_SECONDS)
        await until(lambda: host.host.connections == 0)
        connection.close()


async def received(sent: bytes) -> bytes:
    """What comes back until the host closes the connection."""
    reader, writer = await asyncio.open_unix_connection(str(paths.host_socket()))
    writer.write(sent)
    try:
        return await asyncio.wait_for(reader.read(), GUARD_SECONDS)
    except ConnectionResetError:
        return b"reset"
    finally:
        writer.close()


@pytest.mark.parametrize("sent", [b"", b"GET /health/li", b"GET /health/live HTTP/1.1\r\nHost: local"])
async def test_a_head_that_does_not_come_is_not_waited_for(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "_HEAD_SECONDS", 0.1)
    whole = b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n"
    async with running(ScriptedEngine()) as host:
        assert await received(sent) in {b"", b"reset"}
        if sent:
            # Nor is the next one, on a connection that served before.
            assert (await received(whole + sent)).startswith(b"HTTP/1.1 200")
        assert (await host.http.get("/health/live")).status_code == 200


async def test_a_connection_that_only_waits_between_requests_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_module, "_HEAD_SECONDS", 0.1)
    async with running(ScriptedEngine(("x",) * 20, step_seconds=0.02)) as host:
        for _ in range(2):
            # Longer than that: an answer, and a pause.
            async with host.client.infill(LONG) as stream:
                assert isinstance([event async for event in stream][-1], DoneData)
            await asyncio.sleep(0.2)
            assert host.host.connections >= 1


async def test_shutdown_by_request() -> None:
    async with process() as child, HostClient() as client:
        assert await client.shutdown()
        assert await exit_status(child) == 0
        assert not await client.shutdown()


async def test_it_leaves_when_idle() -> None:
    async with process("0.005") as child:
        assert await exit_status(child) == 0
    assert not paths.host_socket().exists()


async def test_work_is_not_idleness_and_health_checks_are_not_work() -> None:
    now = 0.0
    hold = asyncio.Event()
    engine = ScriptedEngine(hold=hold)
    service = Service(settings(idle_minutes=1), loads(engine), on_shutdown=lambda: None, clock=lambda: now)
    service.keeper.start()
    await until(lambda: not service.keeper.loading)
    now = 50.0
    assert service.status().state is HostState.READY
    assert service.idle_seconds() == 50
    from copilot.engine.planning import plan_raw
    from copilot.engine.protocol import SamplingParams
    from copilot.serve.api import Lane

    ready = service.ready()
    assert service.idle_seconds() == 0
    ready.generations.submit(plan_raw("x", ready.loaded.family), SamplingParams(), lane=Lane.CHAT)
    now = 1000.0
    assert service.idle_seconds() == 0, "someone reads along"
    hold.set()
    await until(lambda: ready.generations.active == 0)
    now = 1030.0
    assert service.idle_seconds() == 30, "counted from the end of the answer"


async def test_it_survives_the_terminal_it_was_started_from() -> None:
    async with process() as child:
        child.send_signal(signal.SIGHUP)
        async with HostClient() as client, client.infill(InfillBody(prefix="x", max_tokens=1)) as stream:
            assert isinstance([event async for event in stream][-1], DoneData)
        assert child.returncode is None


async def test_a_host_that_waits_for_another_to_leave_takes_over() -> None:
    with only_one() as first:
        assert first
        other = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            "from copilot.serve.claim import only_one\nwith only_one(30) as first: print(first)",
            cwd=ROOT,
            stdout=subprocess.PIPE,
        )
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(other.wait(), 0.3)
    out, _ = await asyncio.wait_for(other.communicate(), GUARD_SECONDS)
    assert out == b"True\n"


async def test_a_host_that_is_leaving_does_not_answer() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(hold=hold)
    async with running(engine) as host:
        assert await asyncio.to_thread(answers)
        async with host.client.infill(LONG) as stream:
            await anext(stream)
            host.host.stop()
            assert not await asyncio.to_thread(answers)


def test_who_asks_is_not_taken_for_the_host() -> None:
    assert holder() is None
    with only_one() as first:
        assert first
        assert holder() == os.getpid()
    assert holder() is None
    assert (paths.runtime_dir() / "host.lock").read_text() == ""


def test_a_path_too_long_for_a_socket(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SLIPSTREAM_HOME", str(tmp_path / ("x" * 100)))
    with pytest.raises(SlipstreamError) as caught, listening(paths.host_socket()):
        pass
    assert caught.value.code == "socket_path_too_long"


def test_a_file_in_the_socket_s_place_is_not_removed() -> None:
    paths.make_private_dir(paths.runtime_dir())
    paths.host_socket().write_text("precious")
    with pytest.raises(SlipstreamError) as caught, listening(paths.host_socket()):
        pass
    assert caught.value.code == "socket_path_taken"
    assert paths.host_socket().read_text() == "precious"
