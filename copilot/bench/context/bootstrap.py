"""Intervals for paired differences and ratios, by drawing the pairs again (Efron, Annals of Statistics 7, 1979)."""

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

RESAMPLES = 2000
_LARGE = 1000.0


class Estimate(NamedTuple):
    """A value with the middle 95 % of what the resamples gave."""

    value: float
    low: float
    high: float


def difference(pairs: Sequence[tuple[float, float]], seed: int = 0) -> Estimate:
    """Mean of the second less mean of the first. There is at least one pair."""
    return _estimate(pairs, lambda first, second: second - first, seed)


def ratio(pairs: Sequence[tuple[float, float]], seed: int = 0) -> Estimate | None:
    """Mean of the second over mean of the first; None where that is 0, in a resample it is then very large."""
    if not sum(first for first, _ in pairs):
        return None
    return _estimate(pairs, lambda first, second: second / first if first else _LARGE, seed)


def _estimate(pairs: Sequence[tuple[float, float]], of: Callable[[float, float], float], seed: int) -> Estimate:
    rng = Random(seed)  # noqa: S311 - no secret
    values = sorted(of(*_means(rng.choices(pairs, k=len(pairs)))) for _ in range(RESAMPLES))
    return Estimate(of(*_means(pairs)), values[int(0.025 * RESAMPLES)], values[int(0.975 * RESAMPLES) - 1])


def _means(pairs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    return sum(first for first, _ in pairs) / len(pairs), sum(second for _, second in pairs) / len(pairs)
