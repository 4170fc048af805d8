"""The best prompt that is due in time, and what was given up for it."""

import pytest

from copilot.completion.framing import Framing, ModelFacts, Prompt
from copilot.completion.speed import Speed
from copilot.config.settings import CompletionSettings
from copilot.context.frame import PREFIX, PSM, SPM
from copilot.context.request import CaretPlace, Snippet
from tests.spots import spot_in

ORDER = ModelFacts({"fresh_line": SPM, "line_end": PSM, "mid_line": PSM, "no_suffix": PREFIX})
LONG = "value = compute(1)\n" * 200 + "def f(a):\n    ‸\n\n\ndef other():\n    pass\n"
SHORT = "def f(a):\n    ‸\n\n\ndef other():\n    pass\n"
BUDGET = 0.25


def framing(prefill: float = 200.0) -> Framing:
    return Framing(CompletionSettings(), Speed(prefill=prefill, decode=200, overhead=0.01), ORDER)


def fresh(planner: Framing, text: str) -> Prompt:
    return planner.plan(spot_in(text), CaretPlace.FRESH_LINE, BUDGET)


def test_a_fast_engine_gets_the_best_prompt() -> None:
    prompt = fresh(framing(prefill=50_000), LONG)
    assert prompt.request.layout == SPM
    assert len(prompt.request.prefix) > 1500
    assert prompt.gave_up == ()


def test_a_slow_one_gets_the_text_nearby_and_the_user_is_told() -> None:
    prompt = fresh(framing(), LONG)
    assert prompt.request.layout == SPM
    assert prompt.request.prefix.endswith("def f(a):\n    ")
    assert len(prompt.request.prefix) < 1500
    assert any(phrase.startswith("prefix of about") for phrase in prompt.gave_up)


def test_what_was_prefilled_ahead_is_used_from_then_on() -> None:
    planner = framing()
    ahead = planner.ahead(spot_in(LONG), CaretPlace.FRESH_LINE)
    planner.warmed(ahead.request)
    prompt = fresh(planner, LONG)
    assert prompt.request == ahead.request
    assert prompt.new_tokens == 0
    assert prompt.gave_up == ()


def test_what_is_half_in_the_cache_costs_the_other_half() -> None:
    planner = framing()
    ahead = planner.ahead(spot_in(LONG), CaretPlace.FRESH_LINE)
    planner.warmed(ahead.request, 0.5)
    again = planner.ahead(spot_in(LONG), CaretPlace.FRESH_LINE)
    assert 0.4 < again.new_tokens / ahead.new_tokens < 0.6


def test_a_key_costs_a_token_and_nothing_that_stands_in_front_of_it_moves() -> None:
    planner = framing()
    prompt = fresh(planner, LONG)
    for count in range(1, 12):
        planner.warmed(prompt.request)
        typed = "total = fin"[:count]
        later = fresh(planner, LONG.replace("‸", f"{typed}‸"))
        assert later.new_tokens <= 1
        assert later.request.suffix == prompt.request.suffix
        assert later.request.prefix == prompt.request.prefix + typed[-1]
        prompt = later


@pytest.mark.parametrize(("prefill", "in_time"), [(50_000.0, True), (100.0, False)])
def test_where_much_was_deleted_the_text_further_up_comes_in(prefill: float, in_time: bool) -> None:
    lines = [f"value_{number} = compute({number})\n" for number in range(200)]
    planner = framing(prefill)
    before = planner.ahead(spot_in("".join(lines) + SHORT), CaretPlace.FRESH_LINE).request
    planner.warmed(before)
    # All but the first three lines that the prompt has.
    left = 204 - before.prefix.count("\n")
    deleted = "".join(lines[:left]) + SHORT
    planner.shifted(left, left - 200)
    prompt = fresh(planner, deleted)
    if not in_time:
        # On with what is warm; the rest is prefilled when nobody types.
        assert prompt.new_tokens < 10
        assert len(prompt.request.prefix) < 100
        assert any(phrase.startswith("prefix of about") for phrase in prompt.gave_up)
        planner.warmed(planner.ahead(spot_in(deleted), CaretPlace.FRESH_LINE).request)
        prompt = fresh(planner, deleted)
    assert len(prompt.request.prefix) > 1500
    assert prompt.gave_up == ()


def test_another_order_that_is_warm_is_better_than_a_late_one() -> None:
    planner = framing()
    first = planner.ahead(spot_in(LONG), CaretPlace.LINE_END)
    assert first.request.layout == PSM
    planner.warmed(first.request)
    prompt = fresh(planner, LONG)
    assert prompt.request.layout == PSM
    assert f"order {PSM} instead of {SPM}" in prompt.gave_up


def test_an_engine_that_was_started_anew_has_nothing_warm() -> None:
    planner = framing()
    planner.warmed(fresh(planner, SHORT).request)
    assert fresh(planner, SHORT).new_tokens == 0
    planner.cold()
    assert fresh(planner, SHORT).new_tokens > 5


def test_without_text_below_the_order_is_the_one_for_that() -> None:
    planner = framing(prefill=50_000)
    assert fresh(planner, "def f(a):\n    ‸").request.layout == PREFIX
    assert fresh(planner, "def f(a):\n    ‸\n\n  \n").request.layout == PREFIX
    assert fresh(planner, SHORT).request.layout == SPM


def test_a_second_try_has_no_suffix() -> None:
    planner = framing()
    prompt = planner.retry(spot_in(SHORT), BUDGET)
    assert (prompt.request.layout, prompt.request.suffix) == (PREFIX, "")
    assert prompt.request.prefix == SHORT.partition("‸")[0]


def test_before_the_model_is_known_the_host_chooses_the_order() -> None:
    planner = Framing(CompletionSettings(), Speed())
    assert planner.ahead(spot_in(SHORT), CaretPlace.FRESH_LINE).request.layout is None
    planner.configure(CompletionSettings(), ORDER)
    assert planner.ahead(spot_in(SHORT), CaretPlace.FRESH_LINE).request.layout == SPM


# ---------------------------------------------------------------------------------------------- code of other files


ONE = Snippet(path="lib/one.py", text="def one(a: int) -> int: ...")
TWO = Snippet(path="lib/two.py", text="def two(b: str) -> str: ...")


def test_snippets_are_in_the_first_prompt_that_has_to_be_made_anyway() -> None:
    planner = framing(prefill=50_000)
    planner.show([ONE])
    assert fresh(planner, LONG).request.snippets == (ONE,)


def test_while_someone_types_on_a_slow_machine_they_stay_what_they_are() -> None:
    planner = framing()
    planner.show([ONE])
    ahead = planner.ahead(spot_in(LONG), CaretPlace.FRESH_LINE)
    planner.warmed(ahead.request)
    planner.show([ONE, TWO])
    typed = fresh(planner, LONG.replace("‸", "x‸"))
    assert typed.request.snippets == (ONE,)
    assert typed.new_tokens <= 1


def test_they_come_in_while_nobody_waits_and_the_old_prompt_serves_until_then() -> None:
    planner = framing()
    planner.show([ONE])
    planner.warmed(planner.ahead(spot_in(LONG), CaretPlace.FRESH_LINE).request)
    planner.show([ONE, TWO])
    ahead = planner.ahead(spot_in(LONG), CaretPlace.FRESH_LINE)
    assert ahead.request.snippets == (ONE, TWO)
    assert fresh(planner, LONG.replace("‸", "x‸")).request.snippets == (ONE,)
    planner.warmed(ahead.request)
    now = fresh(planner, LONG.replace("‸", "xy‸"))
    assert now.request.snippets == (ONE, TWO)
    assert now.new_tokens <= 1


def test_what_is_new_stands_behind_what_was_there_and_costs_only_what_follows() -> None:
    planner = framing()
    planner.show([ONE])
    first = planner.ahead(spot_in(SHORT), CaretPlace.FRESH_LINE)
    planner.warmed(first.request)
    planner.show([ONE, TWO])
    second = planner.ahead(spot_in(SHORT), CaretPlace.FRESH_LINE)
    planner.show([TWO, ONE])
    turned = planner.ahead(spot_in(SHORT), CaretPlace.FRESH_LINE)
    assert second.new_tokens < turned.new_tokens


def test_a_fast_engine_takes_them_at_once() -> None:
    planner = framing(prefill=50_000)
    planner.warmed(fresh(planner, LONG).request)
    planner.show([ONE])
    assert fresh(planner, LONG).request.snippets == (ONE,)


def test_a_cold_place_on_a_slow_machine_goes_without_and_the_user_is_told() -> None:
    planner = framing()
    planner.show([Snippet(path="lib/one.py", text="def one(a: int) -> int: ...\n" * 30)])
    prompt = fresh(planner, LONG)
    assert prompt.request.snippets == ()
    assert any(phrase.startswith("code of other files, of about 0 tokens") for phrase in prompt.gave_up)


def test_a_jump_within_the_file_keeps_what_is_warm() -> None:
    planner = framing()
    planner.show([ONE])
    planner.warmed(planner.ahead(spot_in(LONG), CaretPlace.FRESH_LINE).request)
    elsewhere = "value = compute(2)\n" * 150 + "y = ‸\n" + LONG.replace("‸", "")
    near = planner.plan(spot_in(elsewhere), CaretPlace.LINE_END, BUDGET)
    assert near.request.snippets == (ONE,)


def test_a_retry_without_a_suffix_keeps_them() -> None:
    planner = framing(prefill=50_000)
    planner.show([ONE])
    planner.warmed(fresh(planner, LONG).request)
    assert planner.retry(spot_in(LONG), BUDGET).request.snippets == (ONE,)


def test_what_someone_bans_is_in_no_prompt_from_then_on() -> None:
    planner = framing()
    planner.show([ONE, TWO])
    planner.warmed(planner.ahead(spot_in(LONG), CaretPlace.FRESH_LINE).request)
    # The prompt still has what is not even wanted any more.
    planner.show([TWO])
    assert fresh(planner, LONG.replace("‸", "x‸")).request.snippets == (ONE, TWO)
    assert planner.withdraw(lambda it: it != ONE)
    for prompt in (
        fresh(planner, LONG.replace("‸", "x‸")),
        planner.ahead(spot_in(LONG), CaretPlace.FRESH_LINE),
        planner.retry(spot_in(LONG), BUDGET),
    ):
        assert prompt.request.snippets in {(TWO,), ()}
    assert not planner.withdraw(lambda it: it != ONE)


def test_a_model_that_has_no_form_for_them_is_shown_none() -> None:
    planner = framing(prefill=50_000)
    planner.configure(CompletionSettings(), ORDER._replace(snippets=False))
    planner.show([ONE])
    prompt = fresh(planner, LONG)
    assert prompt.request.snippets == ()
    assert prompt.gave_up == ()


def test_the_same_snippets_once_more_are_no_news() -> None:
    planner = framing()
    assert planner.show([ONE])
    assert not planner.show([ONE])
    assert planner.show([])
