"""Requests a minute and tokens a day, on clocks that the test moves."""

import random

import msgspec
import pytest

from copilot.serve.limits import BURST_SECONDS, DAY, Limits, LimitsState, TenantUse

NOON = 20_000 * DAY + DAY / 2


@pytest.mark.parametrize("restart", [False, True])
def test_what_is_admitted_is_what_is_allowed(restart: bool) -> None:
    """10,000 calls of five users, each asking twice as often as it may: within 2 %, restarted in the middle or not."""
    limits = Limits(requests_per_minute=60)
    draw = random.Random(5)
    admitted = dict.fromkeys("abcde", 0)
    now, offset, calls = 100.0, 0.0, 10_000
    for call in range(calls):
        now += draw.expovariate(10.0)
        if restart and call == calls // 2:
            # The new process' clock begins anywhere.
            state = limits.state(now=now + offset, wall=NOON + now)
            state = msgspec.json.decode(msgspec.json.encode(state), type=LimitsState)
            offset = -90.0
            limits = Limits(requests_per_minute=60)
            limits.restore(state, now=now + offset, wall=NOON + now)
        tenant = "abcde"[call % 5]
        admitted[tenant] += limits.admit(tenant, now=now + offset, wall=NOON + now) is None
    seconds = now - 100.0
    for count in admitted.values():
        assert count == pytest.approx(seconds + BURST_SECONDS, rel=0.02)
        assert count == pytest.approx(seconds, rel=0.02)


def test_coming_back_when_told_to_is_admitted_and_a_moment_earlier_is_not() -> None:
    limits = Limits(requests_per_minute=30)
    now = 7.0
    for _ in range(100):
        refused = limits.admit("a", now=now, wall=NOON)
        if refused is not None:
            assert refused.what == "requests"
            assert limits.admit("a", now=now + 0.99 * refused.retry_after, wall=NOON) is not None
            now += refused.retry_after + 1e-9
            assert limits.admit("a", now=now, wall=NOON) is None


def test_a_burst_is_admitted_and_others_have_their_own() -> None:
    limits = Limits(requests_per_minute=60)
    at_once = [limits.admit("a", now=0, wall=NOON) is None for _ in range(50)]
    assert sum(at_once) == BURST_SECONDS
    assert limits.admit("b", now=0, wall=NOON) is None


def test_tokens_are_refused_until_the_day_is_over() -> None:
    limits = Limits(tokens_per_day=1000)
    limits.spend("a", 999, now=0, wall=NOON)
    assert limits.admit("a", now=0, wall=NOON) is None
    limits.spend("a", 50, now=1, wall=NOON + 1)
    assert limits.tokens_left("a", now=1, wall=NOON + 1) == 0
    refused = limits.admit("a", now=2, wall=NOON + 2)
    assert refused == ("tokens", DAY / 2 - 2)
    assert limits.admit("a", now=3, wall=NOON + 2 + refused.retry_after) is None
    assert limits.tokens_left("b", now=3, wall=NOON) == 1000


def test_tokens_of_the_day_survive_a_restart_and_not_the_night() -> None:
    limits = Limits(tokens_per_day=1000)
    limits.spend("a", 600, now=0, wall=NOON)
    state = limits.state(now=0, wall=NOON)
    for wall, left in ((NOON + 60, 400), (NOON + DAY, 1000)):
        again = Limits(tokens_per_day=1000)
        again.restore(state, now=0, wall=wall)
        assert again.tokens_left("a", now=0, wall=wall) == left


def test_time_that_passed_while_it_was_down_counts_unless_the_clock_went_back() -> None:
    limits = Limits(requests_per_minute=60)
    for _ in range(8):
        assert limits.admit("a", now=0, wall=NOON) is None
    state = limits.state(now=0, wall=NOON)
    left = BURST_SECONDS - 8
    for passed, admitted in ((-3600.0, left), (5.0, left + 5), (3600.0, BURST_SECONDS)):
        again = Limits(requests_per_minute=60)
        again.restore(state, now=1000, wall=NOON + passed)
        assert sum(again.admit("a", now=1000, wall=NOON) is None for _ in range(50)) == admitted


def test_a_state_from_elsewhere_locks_nobody_out() -> None:
    limits = Limits(requests_per_minute=60)
    limits.restore(LimitsState(wall=NOON, tenants={"a": TenantUse(busy_seconds=1e12)}), now=0, wall=NOON)
    refused = limits.admit("a", now=0, wall=NOON)
    assert refused is not None
    assert refused.retry_after <= BURST_SECONDS


def test_without_limits_everything_is_admitted() -> None:
    limits = Limits()
    assert all(limits.admit("a", now=0, wall=NOON) is None for _ in range(1000))
    assert limits.tokens_left("a", now=0, wall=NOON) is None


def test_what_is_remembered_is_bounded_and_those_seen_last_stay() -> None:
    limits = Limits(requests_per_minute=60, tokens_per_day=1000, most_tenants=50)
    for number in range(500):
        limits.spend("regular", 1, now=0, wall=NOON)
        limits.spend(f"{number}", 1, now=0, wall=NOON)
    assert len(limits.state(now=0, wall=NOON).tenants) <= 50
    assert limits.tokens_left("regular", now=0, wall=NOON) == 500
