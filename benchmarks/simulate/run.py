"""One run: so many users on so many GPUs for so long."""

from collections.abc import Iterator, Sequence

import msgspec

from benchmarks.simulate.clock import Clock
from benchmarks.simulate.figures import (
    LaneFigures,
    Neighbours,
    jain,
    lane_figures,
    neighbours,
    shares,
)
from benchmarks.simulate.gpu import Gpu, Work
from benchmarks.simulate.machine import MACHINES, Machine
from benchmarks.simulate.people import Developer, Flooder, Habits, Who
from copilot.serve.api import Lane
from copilot.serve.scheduler import Scheduler

USER = "user"


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """``flood``: the lane that one more user, on the first GPU, floods with ``flood_at_once`` requests.

    ``backlogged``: so many more users on every GPU, who always have something waiting in the lane ``backlog_lane``;
    each asks for more tokens than the one before, and has more requests under way. ``fair`` off: the scheduler is told
    that everything comes from one user.
    """

    users: int = 25
    gpus: int = 1
    seconds: float = 60.0
    seed: int = 1
    machine: Machine = MACHINES["gpu"]
    habits: Habits = Habits()
    flood: Lane | None = None
    flood_at_once: int = 50
    backlogged: int = 0
    backlog_lane: Lane = Lane.CHAT
    fair: bool = True
    max_queue: int = 1024
    max_queue_of_tenant: int | None = 16


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """``jain``: of the worst lane of the worst GPU; None where fewer than two users had a backlog there.

    ``backlogged``: how many users that figure is of. ``busy``: share of the GPUs' slots in use, in the steps they made.
    """

    setup: Setup
    lanes: tuple[LaneFigures, ...]
    jain: float | None
    backlogged: int
    busy: float
    neighbours: tuple[Neighbours, ...] = ()


def simulate(setup: Setup) -> list[Gpu]:
    """The GPUs as they are at the end. The same for the same setup."""
    clock = Clock()
    gpus = [Gpu(clock, setup.machine, _scheduler(setup)) for _ in range(setup.gpus)]
    for person in _people(setup, clock, gpus):
        person.start()
    clock.run(setup.seconds)
    for gpu in gpus:
        gpu.close()
    return gpus


def measure(setup: Setup) -> Result:
    """Where someone floods a GPU, the same users are looked at without it too."""
    gpus = simulate(setup)
    work = [it for gpu in gpus for it in _of_users(gpu.work)]
    worst, backlogged = _worst_share(gpus, setup.seconds)
    steps = [(count, times) for gpu in gpus for count, times in gpu.steps.items()]
    beside: tuple[Neighbours, ...] = ()
    if setup.flood is not None:
        alone = simulate(msgspec.structs.replace(setup, flood=None))[0]
        beside = tuple(
            neighbours(lane, _of_users(alone.work), _of_users(gpus[0].work)) for lane in (Lane.INLINE, Lane.CHAT)
        )
    return Result(
        setup=setup,
        lanes=tuple(lane_figures(lane, work) for lane in Lane if lane is not Lane.NEXT_EDIT),
        jain=worst,
        backlogged=backlogged,
        busy=sum(count * times for count, times in steps)
        / max(1, setup.machine.slots * sum(times for _, times in steps)),
        neighbours=beside,
    )


def _of_users(work: Sequence[Work]) -> list[Work]:
    return [it for it in work if it.user.startswith(USER)]


def _scheduler(setup: Setup) -> Scheduler:
    return Scheduler(
        slots=setup.machine.slots,
        max_queue=setup.max_queue,
        max_queue_of_tenant=setup.max_queue_of_tenant if setup.fair else None,
        shared=setup.fair,
    )


def _people(setup: Setup, clock: Clock, gpus: Sequence[Gpu]) -> Iterator[Developer | Flooder]:
    def who(name: str) -> Who:
        return Who(name, name if setup.fair else "", setup.seed)

    habits = setup.habits
    for number in range(setup.users):
        # Always the same GPU, where the user's KV cache is.
        yield Developer(who(f"{USER} {number}"), clock, gpus[number % len(gpus)], habits)
    for at, gpu in enumerate(gpus):
        for number in range(setup.backlogged):
            yield Flooder(
                who(f"backlog {at} {number}"),
                clock,
                gpu,
                lane=setup.backlog_lane,
                at_once=4 + 2 * number,
                prompt=habits.warm * (1 + 4 * number),
                answer=habits.line * (1 + number),
            )
    if setup.flood is not None:
        completes = setup.flood is Lane.INLINE
        yield Flooder(
            who("flood"),
            clock,
            gpus[0],
            lane=setup.flood,
            at_once=setup.flood_at_once,
            prompt=habits.cold if completes else habits.question,
            answer=habits.line if completes else habits.reply,
        )


def _worst_share(gpus: Sequence[Gpu], seconds: float) -> tuple[float | None, int]:
    found: list[tuple[float, int]] = []
    for gpu in gpus:
        for lane in Lane:
            rates = shares((it for (of, _), it in gpu.backlogs.items() if of is lane), seconds)
            index = jain(rates)
            if index is not None:
                found.append((index, len(rates)))
    return min(found, default=(None, 0), key=lambda it: it[0] or 0.0)
