"""How much a tenant may ask of a shared host: requests a minute, tokens a day. Pure: both clocks are the caller's.

``now`` is in seconds on a clock that never goes back, ``wall`` in seconds since 1970. A day is one of UTC.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

DAY = 86_400
BURST_SECONDS = 10.0
"""A bucket holds what is allowed in this time: who types asks several times a second, and then reads for a while."""

MOST_TENANTS = 10_000


class Refusal(NamedTuple):
    """``retry_after``: seconds until a request can be admitted again, if none comes before. ``what``: ``requests`` or
    ``tokens``."""

    what: str
    retry_after: float


class TenantUse(msgspec.Struct, frozen=True, kw_only=True):
    """``busy_seconds``: how long until its bucket is full. ``tokens``: of the day number ``day`` (since 1970)."""

    busy_seconds: float = 0.0
    day: int = 0
    tokens: int = 0


class LimitsState(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives a restart. ``wall``: when it was written."""

    wall: float
    tenants: dict[str, TenantUse]


@dataclass(slots=True)
class _Use:
    full_at: float
    day: int = 0
    tokens: int = 0


class Limits:
    """A token bucket for each tenant, kept as the moment at which it is full again (the generic cell rate algorithm of
    ITU-T I.371), so that nothing has to be refilled.

    None is without limit. A request counts when it is admitted, tokens when they are told: the last request of a day
    may overdraw the quota by its own length. Of more tenants than ``most_tenants`` those not seen for longest are
    forgotten, and with them what they used.
    """

    def __init__(
        self,
        *,
        requests_per_minute: float | None = None,
        tokens_per_day: int | None = None,
        most_tenants: int = MOST_TENANTS,
    ) -> None:
        self._interval = 0.0 if requests_per_minute is None else 60.0 / requests_per_minute
        self._slack = max(0.0, BURST_SECONDS - self._interval)
        self._tokens_per_day = tokens_per_day
        self._most = most_tenants
        self._uses: dict[str, _Use] = {}
        """Those seen last at the end."""

    def admit(self, tenant: str, *, now: float, wall: float) -> Refusal | None:
        """Count a request, or say why it is refused; one that is refused counts for nothing."""
        use = self._use(tenant, now, wall)
        if self._tokens_per_day is not None and use.tokens >= self._tokens_per_day:
            return Refusal("tokens", (_day(wall) + 1) * DAY - wall)
        wait = use.full_at - now - self._slack
        if wait > 0 and self._interval:
            return Refusal("requests", wait)
        use.full_at = max(use.full_at, now) + self._interval
        return None

    def spend(self, tenant: str, tokens: int, *, now: float, wall: float) -> None:
        """Tokens that were computed for it, of prompts and of answers."""
        self._use(tenant, now, wall).tokens += tokens

    def tokens_left(self, tenant: str, *, now: float, wall: float) -> int | None:
        """Until the end of the day; None where there is no quota."""
        if self._tokens_per_day is None:
            return None
        return max(0, self._tokens_per_day - self._use(tenant, now, wall).tokens)

    def state(self, *, now: float, wall: float) -> LimitsState:
        return LimitsState(
            wall=wall,
            tenants={
                name: TenantUse(busy_seconds=max(0.0, use.full_at - now), day=use.day, tokens=use.tokens)
                for name, use in self._uses.items()
                if not self._unused(use, now, _day(wall))
            },
        )

    def restore(self, state: LimitsState, *, now: float, wall: float) -> None:
        """Go on from ``state``. Time that passed meanwhile counts; where the wall clock went back, none did."""
        passed = max(0.0, wall - state.wall)
        for name, use in state.tenants.items():
            # A file may say anything; no more can be owed than a bucket holds.
            busy = min(max(0.0, use.busy_seconds - passed), self._slack + self._interval)
            self._uses[name] = _Use(now + busy, use.day, max(0, use.tokens))
        self._make_room(now, _day(wall))

    def _use(self, tenant: str, now: float, wall: float) -> _Use:
        use = self._uses.pop(tenant, None)
        if use is None:
            self._make_room(now, _day(wall), 1)
            use = _Use(now)
        if use.day != (today := _day(wall)):
            use.day, use.tokens = today, 0
        self._uses[tenant] = use
        return use

    def _make_room(self, now: float, today: int, more: int = 0) -> None:
        if len(self._uses) + more <= self._most:
            return
        self._uses = {name: use for name, use in self._uses.items() if not self._unused(use, now, today)}
        # A tenth at once: otherwise each newcomer would look through all of them.
        surplus = len(self._uses) + more - self._most
        for name in list(self._uses)[: surplus + self._most // 10 if surplus > 0 else 0]:
            del self._uses[name]

    def _unused(self, use: _Use, now: float, today: int) -> bool:
        """Whether it is as good as never seen."""
        return use.full_at <= now and (use.day != today or not use.tokens)


def _day(wall: float) -> int:
    return math.floor(wall / DAY)
