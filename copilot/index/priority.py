"""What the user waits for goes first."""

import contextlib
import os
from pathlib import Path

INDEXER, PARSER = 15, 19
"""Niceness of the process that writes the index, and of those that parse for a scan."""


def lower_priority(niceness: int) -> None:
    """Of this process, as far as it is allowed; in want of memory it is the one to end."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
    if niceness >= PARSER and hasattr(os, "SCHED_IDLE"):
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("800", encoding="ascii")
