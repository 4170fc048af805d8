"""An engine that computes nothing, behind the real scheduler: what ``generations`` does, in virtual time."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from benchmarks.simulate.clock import Clock
from benchmarks.simulate.machine import Machine
from copilot.errors import SlipstreamError
from copilot.serve.api import Lane
from copilot.serve.fairness import DECODE_WEIGHT
from copilot.serve.scheduler import Job, Scheduler

End = Literal["done", "stopped", "expired", "refused"]
"""``stopped``: something newer or more urgent took its place."""


@dataclass(slots=True)
class Work:
    """A request. ``prompt``: tokens of it that the KV cache does not have. ``ended`` is called once."""

    job: Job
    user: str
    prompt: int
    answer: int
    arrived: float
    ended: Callable[["Work"], None] | None = None
    prefilled: int = 0
    generated: int = 0
    started: float | None = None
    first: float | None = None
    finished: float | None = None
    end: End | None = None

    @property
    def cost(self) -> int:
        return self.prefilled + DECODE_WEIGHT * self.generated


@dataclass(slots=True)
class Backlog:
    """Of a user in a lane: seconds in which something of it waited, and weighted tokens that it got in them."""

    waiting: int = 0
    since: float = 0.0
    seconds: float = 0.0
    served: int = 0


class Gpu:
    """A job that is stopped keeps its slot until the step ends, as nothing interrupts one."""

    def __init__(self, clock: Clock, machine: Machine, scheduler: Scheduler) -> None:
        self.backlogs: dict[tuple[Lane, str], Backlog] = {}
        self.work: list[Work] = []
        """Everything that came."""
        self.steps: Counter[int] = Counter()
        """Of how many jobs at once."""
        self._clock = clock
        self._machine = machine
        self._scheduler = scheduler
        self._waiting: dict[str, Work] = {}
        self._running: dict[str, Work] = {}
        self._stepping = False
        self._timer: float | None = None

    def submit(self, work: Work) -> None:
        self.work.append(work)
        try:
            superseded = self._scheduler.submit(work.job)
        except SlipstreamError:
            self._end(work, "refused")
            return
        self._waiting[work.job.id] = work
        self._count_waiting(work, 1)
        for job_id in superseded:
            old = self._leave_queue(job_id) or self._running[job_id]
            if old.end is None:
                self._end(old, "stopped")
        self._dispatch()

    def close(self) -> None:
        """The time is over: what waits has waited until now."""
        for backlog in self.backlogs.values():
            if backlog.waiting:
                backlog.seconds += self._clock.now - backlog.since
                backlog.since = self._clock.now

    def _dispatch(self) -> None:
        now = self._clock.now
        turn = self._scheduler.take(now)
        for job_id in turn.expired:
            if (work := self._leave_queue(job_id)) is not None:
                self._end(work, "expired")
        for job_id in turn.start:
            if (work := self._leave_queue(job_id)) is not None:
                work.started = now
                self._running[job_id] = work
        if self._running and not self._stepping:
            self._step()
        due = self._scheduler.next_deadline
        if due is not None and (self._timer is None or due < self._timer):
            self._timer = due
            self._clock.after(due - now, self._deadline)

    def _deadline(self) -> None:
        self._timer = None
        self._dispatch()

    def _step(self) -> None:
        self._stepping = True
        chunks: list[tuple[Work, int]] = []
        decoding: list[Work] = []
        for work in self._running.values():
            left = work.prompt - work.prefilled
            if left > 0:
                chunks.append((work, min(left, self._machine.chunk)))
            else:
                decoding.append(work)
        self.steps[len(self._running)] += 1
        seconds = self._machine.step(sum(tokens for _, tokens in chunks), len(decoding))
        self._clock.after(seconds, lambda: self._stepped(chunks, decoding))

    def _stepped(self, chunks: list[tuple[Work, int]], decoding: list[Work]) -> None:
        now = self._clock.now
        for work, tokens in chunks:
            work.prefilled += tokens
            self._charge(work, tokens)
        for work in decoding:
            if work.generated < work.answer:
                work.generated += 1
                self._charge(work, DECODE_WEIGHT)
                if work.first is None:
                    work.first = now
        ended: list[Work] = []
        for job_id, work in list(self._running.items()):
            if work.end is None and work.prefilled >= work.prompt and work.generated >= work.answer:
                ended.append(work)
            elif work.end is None:
                continue
            del self._running[job_id]
            self._scheduler.finish(job_id)
        self._stepping = False
        for work in ended:
            self._end(work, "done")
        self._dispatch()

    def _charge(self, work: Work, cost: int) -> None:
        self._scheduler.charge(work.job.id, prefilled=work.prefilled, generated=work.generated)
        backlog = self.backlogs[work.job.lane, work.user]
        if backlog.waiting:
            backlog.served += cost

    def _end(self, work: Work, end: End) -> None:
        work.end = end
        work.finished = self._clock.now
        if work.ended is not None:
            # Not at once: whoever asks for more then must not find this call half done.
            self._clock.after(0.0, lambda: work.ended and work.ended(work))

    def _leave_queue(self, job_id: str) -> Work | None:
        work = self._waiting.pop(job_id, None)
        if work is not None:
            self._count_waiting(work, -1)
        return work

    def _count_waiting(self, work: Work, more: int) -> None:
        backlog = self.backlogs.setdefault((work.job.lane, work.user), Backlog())
        if backlog.waiting:
            backlog.seconds += self._clock.now - backlog.since
        backlog.waiting += more
        backlog.since = self._clock.now
