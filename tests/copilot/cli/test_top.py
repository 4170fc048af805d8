"""`slipstream top`, as a user types it."""

import asyncio
import os
import pty
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from rich.console import Console

from copilot.cli.top import Look, Tenant, frame, look, tenants
from copilot.client.failures import HostError
from copilot.client.host import HostClient
from copilot.client.login import Login, save
from copilot.errors import SlipstreamError
from copilot.serve.api import ErrorData, HostState, HostStatus, Lane, Sample, SamplesData
from copilot.serve.callers import Scope
from copilot.serve.metrics import Metrics
from tests.copilot.cli.test_complete import slipstream
from tests.fakes import ScriptedEngine
from tests.hosts import GUARD_SECONDS, running
from tests.teams import Team, team

ROOT = Path(__file__).parents[3]
INFILL = {"prefix": "x = ", "max_tokens": 8}
CHAT = {"messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Team]:
    async with team(ScriptedEngine(), tmp_path, metrics=Metrics()) as found:
        yield found


def rows(output: str) -> dict[str, list[str]]:
    """The words of each line, by the first."""
    return {words[0]: words[1:] for line in output.splitlines() if (words := line.split())}


def shown(found: Look) -> str:
    console = Console(width=100, highlight=False)
    with console.capture() as captured:
        console.print(frame(found, "gpu-box"))
    return captured.get()


async def test_once_of_the_own_host(tmp_path: Path) -> None:
    async with running(ScriptedEngine(), metrics=Metrics()) as at:
        for _ in range(2):
            await at.http.post("/v1/infill", json=INFILL)
        await at.http.post("/v1/chat/completions", json=CHAT)
        status, output, errors = await slipstream("top", "--once", cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert "this machine: ready, scripted on scripted" in output
    assert "0 of 2 used, 0 waiting" in output
    assert "0% of the prompts" in output
    assert [rows(output)[lane][0] for lane in ("inline", "chat")] == ["2", "1"]
    # Whoever has a host alone knows who asked.
    assert "user" not in rows(output)


async def test_once_without_a_host(tmp_path: Path) -> None:
    status, output, errors = await slipstream("top", "--once", cwd=tmp_path)
    assert (status, output, errors) == (1, "this machine: no engine host answers.\n", "")


async def test_each_sees_their_own_figures_and_an_administrator_everyone_s(shared: Team, tmp_path: Path) -> None:
    token, root = shared.token("ada"), shared.token("root", Scope.ADMIN)
    async with shared.http(token) as ada, shared.http(shared.token("bob")) as bob:
        await ada.post("/v1/infill", json=INFILL)
        await ada.post("/v1/chat/completions", json=CHAT)
        await bob.post("/v1/infill", json=INFILL)

    save(Login(url=shared.url, ca=str(shared.ca), token=token), keyring=False)
    status, output, errors = await slipstream("top", "--once", cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert f"{shared.url}: ready" in output
    assert "yours" in output
    assert rows(output)["inline"][0] == "1"
    assert "bob" not in output

    save(Login(url=shared.url, ca=str(shared.ca), token=root), keyring=False)
    _, output, _ = await slipstream("top", "--once", cwd=tmp_path)
    assert "everyone's" in output
    assert rows(output)["inline"][0] == "2"
    # Running, waiting, requests, tokens, refused.
    assert rows(output)["ada"] == ["0", "0", "2", "6", "0"]
    assert rows(output)["bob"] == ["0", "0", "1", "3", "0"]

    shared.users.revoke("root")
    status, output, errors = await slipstream("top", "--once", cwd=tmp_path)
    assert (status, output) == (1, "")
    assert "token" in errors


async def test_a_host_that_goes_away_and_comes_back(home: Path) -> None:
    ours, theirs = pty.openpty()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "copilot", "top"), cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(seen), os.fdopen(ours, "rb", 0)
    )
    async with asyncio.timeout(2 * GUARD_SECONDS):
        for _ in range(2):
            await seen.readuntil(b"no engine host answers")
            async with running(ScriptedEngine()):
                await seen.readuntil(b"ready, scripted")
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


@pytest.mark.parametrize(("code", "told"), [("host_lost", False), ("unauthorized", True)])
async def test_what_goes_wrong_while_one_looks_ends_nothing(code: str, told: bool) -> None:
    class Client(HostClient):
        async def samples(self, seconds: int = 3600) -> SamplesData:
            raise HostError(ErrorData(code=code, message="No."))

    async with running(ScriptedEngine()), Client() as client:
        found = await look(client)
    assert (found.status, found.error is not None) == (None, told)


def test_what_a_host_says_is_text() -> None:
    status = HostStatus(state=HostState.READY, version="1", pid=1, model="[red]x[/red]\x1b[2J")
    assert "gpu-box: ready, [red]x[/red]?[2J" in shown(Look(status))
    assert "gpu-box: It burns. Run." in shown(Look(error=SlipstreamError("It burns.", hint="Run.")))


def test_percentiles_of_a_lane_and_tokens_per_second() -> None:
    samples = tuple(
        Sample(
            at=0.0,
            lane=Lane.INLINE,
            ttft_ms=float(number),
            queue_ms=number / 10,
            total_ms=200.0,
            prompt_tokens=100,
            reused_tokens=25,
            generated_tokens=6,
            decode_ms=10.0,
        )
        for number in range(100, 0, -1)
    )
    status = HostStatus(state=HostState.READY, version="1", pid=1, uptime_s=1000.0, gpu_bytes=2_500_000_000)
    output = shown(Look(status, samples))
    assert rows(output)["inline"] == ["100", "50", "ms", "95", "ms", "5", "ms", "10", "ms"]
    assert "10.0 per second, 25% of the prompts" in output
    assert "2.5 GB of the GPU's" in output


def test_tenants_over_all_lanes() -> None:
    text = (
        'slipstream_generated_tokens_total{lane="inline",tenant="ada"} 5.0\n'
        'slipstream_generated_tokens_total{lane="chat",tenant="ada"} 70.0\n'
        'slipstream_streams_running{lane="chat",tenant="bob"} 1.0\n'
        'slipstream_requests_refused_total{code="busy",lane="chat",tenant=""} 3.0\n'
        'slipstream_slots{model="scripted"} 2.0\n'
    )
    found = [Tenant("ada", tokens=75), Tenant("", refused=3), Tenant("bob", running=1)]
    assert tenants(text) == found
    status = HostStatus(state=HostState.READY, version="1", pid=1, shared=True)
    output = shown(Look(status, tenants=[*found, *(Tenant(f"user{number}") for number in range(9))]))
    assert "(this machine)" in output
    assert "user6" in output
    assert "user7" not in output
    assert "and 2 more" in output
