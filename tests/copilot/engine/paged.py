"""What engines with a KV cache of 256-token pages keep to besides ``contract``: ExLlamaV2's own generator on a
processor, and any of them on a GPU."""

import asyncio

import msgspec
from copilot_models import families

from copilot.context.request import InfillRequest
from copilot.engine import planning
from copilot.engine.protocol import Engine, Keep, Layout, Part, PromptPlan, SamplingParams
from tests.copilot.engine.contract import LETTERS, NUMBERS, collect, different, finish, first_text, plan, text

PAGE = 256


def parts(layout: Layout, *texts: tuple[str, str]) -> PromptPlan:
    """A prompt of named parts of plain text, as the planner lays them out for a model with FIM tokens."""
    made = [Part(text=text, name=name, keep=Keep.END if name == "prefix" else Keep.START) for name, text in texts]
    return PromptPlan(parts=tuple(made), layout=layout)


def code(number: int, lines: int) -> str:
    return "".join(f"value_{number}_{line} = compute({line}, {line * number})\n" for line in range(lines))


async def prefilled(engine: Engine, prompt: PromptPlan) -> tuple[int, int]:
    """Ask for one token; the tokens of the prompt that had to be computed, and all of them."""
    end = finish(await collect(engine, prompt, SamplingParams(max_tokens=1)))
    return end.prompt_tokens - end.reused_tokens, end.prompt_tokens


class PagedContract:
    """A subclass has the fixtures of ``EngineContract``."""

    async def test_it_says_how_it_reuses(self, engine: Engine) -> None:
        assert engine.capabilities.kv_reuse == "pages"
        assert engine.capabilities.prefill_tokens_per_second > 0
        assert any("Attention: " in note and "checked" in note for note in engine.capabilities.notes)

    async def test_typing_at_the_end_costs_a_few_tokens(self, engine: Engine) -> None:
        """Suffix first: what is typed is all that is new."""
        suffix, prefix = ("suffix", code(1, 4)), code(2, 30)
        cold, whole = await prefilled(engine, parts(Layout.SPM, suffix, ("prefix", prefix)))
        assert cold == whole > PAGE
        for typed in ("r", "re", "ret", "retu", "return x"):
            cost, _ = await prefilled(engine, parts(Layout.SPM, suffix, ("prefix", prefix + typed)))
            assert cost <= 4

    async def test_typing_before_a_suffix_costs_the_suffix(self, engine: Engine) -> None:
        prefix, suffix = code(3, 30), ("suffix", code(4, 4))
        await prefilled(engine, parts(Layout.PSM, ("prefix", prefix), suffix))
        suffix_tokens = await engine.count(suffix[1])
        for typed in ("r", "re", "ret"):
            cost, whole = await prefilled(engine, parts(Layout.PSM, ("prefix", prefix + typed), suffix))
            assert cost <= suffix_tokens + 6 < whole - PAGE

    async def test_deleting_and_going_back_costs_nothing_much(self, engine: Engine) -> None:
        prefix = code(5, 30)
        await prefilled(engine, plan(prefix))
        cost, _ = await prefilled(engine, plan(prefix[: -len("compute(29, 145)\n")] + "x"))
        assert cost <= 4
        # What was there before is still in its pages.
        cost, _ = await prefilled(engine, plan(prefix + "y"))
        assert cost <= 4

    async def test_what_a_cancelled_generation_computed_is_found_again(self, engine: Engine) -> None:
        prompt = code(6, 30)
        await first_text(engine.generate(plan(prompt), SamplingParams(max_tokens=100)))
        cost, _ = await prefilled(engine, plan(prompt + "abc"))
        assert cost <= 6

    async def test_what_one_owner_asked_is_computed_anew_for_another(self, engine: Engine) -> None:
        """Whole pages, part of the first one, part of a later one; while the other's runs too."""
        for number, lines in ((21, 25), (22, 4)):
            asked = plan(code(number, lines))
            answers: dict[str, str] = {}
            for owner in ("ada", "ada", "bob", "bob", "ada", ""):
                events = await collect(
                    engine, msgspec.structs.replace(asked, owner=owner), SamplingParams(max_tokens=6)
                )
                done = finish(events)
                new = done.prompt_tokens - done.reused_tokens
                # The two prompts begin with the same few tokens, of which an owner's own are found.
                assert new <= 2 if owner in answers else done.reused_tokens <= 8, (owner, lines, new)
                answers[owner] = text(events)
            assert len(set(answers.values())) == 1
        prompt = code(24, 25)
        running = engine.generate(msgspec.structs.replace(plan(prompt), owner="ada"), SamplingParams(max_tokens=100))
        while not (await anext(running)).text:
            pass
        cost, whole = await prefilled(engine, msgspec.structs.replace(plan(prompt + "x"), owner="bob"))
        await running.aclose()
        assert cost >= whole - 8

    async def test_a_window_that_moved_is_computed_anew(self, engine: Engine) -> None:
        """Why the planner lets its window stand still: nothing of a prompt with another beginning is found."""
        prompt = code(7, 30)
        await prefilled(engine, plan(prompt))
        cost, whole = await prefilled(engine, plan(prompt[prompt.index("\n") + 1 :]))
        # Every line begins with the same few tokens.
        assert cost >= whole - 12

    async def test_the_planners_prompts_are_reused_while_someone_types(self, engine: Engine) -> None:
        """As ``planning.plan_infill`` makes them, in the family without FIM tokens: only what is before the caret."""
        family = families.load("plain")
        prefix, typed = code(8, 24), "    return compute(width, height)"
        costs, wholes = [], []
        for count in range(1, len(typed), 4):
            request = InfillRequest(prefix=prefix + typed[:count], suffix="\n")
            cost, whole = await prefilled(engine, planning.plan_infill(request, family))
            costs.append(cost)
            wholes.append(whole)
        assert sum(costs[1:]) < 0.05 * sum(wholes[1:])

    async def test_side_by_side_each_answer_is_what_it_is_alone(self, engine: Engine) -> None:
        params = SamplingParams(max_tokens=16)
        prompts = (plan(NUMBERS + "\n" + different(50)), plan(LETTERS + "\n" + different(51)))
        alone = [text(await collect(engine, prompt, params)) for prompt in prompts]
        together = [
            text(events) for events in await asyncio.gather(*(collect(engine, each, params) for each in prompts))
        ]
        assert together == alone

    async def test_cancels_leave_no_page_in_use(self, engine: Engine) -> None:
        """Afterwards one generation that needs every page there is still begins."""
        for number in range(self.cancels):
            stream = engine.generate(plan(different(60 + number % 7)), SamplingParams(max_tokens=100))
            for _ in range(number % 4):
                await anext(stream)
            await stream.aclose()
        whole = msgspec.structs.replace(plan(different(70)), layout=Layout.PREFIX)
        room = engine.model.context_length - await engine.count(different(70)) - 8
        await asyncio.wait_for(first_text(engine.generate(whole, SamplingParams(max_tokens=room))), 120)

    cancels = 12
