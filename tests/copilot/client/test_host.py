"""The client: against a real host, against hosts that break, and starting one."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from copilot import paths
from copilot.client.failures import HostError
from copilot.client.host import HostClient
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, HostState, HostStatus, InfillBody, StartData, TokenData
from copilot.serve.claim import answers, holder
from copilot.serve.keeper import Loaded, Report
from tests.fakes import ScriptedEngine
from tests.hosts import GUARD_SECONDS, loads, running, until

ROOT = Path(__file__).parents[3]
BODY = InfillBody(prefix="x")
START = b'id: 0\nevent: start\ndata: {"stream":"s","model":"m","layout":"raw"}\n\n'
TOKEN = b'id: 1\nevent: token\ndata: {"text":"a"}\n\n'
DONE = b'id: 2\nevent: done\ndata: {"reason":"stop"}\n\n'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


GOOD = HEAD + b"".join(map(chunk, [START, TOKEN, DONE])) + b"0\r\n\r\n"


@contextlib.asynccontextmanager
async def answering(
    answer: bytes, *, hang: bool = False, then: bytes | None = None
) -> AsyncIterator[list[asyncio.StreamWriter]]:
    """Something on the host's socket that sends ``answer`` to everyone, then closes or hangs.

    ``then``: what it says to the next request on the same connection, before it closes. Gives its connections.
    """
    finished = asyncio.Event()
    connections: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(writer)
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if hang:
            await finished.wait()
        if then is not None:
            with contextlib.suppress(asyncio.IncompleteReadError):
                await reader.readuntil(b"\r\n\r\n")
            writer.write(then)
        writer.close()

    paths.make_private_dir(paths.runtime_dir())
    server = await asyncio.start_unix_server(serve, str(paths.host_socket()))
    async with server:
        try:
            yield connections
        finally:
            finished.set()
            # From Python 3.12 on, a server waits for its connections, and a client keeps them.
            for writer in connections:
                writer.close()


async def collect() -> tuple[list[object], HostError | None]:
    events: list[object] = []
    async with HostClient() as client:
        try:
            async with client.infill(BODY) as stream:
                async for event in stream:
                    events.append(event)  # noqa: PERF401 - what came before the error counts
        except HostError as error:
            return events, error
    return events, None


async def test_a_good_answer_in_one_chunk_and_byte_by_byte() -> None:
    whole = START + TOKEN + DONE
    for pieces in ([whole], [bytes([byte]) for byte in whole]):
        async with answering(HEAD + b"".join(map(chunk, pieces)) + b"0\r\n\r\n"):
            events, error = await collect()
        assert error is None
        assert events == [
            StartData(stream="s", model="m", layout="raw"),
            TokenData(text="a"),
            DoneData(reason="stop"),
        ]


@pytest.mark.parametrize(
    ("answer", "code", "partial"),
    [
        (HEAD + chunk(START), "host_lost", False),
        (HEAD + chunk(START + TOKEN), "host_lost", True),
        (HEAD + chunk(START + TOKEN) + b"0\r\n\r\n", "host_lost", True),
        (HEAD + chunk(START + TOKEN + DONE[:-1]) + b"0\r\n\r\n", "host_lost", True),
        (b"", "host_lost", False),
        (b"HTTP/1.1 200 OK\r\nContent-", "host_lost", False),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nNo", "host_incompatible", False),
        (HEAD + chunk(START + DONE) + b"0\r\n\r\n", "stream_broken", False),
        (HEAD + chunk(START + TOKEN + TOKEN) + b"0\r\n\r\n", "stream_broken", True),
        (HEAD + chunk(TOKEN) + b"0\r\n\r\n", "stream_broken", False),
        (HEAD + chunk(b"id: 0\nevent: news\ndata: {}\n\n"), "stream_broken", False),
        (HEAD + chunk(b"id: 0\nevent: token\ndata: {}\n\n"), "stream_broken", False),
        (HEAD + chunk(b'id: 0\nevent: error\ndata: {"code":"busy","message":"m"}\n\n'), "busy", False),
    ],
)
async def test_every_other_answer_is_one_error(answer: bytes, code: str, partial: bool) -> None:
    async with answering(answer):
        _, error = await collect()
    assert error is not None
    assert (error.code, error.partial) == (code, partial)


async def test_a_host_that_falls_silent_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot.client.host.SILENCE_SECONDS", 0.1)
    async with answering(HEAD + chunk(START + TOKEN), hang=True):
        events, error = await collect()
    assert len(events) == 2
    assert error is not None
    assert (error.code, error.retryable, error.partial) == ("host_lost", True, True)


async def test_a_status_that_cannot_be_read() -> None:
    for body in (b"{}", b"[", b'{"state":"dancing","version":"9","pid":1}'):
        answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        async with answering(answer), HostClient() as client:
            with pytest.raises(HostError) as caught:
                await client.status()
        assert caught.value.code == "host_incompatible"


async def test_a_host_that_closed_an_idle_connection_is_asked_again() -> None:
    """Nobody saw the request, so nobody need hear of it."""
    async with HostClient() as client:
        for _ in range(3):
            async with answering(GOOD), client.infill(BODY) as stream:
                assert isinstance([event async for event in stream][-1], DoneData)
        # And one that closes it when our request is already on its way.
        async with answering(GOOD, then=b"") as connections:
            for _ in range(3):
                async with client.infill(BODY) as stream:
                    assert isinstance([event async for event in stream][-1], DoneData)
        assert len(connections) == 3


async def test_no_host_at_all() -> None:
    _, error = await collect()
    assert error is not None
    assert (error.code, error.retryable) == ("host_lost", True)
    async with HostClient() as client:
        assert await client.status() is None


async def test_streams_of_several_documents_run_side_by_side_on_one_client() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(slots=4, hold=hold)
    async with running(engine) as host:

        async def one(number: int) -> list[object]:
            async with host.client.infill(InfillBody(prefix=f"{number}", session=f"file-{number}")) as stream:
                return [event async for event in stream]

        tasks = [asyncio.create_task(one(number)) for number in range(4)]
        await until(lambda: engine.busy == 4)
        hold.set()
        answers_of_all = await asyncio.gather(*tasks)
    assert [sum(isinstance(event, TokenData) for event in events) for events in answers_of_all] == [3] * 4


async def test_two_clients_share_one_host() -> None:
    engine = ScriptedEngine(slots=2)
    async with running(engine) as host, HostClient() as other:
        for client in (host.client, other):
            async with client.infill(BODY) as stream:
                assert isinstance([event async for event in stream][-1], DoneData)
        await other.aclose()
        assert await host.client.status() is not None


async def test_a_connection_serves_again_after_a_whole_answer() -> None:
    async with answering(GOOD, then=GOOD) as connections, HostClient() as client:
        for _ in range(2):
            async with client.infill(BODY) as stream:
                assert isinstance([event async for event in stream][-1], DoneData)
        assert len(connections) == 1


async def test_closing_the_client_cancels_its_streams() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(hold=hold)
    async with running(engine):
        client = HostClient()
        stream = client.infill(BODY)
        await anext(await stream.__aenter__())
        await until(lambda: engine.busy == 1)
        await client.aclose()
        await until(lambda: engine.calls[0].ended == "cancelled")
        with contextlib.suppress(HostError):
            await stream.__aexit__(None, None, None)


async def test_cancelling_the_reading_task_cancels_the_stream() -> None:
    engine = ScriptedEngine(prefill_hold=asyncio.Event())
    async with running(engine) as host:

        async def read() -> None:
            async with host.client.infill(BODY) as stream:
                async for _ in stream:
                    pass

        task = asyncio.create_task(read())
        await until(lambda: engine.busy == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: engine.calls[0].ended == "cancelled")


async def test_waiting_until_ready_tells_each_change_once() -> None:
    seen: list[HostStatus] = []
    async with running(ScriptedEngine()) as host:
        seen = [status async for status in host.client.wait_ready()]
    assert [status.state for status in seen] == [HostState.READY]


class FailsAtFirst:
    """A loader that fails ``failures`` times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.tries = 0

    async def load(self, report: Report) -> Loaded:
        self.tries += 1
        if self.tries <= self.failures:
            raise SlipstreamError(f"No network, try {self.tries}.", hint="Check it.", code="no_network")
        return await loads(ScriptedEngine())(report)


async def test_waiting_for_a_host_that_failed_earlier_makes_it_try_again() -> None:
    loader = FailsAtFirst(1)
    async with running(load=loader.load) as host:
        async with asyncio.timeout(GUARD_SECONDS):
            seen = [status.state async for status in host.client.wait_ready(poll_seconds=0.01)]
    assert seen[-1] is HostState.READY
    assert HostState.FAILED not in seen
    assert loader.tries == 2


async def test_waiting_ends_with_what_the_new_try_said_whatever_the_back_off() -> None:
    loader = FailsAtFirst(100)
    async with running(load=loader.load) as host:
        for tries in (2, 3, 4):
            with pytest.raises(HostError) as caught:
                async with asyncio.timeout(GUARD_SECONDS):
                    [status async for status in host.client.wait_ready(poll_seconds=0.01)]
            assert caught.value.message == f"No network, try {tries}."
            assert caught.value.code == "no_network"


async def test_asking_a_loaded_host_to_load_changes_nothing() -> None:
    async with running(ScriptedEngine()) as host:
        assert (await host.http.post("/v1/load", json={})).status_code == 202
        status = await host.client.status()
        assert status is not None
        assert status.state is HostState.READY


# --- starting a host: `python -m copilot serve`, with a model that does not exist, so that nothing is loaded ---


@pytest.fixture
def no_model(home: Path) -> None:
    (home / "config.toml").write_text('[model]\ncompletion = "no-such-model"\n')


async def stopped() -> None:
    async with HostClient() as client:
        await client.shutdown()
    await until(lambda: holder() is None)


@pytest.mark.usefixtures("no_model")
async def test_a_client_starts_a_host_that_outlives_it() -> None:
    async with HostClient() as client:
        await client.ensure_running()
        status = await client.status()
        assert status is not None
        assert status.pid != os.getpid()
        assert os.getsid(status.pid) == status.pid, "a session of its own"
        await client.ensure_running()
    async with HostClient() as client:
        again = await client.status()
        assert again is not None
        assert again.pid == status.pid
        with pytest.raises(HostError) as caught:
            [status async for status in client.wait_ready()]
        assert caught.value.code == "unknown_model"
    await stopped()
    log = (paths.log_dir() / "host.log").read_text()
    assert "serving on" in log
    assert "no-such-model" in log


@pytest.mark.usefixtures("no_model")
async def test_clients_of_two_processes_that_race_get_one_host() -> None:
    script = (
        "import asyncio\nfrom copilot.client.host import HostClient\n"
        "async def main():\n"
        "    async with HostClient() as client:\n"
        "        await asyncio.gather(client.ensure_running(), client.ensure_running())\n"
        "        print((await client.status()).pid)\n"
        "asyncio.run(main())\n"
    )
    racers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT, stdout=subprocess.PIPE)
        for _ in range(2)
    ]
    outputs = [await asyncio.wait_for(racer.communicate(), GUARD_SECONDS) for racer in racers]
    pids = {int(out) for out, _ in outputs}
    assert pids == {holder()}
    await stopped()


@pytest.mark.usefixtures("no_model")
async def test_after_a_kill_the_next_client_starts_a_new_host() -> None:
    async with HostClient() as client:
        await client.ensure_running()
        status = await client.status()
        assert status is not None
        os.kill(status.pid, signal.SIGKILL)
        await until(lambda: not answers())
        await client.ensure_running()
        again = await client.status()
        assert again is not None
        assert again.pid != status.pid
    await stopped()


@pytest.mark.usefixtures("no_model")
async def test_relative_folders_mean_the_same_to_the_host(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "config.toml").rename(home / "other.toml")
    monkeypatch.chdir(home.parent)
    monkeypatch.setenv("SLIPSTREAM_HOME", home.name)
    monkeypatch.setenv("SLIPSTREAM_CONFIG", f"{home.name}/other.toml")
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", f"{home.name}/cache")
    async with HostClient() as client:
        await client.ensure_running()
        status = await client.status()
        assert status is not None
        assert status.model == "no-such-model"
        environment = psutil.Process(status.pid).environ()
        assert environment["SLIPSTREAM_MODELS_DIR"] == str(home / "cache")
    await stopped()


@pytest.mark.usefixtures("no_model")
async def test_a_host_that_hangs_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    async with HostClient() as client:
        await client.ensure_running()
        process = holder()
    assert process
    os.kill(process, signal.SIGSTOP)
    try:
        monkeypatch.setattr("copilot.client.host.SILENCE_SECONDS", 0.5)
        async with HostClient() as client:
            with pytest.raises(SlipstreamError) as caught:
                await client.ensure_running()
    finally:
        os.kill(process, signal.SIGCONT)
    assert caught.value.code == "host_silent"
    assert f"process {process} holds its lock" in caught.value.message
    assert "slipstream stop" in caught.value.hint
    await stopped()


async def test_a_host_that_cannot_start_is_told_with_the_place_of_its_log(home: Path) -> None:
    (home / "config.toml").write_text("[model\n")
    async with HostClient() as client:
        with pytest.raises(SlipstreamError) as caught:
            await client.ensure_running()
    assert caught.value.code == "host_not_started"
    assert str(paths.log_dir() / "host.log") in caught.value.hint
    assert "config.toml" in (paths.log_dir() / "host.log").read_text()


@pytest.mark.usefixtures("no_model")
async def test_a_package_of_our_name_in_the_current_folder_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copilot").mkdir()
    (tmp_path / "copilot" / "__init__.py").write_text("raise SystemExit('hostile')")
    (tmp_path / "copilot" / "__main__.py").write_text("")
    monkeypatch.chdir(tmp_path)
    async with HostClient() as client:
        await client.ensure_running()
        assert await client.status() is not None
    await stopped()


def test_importing_the_client_is_light() -> None:
    script = "import sys, copilot.client.host\nprint([name for name in %r if name in sys.modules])"
    heavy = ["httpx", "starlette", "uvicorn", "anyio", "xllamacpp", "psutil", "rich", "filelock"]
    out = subprocess.run([sys.executable, "-c", script % heavy], cwd=ROOT, capture_output=True, text=True, check=True)
    assert out.stdout == "[]\n"
