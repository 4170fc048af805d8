"""Who runs next. Pure: no clock, no tasks, no engine; ``generations`` gives it all three.

A slot is a place in the engine. A job that was told to stop keeps its slot until the engine has let go of it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from copilot.errors import SlipstreamError
from copilot.serve.api import Lane

_PATIENT = frozenset({Lane.CHAT, Lane.BACKGROUND})
_OF_A_DOCUMENT = frozenset({Lane.INLINE, Lane.BACKGROUND})
"""A session is a document's: the completion asked for now, and what is computed ahead for the next."""


class Job(NamedTuple):
    """One generation to be. ``deadline``: the moment, on the caller's clock in seconds, after which it is pointless."""

    id: str
    lane: Lane
    session: str | None = None
    deadline: float | None = None


class Turn(NamedTuple):
    """What became of the queue: jobs to start now, and jobs that waited too long."""

    start: tuple[str, ...]
    expired: tuple[str, ...]


class Scheduler:
    """Lanes in strict order, first come first served within one.

    When there are several slots, one is always kept free of chat and background work, so that a completion never
    waits for a long answer. Of a session's completions and background work only one runs at a time: the next one wants
    the KV cache that the last one is just giving back.

    Background work runs while no completion does, whoever's: in one batch with a prefill of 64 tokens each token of a
    completion takes as long as they do, on a CPU some ten times as long as alone.
    """

    def __init__(self, *, slots: int, max_queue: int) -> None:
        self._slots = max(1, slots)
        self._patient_slots = max(1, self._slots - 1)
        self._max_queue = max_queue
        self._queue: dict[Lane, dict[str, Job]] = {lane: {} for lane in Lane}
        self._running: dict[str, Job] = {}

    @property
    def queued(self) -> int:
        return sum(map(len, self._queue.values()))

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def next_deadline(self) -> float | None:
        """The earliest deadline of what waits."""
        return min((job.deadline for job in self._waiting() if job.deadline is not None), default=None)

    def submit(self, job: Job) -> tuple[str, ...]:
        """Queue ``job``; returns the older jobs that it makes pointless or that give way to it, which the caller stops.

        Those that waited are out of the queue already. Raises :class:`SlipstreamError` ``busy`` when the queue
        is full.
        """
        superseded = [old.id for old in (*self._waiting(), *self._running.values()) if _supersedes(job, old)]
        for job_id in superseded:
            self.remove(job_id)
        if self.queued >= self._max_queue and not self._may_start(job):
            raise SlipstreamError(
                "The engine host has too many requests waiting.",
                hint="Try again in a moment; `host.max_queue` sets how many may wait.",
                code="busy",
                retryable=True,
            )
        self._queue[job.lane][job.id] = job
        if job.lane is Lane.INLINE:
            superseded += [old.id for old in self._running.values() if old.lane is Lane.BACKGROUND]
        return tuple(dict.fromkeys(superseded))

    def take(self, now: float) -> Turn:
        """Move what may run out of the queue, and what is past its deadline too."""
        expired = tuple(job.id for job in self._waiting() if job.deadline is not None and job.deadline <= now)
        for job_id in expired:
            self.remove(job_id)
        start: list[str] = []
        for job in list(self._waiting()):
            if self._may_start(job):
                del self._queue[job.lane][job.id]
                self._running[job.id] = job
                start.append(job.id)
        return Turn(tuple(start), expired)

    def position(self, job_id: str) -> int | None:
        """How many wait before it, in the order of the lanes; None where it does not wait."""
        return next((at for at, job in enumerate(self._waiting()) if job.id == job_id), None)

    def remove(self, job_id: str) -> bool:
        """Take a waiting job out; False when it does not wait (any more)."""
        return any(waiting.pop(job_id, None) is not None for waiting in self._queue.values())

    def finish(self, job_id: str) -> None:
        """The engine has let go of a running job."""
        self._running.pop(job_id, None)

    def _waiting(self) -> Iterator[Job]:
        for lane in Lane:
            yield from self._queue[lane].values()

    def _may_start(self, job: Job) -> bool:
        if len(self._running) >= self._slots:
            return False
        running = self._running.values()
        if job.lane is Lane.BACKGROUND and (self._queue[Lane.INLINE] or any(it.lane is Lane.INLINE for it in running)):
            return False
        if job.lane in _PATIENT and sum(other.lane in _PATIENT for other in running) >= self._patient_slots:
            return False
        if job.lane in _OF_A_DOCUMENT and job.session is not None:
            return all(other.session != job.session for other in running if other.lane in _OF_A_DOCUMENT)
        return True


def _supersedes(new: Job, old: Job) -> bool:
    if new.session is None or new.session != old.session:
        return False
    if new.lane is Lane.INLINE:
        return old.lane in _OF_A_DOCUMENT
    return new.lane is old.lane is Lane.BACKGROUND
