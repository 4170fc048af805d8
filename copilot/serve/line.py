"""What waits in one lane, in fair order: the tenant with the least counter first, first come first served within one.

Whether a job may start is the scheduler's to say.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from copilot.serve.api import Lane
from copilot.serve.fairness import DECODE_WEIGHT, Shares

FIRST_GUESS = 256
"""Weighted tokens that a job is thought to cost before any has ended."""

_SMOOTHING = 8
"""The expected cost follows the last jobs with this weight of the past."""


class Job(NamedTuple):
    """One generation to be. ``deadline``: the moment, on the caller's clock in seconds, after which it is pointless.

    ``tenant``: who asks; empty for the user of this machine. Sessions are a tenant's own.
    """

    id: str
    lane: Lane
    session: str | None = None
    deadline: float | None = None
    tenant: str = ""


class _Ticket(NamedTuple):
    number: int
    job: Job


@dataclass(slots=True)
class _Bill:
    """Of a running job. ``due``: what it is expected to cost beyond what it was charged."""

    tenant: str
    due: int
    prefilled: int = 0
    generated: int = 0


class Line:
    """A job that starts counts at once with what jobs of this lane cost on average, until it was charged as much:
    otherwise a tenant would get every slot that becomes free before its first token was counted.

    Deciding takes time in the number of tenants that wait, whatever the number of jobs.
    """

    def __init__(self, *, decode_weight: int = DECODE_WEIGHT) -> None:
        self._shares = Shares(decode_weight=decode_weight)
        self._numbers = itertools.count()
        self._jobs: dict[str, Job] = {}
        self._tenants: dict[str, dict[str, _Ticket]] = {}
        self._bills: dict[str, _Bill] = {}
        self._due: dict[str, int] = {}
        self._expected = FIRST_GUESS

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, job_id: str) -> bool:
        return job_id in self._jobs

    def job(self, job_id: str) -> Job:
        """One that waits. Raises ``KeyError``."""
        return self._jobs[job_id]

    @property
    def poorest(self) -> str | None:
        """The tenant whose turn it is; None when nothing waits."""
        return min(self._tenants, key=self._place, default=None)

    def waiting(self, tenant: str) -> int:
        return len(self._tenants.get(tenant, ()))

    def add(self, job: Job, *, instead_of: str | None = None) -> None:
        """``instead_of``: a waiting job of the same tenant, whose place it takes. Otherwise someone who types on faster
        than their turn comes would start to wait anew with every key."""
        own = self._tenants.get(job.tenant)
        if own is None:
            own = self._tenants[job.tenant] = {}
            self._shares.join(job.tenant)
        if instead_of is None:
            own[job.id] = _Ticket(next(self._numbers), job)
        else:
            del self._jobs[instead_of]
            self._tenants[job.tenant] = {
                (job.id if old == instead_of else old): ticket._replace(job=job) if old == instead_of else ticket
                for old, ticket in own.items()
            }
        self._jobs[job.id] = job

    def remove(self, job_id: str) -> Job | None:
        """Take a waiting job out; None when it does not wait (any more)."""
        job = self._jobs.pop(job_id, None)
        if job is not None:
            own = self._tenants[job.tenant]
            del own[job_id]
            if not own:
                del self._tenants[job.tenant]
                self._shares.leave(job.tenant)
        return job

    def next(self, may_start: Callable[[Job], bool]) -> Job | None:
        """The first in order of those that ``may_start``."""
        for tenant in self._in_turn():
            for ticket in self._tenants[tenant].values():
                if may_start(ticket.job):
                    return ticket.job
        return None

    def start(self, job: Job) -> None:
        """Its turn has come: it waits no more."""
        self._shares.serve(job.tenant)
        self._bills[job.id] = _Bill(job.tenant, self._expected)
        self._owe(job.tenant, self._expected)
        self.remove(job.id)

    def charge(self, job_id: str, prefilled: int, generated: int) -> None:
        """What a running job has cost so far, in tokens. Nothing for one that does not run, or for less than before."""
        bill = self._bills.get(job_id)
        if bill is None:
            return
        more = max(0, prefilled - bill.prefilled), max(0, generated - bill.generated)
        bill.prefilled += more[0]
        bill.generated += more[1]
        paid = min(bill.due, self._shares.cost(*more))
        bill.due -= paid
        self._owe(bill.tenant, -paid)
        self._shares.charge(bill.tenant, *more)

    def finish(self, job_id: str) -> None:
        """It costs no more."""
        bill = self._bills.pop(job_id, None)
        if bill is not None:
            self._owe(bill.tenant, -bill.due)
            cost = self._shares.cost(bill.prefilled, bill.generated)
            self._expected = max(1, ((_SMOOTHING - 1) * self._expected + cost) // _SMOOTHING)

    def position(self, job_id: str) -> int | None:
        """How many of this lane start before it if each costs what is expected and none is held up; None where it does
        not wait."""
        job = self._jobs.get(job_id)
        if job is None:
            return None
        own = self._tenants[job.tenant]
        before = list(own).index(job_id)
        number = own[job_id].number
        turn = self._turn(job.tenant) + before * self._expected
        for tenant, tickets in self._tenants.items():
            if tenant == job.tenant:
                continue
            # Its jobs have their turns at its counter and from there in steps of the expected cost.
            whole, rest = divmod(turn - self._turn(tenant), self._expected)
            earlier = whole + (rest > 0)
            if not rest and 0 <= whole < len(tickets):
                tied = next(itertools.islice(tickets.values(), whole, None))
                earlier += tied.number < number
            before += min(max(0, earlier), len(tickets))
        return before

    def _turn(self, tenant: str) -> int:
        return self._shares.counter(tenant) + self._due.get(tenant, 0)

    def _place(self, tenant: str) -> tuple[int, int]:
        return self._turn(tenant), next(iter(self._tenants[tenant].values())).number

    def _in_turn(self) -> Iterator[str]:
        """The tenants that wait. Mostly the first is taken, so the others are not put in order."""
        left = set(self._tenants)
        while left:
            tenant = min(left, key=self._place)
            left.remove(tenant)
            yield tenant

    def _owe(self, tenant: str, more: int) -> None:
        due = self._due.get(tenant, 0) + more
        if due:
            self._due[tenant] = due
        else:
            self._due.pop(tenant, None)
