import pytest
from copilot_desktop.curves import figures, kept, latency, quantile

from copilot.serve.api import Lane, Sample


def sample(at: float, ttft: float, lane: Lane = Lane.CHAT, **counts: int) -> Sample:
    values = {"prompt_tokens": 100, "reused_tokens": 40, "generated_tokens": 20, **counts}
    return Sample(at=at, lane=lane, ttft_ms=ttft, queue_ms=0.0, total_ms=0.0, decode_ms=500.0, **values)


@pytest.mark.parametrize(("share", "value"), [(0.5, 5), (0.9, 9), (0.0, 1), (1.0, 10)])
def test_quantiles_are_nearest_ranks(share: float, value: float) -> None:
    assert quantile([float(it) for it in range(10, 0, -1)], share) == value
    assert quantile([7.0], share) == 7.0


def test_latency_is_a_point_for_each_two_minutes_of_the_last_hour() -> None:
    found = latency([sample(100, 10), sample(110, 30), sample(3500, 5), sample(-10, 1), sample(3500, 9, Lane.INLINE)],
                    3600, Lane.CHAT)  # fmt: skip
    assert [(round(it.minutes), it.p50, it.p90) for it in found] == [(-59, 10, 30), (-1, 5, 5)]


def test_figures_of_nothing_are_none() -> None:
    assert figures([]) == (None, None, None)
    speed, first, reuse = figures([sample(1, 10), sample(2, 30)])
    assert (speed, first, reuse) == (40.0, 10, 0.4)


def test_kept_is_the_mean_of_five_minutes_in_percent() -> None:
    assert kept([(3400.0, 1.0), (3500.0, 0.5), (-50.0, 0.0)], 3600.0) == [(-2.5, 75.0)]
