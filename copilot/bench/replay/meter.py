"""What a pipeline has done so far: tokens, as its engine counts them, and processor time."""

import contextlib
from collections.abc import Iterable
from typing import NamedTuple, Protocol

import psutil


class Reading(NamedTuple):
    """Running totals. ``counted``: the tokens are known. ``cpu_seconds`` None: the time is not."""

    prompt_tokens: int = 0
    evaluated_tokens: int = 0
    generated_tokens: int = 0
    counted: bool = False
    cpu_seconds: float | None = None


class Meter(Protocol):
    """Reads totals; both readings of a difference come from the same processes."""

    async def read(self) -> Reading: ...


def cpu_seconds(processes: Iterable[int]) -> float:
    """User and system time of these processes and all below them, ended children included."""
    seconds, seen = 0.0, set()
    for number in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(number)
            for process in [root, *root.children(recursive=True)]:
                if process.pid in seen:
                    continue
                seen.add(process.pid)
                with contextlib.suppress(psutil.NoSuchProcess, psutil.ZombieProcess):
                    times = process.cpu_times()
                    seconds += times.user + times.system
                    # Those of ended children; the ones alive are counted themselves.
                    seconds += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
    return seconds
