"""Two pipelines on the same traces: ratios with a paired bootstrap over traces. Pure."""

import random
from collections.abc import Callable, Mapping, Sequence

import msgspec

from copilot.bench.replay.metrics import Measures, Sample, joined, measure

ROUNDS = 1_000

RATIOS: Mapping[str, tuple[str, Callable[[Measures], float | None]]] = {
    "first_p50": ("first visible text, p50", lambda one: one.first_ms["p50"]),
    "first_p90": ("first visible text, p90", lambda one: one.first_ms["p90"]),
    "first_shown_p50": ("  p50 of those that came", lambda one: one.first_shown_ms["p50"]),
    "first_shown_p90": ("  p90 of those that came", lambda one: one.first_shown_ms["p90"]),
    "within_300": ("keys with ghost text in 300 ms", lambda one: one.within["300"]),
    "completed": ("completed ratio", lambda one: one.completed_ratio),
    "evaluated": ("prompt tokens per saved character", lambda one: one.evaluated_per_character),
    "generated": ("generated tokens per saved character", lambda one: one.generated_per_character),
    "cpu": ("CPU seconds", lambda one: one.cpu_seconds),
    "cpu_per_character": ("CPU seconds per saved character", lambda one: one.cpu_per_character),
}
"""What is compared: its words, and where it is found."""


class Ratio(msgspec.Struct, frozen=True, kw_only=True):
    """First pipeline over second; the middle 95 % of the bootstrap. None: one of the two has no such figure."""

    ratio: float | None
    low: float | None = None
    high: float | None = None


def compare(ours: Sequence[Sample], theirs: Sequence[Sample], *, seed: int = 1) -> dict[str, Ratio]:
    """``ours`` and ``theirs`` are of the same traces in the same order."""
    rng = random.Random(seed)  # noqa: S311 - no secret
    drawn: dict[str, list[float]] = {name: [] for name in RATIOS}
    if len(ours) > 1:
        for _ in range(ROUNDS):
            picks = [rng.randrange(len(ours)) for _ in ours]
            for name, value in _ratios([ours[at] for at in picks], [theirs[at] for at in picks]).items():
                if value is not None:
                    drawn[name].append(value)
    return {name: _ratio(value, drawn[name]) for name, value in _ratios(ours, theirs).items()}


def _ratios(ours: Sequence[Sample], theirs: Sequence[Sample]) -> dict[str, float | None]:
    mine, other = measure(joined(ours)), measure(joined(theirs))
    found: dict[str, float | None] = {}
    for name, (_, get) in RATIOS.items():
        above, below = get(mine), get(other)
        found[name] = None if above is None or not below else above / below
    return found


def _ratio(value: float | None, drawn: list[float]) -> Ratio:
    if value is None:
        return Ratio(ratio=None)
    # Where many of the draws have no such figure, an interval of the others would say too much.
    if len(drawn) < ROUNDS * 9 // 10:
        return Ratio(ratio=round(value, 3))
    drawn = sorted(drawn)
    return Ratio(
        ratio=round(value, 3),
        low=round(drawn[round(0.025 * (len(drawn) - 1))], 3),
        high=round(drawn[round(0.975 * (len(drawn) - 1))], 3),
    )
