"""What came of it, in figures. Times in milliseconds."""

import math
from collections.abc import Iterable, Sequence

import msgspec

from benchmarks.simulate.gpu import Backlog, Work
from copilot.bench.engine.measure import percentile
from copilot.serve.api import Lane


class LaneFigures(msgspec.Struct, frozen=True, kw_only=True):
    """``wait``: from a request's arrival until it started, of those that did. ``ttft``: until its first token, of those
    that came so far. Requests: ``stopped`` for something newer or more urgent, of them ``stopped_waiting`` before they
    started; those that neither ended nor were stopped were under way when the time was over."""

    lane: str
    asked: int
    done: int
    stopped: int
    stopped_waiting: int
    expired: int
    refused: int
    wait_p50: float
    wait_p99: float
    ttft_p50: float
    ttft_p99: float


class Neighbours(msgspec.Struct, frozen=True, kw_only=True):
    """One lane's requests of those who share a GPU with someone that floods it, beside that and alone. ``ttft`` and
    ``total``: p95 until the first token and until the end, of those that came to it. ``done``: share that was answered
    to the end; someone who types on makes the others pointless."""

    lane: str
    ttft_alone: float
    ttft_beside: float
    total_alone: float
    total_beside: float
    done_alone: float
    done_beside: float

    @property
    def ttft_ratio(self) -> float:
        """Infinite where nothing came."""
        return _ratio(self.ttft_beside, self.ttft_alone)

    @property
    def total_ratio(self) -> float:
        return _ratio(self.total_beside, self.total_alone)


def lane_figures(lane: Lane, work: Iterable[Work]) -> LaneFigures:
    own = [it for it in work if it.job.lane is lane]
    waits = waits_of(own)
    ttft = ttft_of(own)
    return LaneFigures(
        lane=lane,
        asked=len(own),
        done=sum(it.end == "done" for it in own),
        stopped=sum(it.end == "stopped" for it in own),
        stopped_waiting=sum(it.end == "stopped" and it.started is None for it in own),
        expired=sum(it.end == "expired" for it in own),
        refused=sum(it.end == "refused" for it in own),
        wait_p50=percentile(waits, 0.5),
        wait_p99=percentile(waits, 0.99),
        ttft_p50=percentile(ttft, 0.5),
        ttft_p99=percentile(ttft, 0.99),
    )


def neighbours(lane: Lane, alone: Sequence[Work], beside: Sequence[Work]) -> Neighbours:
    one, other = ([it for it in work if it.job.lane is lane] for work in (alone, beside))
    return Neighbours(
        lane=lane,
        ttft_alone=percentile(ttft_of(one), 0.95),
        ttft_beside=percentile(ttft_of(other), 0.95),
        total_alone=percentile(totals_of(one), 0.95),
        total_beside=percentile(totals_of(other), 0.95),
        done_alone=len(totals_of(one)) / max(1, len(one)),
        done_beside=len(totals_of(other)) / max(1, len(other)),
    )


def waits_of(work: Iterable[Work]) -> list[float]:
    return [1000 * (it.started - it.arrived) for it in work if it.started is not None]


def ttft_of(work: Iterable[Work]) -> list[float]:
    return [1000 * (it.first - it.arrived) for it in work if it.first is not None]


def totals_of(work: Iterable[Work]) -> list[float]:
    return [1000 * (it.finished - it.arrived) for it in work if it.end == "done" and it.finished is not None]


def shares(backlogs: Iterable[Backlog], seconds: float) -> list[float]:
    """Weighted tokens a second of everyone who had something waiting for at least half of the time, in that time.

    Where each was served a few times only, they tell of chance.
    """
    return [it.served / it.seconds for it in backlogs if it.seconds >= seconds / 2]


def jain(values: Sequence[float]) -> float | None:
    """Jain's index of fairness: 1 when all are equal, 1/n when one has everything; None for fewer than two.

    (sum x)^2 / (n sum x^2); Jain, Chiu and Hawe, DEC-TR-301, 1984.
    """
    squares = sum(it * it for it in values)
    return sum(values) ** 2 / (len(values) * squares) if len(values) > 1 and squares else None


def _ratio(beside: float, alone: float) -> float:
    return beside / alone if beside and alone else math.inf
