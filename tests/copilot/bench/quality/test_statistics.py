"""Against values that others have computed."""

import math

import pytest

from copilot.bench.quality.statistics import Paired, mcnemar, mean_interval, wilson


@pytest.mark.parametrize(
    ("passed", "n", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0000, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ],
)
def test_wilson_intervals(passed: int, n: int, low: float, high: float) -> None:
    found = wilson(passed, n)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_intervals_stay_between_0_and_1_and_hold_the_share() -> None:
    for n in range(1, 30):
        for passed in range(n + 1):
            low, high = wilson(passed, n)
            assert 0 <= low <= passed / n + 1e-12
            assert passed / n - 1e-12 <= high <= 1
    assert wilson(0, 0) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        (0, 0, 1.0),
        (3, 0, 0.25),
        (6, 0, 0.03125),
        (11, 1, 26 / 4096),
        (6, 4, 0.75390625),
        (5, 5, 1.0),
    ],
)
def test_mcnemar_is_the_exact_binomial_test_of_both_sides(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p)
    assert mcnemar(second, first) == mcnemar(first, second)


def test_mcnemar_of_many_pairs() -> None:
    assert mcnemar(600, 400) == pytest.approx(2.72846e-10, rel=1e-3)


def test_pairs_are_counted() -> None:
    pairs = Paired.of([True, True, False, False, True], [True, False, True, False, False])
    assert pairs == (1, 2, 1, 1)
    assert pairs.p == 1.0
    with pytest.raises(ValueError, match="shorter"):
        Paired.of([True], [])


def test_the_interval_of_a_mean() -> None:
    low, high = mean_interval([0.4, 0.6] * 50)
    assert (low + high) / 2 == pytest.approx(0.5)
    assert (high - low) / 2 == pytest.approx(1.96 * math.sqrt(0.01 * 100 / 99 / 100), rel=1e-3)
    assert mean_interval([1.0]) == (0.0, 1.0)
    assert mean_interval([1.0, 1.0]) == (1.0, 1.0)
