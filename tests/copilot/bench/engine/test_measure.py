"""The measurements, of an engine whose every step takes a time that the test says, by a clock that it moves."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from copilot.bench.engine.measure import Figure, Measuring, percentile
from copilot.bench.engine.words import code
from copilot.engine.protocol import (
    EngineCapabilities,
    Finish,
    FinishReason,
    Layout,
    ModelInfo,
    Progress,
    PromptPlan,
    SamplingParams,
    TokenEvent,
    Totals,
)
from copilot.errors import SlipstreamError


class Paced:
    """Prefills 1,000 tokens a second, decodes 50, finds what it has seen before, and lets go after 7 ms. Side by side,
    generations take turns; a chat costs the others nothing but the turn."""

    def __init__(self, slots: int = 4) -> None:
        self.now = 0.0
        self.restarts = 0
        self.totals = Totals()
        self.restarting = False
        self.failure: SlipstreamError | None = None
        self.model = ModelInfo(id="paced", family="plain", context_length=8192)
        self.capabilities = EngineCapabilities(backend="paced", slots=slots)
        self.seen: list[str] = []
        self.cancelled_after: list[int] = []

    def clock(self) -> float:
        return self.now

    async def count(self, text: str) -> int:
        return len(text) // 4

    async def close(self) -> None: ...

    async def generate(self, plan: PromptPlan, params: SamplingParams) -> AsyncGenerator[TokenEvent]:
        text = "".join(part.text for part in plan.parts)
        total = len(text) // 4
        reused = max((len(each) // 4 for each in self.seen if text.startswith(each)), default=0)
        self.seen.append(text)
        made, ended = 0, False
        began = self.now
        try:
            yield TokenEvent(at=self.now, progress=Progress(processed=reused, total=total, reused=reused))
            self.now += (total - reused) / 1000
            prefilled = self.now
            while made < params.max_tokens:
                await asyncio.sleep(0)
                self.now += 0.02 if made else 0.0
                made += 1
                yield TokenEvent(text="x", at=self.now)
                # A chat is to last until it is stopped.
                await asyncio.sleep(0.001 if plan.layout is Layout.CHAT else 0)
            ended = True
            yield TokenEvent(
                at=self.now,
                finish=Finish(
                    reason=FinishReason.LENGTH,
                    prompt_tokens=total,
                    reused_tokens=reused,
                    generated_tokens=made,
                    prefill_ms=1000 * (prefilled - began),
                    decode_ms=1000 * (self.now - prefilled),
                ),
            )
        finally:
            if not ended:
                self.now += 0.007
                self.cancelled_after.append(made)


def measuring(engine: Paced) -> Measuring:
    return Measuring(engine, prompt_tokens=500, answer_tokens=20, clock=engine.clock)


def by_name(figures: list[Figure]) -> dict[str, Figure]:
    return {figure.name: figure for figure in figures}


async def test_speeds_are_those_of_the_engine() -> None:
    found = by_name(await measuring(Paced()).speed(3))
    assert found["prefill"].samples == pytest.approx((1000, 1000, 1000))
    assert found["decode"].samples == pytest.approx((50, 50, 50))
    assert found["between tokens"].median == pytest.approx(20)
    assert len(found["between tokens"].samples) == 3 * 19
    assert all(350 < sample < 600 for sample in found["first token, cold"].samples)


async def test_a_key_costs_what_is_new() -> None:
    found = await measuring(Paced()).keystrokes(12)
    assert len(found.samples) == 12
    assert max(found.samples) <= 1.01
    assert "from the KV cache" in found.note
    assert float(found.note.split()[2].rstrip("%")) > 99


async def test_cancelling_is_timed_until_the_engine_has_let_go() -> None:
    engine = Paced()
    found = by_name(await measuring(engine).cancels(3))
    assert found["cancel in prefill"].samples == pytest.approx((7, 7, 7))
    assert found["cancel in decode"].samples == pytest.approx((7, 7, 7))
    assert engine.cancelled_after == [0, 0, 0, 4, 4, 4]


async def test_batches_go_up_to_the_engines_slots() -> None:
    found = await measuring(Paced(slots=4)).batches()
    assert [figure.name for figure in found] == ["1 at once", "2 at once", "4 at once"]
    assert found[0].median == pytest.approx(20 / (0.38 + 0.06), rel=0.1)


async def test_a_line_beside_a_chat() -> None:
    engine = Paced()
    found = by_name(await measuring(engine).beside_chat(2))
    alone, beside = found["a line, alone"].median, found["a line, beside a chat"].median
    assert 0 < alone < beside
    assert len(engine.cancelled_after) == 1, "the chat was stopped"


async def test_with_one_slot_there_is_nothing_beside() -> None:
    found = await measuring(Paced(slots=1)).beside_chat(2)
    assert [figure.name for figure in found] == ["a line, alone"]


def test_prompts_are_the_same_for_the_same_seed_and_long_enough() -> None:
    assert code(1, 1000) == code(1, 1000) != code(2, 1000)
    assert len(code(3, 5000)) >= 5000
    compile("class A:\n" + "".join(f"    {line}\n" for line in code(4, 3000).splitlines()), "x", "exec")


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 3), (0.99, 5), (1.0, 5)])
def test_percentiles(share: float, expected: float) -> None:
    assert percentile([5, 1, 4, 2, 3], share) == expected
    assert percentile([], share) == 0


def test_layout_is_that_of_someone_who_types() -> None:
    from copilot.bench.engine.measure import plan

    assert plan("x").layout is Layout.PREFIX
