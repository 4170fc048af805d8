"""From single measurements to what a plot of the last hour shows. No I/O, no Qt."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from copilot.serve.api import Lane, Sample

HOUR = 3600.0
_BIN_SECONDS = 120.0
_MOST_POINTS = 30


class Point(NamedTuple):
    """``minutes``: before now, negative. ``p50`` and ``p90`` of TTFT in milliseconds."""

    minutes: float
    p50: float
    p90: float


class Machine(NamedTuple):
    """The last hour in figures; None where nothing was measured. ``reuse``: share of prompt tokens, 0 to 1."""

    tokens_per_second: float | None
    ttft_ms: float | None
    reuse: float | None


def latency(samples: Iterable[Sample], now: float, lane: Lane) -> list[Point]:
    """One point for every two minutes in which something was measured."""
    bins: dict[int, list[float]] = {}
    for sample in samples:
        if sample.lane is lane and 0 <= now - sample.at <= HOUR:
            bins.setdefault(int((now - sample.at) // _BIN_SECONDS), []).append(sample.ttft_ms)
    return [
        Point(-(at + 0.5) * _BIN_SECONDS / 60, quantile(values, 0.5), quantile(values, 0.9))
        for at, values in sorted(bins.items(), reverse=True)
    ][-_MOST_POINTS:]


def kept(rows: Iterable[tuple[float, float]], now: float) -> list[tuple[float, float]]:
    """Minutes before now, and the mean share in percent. ``rows``: time and share."""
    bins: dict[int, list[float]] = {}
    for at, share in rows:
        if 0 <= now - at <= HOUR:
            bins.setdefault(int((now - at) // (5 * 60)), []).append(share)
    return [(-(at + 0.5) * 5, 100 * sum(it) / len(it)) for at, it in sorted(bins.items(), reverse=True)]


def figures(samples: Sequence[Sample]) -> Machine:
    chat = [it for it in samples if it.lane is Lane.CHAT and it.decode_ms > 0]
    prompt = sum(it.prompt_tokens for it in samples)
    return Machine(
        tokens_per_second=1000 * sum(it.generated_tokens for it in chat) / sum(it.decode_ms for it in chat)
        if chat
        else None,
        ttft_ms=quantile([it.ttft_ms for it in samples], 0.5) if samples else None,
        reuse=sum(it.reused_tokens for it in samples) / prompt if prompt else None,
    )


def quantile(values: Sequence[float], share: float) -> float:
    """Nearest rank: the smallest value that at least ``share`` of them do not exceed."""
    ordered = sorted(values)
    rank = -(-int(share * 1000) * len(ordered) // 1000)
    return ordered[max(0, min(len(ordered) - 1, rank - 1))]
