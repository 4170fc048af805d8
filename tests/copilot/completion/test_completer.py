"""The completer against an engine host in this process, with a scripted engine behind the real socket."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Coroutine
from typing import Any

import msgspec
import pytest

from copilot.client.host import HostClient
from copilot.completion.completer import Asked, Completer
from copilot.completion.framing import UNKNOWN_MODEL, ModelFacts
from copilot.completion.moment import Moment, Outcome
from copilot.completion.speed import Speed
from copilot.completion.suggestion import Suggestion
from copilot.completion.trim import Trimmer
from copilot.config.settings import CompletionSettings
from copilot.errors import SlipstreamError
from copilot.text.document import Change, Document
from copilot.text.position import Position, PositionEncoding, Range
from copilot.text.spot import Spot
from tests.fakes import ScriptedEngine
from tests.hosts import running, until

QUICK = msgspec.structs.replace(CompletionSettings(), prefetch=False, candidates=1)


class Link:
    """A way to a host that is there, or not."""

    def __init__(self, host: HostClient | None) -> None:
        self.there = host
        self.model: ModelFacts = UNKNOWN_MODEL
        self.told: list[SlipstreamError] = []
        self.good = 0

    async def host(self, *, invoked: bool) -> HostClient | None:
        return self.there

    def failed(self, error: SlipstreamError) -> None:
        self.told.append(error)

    def answered(self, model: str | None = None) -> None:
        self.good += 1


class Desk:
    """A document with a caret at its end, and the completer of it."""

    def __init__(self, link: Link, text: str = "x = ", settings: CompletionSettings = QUICK) -> None:
        self.moments: list[Moment] = []
        self.completer = Completer(link, "desk", settings, speed=Speed(5000, 500, 0.01), note=self.moments.append)
        self.document = Document.from_text("file:///a.py", "python", 1, text)

    @property
    def spot(self) -> Spot:
        lines = self.document.lines
        return Spot(self.document, len(lines) - 1, len(lines[-1]))

    def type(self, text: str) -> None:
        here = Position(self.spot.line, self.spot.column)
        change = Change(Range(here, here), text)
        self.document = self.document.apply([change], PositionEncoding.UTF32, self.document.version + 1)
        self.completer.edited(self.document, [change], self.spot)

    def ask(self) -> Coroutine[Any, Any, list[Suggestion] | None]:
        """The question is taken now, as an editor's is."""
        return self._answered(self.completer.ask(self.spot))

    async def _answered(self, asked: Asked) -> list[Suggestion] | None:
        suggestions, _ = await asked
        return None if suggestions is None else [one._replace(id="") for one in suggestions]


@contextlib.asynccontextmanager
async def at_desk(engine: ScriptedEngine, text: str = "x = ") -> AsyncIterator[tuple[Desk, Link]]:
    async with running(engine) as host:
        link = Link(host.client)
        desk = Desk(link, text)
        yield desk, link
        await desk.completer.closed()
        await until(lambda: engine.busy == 0)


async def test_a_suggestion_and_how_it_came_about() -> None:
    async with at_desk(ScriptedEngine(["alpha", "(", "beta", ")"])) as (desk, link):
        suggestions, facts = await desk.completer.ask(desk.spot)
        assert suggestions == (Suggestion("alpha(beta)", id="desk-1-0"),)
        assert facts.stats is not None
        assert (facts.stats.generated_tokens, facts.stats.prompt_tokens) == (4, 128)
        assert facts.stats.ttft_ms
        assert link.good
        assert not link.told
        assert [moment.outcome for moment in desk.moments] == [Outcome.SHOWN]


async def test_type_through_asks_no_engine() -> None:
    engine = ScriptedEngine(["alpha", "(beta)"])
    async with at_desk(engine) as (desk, _):
        await desk.ask()
        for typed in "alpha":
            desk.type(typed)
            await desk.ask()
        assert await desk.ask() == [Suggestion("(beta)")]
        assert len(engine.calls) == 1


async def test_lines_grow_while_the_engine_writes() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(["for a in b:\n", "    c(a)\n", "    d(a)\n", "e()\n"], hold=hold)
    grown: list[str] = []
    async with at_desk(engine, "b = [1]\n") as (desk, _):
        asked = desk.completer.ask(desk.spot, grow=lambda suggestions: grown.append(suggestions[0].text))
        hold.set()
        suggestions, _facts = await asked
        assert suggestions is not None
        lines = suggestions[0].text.split("\n")
        assert set(grown) <= {"\n".join(lines[:count]) for count in range(1, len(lines) + 1)}
        assert all(len(earlier) < len(later) for earlier, later in itertools.pairwise(grown))
        assert grown


async def test_what_is_typed_against_it_stops_the_engine() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(["alpha", "(beta)"], hold=hold)
    async with at_desk(engine) as (desk, _):
        asked = asyncio.ensure_future(desk.ask())
        await until(lambda: engine.calls)
        desk.type("alp")
        assert await asked is None
        assert engine.calls[0].ended is None
        hold.set()
        desk.type("x")
        asked = asyncio.ensure_future(desk.ask())
        await until(lambda: engine.calls[0].ended)
        await asked


async def test_a_cancelled_question_leaves_its_text_to_the_next() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(["alpha", "(beta)"], hold=hold)
    async with at_desk(engine) as (desk, _):
        for typed in "alp":
            asked = asyncio.ensure_future(desk.ask())
            await until(lambda: engine.calls)
            asked.cancel()
            await asyncio.wait([asked])
            desk.type(typed)
        hold.set()
        assert await desk.ask() == [Suggestion("ha(beta)")]
        assert [call.ended for call in engine.calls] == ["finished"]


@pytest.mark.parametrize("how", ["edited", "cancelled", "cancelled at once"])
async def test_a_generation_that_nobody_asks_for_again_ends(how: str) -> None:
    engine = ScriptedEngine(["alpha"], hold=asyncio.Event())
    async with at_desk(engine) as (desk, _):
        asked = desk.completer.ask(desk.spot)
        if how == "cancelled at once":
            asked.cancel()
        await until(lambda: engine.calls)
        if how == "edited":
            desk.type("a")
        else:
            asked.cancel()
        await until(lambda: engine.calls[0].ended == "cancelled")
        await asyncio.wait([asked])
        assert how != "edited" or asked.result()[0] is None


async def test_a_storm_of_questions_leaves_nothing_running() -> None:
    engine = ScriptedEngine(["alpha"], ignore_limit=True, step_seconds=0.001)
    async with at_desk(engine) as (desk, link):
        asked = []
        for number in range(1000):
            desk.type("abc"[number % 3])
            asked.append(asyncio.ensure_future(desk.ask()))
            if number % 50 == 0:
                await asyncio.sleep(0.002)
        desk.completer.close()
        answers = await asyncio.gather(*asked)
        assert answers == [None] * 1000
        await until(lambda: engine.busy == 0)
        assert all(call.ended for call in engine.calls)
        assert not link.told


async def test_a_host_that_is_gone_answers_nothing_and_one_that_came_back_answers() -> None:
    engine = ScriptedEngine(["1"])
    async with at_desk(engine) as (desk, link):
        there, link.there = link.there, None
        assert await desk.ask() is None
        assert not link.told
        link.there = there
        assert await desk.ask() == [Suggestion("1")]


async def test_a_host_that_left_is_asked_again_once_before_the_error_is_given() -> None:
    async with running(ScriptedEngine(["1"])) as gone, HostClient() as stale:
        gone.host.stop()
        await gone.task
        link = Link(stale)
        desk = Desk(link)
        assert await desk.ask() is None
        assert {error.code for error in link.told} == {"host_lost"}
        assert len(link.told) == 2
        async with running(ScriptedEngine(["1"])):
            assert await desk.ask() == [Suggestion("1")]
            assert link.good
        await desk.completer.closed()


async def test_an_engine_that_dies_is_told_once_for_each_question() -> None:
    engine = ScriptedEngine(["alpha", "beta"], fail_at=1)
    async with at_desk(engine) as (desk, link):
        assert await desk.ask() is None
        assert [error.code for error in link.told] == ["engine_restarted"]
        engine.fail_at = None
        assert await desk.ask() == [Suggestion("alphabeta")]


async def test_the_wait_for_a_host_that_starts_does_not_count_as_the_engine_s(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waited = 0.0

    class Starting(Link):
        async def host(self, *, invoked: bool) -> HostClient | None:
            nonlocal waited
            waited += 1000.0
            return self.there

    monkeypatch.setattr(Completer, "_now", lambda completer: asyncio.get_running_loop().time() + waited)
    async with running(ScriptedEngine(["alpha"])) as host:
        speed = Speed(5000, 500, 0.01)
        completer = Completer(Starting(host.client), "desk", QUICK, speed=speed)
        await completer.ask(Spot(Document.from_text("file:///a.py", "python", 1, "x = "), 0, 4))
        await completer.closed()
    # 128 tokens in 1000 s would be next to nothing.
    assert speed.prefill > 1


async def test_a_fault_of_our_own_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(trimmer: Trimmer, text: str) -> str:
        raise IndexError(text)

    async with at_desk(ScriptedEngine(["alpha"])) as (desk, _):
        with monkeypatch.context() as patch:
            patch.setattr(Trimmer, "feed", broken)
            asked = asyncio.ensure_future(desk.ask())
            await until(asked.done)
            assert asked.result() is None
        assert await desk.ask() == [Suggestion("alpha")]


async def test_a_resting_caret_only_prefills() -> None:
    engine = ScriptedEngine(["1"])
    async with at_desk(engine, "value = compute(1)\n" * 40) as (desk, _):
        desk.completer.moved(desk.spot)
        await until(lambda: engine.calls and engine.calls[0].ended)
        assert engine.calls[0].params.max_tokens == 0
        assert desk.moments == []


async def test_closing_answers_whoever_waits() -> None:
    engine = ScriptedEngine(["alpha"], hold=asyncio.Event())
    async with at_desk(engine) as (desk, _):
        asked = asyncio.ensure_future(desk.ask())
        await until(lambda: engine.calls)
        desk.completer.close()
        assert await asked is None
        await until(lambda: engine.calls[0].ended == "cancelled")
