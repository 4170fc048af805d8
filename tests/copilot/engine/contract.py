"""What every backend keeps to: one suite, run against each of them. See ``copilot.engine.protocol.Engine``."""

import asyncio
import json
from collections.abc import AsyncGenerator
from typing import Any

import msgspec
import pytest

from copilot.engine.protocol import (
    Engine,
    Finish,
    FinishReason,
    Keep,
    Layout,
    Part,
    PromptPlan,
    SamplingParams,
    TokenEvent,
)
from copilot.errors import SlipstreamError

NUMBERS = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15"
LETTERS = "a b c d e f g h i j k l"
MOST_GUESSES = 3
"""Tokens that an engine guesses at once, where it does."""

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 12},
        "age": {"type": "integer", "minimum": 0, "maximum": 99},
    },
    "required": ["name", "age"],
    "additionalProperties": False,
}

CODE = "def area(width, height):\n    return width * height\n\n\n"


def plan(*texts: str, stop: tuple[str, ...] = (), controls: tuple[str, ...] = ()) -> PromptPlan:
    """A prompt of plain text."""
    parts = tuple(Part(text=text, name="prompt") for text in texts)
    return PromptPlan(parts=parts, layout=Layout.RAW, stop=stop, controls=controls)


def different(number: int) -> str:
    """Some 200 tokens that share no beginning with those of another number."""
    return f"{number}\n" + "".join(f"x{number}_{line} = {line * number}\n" for line in range(16))


async def collect(engine: Engine, prompt: PromptPlan, params: SamplingParams | None = None) -> list[TokenEvent]:
    return [event async for event in engine.generate(prompt, params or SamplingParams(max_tokens=8))]


def text(events: list[TokenEvent]) -> str:
    return "".join(event.text for event in events)


def finish(events: list[TokenEvent]) -> Finish:
    end = events[-1].finish
    assert end is not None
    return end


async def forget(engine: Engine) -> None:
    """Fill its slots, or its pages, with prompts of this function's own."""
    for number in range(31, 41):
        await collect(engine, plan(different(number)), SamplingParams(max_tokens=1))


async def first_text(stream: AsyncGenerator[TokenEvent]) -> str:
    """Read until text comes, then close."""
    while not (event := await anext(stream)).text:
        pass
    await stream.aclose()
    return event.text


class EngineContract:
    """A subclass has the fixtures ``engine`` (two slots, a context of 2,048 tokens) and ``single`` (one slot), each
    with a model that counts on when it is given numbers, has a chat format with ``<|im_start|>`` and ``<|im_end|>``,
    and has no token ``<|fim_prefix|>``. ``prefill_step``: the most tokens that it prefills in one."""

    prefill_step = 128

    async def test_events_come_in_order_and_end_once(self, engine: Engine) -> None:
        events = await collect(engine, plan(different(1)))

        ends = [event.finish for event in events if event.finish]
        assert len(ends) == 1
        assert events[-1].finish is ends[0]
        assert ends[0].reason is FinishReason.LENGTH
        assert ends[0].generated_tokens == 8
        steps = [event.progress for event in events if event.progress]
        assert [step.processed for step in steps] == sorted(step.processed for step in steps)
        assert steps[0].processed == steps[0].reused == 0
        assert steps[-1].processed == steps[-1].total == ends[0].prompt_tokens > 100
        first_text = next(at for at, event in enumerate(events) if event.text)
        assert all(event.progress is None for event in events[first_text:])
        assert [event.at for event in events] == sorted(event.at for event in events)
        assert events[0].at > 0

    async def test_it_counts_on(self, engine: Engine) -> None:
        assert text(await collect(engine, plan(NUMBERS), SamplingParams(max_tokens=9))).startswith(" 16 17 18")

    async def test_white_space_that_was_held_back_is_not_told_again(self, engine: Engine) -> None:
        prompt, params = plan(NUMBERS), SamplingParams(max_tokens=9)
        events = await collect(engine, msgspec.structs.replace(prompt, held=" "), params)
        assert text(events).startswith("16 17 18")
        # What does not begin so is told as it is.
        assert text(await collect(engine, msgspec.structs.replace(prompt, held="\t"), params)).startswith(" 16 17")

    async def test_the_same_prompt_again_is_reused_and_answered_the_same(self, engine: Engine) -> None:
        first = await collect(engine, plan(different(2)))
        second = await collect(engine, plan(different(2)))

        assert text(first) == text(second) != ""
        assert finish(first).reused_tokens == 0
        # The last token of a prompt may have to be computed again for its logits.
        assert finish(second).reused_tokens >= finish(second).prompt_tokens - 1
        assert finish(second).prompt_tokens == finish(first).prompt_tokens

    async def test_asked_for_no_tokens_it_prefills(self, engine: Engine) -> None:
        expected = text(await collect(engine, plan(different(30))))
        await forget(engine)
        events = await collect(engine, plan(different(30)), SamplingParams(max_tokens=0, logprobs=True))
        assert [event for event in events if event.text or event.token_id is not None] == []
        end = finish(events)
        assert (end.reason, end.generated_tokens) == (FinishReason.LENGTH, 0)
        assert end.reused_tokens < 5
        assert end.prefill_ms > 0

        answer = await collect(engine, plan(different(30)))
        assert finish(answer).reused_tokens >= finish(answer).prompt_tokens - 1
        assert text(answer) == expected

    async def test_two_prompts_in_turn_keep_a_cache_each(self, engine: Engine) -> None:
        """As the prompts of one document in the orders PSM and SPM: with snippets, half of both is the same."""
        head = different(3)
        first, second = plan(head + different(4)), plan(head + different(5))
        for prompt in (first, second):
            await collect(engine, prompt, SamplingParams(max_tokens=1))

        for prompt in (first, second, first):
            end = finish(await collect(engine, prompt, SamplingParams(max_tokens=1)))
            assert end.reused_tokens >= end.prompt_tokens - 1

    async def test_a_stop_string_ends_the_answer_and_is_not_shown(self, engine: Engine) -> None:
        for stop in (" 19", "19 2", "9"):
            for prompt, params in (
                (plan(NUMBERS, stop=(stop,)), SamplingParams(max_tokens=40)),
                (plan(NUMBERS), SamplingParams(max_tokens=40, stop=(stop,))),
            ):
                events = await collect(engine, prompt, params)
                assert text(events) == " 16 17 18 19 20"[: " 16 17 18 19 20".index(stop)]
                assert finish(events).reason is FinishReason.STOP
                assert finish(events).generated_tokens < 20

    async def test_text_that_only_began_like_a_stop_string_is_shown(self, engine: Engine) -> None:
        events = await collect(engine, plan(NUMBERS), SamplingParams(max_tokens=9, stop=(" 18 nineteen", " 18 19 x")))
        assert text(events).startswith(" 16 17 18")
        assert finish(events).reason is FinishReason.LENGTH

    async def test_a_control_token_ends_the_answer_whether_or_not_it_ends_texts(self, engine: Engine) -> None:
        """After a whole exchange this model opens the next turn in one of three cases, which is no end to it."""
        turn = [
            Part(text="<|im_start|>", name="control", control=True),
            Part(text="user\nhi", name="text"),
            Part(text="<|im_end|>", name="control", control=True),
            Part(text="\n", name="text"),
            Part(text="<|im_start|>", name="control", control=True),
            Part(text="assistant\nHello!", name="text"),
            Part(text="<|im_end|>", name="control", control=True),
            Part(text="\n", name="text"),
        ]
        free = PromptPlan(parts=tuple(turn), layout=Layout.CHAT)
        bound = PromptPlan(parts=tuple(turn), layout=Layout.CHAT, controls=("<|im_start|>", "<|im_end|>"))
        opened = 0
        for seed in range(40):
            params = SamplingParams(max_tokens=6, temperature=1.0, seed=seed, logprobs=True)
            events = await collect(engine, free, params)
            first = next((event for event in events if event.token_id is not None), None)
            if first is None or first.text or finish(events).generated_tokens == 1:
                continue
            opened += 1
            events = await collect(engine, bound, params)
            assert text(events) == ""
            assert finish(events).reason is FinishReason.STOP
            assert finish(events).generated_tokens == 1
            if opened == 3:
                break
        assert opened == 3

    async def test_content_never_becomes_a_control_token(self, engine: Engine) -> None:
        spelled = finish(await collect(engine, plan("a", "<|im_end|>", "b"))).prompt_tokens
        control = PromptPlan(
            parts=(
                Part(text="a", name="text"),
                Part(text="<|im_end|>", name="control", control=True),
                Part(text="b", name="text"),
            ),
            layout=Layout.RAW,
        )
        assert finish(await collect(engine, control)).prompt_tokens == 3
        assert spelled > 5
        assert await engine.count("<|im_end|>") == spelled - 2

    async def test_a_missing_control_token_is_an_error_that_names_it(self, engine: Engine) -> None:
        for spelling in ("<|fim_prefix|>", "def"):
            missing = PromptPlan(parts=(Part(text=spelling, name="fim", control=True),), layout=Layout.PSM)
            with pytest.raises(SlipstreamError, match=spelling.replace("|", r"\|")) as raised:
                await collect(engine, missing)
            assert raised.value.code == "missing_control_token"
            assert engine.model.id in raised.value.message
        assert text(await collect(engine, plan(NUMBERS)))

    async def test_a_prompt_that_does_not_fit_is_an_error(self, engine: Engine) -> None:
        assert engine.model.context_length == 2048
        for layout in (Layout.RAW, Layout.PREFIX):
            prompt = msgspec.structs.replace(plan(different(6) * 16), layout=layout)
            with pytest.raises(SlipstreamError) as raised:
                await collect(engine, prompt)
            assert raised.value.code == "context_too_long"
            assert raised.value.hint
        assert text(await collect(engine, plan(NUMBERS)))

    async def test_an_answer_that_does_not_fit_is_cut(self, single: Engine) -> None:
        prompt = plan("".join(different(number) for number in range(12, 23)))
        end = finish(await collect(single, prompt, SamplingParams(max_tokens=32_000)))
        assert end.reason is FinishReason.LENGTH
        # A step that checks guesses must fit as a whole.
        spare = MOST_GUESSES if single.capabilities.speculative else 0
        length = single.model.context_length
        assert length - spare <= end.prompt_tokens + end.generated_tokens <= length, end

    @pytest.mark.parametrize("layout", [Layout.RAW, Layout.CHAT, Layout.PREFIX])
    async def test_a_completion_does_not_wait_for_a_long_answer(self, engine: Engine, layout: Layout) -> None:
        long = msgspec.structs.replace(plan(NUMBERS), layout=layout)
        stream = engine.generate(long, SamplingParams(max_tokens=7900))
        while not (await anext(stream)).text:
            pass

        async def drain() -> Finish:
            return finish([event async for event in stream])

        answer = asyncio.ensure_future(drain())
        completion = msgspec.structs.replace(plan(different(12)), layout=Layout.PREFIX)
        await asyncio.wait_for(first_text(engine.generate(completion, SamplingParams())), 60)
        await asyncio.sleep(0.05)
        assert not answer.done()
        answer.cancel()
        with pytest.raises(asyncio.CancelledError):
            await answer
        await stream.aclose()

    async def test_parts_are_cut_to_their_limits_in_tokens(self, engine: Engine) -> None:
        parts = (
            Part(text=different(7), name="prefix", keep=Keep.END, limit=100),
            Part(text=different(8), name="suffix", limit=20),
        )
        end = finish(await collect(engine, PromptPlan(parts=parts, layout=Layout.PSM)))
        assert 20 < end.prompt_tokens <= 120

    async def test_an_empty_prompt_is_an_error(self, engine: Engine) -> None:
        with pytest.raises(SlipstreamError) as raised:
            await collect(engine, plan(""))
        assert raised.value.code == "empty_prompt"

    async def test_half_a_surrogate_pair_is_an_error(self, engine: Engine) -> None:
        with pytest.raises(SlipstreamError) as raised:
            await collect(engine, plan("\ud83c"))
        assert raised.value.code == "invalid_text"

    async def test_tokens_are_counted(self, engine: Engine) -> None:
        assert await engine.count("") == 0
        # Long text, so that it is tokenized in several blocks: cut or not, the tokens are the same.
        code = CODE * 100
        assert await engine.count(code) == pytest.approx(100 * await engine.count(CODE), rel=0.1)
        assert finish(await collect(engine, plan(CODE))).prompt_tokens == await engine.count(CODE)

    async def test_whole_characters_only(self, engine: Engine) -> None:
        """Most of these are several tokens each."""
        prompt = plan("Wiederhole: 🎈🎏🎐🏮 🎈🎏🎐🏮 🎈🎏🎐🏮 🎈🎏🎐🏮 🎈🎏🎐🏮")
        events = await collect(engine, prompt, SamplingParams(max_tokens=30))
        assert "🎐" in text(events)
        assert "\ufffd" not in text(events)

    async def test_a_seed_makes_sampling_repeatable(self, engine: Engine) -> None:
        def params(seed: int) -> SamplingParams:
            return SamplingParams(max_tokens=12, temperature=1.5, top_p=0.95, top_k=200, seed=seed)

        await collect(engine, plan("Once"))
        one, same, other = [text(await collect(engine, plan("Once"), params(seed))) for seed in (7, 7, 8)]
        assert one == same != other

    async def test_log_probabilities_come_when_asked_for(self, engine: Engine) -> None:
        if not engine.capabilities.logprobs:
            pytest.skip("it does not say that it has them")
        events = await collect(engine, plan(NUMBERS), SamplingParams(max_tokens=6, logprobs=True))
        tokens = [event for event in events if event.token_id is not None]
        assert len(tokens) == 6
        assert all(event.logprob is not None and event.logprob <= 0 for event in tokens)
        plain = await collect(engine, plan(NUMBERS), SamplingParams(max_tokens=6))
        assert all(event.token_id is None and event.logprob is None for event in plain)
        assert text(events) == text(plain)

    async def test_an_answer_keeps_to_a_schema(self, engine: Engine) -> None:
        if not engine.capabilities.grammar:
            pytest.skip("it does not say that it can")
        params = SamplingParams(max_tokens=80, json_schema=json.dumps(PERSON))
        events = await collect(engine, plan("Write a person as JSON: "), params)
        answer: dict[str, Any] = json.loads(text(events))
        assert set(answer) == {"name", "age"}
        assert answer["age"] <= 99
        assert finish(events).reason == "stop"

    async def test_a_schema_that_is_none_is_refused(self, engine: Engine) -> None:
        if not engine.capabilities.grammar:
            pytest.skip("it does not say that it can")
        with pytest.raises(SlipstreamError) as caught:
            await collect(engine, plan("x"), SamplingParams(json_schema='{"type": "no such type"}'))
        assert caught.value.code == "bad_schema"
        assert text(await collect(engine, plan(NUMBERS))).startswith(" 16")

    async def test_streams_side_by_side_do_not_mix(self, engine: Engine) -> None:
        params = SamplingParams(max_tokens=24)
        numbers, letters, more = await asyncio.gather(
            collect(engine, plan(NUMBERS), params),
            collect(engine, plan(LETTERS), params),
            collect(engine, plan(NUMBERS), params),
        )
        assert text(numbers).startswith(" 16 17 18")
        assert text(letters).startswith(" m n o p")
        assert text(more).startswith(" 16 17 18")
        assert [finish(each).generated_tokens for each in (numbers, letters, more)] == [24, 24, 24]

    async def test_more_than_the_context_holds_together_takes_turns(self, engine: Engine) -> None:
        params = SamplingParams(max_tokens=900)
        prompts = (plan(NUMBERS + different(9)), plan(LETTERS + different(10)), plan(different(11)))
        # None fails for want of room, and each begins once another has made some.
        assert all(await asyncio.gather(*(first_text(engine.generate(prompt, params)) for prompt in prompts)))

    async def test_a_reader_who_stalls_holds_up_nobody(self, single: Engine) -> None:
        stalled = single.generate(plan(NUMBERS), SamplingParams(max_tokens=60))
        await anext(stalled)

        # There is one slot: this is served only after the other generation ran to its end, unread.
        assert text(await collect(single, plan(LETTERS)))
        assert finish([event async for event in stalled]).generated_tokens == 60

    async def test_closing_while_it_generates_stops_it_within_a_step(self, single: Engine) -> None:
        """How far it went on is seen by what is in the KV cache: the prompt with the whole answer comes next."""
        prompt, params = plan("ok: " + NUMBERS), SamplingParams(max_tokens=120)
        whole = await collect(single, prompt, params)
        answered = plan("ok: " + NUMBERS + text(whole))
        prompt_tokens = finish(whole).prompt_tokens
        control = finish(await collect(single, answered, SamplingParams(max_tokens=1)))
        assert control.reused_tokens > prompt_tokens + 100

        await forget(single)
        stream = single.generate(prompt, params)
        shown = 0
        async for event in stream:
            shown += bool(event.text)
            if shown == 5:
                break
        await stream.aclose()

        after = finish(await collect(single, answered, SamplingParams(max_tokens=1)))
        assert prompt_tokens <= after.reused_tokens < prompt_tokens + 30

    async def test_closing_in_the_prefill_stops_it_within_a_step(self, single: Engine) -> None:
        long = plan("".join(different(number) for number in range(20, 28)))
        stream = single.generate(long, SamplingParams())
        processed = 0
        while not processed:
            event = await anext(stream)
            assert event.progress is not None
            processed = event.progress.processed
        await stream.aclose()

        step = await anext(again := single.generate(long, SamplingParams(max_tokens=1)))
        assert step.progress is not None
        # What was done stays; what was not asked for any more was not done, but for the step that was under way.
        assert processed <= step.progress.reused <= processed + self.prefill_step
        assert step.progress.total > 1000
        await again.aclose()
        assert text(await collect(single, plan(NUMBERS)))

    async def test_closing_while_it_waits_for_a_slot(self, single: Engine) -> None:
        busy = single.generate(plan(NUMBERS), SamplingParams(max_tokens=100))
        await anext(busy)
        waiting = asyncio.ensure_future(collect(single, plan(LETTERS)))
        await asyncio.sleep(0.05)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting

        assert finish([event async for event in busy]).generated_tokens == 100
        assert text(await collect(single, plan(LETTERS)))

    async def test_many_cancels_leave_nothing_behind(self, engine: Engine) -> None:
        for number in range(8):
            stream = engine.generate(plan(different(number % 3)), SamplingParams(max_tokens=200))
            for _ in range(number):
                await anext(stream)
            await stream.aclose()
        assert text(await collect(engine, plan(NUMBERS), SamplingParams(max_tokens=9))).startswith(" 16 17 18")

    async def test_totals_count_what_was_finished_and_what_was_cancelled(self, engine: Engine) -> None:
        before = engine.totals
        end = finish(await collect(engine, plan(NUMBERS), SamplingParams(max_tokens=5)))
        whole = engine.totals
        assert whole.prompt_tokens - before.prompt_tokens == end.prompt_tokens
        assert whole.reused_tokens - before.reused_tokens == end.reused_tokens
        assert whole.generated_tokens - before.generated_tokens == end.generated_tokens
        stream = engine.generate(plan(different(1)), SamplingParams(max_tokens=200))
        async for event in stream:
            if event.text:
                break
        await stream.aclose()
        assert engine.totals.prompt_tokens > whole.prompt_tokens
        assert engine.totals.generated_tokens > whole.generated_tokens

    async def test_after_closing_it_serves_nothing(self, engine: Engine) -> None:
        await engine.close()
        await engine.close()
        with pytest.raises(SlipstreamError) as raised:
            await collect(engine, plan(NUMBERS))
        assert raised.value.code == "engine_failed"
