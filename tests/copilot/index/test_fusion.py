import pytest

from copilot.index.fusion import fused


def test_scores_are_sums_of_reciprocal_ranks() -> None:
    found = fused([["a", "b"], ["b", "c"]])
    assert list(found) == ["b", "a", "c"]
    assert found["b"] == pytest.approx(1 / 62 + 1 / 61)
    assert found["a"] == pytest.approx(1 / 61)


def test_what_stands_twice_in_a_list_counts_once() -> None:
    assert fused([["a", "a", "b"]])["b"] == pytest.approx(1 / 62)


def test_equal_ones_stay_in_their_order() -> None:
    assert list(fused([["x"], ["y"]])) == ["x", "y"]
