"""Virtual time: the clock, the engine, the oracle, and what the policies must keep on the same engine."""

import asyncio
import time
from collections.abc import Sequence

import msgspec
import pytest

from copilot.bench.replay.files import source_files
from copilot.bench.replay.metrics import Measures, joined, measure, sample
from copilot.bench.replay.results import Setup, as_json, results_of
from copilot.bench.replay.trace import Trace
from copilot.bench.replay.typist import make_trace
from copilot.bench.replay.user import User
from copilot.bench.replay.virtual import clock
from copilot.bench.replay.virtual.engine import Core, Costs, FixedCostEngine
from copilot.bench.replay.virtual.llama_server import VirtualInfill
from copilot.bench.replay.virtual.oracle import Oracle, Skill
from copilot.bench.replay.virtual.race import World, race
from copilot.bench.replay.virtual.tokens import ids, pieces
from copilot.config.settings import Settings
from copilot.engine.protocol import Finish, Layout, Part, PromptPlan, SamplingParams
from tests.copilot.bench.replay.traces import one_place

PERFECT = Skill(right=1.0, ends=1.0)


def traces_of_samples(seed: str, rounds: int = 1) -> list[Trace]:
    made = [
        make_trace(file.text, name=file.name, language=file.language, seed=f"{seed}/{number}")
        for number in range(rounds)
        for file in source_files(None, "0")
    ]
    return [trace for trace in made if trace is not None]


def test_an_hour_passes_at_once() -> None:
    async def scene() -> float:
        await asyncio.sleep(3600)
        return asyncio.get_running_loop().time()

    began = time.monotonic()
    assert clock.run(scene()) == pytest.approx(3600)
    assert time.monotonic() - began < 60


def test_what_can_never_go_on_is_an_error() -> None:
    async def scene() -> None:
        await asyncio.Event().wait()

    with pytest.raises(RuntimeError, match="waits"):
        clock.run(scene())


def test_pieces_are_the_text_and_appending_changes_the_last_one_only() -> None:
    text = "def größe(a, b):\n        return a[0] != 'x' + \"漢字\"\t# done\n\n\nclass A_b2: pass\n"
    assert "".join(pieces(text)) == text
    for end in range(1, len(text)):
        settled = pieces(text[:end])[:-2]
        assert pieces(text)[: len(settled)] == settled
    assert 2 < len(text) / len(pieces(text)) < 5


def plan(prefix: str, suffix: str = "") -> PromptPlan:
    parts = (Part(text=suffix, name="suffix"), Part(text=prefix, name="prefix"))
    return PromptPlan(parts=tuple(part for part in parts if part.text), layout=Layout.SPM)


async def finished(engine: FixedCostEngine, prefix: str, tokens: int = 4) -> tuple[Finish, float]:
    began = asyncio.get_running_loop().time()
    events = [event async for event in engine.generate(plan(prefix), SamplingParams(max_tokens=tokens))]
    finish = events[-1].finish
    assert finish is not None
    return finish, asyncio.get_running_loop().time() - began


def test_the_engine_costs_what_it_says_and_knows_leading_tokens() -> None:
    async def scene() -> None:
        core = Core(Costs(prompt_token=10, step=0, token=100))
        goal = "alpha beta gamma delta"
        core.oracle = Oracle(one_place(goal, 6, len(goal)), PERFECT)
        engine = FixedCostEngine(core, "qwen")
        cold, seconds = await finished(engine, "alpha ", 2)
        assert (cold.prompt_tokens, cold.reused_tokens, cold.generated_tokens) == (len(ids("alpha ")), 0, 2)
        assert seconds == pytest.approx(0.01 * cold.prompt_tokens + 0.2)
        warm, _ = await finished(engine, "alpha beta", 1)
        assert warm.reused_tokens >= 1
        prefilled, seconds = await finished(engine, "alpha beta ga", 0)
        assert (prefilled.generated_tokens, str(prefilled.reason)) == (0, "length")
        reading = await core.read()
        assert reading.generated_tokens == 3
        assert reading.evaluated_tokens < reading.prompt_tokens

    clock.run(scene())


def test_a_cancelled_prefill_keeps_what_was_done() -> None:
    async def scene() -> None:
        core = Core(Costs())
        engine = FixedCostEngine(core, "qwen", batch_tokens=16)
        text = " ".join(f"word{number}" for number in range(200))
        events = engine.generate(plan(text), SamplingParams(max_tokens=1))
        await anext(events)
        await events.aclose()
        assert core.evaluated_tokens == 16
        finish, _ = await finished(engine, text, 0)
        assert finish.reused_tokens == 16

    clock.run(scene())


def test_the_oracle_knows_the_rest_and_makes_its_mistakes_once() -> None:
    goal = "".join(f"value_{number} = compute(alpha, beta, {number})\n" for number in range(60))
    start, end = 100, len(goal) - 100
    trace = one_place(goal, start, end)
    assert Oracle(trace, PERFECT).answer(goal[:200], 50) == goal[200:250]
    assert Oracle(trace, PERFECT).answer(goal[:200]) == goal[200:end]
    oracle = Oracle(trace, Skill(right=0.5))
    lines = [at for at in range(start, end - 40) if goal[at - 1] == "\n"]
    right = [oracle.answer(goal[:at], 400).partition("\n")[0] == goal[at:].partition("\n")[0] for at in lines]
    assert 0.25 < sum(right) / len(right) < 0.75
    assert right == [oracle.answer(goal[:at], 400).partition("\n")[0] == goal[at:].partition("\n")[0] for at in lines]
    # Behind the place of a mistake it goes on rightly.
    wrong = lines[right.index(False)]
    line = goal[wrong:].partition("\n")[0]
    assert oracle.answer(goal[: wrong + len(line) - 1], 1) == line[-1]
    assert oracle.answer("something else entirely")


def test_llama_cpp_stops_late_only_after_a_line_end() -> None:
    async def scene(limit: int) -> str:
        core = Core(Costs(token=100, step=0))
        goal = "x = 1\nfirst line here is long\nsecond\nthird\nfourth\n"
        core.oracle = Oracle(one_place(goal, 6, len(goal)), PERFECT)
        fields = {"input_prefix": "x = 1\n", "prompt": "", "input_suffix": "\n", "n_predict": 128, "n_indent": 0}
        return await VirtualInfill(core).infill({**fields, "t_max_predict_ms": limit})

    assert clock.run(scene(1)).startswith("first line here is long\n")
    assert "second" not in clock.run(scene(1))
    assert "fourth" in clock.run(scene(100_000))


def measured(traces: Sequence[Trace], user: User | None = None, world: World | None = None) -> list[Measures]:
    logs = race(traces, user or User(), Settings(), world or World())
    return [measure(joined([sample(log) for log in one])) for one in logs]


def test_the_same_seed_gives_the_same_file() -> None:
    def file() -> bytes:
        traces = traces_of_samples("1")[:1]
        setup = Setup(clock="virtual", model="m", traces=("t",), characters=1, speed="normal", seed="1", user="golf")
        logs = race(traces, User(), Settings(), World())
        return as_json(results_of(setup, logs), logs)

    assert file() == file()


def test_an_oracle_without_mistakes_saves_nearly_everything() -> None:
    ours, _ = measured(traces_of_samples("2"), world=World(skill=PERFECT))
    assert ours.completed_ratio is not None
    assert ours.completed_ratio > 0.7


def test_a_user_who_only_types_types_everything() -> None:
    ours, theirs = measured(traces_of_samples("1")[:1], User(accepts=False))
    assert ours.completed_ratio == theirs.completed_ratio == 0.0
    assert ours.keys_saved == theirs.keys_saved == 0.0
    assert ours.shown > 0


def test_on_the_same_engine_slipstream_is_far_ahead_of_llama_vim() -> None:
    """The policies, without model, machine and chance."""
    ours, theirs = measured(traces_of_samples("1", rounds=3))
    assert ours.completed_ratio is not None
    assert theirs.completed_ratio
    # Of this oracle's lines two in three are right, which caps the ratio: nothing saves more than all.
    assert ours.completed_ratio >= 1.8 * theirs.completed_ratio
    assert ours.evaluated_per_character is not None
    assert theirs.evaluated_per_character is not None
    assert ours.evaluated_per_character <= theirs.evaluated_per_character / 4
    first, their_first = ours.first_ms["p50"], theirs.first_ms["p50"]
    assert first is not None
    assert their_first is None or first <= their_first / 3
    assert ours.doubled == 0


def test_what_was_typed_through_is_answered_without_the_engine() -> None:
    """In virtual time nothing but the engine takes any."""
    ours, _ = measured(traces_of_samples("1"))
    assert ours.through_ms["p50"] == 0.0


def test_typing_slowly_or_fast_changes_nothing_about_the_end() -> None:
    for skill in (Skill(right=0.0), Skill(right=0.3, ends=0.0)):
        logs = race(traces_of_samples("4")[:1], User(), Settings(), msgspec.structs.replace(World(), skill=skill))
        # The player itself checks that the file is the goal.
        assert [len(one) for one in logs] == [1, 1]
