"""Several rankings of the same things made into one. No I/O."""

from collections.abc import Hashable, Iterable, Sequence
from typing import TypeVar

Key = TypeVar("Key", bound=Hashable)

RANK_CONSTANT = 60
"""How fast a place in a list loses its worth; the value of the source."""


def fused(rankings: Iterable[Sequence[Key]]) -> dict[Key, float]:
    """Reciprocal rank fusion: each list gives what stands at its place r, from 1, a score of 1 / (60 + r).

    Best first; what is equal stays in the order in which it was met. Source: Cormack, Clarke, Büttcher, "Reciprocal
    Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009.
    """
    scores: dict[Key, float] = {}
    for ranking in rankings:
        for place, key in enumerate(dict.fromkeys(ranking), 1):
            scores[key] = scores.get(key, 0.0) + 1 / (RANK_CONSTANT + place)
    return dict(sorted(scores.items(), key=lambda it: -it[1]))
