"""The simulated user: whom a suggestion convinces, and when."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from copilot.bench.replay.hand import Verdict
from copilot.bench.replay.pipeline import Ghost
from copilot.bench.replay.screen import GhostText


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Takes a first line that is right, has ``least`` characters and was visible for ``dwell_ms``; all of a suggestion
    when all of it is right. ("Completion golf", as JetBrains call it.) Without ``accepts`` they only type.
    """

    accepts: bool = True
    waits: bool = False
    """Instead of typing in time, presses each key as soon as what was asked for has come, and accepts at once."""
    dwell_ms: float = 300.0
    least: int = 4


class Decision(NamedTuple):
    """Take ``ghost`` at ``due`` (milliseconds)."""

    due: float
    ghost: Ghost


def decide(user: User, screen: GhostText, judge: Callable[[Ghost], Verdict]) -> Decision | None:
    """What ``user`` will take of what is on the screen, if nothing changes before."""
    ghost = screen.ghost
    if not user.accepts or ghost is None:
        return None
    verdict = judge(ghost)
    text = ghost.text.rstrip()
    if verdict.whole and len(text.strip()) >= user.least and ("\n" not in text or screen.whole_since == screen.since):
        return Decision(screen.since + user.dwell_ms, Ghost(text, ghost.replaced, ghost.left))
    if verdict.line >= user.least:
        return Decision(screen.since + user.dwell_ms, ghost.first_line)
    return None
