"""What a window asks of a host beside answers: models, figures, prompts, places in the queue."""

import asyncio
import contextlib

import pytest
from copilot_models import families

from copilot import paths
from copilot.client.failures import HostError
from copilot.client.host import HostClient
from copilot.context.request import Snippet
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, InfillBody, Lane
from copilot.serve.claim import listening
from copilot.serve.host import Host
from copilot.serve.keeper import Load, Loaded, Report
from tests.fakes import ScriptedEngine
from tests.hosts import GUARD_SECONDS, loads, running, settings, until

HELLO = [{"role": "user", "content": "hello there"}]


async def test_a_prompt_can_be_looked_at() -> None:
    async with running(ScriptedEngine()) as host:
        seen = await host.client.prompt(HELLO, max_tokens=100)
    assert seen.error is None
    assert any("hello there" in piece.text for piece in seen.pieces if not piece.control)
    assert all(piece.kept == piece.tokens for piece in seen.pieces)
    assert seen.limit == 4096
    assert 0 < seen.answer <= 100


async def test_a_prompt_that_is_too_long_shows_what_is_dropped() -> None:
    earlier = [
        turn
        for number in range(40)
        for turn in (
            {"role": "user", "content": f"question {number} " + "word " * 100},
            {"role": "assistant", "content": "answer " * 100},
        )
    ]
    async with running(ScriptedEngine()) as host:
        seen = await host.client.prompt([*earlier, *HELLO], max_tokens=100)
    dropped = [piece for piece in seen.pieces if piece.kept < piece.tokens]
    assert any("question 0 " in piece.text for piece in dropped)
    assert not any("hello there" in piece.text for piece in dropped)
    assert seen.pieces[-1].kept == seen.pieces[-1].tokens


async def test_a_prompt_that_cannot_be_asked_says_why() -> None:
    async with running(ScriptedEngine()) as host:
        seen = await host.client.prompt([{"role": "user", "content": "word " * 5000}])
    assert seen.error is not None
    assert seen.error.code == "context_too_long"


async def test_a_completion_s_prompt_can_be_looked_at_with_its_snippets() -> None:
    snippets = (Snippet(path="lib/a.py", text="def one(): ..."), Snippet(path="lib/b.py", text="def two(a, b): ..."))
    body = InfillBody(prefix="x = one", suffix="\ny", snippets=snippets, layout="psm")

    async def load(_report: Report) -> Loaded:
        return Loaded(ScriptedEngine(), families.load("qwen"))

    async with running(load=load) as host:
        status = await host.client.status()
        seen = await host.client.infill_prompt(body)
    assert status is not None
    assert status.snippets
    assert [(piece.name, piece.text) for piece in seen.pieces if not piece.control] == [
        ("snippet", "lib/a.py\ndef one(): ...\n"),
        ("snippet", "lib/b.py\ndef two(a, b): ...\n"),
        ("prefix", "x = one"),
        ("suffix", "\ny"),
    ]
    assert all(piece.tokens == piece.kept > 0 for piece in seen.pieces)


async def test_the_place_in_the_queue() -> None:
    hold = asyncio.Event()
    async with running(ScriptedEngine(hold=hold, slots=1)) as host:

        async def ask() -> None:
            async for _ in host.client.chat_pieces(HELLO):
                pass

        tasks = [asyncio.create_task(ask()) for _ in range(3)]
        ready = host.host.service.keeper.peek()
        assert ready is not None
        await until(lambda: len(ready.generations.ids) == 3)
        first, second, third = ready.generations.ids
        assert await host.client.position(first) is None
        assert await host.client.position(second) == 0
        assert await host.client.position(third) == 1
        hold.set()
        await asyncio.gather(*tasks)
        assert await host.client.position(third) is None


async def test_what_was_generated_is_measured() -> None:
    async with running(ScriptedEngine()) as host:
        pieces = [piece async for piece in host.client.chat_pieces(HELLO, stream_options={"include_usage": True})]
        data = await host.client.samples()
    (sample,) = data.samples
    assert sample.lane is Lane.CHAT
    assert 0 <= sample.ttft_ms <= sample.total_ms
    assert sample.generated_tokens == 3
    usage = pieces[-1].usage
    assert usage is not None
    assert usage["completion_tokens"] == 3
    assert usage["timings"]["ttft_ms"] == sample.ttft_ms
    assert pieces[0].stream


async def test_unloading_frees_the_engine_and_the_next_request_loads_it_again() -> None:
    engines: list[ScriptedEngine] = []

    async def load(report: Report) -> Loaded:
        engines.append(ScriptedEngine())
        return Loaded(engines[-1], families.load("plain"))

    async with running(load=load) as host:
        await host.client.unload()
        assert engines[0].closed
        status = await host.client.status()
        assert status is not None
        assert status.state is HostState.UNLOADED
        with pytest.raises(HostError) as waiting:
            async for _ in host.client.chat(HELLO):
                pass
        assert waiting.value.code == "starting"
        await until(lambda: host.host.service.keeper.state is HostState.READY)
        assert [text async for text in host.client.chat(HELLO)]
    assert len(engines) == 2


async def test_another_model_takes_the_place_of_the_first() -> None:
    hold = asyncio.Event()
    first, second = ScriptedEngine(hold=hold), ScriptedEngine(["other"])

    def choose(model: str) -> Load:
        if model != "other":
            raise SlipstreamError(f"There is no model {model}.", hint="Choose one.", code="model_unknown")
        return loads(second)

    with listening(paths.host_socket()) as listener:
        host = Host(settings(), loads(first), choose=choose)
        task = asyncio.create_task(host.run(listener))
        async with HostClient() as client:
            await until(lambda: host.service.keeper.state is HostState.READY)

            async def ask() -> str:
                with contextlib.suppress(asyncio.CancelledError):
                    return "".join([text async for text in client.chat(HELLO)])
                return ""

            asked = asyncio.create_task(ask())
            await until(lambda: first.busy)
            with pytest.raises(HostError) as unknown:
                await client.load("nonsense")
            assert unknown.value.code == "model_unknown"
            assert first.busy
            await client.load("other")
            with pytest.raises(HostError) as ended:
                await asked
            assert ended.value.code == "unloaded"
            await until(lambda: host.service.keeper.state is HostState.READY)
            assert first.closed
            assert [text async for text in client.chat(HELLO)] == ["other"]
            status = await client.status()
            assert status is not None
            assert status.chosen
            assert status.memory_bytes > 0
        host.stop()
        await asyncio.wait_for(task, GUARD_SECONDS)
