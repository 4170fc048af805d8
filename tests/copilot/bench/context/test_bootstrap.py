"""Intervals by drawing again."""

import math

from copilot.bench.context.bootstrap import difference, ratio


def test_a_difference_that_is_always_the_same_is_certain() -> None:
    found = difference([(0.2, 0.5), (0.5, 0.8), (0.0, 0.3)])
    assert all(math.isclose(value, 0.3) for value in found)


def test_an_interval_holds_the_value_and_narrows_with_more_pairs() -> None:
    pairs = [(0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (0.0, 1.0)]
    few, many = difference(pairs), difference(pairs * 30)
    assert few.low <= few.value <= few.high
    assert few.value == many.value == 0.25
    assert many.high - many.low < few.high - few.low


def test_pairs_stay_together() -> None:
    """Places differ much more than the two answers at one place do."""
    found = difference([(float(at), at + 0.1) for at in range(50)])
    assert found.high - found.low < 1e-9


def test_a_ratio_over_nothing_is_none() -> None:
    assert ratio([(0.0, 1.0)]) is None
    assert ratio([(0.5, 1.0), (0.5, 1.0)]) == (2.0, 2.0, 2.0)


def test_the_same_pairs_give_the_same_interval() -> None:
    pairs = [(at / 7, (at * 3 % 5) / 5) for at in range(7)]
    assert ratio(pairs) == ratio(pairs)
