"""What a completion session waits for. No clock: times are the session's, in seconds."""

from enum import Enum, auto


class Timer(Enum):
    PAUSE = auto()
    """Until someone has stopped typing."""
    ORPHAN = auto()
    """Until a generation that nobody asks for any more is let go of."""
    READING = auto()
    """Until the suggestion on screen seems to be read."""
    IDLE = auto()
    """Until nothing has happened for a while."""
    ALTERNATIVES = auto()
    """Until those candidates have to do that are there."""


class Timers:
    def __init__(self) -> None:
        self._at: dict[Timer, float] = {}

    def __contains__(self, timer: Timer) -> bool:
        return timer in self._at

    @property
    def next(self) -> float | None:
        return min(self._at.values(), default=None)

    def start(self, timer: Timer, at: float) -> None:
        self._at[timer] = at

    def start_unless_started(self, timer: Timer, at: float) -> None:
        self._at.setdefault(timer, at)

    def stop(self, *timers: Timer) -> None:
        for timer in timers:
            self._at.pop(timer, None)

    def stop_all(self) -> None:
        self._at.clear()

    def due(self, now: float) -> set[Timer]:
        """Those whose time has come; they are set no more."""
        due = {timer for timer, at in self._at.items() if at <= now}
        self.stop(*due)
        return due
