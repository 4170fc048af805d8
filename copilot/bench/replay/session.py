"""All traces on all pipelines, in turn. The order of two changes from trace to trace (ABBA), so that neither always
comes first on a machine that warms up or gets busy."""

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from copilot.bench.replay.log import Log
from copilot.bench.replay.meter import Meter
from copilot.bench.replay.pipeline import Pipeline
from copilot.bench.replay.play import play
from copilot.bench.replay.trace import Trace
from copilot.bench.replay.user import User


class Contender(NamedTuple):
    """A pipeline with its meter."""

    pipeline: Pipeline
    meter: Meter


class Turn(NamedTuple):
    """What is about to be played: number ``number`` of ``of``, from 1."""

    trace: Trace
    pipeline: str
    number: int
    of: int


async def play_all(
    traces: Sequence[Trace],
    contenders: Sequence[Contender],
    user: User,
    *,
    begins: Callable[[Turn], None] = lambda turn: None,
    prepare: Callable[[Trace], None] = lambda trace: None,
) -> list[list[Log]]:
    """The logs of each contender, in the order of the traces. ``prepare`` is called before a trace is played."""
    logs: list[list[Log]] = [[] for _ in contenders]
    number = 0
    for at, trace in enumerate(traces):
        order = range(len(contenders)) if at % 2 == 0 else reversed(range(len(contenders)))
        for which in order:
            contender = contenders[which]
            number += 1
            prepare(trace)
            begins(Turn(trace, contender.pipeline.name, number, len(traces) * len(contenders)))
            logs[which].append(await play(trace, contender.pipeline, user, contender.meter))
            # What still runs for the last one must not be in the way of the next.
            await asyncio.sleep(_PAUSE_SECONDS)
    return logs


_PAUSE_SECONDS = 1.0
