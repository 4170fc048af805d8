"""Who asks for what, when. Every user draws from a random generator of its own: what one does changes no other's.

Times are rounded to milliseconds, so that the last bit of a logarithm, in which machines differ, decides nothing.
"""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.simulate.clock import Clock
from benchmarks.simulate.gpu import Gpu, Work
from copilot.serve.api import Lane
from copilot.serve.scheduler import Job


@dataclass(frozen=True, slots=True)
class Habits:
    """Assumed unless said otherwise. Times in seconds, tokens of a prompt those that the KV cache does not have.

    ``gap``: between two requests while someone types; a key has a median of 0.16 s (docs/benchmarks.md), and what is
    typed as suggested asks for nothing. ``cold``: of the whole prompt, about what the planner makes of it
    (docs/measurements.md). ``warm``: of one with a few more letters. ``deadline``: what the language server asks for.
    """

    gap: float = 0.3
    burst: int = 15
    pause: float = 25.0
    jumps: float = 0.5
    """Share of the bursts that begin at another place, with a cold prompt."""
    cold: int = 600
    warm: int = 12
    line: int = 20
    """Tokens of a completion."""
    deadline: float = 5.0
    ahead: float = 0.5
    """After so long without a key something is computed ahead in the background."""
    chat_gap: float = 300.0
    question: int = 1500
    reply: int = 300


class Who(NamedTuple):
    """``tenant``: as whom the scheduler knows the user."""

    name: str
    tenant: str
    seed: int


class User:
    def __init__(self, who: Who, clock: Clock, gpu: Gpu) -> None:
        self.name = who.name
        self._tenant = who.tenant
        self._clock = clock
        self._gpu = gpu
        self._random = random.Random(f"{who.seed} {who.name}")
        self._numbers = itertools.count()

    def ask(
        self,
        lane: Lane,
        prompt: int,
        answer: int,
        *,
        session: str | None = None,
        deadline: float | None = None,
        ended: Callable[[Work], None] | None = None,
    ) -> None:
        now = self._clock.now
        name = f"{self.name} {next(self._numbers)}"
        job = Job(name, lane, session, None if deadline is None else now + deadline, self._tenant)
        self._gpu.submit(Work(job, self.name, prompt, answer, now, ended))

    def wait(self, median: float, call: Callable[[], None], *, spread: float = 0.45) -> None:
        """Lognormal, as the gaps between keys are."""
        self._clock.after(round(self._random.lognormvariate(0.0, spread) * median, 3), call)

    def tokens(self, median: int, *, spread: float = 0.5) -> int:
        return max(1, round(self._random.lognormvariate(0.0, spread) * median))


class Developer(User):
    """Types in bursts, and asks a question now and then."""

    def __init__(self, who: Who, clock: Clock, gpu: Gpu, habits: Habits) -> None:
        super().__init__(who, clock, gpu)
        self._habits = habits
        self._left = 0

    def start(self) -> None:
        self._clock.after(round(self._random.random() * self._habits.pause, 3), self._burst)
        self._clock.after(round(self._random.random() * self._habits.chat_gap, 3), self._question)

    def _burst(self) -> None:
        self._left = self.tokens(self._habits.burst)
        self._key(self._habits.cold if self._random.random() < self._habits.jumps else self._habits.warm)

    def _key(self, prompt: int) -> None:
        it = self._habits
        # The document is this user's: the same name for all of them shows that sessions are a tenant's own.
        session = "document" if self._tenant else self.name
        self.ask(Lane.INLINE, self.tokens(prompt), self.tokens(it.line), session=session, deadline=it.deadline)
        self._left -= 1
        if self._left > 0:
            self.wait(it.gap, lambda: self._key(it.warm))
        else:
            self._clock.after(it.ahead, lambda: self._ahead(session))

    def _ahead(self, session: str) -> None:
        it = self._habits
        self.ask(Lane.BACKGROUND, self.tokens(it.cold // 4), self.tokens(it.line), session=session)
        self.wait(it.pause, self._burst)

    def _question(self) -> None:
        it = self._habits
        self.ask(Lane.CHAT, self.tokens(it.question), self.tokens(it.reply), ended=self._answered)

    def _answered(self, work: Work) -> None:
        self.wait(self._habits.chat_gap, self._question)


class Flooder(User):
    """Always has as many requests under way as it is let, and names no session. What is refused it asks for again."""

    AGAIN = 0.05
    """Seconds."""

    def __init__(self, who: Who, clock: Clock, gpu: Gpu, *, lane: Lane, at_once: int, prompt: int, answer: int) -> None:
        super().__init__(who, clock, gpu)
        self._lane = lane
        self._at_once = at_once
        self._prompt = prompt
        self._answer = answer

    def start(self) -> None:
        for _ in range(self._at_once):
            self._more()

    def _more(self) -> None:
        self.ask(self._lane, self.tokens(self._prompt), self.tokens(self._answer), ended=self._ended)

    def _ended(self, work: Work) -> None:
        if work.end == "refused":
            self._clock.after(self.AGAIN, self._more)
        else:
            self._more()
