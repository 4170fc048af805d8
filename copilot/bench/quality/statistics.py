"""Intervals and paired tests for shares of problems."""

import math
from collections.abc import Sequence
from typing import NamedTuple

Z95 = 1.959963984540054


class Interval(NamedTuple):
    low: float
    high: float


def wilson(passed: int, n: int, z: float = Z95) -> Interval:
    """The score interval of a share (Wilson, JASA 22, 1927); 0 to 1 when ``n`` is 0."""
    if not n:
        return Interval(0.0, 1.0)
    share = passed / n
    scale = 1 + z * z / n
    center = share + z * z / (2 * n)
    half = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return Interval(max(0.0, (center - half) / scale), min(1.0, (center + half) / scale))


def mean_interval(values: Sequence[float], z: float = Z95) -> Interval:
    """The normal interval of a mean of values from 0 to 1; 0 to 1 for fewer than two."""
    n = len(values)
    if n < 2:
        return Interval(0.0, 1.0)
    mean = sum(values) / n
    half = z * math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1) / n)
    return Interval(max(0.0, mean - half), min(1.0, mean + half))


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p (McNemar, Psychometrika 12, 1947) of pairs on which just one of two has passed."""
    n = only_first + only_second
    if not n:
        return 1.0
    tail = sum(math.comb(n, k) for k in range(min(only_first, only_second) + 1))
    return min(1.0, 2.0 * tail / (1 << n))


class Paired(NamedTuple):
    """Two verdicts each on the same problems."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @classmethod
    def of(cls, first: Sequence[bool], second: Sequence[bool]) -> "Paired":
        pairs = list(zip(first, second, strict=True))
        return cls(*(pairs.count(pair) for pair in ((True, True), (True, False), (False, True), (False, False))))

    @property
    def p(self) -> float:
        return mcnemar(self.only_first, self.only_second)
