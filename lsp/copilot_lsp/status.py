"""How the server is, for a client's status bar: one value, and news of it when it changes."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from enum import StrEnum

import msgspec

from copilot import __version__
from copilot.client.stats import StreamStats

REQUEST = "slipstream/status"
CHANGED = "slipstream/didChangeStatus"

INTERVAL_SECONDS = 0.25
"""Between two pieces of news."""


class State(StrEnum):
    OFF = "off"
    """Switched off by a setting."""
    STARTING = "starting"
    """The engine host comes up, or its model is fetched or loaded."""
    READY = "ready"
    BUSY = "busy"
    """Tokens are made for someone who waits."""
    FAILED = "failed"


class HostView(msgspec.Struct, frozen=True, kw_only=True):
    """The engine host as it was seen last. ``message`` and ``hint``: words for people."""

    state: State = State.STARTING
    message: str = ""
    hint: str = ""
    model: str | None = None
    backend: str | None = None
    progress: float | None = None
    """Share of a fetch or load that is done, 0 to 1, where it is known."""


class Status(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What clients get. Speed and time are those of the last stream that was long enough to have a speed."""

    state: State
    message: str
    hint: str
    model: str | None
    backend: str | None
    progress: float | None
    tokens_per_second: float | None
    ttft_ms: float | None
    version: str = __version__


def compose(view: HostView, *, enabled: bool, working: bool, stats: StreamStats | None) -> Status:
    """``working``: someone waits for tokens."""
    state, message, hint = view.state, view.message, view.hint
    if not enabled and state is not State.FAILED:
        state, message, hint = State.OFF, "Completions are switched off.", "The setting `enabled` switches them on."
    elif state is State.READY and working:
        state = State.BUSY
    speed = stats.tokens_per_second if stats is not None else None
    ttft = stats.ttft_ms if stats is not None else None
    return Status(
        state=state,
        message=message,
        hint=hint,
        model=view.model,
        backend=view.backend,
        progress=view.progress if state is State.STARTING else None,
        tokens_per_second=None if speed is None else round(speed, 1),
        ttft_ms=None if ttft is None else round(ttft, 1),
    )


class StatusBoard:
    """Collects what the status is made of. ``enabled`` says whether completions are offered at all."""

    def __init__(self, enabled: Callable[[], bool]) -> None:
        self._enabled = enabled
        self._view = HostView()
        self._working = 0
        self._stats: StreamStats | None = None
        self._stats_before: StreamStats | None = None
        """The last with a speed: an answer that is too short to have one does not take it away."""
        self._readers: list[Callable[[Status], None]] = []
        self._told: Status | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._next_at = 0.0

    @property
    def current(self) -> Status:
        stats = self._stats if _has_speed(self._stats) else self._stats_before or self._stats
        return compose(self._view, enabled=self._enabled(), working=self._working > 0, stats=stats)

    def subscribe(self, tell: Callable[[Status], None]) -> None:
        """``tell`` is given the status soon, and again when it has changed."""
        self._readers.append(tell)
        self._told = None
        self.changed()

    def see(self, view: HostView) -> None:
        """The engine host was seen."""
        self._view = view
        self.changed()

    def measured(self, stats: StreamStats) -> None:
        """A stream for someone who waits begins; ``stats`` grow with it, and its end is told by :meth:`working`."""
        if _has_speed(self._stats):
            self._stats_before = self._stats
        self._stats = stats
        self.changed()

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Someone waits for tokens."""
        self._working += 1
        self.changed()
        try:
            yield
        finally:
            self._working -= 1
            self.changed()

    def changed(self) -> None:
        """Tell what is new soon; not now, for mostly something else changes at the same time."""
        if self._readers and self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._next_at, loop.time()), self._tell)

    def close(self) -> None:
        self._readers.clear()
        if self._timer is not None:
            self._timer.cancel()

    def _tell(self) -> None:
        self._timer = None
        status = self.current
        if status == self._told:
            return
        self._told = status
        self._next_at = asyncio.get_running_loop().time() + INTERVAL_SECONDS
        for tell in self._readers:
            tell(status)


def _has_speed(stats: StreamStats | None) -> bool:
    return stats is not None and stats.tokens_per_second is not None
