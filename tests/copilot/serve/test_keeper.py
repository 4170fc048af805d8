"""Loading a model, failing to, and trying again."""

import asyncio

import pytest

from copilot.engine.protocol import Layout, Part, PromptPlan, SamplingParams
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, HostState, Lane
from copilot.serve.keeper import Keeper, Loaded, Report
from copilot.serve.loading import standing_in
from tests.fakes import ScriptedEngine
from tests.hosts import loads, running, until

PLAN = PromptPlan(parts=(Part(text="a", name="prompt"),), layout=Layout.RAW)


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


class Pair:
    """A model on a GPU that comes and goes, and one that stands in for it. Its clock is set by hand."""

    def __init__(self) -> None:
        self.works = True
        self.now = 0.0
        self.hold = asyncio.Event()
        self.large: list[ScriptedEngine] = []
        self.small: list[ScriptedEngine] = []

    def clock(self) -> float:
        return self.now

    async def load_large(self, report: Report) -> Loaded:
        if not self.works:
            raise SlipstreamError("There is no CUDA GPU.", hint="", code="no_gpu")
        self.large.append(ScriptedEngine(("large",)))
        return await loads(self.large[-1])(report)

    async def load_small(self, report: Report) -> Loaded:
        self.small.append(ScriptedEngine(("a", "b"), hold=self.hold))
        return await loads(self.small[-1])(report)

    def keeper(self) -> Keeper:
        return Keeper(standing_in(self.load_large, self.load_small), max_queue=4, clock=self.clock)


async def test_a_lost_gpu_is_stood_in_for_and_returned_to_when_it_is_back() -> None:
    pair = Pair()
    keeper = pair.keeper()
    keeper.start()
    await until(lambda: keeper.peek() is not None)
    assert keeper.ready().loaded.engine is pair.large[0]
    keeper.look()
    assert (len(pair.large), len(pair.small)) == (1, 0), "nothing is wrong"

    pair.works = False
    pair.large[0].failure = SlipstreamError("The engine crashed 3 times.", hint="", code="engine_failed")
    keeper.look()
    await until(lambda: bool(pair.small) and keeper.ready().loaded.engine is pair.small[0])
    instead = keeper.ready().loaded.instead
    assert instead is not None
    assert "crashed" in instead.message
    await until(lambda: pair.large[0].closed)

    # What runs on the one that stood in ends there, while new requests have the other.
    stream = keeper.ready().generations.submit(PLAN, SamplingParams(), lane=Lane.INLINE)
    keeper.look()
    assert len(pair.large) == 1, "not before its time"
    pair.now += 60
    keeper.look()
    await asyncio.sleep(0.05)
    assert keeper.ready().loaded.engine is pair.small[0], "it is still gone"
    pair.works = True
    pair.now += 600
    keeper.look()
    await until(lambda: keeper.ready().loaded.engine is pair.large[-1])
    assert keeper.ready().loaded.instead is None
    assert not pair.small[0].closed
    holding = keeper.holding(stream.id)
    assert holding is not None
    assert holding.loaded.engine is pair.small[0]
    pair.hold.set()
    await until(lambda: pair.small[0].closed)
    assert stream.closed
    assert isinstance(stream.events[-1], DoneData)
    await keeper.close()
    assert pair.large[-1].closed


async def test_a_switch_that_is_going_on_ends_with_the_keeper() -> None:
    pair = Pair()
    keeper = pair.keeper()
    keeper.start()
    await until(lambda: keeper.peek() is not None)
    stream = keeper.ready().generations.submit(PLAN, SamplingParams(), lane=Lane.INLINE)
    pair.large[0].failure = SlipstreamError("Gone.", hint="", code="engine_failed")
    pair.large[0].hold = asyncio.Event()
    keeper.look()
    await until(lambda: bool(pair.small))
    await keeper.close()
    assert pair.large[0].closed
    assert pair.small[0].closed
    assert stream.closed


async def lost(pair: Pair) -> Keeper:
    """A keeper with the small model in place of the large one, whose GPU is gone."""
    pair.works = False
    keeper = pair.keeper()
    keeper.start()
    await until(lambda: keeper.peek() is not None)
    assert keeper.ready().loaded.engine is pair.small[0]
    return keeper


async def test_what_waits_for_the_one_that_is_replaced_is_answered_too() -> None:
    pair = Pair()
    keeper = await lost(pair)
    generations = keeper.ready().generations
    streams = [generations.submit(PLAN, SamplingParams(), lane=Lane.CHAT) for _ in range(5)]
    assert generations.queued
    pair.works, pair.now = True, 100.0
    keeper.look()
    await until(lambda: bool(pair.large) and keeper.ready().loaded.engine is pair.large[0])
    assert keeper.holding(streams[-1].id) is not None
    pair.hold.set()
    await until(lambda: pair.small[0].closed)
    assert all(isinstance(stream.events[-1], DoneData) for stream in streams)
    await keeper.close()


async def test_one_that_crashes_again_and_again_is_loaded_less_and_less_often() -> None:
    pair = Pair()
    keeper = pair.keeper()
    keeper.start()
    await until(lambda: keeper.peek() is not None)
    while pair.now < 1000:
        engine = keeper.ready().loaded.engine
        if engine in pair.large and isinstance(engine, ScriptedEngine):
            engine.failure = SlipstreamError("It crashed.", hint="", code="engine_failed")
        keeper.look()
        await asyncio.sleep(0.002)
        pair.now += 2
    await until(lambda: keeper.ready().loaded.instead is not None or keeper.ready().loaded.engine.failure is None)
    assert 4 <= len(pair.large) <= 8
    # One that served for long is tried again soon.
    before = len(pair.large)
    pair.now += 1000
    keeper.look()
    await until(lambda: len(pair.large) > before and keeper.ready().loaded.engine is pair.large[-1])
    pair.now += 1000
    pair.large[-1].failure = SlipstreamError("It crashed.", hint="", code="engine_failed")
    keeper.look()
    await until(lambda: keeper.ready().loaded.instead is not None)
    pair.now += 16
    keeper.look()
    await until(lambda: keeper.ready().loaded.engine is pair.large[-1])
    await keeper.close()


async def test_another_model_that_is_asked_for_meanwhile_stays() -> None:
    """The one that is being returned to may be slow to give up, and the watch may look again before that."""
    pair = Pair()
    keeper = await lost(pair)
    may_end = asyncio.Event()

    first = True

    async def slow(report: Report) -> Loaded:
        nonlocal first
        if not first:
            return await pair.load_large(report)
        first = False
        try:
            await asyncio.sleep(1000)
        except asyncio.CancelledError:
            await may_end.wait()
            raise
        raise AssertionError

    ready = keeper.ready()
    keeper._ready = ready._replace(loaded=ready.loaded._replace(preferred=slow))
    pair.now = 100.0
    keeper.look()
    await asyncio.sleep(0.01)
    chosen = ScriptedEngine(("chosen",))
    replacing = asyncio.create_task(keeper.replace(loads(chosen)))
    await asyncio.sleep(0.01)
    pair.works, pair.now = True, 1000.0
    keeper.look()
    may_end.set()
    await replacing
    await until(lambda: keeper.peek() is not None)
    await asyncio.sleep(0.05)
    assert keeper.ready().loaded.engine is chosen
    assert not pair.large
    await keeper.close()
    assert chosen.closed
    assert pair.small[0].closed


async def test_what_is_loaded_next_waits_until_the_memory_is_free() -> None:
    order: list[str] = []

    class Slow(ScriptedEngine):
        async def close(self) -> None:
            order.append("close begins")
            await asyncio.sleep(0.05)
            await super().close()
            order.append("close ends")

    async def load(report: Report) -> Loaded:
        order.append("load")
        return await loads(Slow())(report)

    keeper = Keeper(load, max_queue=4)
    assert await keeper.loaded(10.0) is not None
    unloading = asyncio.create_task(keeper.unload())
    await asyncio.sleep(0.01)
    assert await keeper.loaded(10.0) is not None
    assert order == ["load", "close begins", "close ends", "load"]
    await unloading
    await keeper.close()


async def test_a_bug_while_returning_to_a_model_is_not_repeated_at_once(caplog: pytest.LogCaptureFixture) -> None:
    pair = Pair()
    keeper = await lost(pair)
    tries, text = 0, "def secret"

    async def broken(report: Report) -> Loaded:
        nonlocal tries
        tries += 1
        raise KeyError(text)

    ready = keeper.ready()
    keeper._ready = ready._replace(loaded=ready.loaded._replace(preferred=broken))
    pair.now = 100.0
    for _ in range(5):
        keeper.look()
        await asyncio.sleep(0.005)
        pair.now += 2
    assert tries == 1
    assert keeper.ready().loaded.engine is pair.small[0]
    instead = keeper.ready().loaded.instead
    assert instead is not None
    assert instead.code == "internal"
    assert "secret" not in caplog.text
    await keeper.close()


async def test_what_leaves_is_closed_before_the_next_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    pair = Pair()
    keeper = await lost(pair)
    close = pair.small[0].close

    async def slow() -> None:
        await asyncio.sleep(0.05)
        await close()
        order.append("closed")

    monkeypatch.setattr(pair.small[0], "close", slow)
    pair.works, pair.now = True, 100.0
    keeper.look()
    await until(lambda: bool(pair.large) and keeper.ready().loaded.engine is pair.large[0])
    await asyncio.sleep(0.01)

    async def other(report: Report) -> Loaded:
        order.append("load")
        return await loads(ScriptedEngine())(report)

    await keeper.replace(other)
    assert await keeper.loaded(10.0) is not None
    assert order == ["closed", "load"]
    await keeper.close()
