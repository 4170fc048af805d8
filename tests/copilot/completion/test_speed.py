"""What a prompt will cost, from what the last ones cost."""

import math

import pytest

from copilot.completion.speed import Speed


def test_the_first_measurement_replaces_a_belief_and_later_ones_move_it() -> None:
    speed = Speed(prefill=150, decode=30, overhead=0.05)
    speed.first_token(1000, 1.05)
    assert speed.prefill == pytest.approx(1000)
    speed.first_token(1000, 2.05)
    assert 500 < speed.prefill < 1000


def test_a_first_line_costs_prefill_and_some_tokens() -> None:
    speed = Speed(prefill=100, decode=20, overhead=0.1)
    assert speed.first_line(200) - speed.first_line(0) == pytest.approx(2.0)
    assert speed.first_line(0) > 0.1


@pytest.mark.parametrize("budget", [0.0, 0.1, 0.5, 3.0])
def test_what_is_affordable_is_due_in_time(budget: float) -> None:
    speed = Speed(prefill=100, decode=20, overhead=0.1)
    tokens = speed.affordable(budget)
    assert tokens >= 0
    assert tokens == 0 or speed.first_line(tokens) == pytest.approx(budget)


def test_a_warm_prompt_says_what_a_question_costs_without_prefill() -> None:
    speed = Speed(overhead=0.05)
    speed.first_token(3, 0.6)
    assert speed.overhead == pytest.approx(0.05), "one that waited for a cancelled step says nothing"
    for _ in range(8):
        speed.first_token(3, 0.2)
    assert speed.overhead == pytest.approx(0.2)
    before = speed.prefill
    speed.first_token(30, 0.4)
    assert speed.prefill == before
    assert speed.overhead == pytest.approx(0.2)


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.inf, math.nan])
def test_odd_clocks_do_no_harm(seconds: float) -> None:
    speed = Speed()
    known = (speed.prefill, speed.decode, speed.overhead)
    speed.first_token(5, seconds)
    speed.tokens(10, seconds)
    assert (speed.prefill, speed.decode, speed.overhead) == known


def test_answers_are_as_long_as_there_is_time_for_once_that_was_measured() -> None:
    speed = Speed(decode=5)
    assert speed.longest(2.0, 96) == 96
    speed.tokens(20, 2.0)
    assert speed.longest(2.0, 96) == 20
    assert speed.longest(2.0, 8) == 8
