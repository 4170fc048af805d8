"""What several users of one host may ask of it, and how much of that each has used; kept across restarts."""

import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from copilot import paths
from copilot.config.settings import TeamSettings
from copilot.serve.guard import RequestError
from copilot.serve.limits import Limits, LimitsState

log = logging.getLogger(__name__)

_SAVE_SECONDS = 30.0


class Sharing:
    """``path``: where use is kept. ``gate``: raises :class:`SlipstreamError` while nothing is to be admitted. ``clock``
    never goes back, ``wall`` is seconds since 1970."""

    def __init__(
        self,
        settings: TeamSettings,
        path: Path,
        *,
        gate: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.waiting = settings.waiting_per_user
        """Requests of one user that may wait in one lane."""
        self._limits = Limits(
            requests_per_minute=settings.requests_per_minute or None, tokens_per_day=settings.tokens_per_day or None
        )
        self._path = path
        self._gate = gate
        self._clock = clock
        self._wall = wall
        self._saved = clock()
        self._restore()

    def admit(self, tenant: str) -> None:
        """Raises :class:`RequestError` 429 for someone who asks too much, and what the gate raises. Whoever runs the
        host is not limited."""
        self._gate()
        if not tenant:
            return
        refusal = self._limits.admit(tenant, now=self._clock(), wall=self._wall())
        if refusal is None:
            return
        if refusal.what == "tokens":
            message, hint = "Your tokens of today are used up.", "There are new ones at midnight, UTC."
        else:
            message, hint = "You ask more often than this host allows.", "Wait a moment."
        raise RequestError(429, message, hint=hint, code="rate_limited", retry_after=refusal.retry_after)

    def spend(self, tenant: str, tokens: int) -> None:
        """Tokens that were computed for someone."""
        if tenant and tokens:
            self._limits.spend(tenant, tokens, now=self._clock(), wall=self._wall())
            if self._clock() - self._saved > _SAVE_SECONDS:
                self.save()

    def save(self) -> None:
        """A full disk costs only what is remembered after a restart."""
        self._saved = self._clock()
        state = self._limits.state(now=self._clock(), wall=self._wall())
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            paths.write_private(self._path, msgspec.json.encode(state))

    def _restore(self) -> None:
        try:
            state = msgspec.json.decode(self._path.read_bytes(), type=LimitsState)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("what users have used so far can't be read, so it counts anew: %s", type(error).__name__)
            return
        self._limits.restore(state, now=self._clock(), wall=self._wall())
