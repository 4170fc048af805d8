"""Measures on logs made by hand."""

import math

import pytest

from copilot.bench.replay.compare import compare
from copilot.bench.replay.log import Answered, Hidden, Log, Pressed, Shown, Work
from copilot.bench.replay.metrics import Sample, joined, measure, percentile, sample

EVENTS = (
    Pressed(at=100, key="enter", line=1),
    Pressed(at=200, key="character", line=1),
    Shown(at=350, text="foo(bar)", fresh=True, right=True),
    Answered(at=350, ms=150.0, through=False),
    Pressed(at=400, key="character", line=1, kept=True),
    Answered(at=402, ms=2.0, through=True),
    Pressed(at=650, key="accept", line=1, accepted=7, ends_line=True, open=False),
    Hidden(at=650, typed=True),
    Pressed(at=700, key="enter", line=2),
    Shown(at=800, text="wrong", fresh=True, right=False),
    Shown(at=850, text="other", fresh=False, flicker=True, doubled=True, right=False),
    Pressed(at=900, key="character", line=2),
    Hidden(at=900),
    Pressed(at=1000, key="enter", line=3),
)
WORK = Work(
    counted=True,
    prompt_tokens=100,
    evaluated_tokens=40,
    generated_tokens=14,
    later_prompt_tokens=50,
    later_evaluated_tokens=5,
    cpu_seconds=3.5,
    requests=6,
    cancels=2,
)
LOG = Log(trace="t", pipeline="p", characters=20, lines=3, keys_alone=14, seconds=1.0, events=EVENTS, work=WORK)


def test_a_wait_counts_from_its_own_key_and_ends_with_the_line() -> None:
    one = sample(LOG)
    # The two keys before the first text; the second line's Enter; its second key and the last one never got any.
    assert list(one.waits) == [250, 150, 100, math.inf, math.inf]
    assert list(one.right_waits) == [250, 150, math.inf, math.inf, math.inf]


def test_figures_of_one_log() -> None:
    found = measure(sample(LOG))
    assert found.completed_ratio == 0.35
    assert found.keys_saved == pytest.approx(0.5, abs=1e-4)
    assert found.perfect_lines == pytest.approx(1 / 3, abs=1e-4)
    assert found.first_ms == {"p50": 250, "p90": None, "p99": None}
    assert found.first_shown_ms == {"p50": 150, "p90": 250, "p99": 250}
    assert found.shown_share == 0.6
    # Of the six keys that left something to type one had text all the time, three got it later, and two never.
    assert found.within == {
        "150": 0.5,
        "300": pytest.approx(2 / 3, abs=1e-3),
        "1000": pytest.approx(2 / 3, abs=1e-3),
    }
    assert (found.shown, found.flickers, found.doubled, found.accepts) == (3, 1, 1, 1)
    assert found.wrong_share == pytest.approx(2 / 3, abs=1e-4)
    assert found.evaluated_per_character == pytest.approx(40 / 7, abs=1e-4)
    assert found.generated_per_character == 2.0
    assert found.reused_share == 0.9
    assert found.through_ms["p50"] == 2.0
    assert found.cpu_seconds == 3.5


def test_what_nobody_counted_is_not_zero() -> None:
    found = measure(sample(Log(trace="t", pipeline="p", characters=2, lines=1, keys_alone=2, seconds=1.0, events=())))
    assert found.evaluated_per_character is None
    assert found.generated_tokens is None
    assert found.cpu_seconds is None
    assert found.first_ms == {"p50": None, "p90": None, "p99": None}


def test_percentiles_are_values_that_occurred() -> None:
    assert percentile([1, 2, 3, 4], 0.5) == 2
    assert percentile([1, 2, 3, math.inf], 0.5) == 2
    assert percentile([1, math.inf, math.inf], 0.5) is None
    assert percentile([], 0.5) is None


def test_ratios_are_paired_and_the_same_each_time() -> None:
    ours = [Sample(accepted=60 + at, characters=100, evaluated_tokens=60, waits=(100.0,), keys=1) for at in range(5)]
    theirs = [Sample(accepted=30, characters=100, evaluated_tokens=300, waits=(300.0,), keys=1) for _ in range(5)]
    found = compare(ours, theirs)
    assert found == compare(ours, theirs)
    assert found["completed"].ratio == pytest.approx(62 / 30, abs=1e-3)
    low, high = found["completed"].low, found["completed"].high
    assert low is not None
    assert high is not None
    assert 2.0 <= low <= high <= 64 / 30 + 1e-3
    assert found["first_p50"].ratio == pytest.approx(1 / 3, abs=1e-3)
    assert found["evaluated"].ratio == pytest.approx((300 / 310) / (1500 / 150), abs=1e-3)


def test_a_ratio_without_a_figure_is_none() -> None:
    found = compare([joined([sample(LOG)])], [Sample(characters=10)])
    assert found["completed"].ratio is None
    assert found["first_p50"].ratio is None
