"""Loading a model, failing to, and trying again."""

import asyncio

import pytest

from copilot.errors import SlipstreamError
from copilot.serve.api import HostState
from copilot.serve.keeper import Keeper, Loaded, Report
from tests.fakes import ScriptedEngine
from tests.hosts import loads, running, until


class Flaky:
    """A loader that fails so many times first. Its clock is set by hand."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.tries = 0
        self.now = 0.0
        self.engine = ScriptedEngine()

    def clock(self) -> float:
        return self.now

    async def load(self, report: Report) -> Loaded:
        self.tries += 1
        if self.tries <= self.failures:
            raise SlipstreamError("The disk is full.", hint="Free some space.", code="disk_full")
        return await loads(self.engine)(report)


def state(keeper: Keeper) -> HostState:
    return keeper.state


def code(keeper: Keeper) -> str:
    with pytest.raises(SlipstreamError) as caught:
        keeper.ready()
    return caught.value.code


async def test_a_failure_is_what_requests_get_and_later_ones_try_again() -> None:
    flaky = Flaky(failures=2)
    keeper = Keeper(flaky.load, max_queue=1, clock=flaky.clock)
    assert state(keeper) is HostState.STARTING
    keeper.start()
    assert code(keeper) == "starting"
    for tries, wait in ((1, 1.0), (2, 2.0)):
        await until(lambda: not keeper.loading)
        assert state(keeper) is HostState.FAILED
        assert keeper.error is not None
        assert (keeper.error.code, keeper.error.hint) == ("disk_full", "Free some space.")
        flaky.now += wait - 0.1
        assert code(keeper) == "disk_full"
        assert flaky.tries == tries, "not before its time"
        flaky.now += 0.2
        assert code(keeper) == "starting"
    await until(lambda: not keeper.loading)
    assert state(keeper) is HostState.READY
    assert keeper.error is None
    assert keeper.ready().loaded.engine is flaky.engine
    await keeper.close()
    assert flaky.engine.closed


async def test_closing_stops_a_load_that_is_going_on() -> None:
    stopped = asyncio.Event()

    async def load(report: Report) -> Loaded:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()
        raise AssertionError

    keeper = Keeper(load, max_queue=1)
    keeper.start()
    await asyncio.sleep(0)
    await keeper.close()
    assert stopped.is_set()


async def test_a_bug_in_loading_leaves_the_host_up(caplog: pytest.LogCaptureFixture) -> None:
    async def load(report: Report) -> Loaded:
        # A log may show this line, not what it makes.
        raise KeyError("sec" + "ret")

    async with running(load=load) as host:
        response = await host.http.post("/v1/infill", json={"prefix": "x"})
        assert response.status_code == 500
        assert response.json()["code"] == "internal"
        status = await host.client.status()
        assert status is not None
        assert status.state is HostState.FAILED
        assert (await host.http.get("/health/live")).status_code == 200
        assert (await host.http.get("/health/ready")).status_code == 503
    assert "KeyError" in caplog.text
    assert "secret" not in caplog.text


async def test_health_of_a_ready_host() -> None:
    async with running(ScriptedEngine(slots=3)) as host:
        response = await host.http.get("/health/ready")
        status = await host.client.status()
    assert response.status_code == 200
    assert status is not None
    assert (status.state, status.model, status.backend, status.slots) == (HostState.READY, "scripted", "scripted", 3)
