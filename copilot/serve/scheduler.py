"""Who runs next. Pure: no clock, no tasks, no engine; ``generations`` gives it all three.

A slot is a place in the engine. A job that was told to stop keeps its slot until the engine has let go of it.
"""

import heapq
from typing import NamedTuple

from copilot.errors import SlipstreamError
from copilot.serve.api import Lane
from copilot.serve.fairness import DECODE_WEIGHT
from copilot.serve.line import Job, Line

__all__ = ["Job", "Scheduler", "Turn"]

_PATIENT = frozenset({Lane.CHAT, Lane.BACKGROUND})
_OF_A_DOCUMENT = frozenset({Lane.INLINE, Lane.BACKGROUND})
"""A session is a document's: the completion asked for now, and what is computed ahead for the next."""

_FEW_SLOTS, _FEW_PATIENT_SLOTS = 2, 3
"""With fewer there is nothing to share at one moment, only one after the other."""

SPARE_PART = 4
"""Among tenants this part of the slots is kept for completions, and at least one: several people type at a time."""

PATIENT_PART = 8
"""While others are about, a tenant has at most this part of the slots for its chats, the same for background work, and
at least one; completions, of which who types wants one, run one at a time in each lane. What runs makes every step
longer for all, so free slots alone help nobody: these are the largest numbers with which, in `benchmarks.simulate`,
someone who floods the host makes others' completions take no more than about twice as long."""

ABOUT_SECONDS = 120.0
"""Someone who asked within this time is about: between two stretches of typing people read and think."""

_STALE_DEADLINES = 64
"""So many more than jobs wait may be kept of jobs that are gone."""


class Turn(NamedTuple):
    """What became of the queue: jobs to start now, and jobs that waited too long."""

    start: tuple[str, ...]
    expired: tuple[str, ...]


class Scheduler:
    """Lanes in strict order; within one the tenant that had the least, and of a tenant's what came first.

    When there are several slots, one is always kept free of chat and background work, so that a completion never
    waits for a long answer. Of a session's completions and background work only one runs at a time: the next one wants
    the KV cache that the last one is just giving back.

    Background work runs while no completion does, whoever's: in one batch with a prefill of 64 tokens each token of a
    completion takes as long as they do, on a CPU some ten times as long as alone.

    ``shared``: among tenants that do not know of each other. A fair order among those who wait helps only when a slot
    becomes free, and slots share the speed of the engine. So a tenant's first job of a lane starts when it can, and
    another beside it only

    - when no tenant that waits there has had less,
    - when the others of its jobs there are done with their prompts, which make a step long,
    - up to ``PATIENT_PART`` of the slots, while anyone else is about,
    - and as long as a place is left for someone else: of those for chat and background work where there are three, of
      all for completions where there are two.

    ``max_queue_of_tenant``: how many a tenant may have waiting in one lane; None for as many as there is room for.
    """

    def __init__(
        self,
        *,
        slots: int,
        max_queue: int,
        max_queue_of_tenant: int | None = None,
        shared: bool = False,
        decode_weight: int = DECODE_WEIGHT,
    ) -> None:
        self._slots = max(1, slots)
        spare = max(1, self._slots // SPARE_PART) if shared else 1
        self._patient_slots = max(1, self._slots - spare)
        self._max_queue = max_queue
        self._max_queue_of_tenant = max_queue_of_tenant
        self._shared = shared
        self._lines = {lane: Line(decode_weight=decode_weight) for lane in Lane}
        self._running: dict[str, Job] = {}
        self._documents: dict[tuple[str, str], dict[str, Job]] = {}
        """What waits or runs of each session that has something of a document."""
        self._deadlines: list[tuple[float, str, Lane]] = []
        """A heap, with those of jobs that are gone until they come to the top or are too many."""
        self._prefilling: set[str] = set()
        """Running jobs that have no token yet."""
        self._new: set[str] = set()
        self._about: dict[str, float] = {}
        """When each tenant asked last, those first who did long ago."""

    @property
    def queued(self) -> int:
        return sum(map(len, self._lines.values()))

    @property
    def running(self) -> int:
        return len(self._running)

    @property
    def next_deadline(self) -> float | None:
        """The earliest deadline of what waits."""
        while self._deadlines and not self._waits(self._deadlines[0]):
            heapq.heappop(self._deadlines)
        return self._deadlines[0][0] if self._deadlines else None

    def submit(self, job: Job) -> tuple[str, ...]:
        """Queue ``job``; returns the older jobs that it makes pointless or that give way to it, which the caller stops.

        Those that waited are out of the queue already. Raises :class:`SlipstreamError` ``busy`` when the queue
        is full, or the tenant's part of it; then nothing has changed.
        """
        superseded = self._superseded(job)
        self._admit(job, superseded)
        line = self._lines[job.lane]
        instead_of = next((it for it in superseded if it in line), None)
        for job_id in superseded:
            if job_id == instead_of:
                self._forget(line.job(job_id))
            else:
                self.remove(job_id)
        line.add(job, instead_of=instead_of)
        self._new.add(job.tenant)
        if job.session is not None and job.lane in _OF_A_DOCUMENT:
            self._documents.setdefault((job.tenant, job.session), {})[job.id] = job
        if job.deadline is not None:
            heapq.heappush(self._deadlines, (job.deadline, job.id, job.lane))
            self._drop_stale_deadlines()
        if job.lane is Lane.INLINE:
            superseded += [old.id for old in self._running.values() if old.lane is Lane.BACKGROUND]
        return tuple(dict.fromkeys(superseded))

    def take(self, now: float) -> Turn:
        """Move what may run out of the queue, and what is past its deadline too."""
        self._look_about(now)
        expired: list[str] = []
        while (due := self.next_deadline) is not None and due <= now:
            _, job_id, _ = heapq.heappop(self._deadlines)
            self.remove(job_id)
            expired.append(job_id)
        start: list[str] = []
        for lane, line in self._lines.items():
            while line and self._open(lane) and (job := line.next(self._may_start)) is not None:
                line.start(job)
                self._running[job.id] = job
                self._prefilling.add(job.id)
                start.append(job.id)
        return Turn(tuple(start), tuple(expired))

    def charge(self, job_id: str, *, prefilled: int, generated: int) -> bool:
        """Tokens that a running job has cost so far: of its prompt those that were computed, and of its answer.

        Totals, not differences: told twice they count once. Of a job that does not run, nothing is counted.
        True with a job's first token: something that waits may start now, so the caller is to :meth:`take` again.
        """
        job = self._running.get(job_id)
        if job is None:
            return False
        self._lines[job.lane].charge(job_id, prefilled, generated)
        if not generated or job_id not in self._prefilling:
            return False
        self._prefilling.remove(job_id)
        return self._shared

    def position(self, job_id: str) -> int | None:
        """How many start before it, if each of a lane costs the same; None where it does not wait.

        Lanes before its own count whole. What comes later, ends earlier or costs more than others changes it, to either
        side: a tenant that had less goes first even when it comes later.
        """
        before = 0
        for line in self._lines.values():
            if job_id in line:
                return before + (line.position(job_id) or 0)
            before += len(line)
        return None

    def remove(self, job_id: str) -> bool:
        """Take a waiting job out; False when it does not wait (any more)."""
        for line in self._lines.values():
            if (job := line.remove(job_id)) is not None:
                self._forget(job)
                return True
        return False

    def finish(self, job_id: str) -> None:
        """The engine has let go of a running job. What it cost is to be told before."""
        job = self._running.pop(job_id, None)
        if job is not None:
            self._lines[job.lane].finish(job_id)
            self._prefilling.discard(job_id)
            self._forget(job)

    def _superseded(self, new: Job) -> list[str]:
        """What waits or runs of the session and is pointless now."""
        if new.session is None or new.lane not in _OF_A_DOCUMENT:
            return []
        old = self._documents.get((new.tenant, new.session), {})
        # A completion makes the session's background work pointless, which leaves completions alone.
        return [it.id for it in old.values() if new.lane is Lane.INLINE or it.lane is Lane.BACKGROUND]

    def _admit(self, job: Job, superseded: list[str]) -> None:
        """Raises :class:`SlipstreamError` ``busy`` where there is no room, that of the superseded counted as free."""
        free = [sum(it in line for it in superseded) for line in self._lines.values()]
        own = self._lines[job.lane]
        own_free = sum(it in own for it in superseded)
        most = self._max_queue_of_tenant
        if most is not None and own.waiting(job.tenant) - own_free >= most and not self._may_start(job):
            raise SlipstreamError(
                "You have too many requests waiting.",
                hint="Wait for an answer, or cancel what is not wanted any more.",
                code="busy",
                retryable=True,
            )
        if self.queued - sum(free) >= self._max_queue and not self._may_start(job):
            raise SlipstreamError(
                "The engine host has too many requests waiting.",
                hint="Try again in a moment; `host.max_queue` sets how many may wait.",
                code="busy",
                retryable=True,
            )

    def _open(self, lane: Lane) -> bool:
        """Whether anything of the lane may start."""
        if len(self._running) >= self._slots:
            return False
        running = self._running.values()
        if lane is Lane.BACKGROUND and (self._lines[Lane.INLINE] or any(it.lane is Lane.INLINE for it in running)):
            return False
        return lane not in _PATIENT or sum(other.lane in _PATIENT for other in running) < self._patient_slots

    def _may_start(self, job: Job) -> bool:
        return self._open(job.lane) and self._leaves_room(job) and not self._session_runs(job)

    def _leaves_room(self, job: Job) -> bool:
        """Whether it is the first of its tenant's to run, or the others keep what ``shared`` promises them."""
        if not self._shared:
            return True
        own = [it.id for it in self._running.values() if it.tenant == job.tenant and it.lane is job.lane]
        patient = job.lane in _PATIENT
        places = self._patient_slots if patient else self._slots
        if not own or places < (_FEW_PATIENT_SLOTS if patient else _FEW_SLOTS):
            return True
        if self._lines[job.lane].poorest != job.tenant or not self._prefilling.isdisjoint(own):
            return False
        if self._others_about(job.tenant) and len(own) >= (max(1, self._slots // PATIENT_PART) if patient else 1):
            return False
        taken = sum(it.lane in _PATIENT for it in self._running.values()) if patient else len(self._running)
        return taken < places - 1

    def _look_about(self, now: float) -> None:
        for tenant in sorted(self._new):
            self._about.pop(tenant, None)
            self._about[tenant] = now
        self._new.clear()
        while self._about:
            first = next(iter(self._about))
            if self._about[first] > now - ABOUT_SECONDS:
                break
            del self._about[first]

    def _others_about(self, tenant: str) -> bool:
        return len(self._about) > (tenant in self._about)

    def _session_runs(self, job: Job) -> bool:
        if job.lane not in _OF_A_DOCUMENT or job.session is None:
            return False
        return any(other in self._running for other in self._documents.get((job.tenant, job.session), ()))

    def _forget(self, job: Job) -> None:
        if job.session is None or job.lane not in _OF_A_DOCUMENT:
            return
        own = self._documents[job.tenant, job.session]
        del own[job.id]
        if not own:
            del self._documents[job.tenant, job.session]

    def _waits(self, deadline: tuple[float, str, Lane]) -> bool:
        return deadline[1] in self._lines[deadline[2]]

    def _drop_stale_deadlines(self) -> None:
        if len(self._deadlines) > 2 * self.queued + _STALE_DEADLINES:
            self._deadlines = [it for it in self._deadlines if self._waits(it)]
            heapq.heapify(self._deadlines)
