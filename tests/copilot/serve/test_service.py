"""What the host says of itself when its engine is in trouble. Its other states are in ``test_keeper``."""

from copilot_models import families

from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, InfillBody, TokenData
from copilot.serve.keeper import Loaded, Report
from tests.fakes import ScriptedEngine
from tests.hosts import Running, running


async def ask(host: Running) -> str:
    async with host.client.infill(InfillBody(prefix="x")) as stream:
        return "".join([event.text async for event in stream if isinstance(event, TokenData)])


async def test_it_says_how_its_model_is_to_be_asked() -> None:
    async def load(_report: Report) -> Loaded:
        return Loaded(ScriptedEngine(), families.load("qwen"), order={"fresh_line": "psm"})

    async with running(load=load) as host:
        status = await host.client.status()
    assert status is not None
    assert status.layouts == ("psm", "spm", "prefix")
    assert status.snippets
    assert status.order == {"fresh_line": "psm", "line_end": "psm", "mid_line": "psm", "no_suffix": "prefix"}
    assert status.context_tokens == 4096


async def test_an_engine_that_has_given_up_is_a_failed_host_that_still_asks_it() -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        engine.failure = SlipstreamError("It crashed 3 times.", hint="Look into its log.", code="engine_failed")
        status = await host.client.status()
        assert status is not None
        assert status.state is HostState.FAILED
        assert status.error is not None
        assert (status.error.code, status.error.message) == ("engine_failed", "It crashed 3 times.")
        assert status.model == "scripted"
        assert (await host.http.get("/health/ready")).status_code == 503
        response = await host.http.post("/v1/completions", json={"prompt": "x"})
        assert response.json()["error"]["code"] == "engine_failed"

        # Asked again when the engine may be tried again, it is, without a restart of the host.
        engine.failure = None
        assert await ask(host)
        status = await host.client.status()
        assert status is not None
        assert (status.state, status.error) == (HostState.READY, None)


async def test_an_engine_that_is_being_restarted_is_a_host_that_is_starting() -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        engine.restarting = True
        status = await host.client.status()
        assert status is not None
        assert (status.state, status.error) == (HostState.STARTING, None)
        assert "Restarting" in status.detail
        engine.restarting = False
        status = await host.client.status()
        assert status is not None
        assert (status.state, status.detail) == (HostState.READY, "")


async def test_a_host_that_leaves_says_so_whatever_its_engine_does() -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        engine.restarting = True
        host.host.service.draining = True
        assert host.host.service.status().state is HostState.STOPPING
