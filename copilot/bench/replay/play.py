"""Plays one trace on one pipeline, with a user who looks at the screen. Runs on whatever clock the loop has."""

import asyncio
import contextlib
from collections.abc import Iterator

import msgspec

from copilot.bench.replay.hand import Hand, Key, Press
from copilot.bench.replay.log import Answered, Event, Hidden, Log, Pressed, Shown, Work
from copilot.bench.replay.meter import Meter, Reading
from copilot.bench.replay.pipeline import Ghost, Opened, Pipeline
from copilot.bench.replay.screen import GhostText, continues
from copilot.bench.replay.trace import Trace
from copilot.bench.replay.user import User, decide

_SETTLE_SECONDS = 2.0
"""Between opening the file and the first key: someone looks at it."""

_LAST_LOOK_SECONDS = 1.5
_WARM_KEYS = 2
_BUSY_STEP_SECONDS = 0.005
_MOST_WAIT_MS = 5_000.0
# What sums of times are off by; without it a clock that only timers move would stand still.
_EPSILON_MS = 0.001


async def play(trace: Trace, pipeline: Pipeline, user: User, meter: Meter) -> Log:
    """Type ``trace`` to its end; what a suggestion gives need not be typed. The document is opened and closed here.

    ``meter`` tells what the pipeline did; it is read before, after, and when the second key was pressed.
    """
    before = await meter.read()
    player = _Player(trace, pipeline, user, meter)
    log = await player.run()
    after = await meter.read()
    later = after if player.later is None else await player.later
    cpu = None
    if before.cpu_seconds is not None and after.cpu_seconds is not None:
        cpu = round(after.cpu_seconds - before.cpu_seconds, 3)
    work = Work(
        counted=after.counted,
        prompt_tokens=after.prompt_tokens - before.prompt_tokens,
        evaluated_tokens=after.evaluated_tokens - before.evaluated_tokens,
        generated_tokens=after.generated_tokens - before.generated_tokens,
        later_prompt_tokens=after.prompt_tokens - later.prompt_tokens,
        later_evaluated_tokens=after.evaluated_tokens - later.evaluated_tokens,
        requests=pipeline.requests,
        cancels=pipeline.cancels,
        cpu_seconds=cpu,
    )
    return msgspec.structs.replace(log, work=work)


def keys_alone(trace: Trace) -> int:
    """Keys that the trace takes without completions."""
    hand, keys = Hand(trace), 0
    while (press := hand.upcoming()) is not None:
        hand.press(press)
        keys += 1
    return keys


class _Player:
    def __init__(self, trace: Trace, pipeline: Pipeline, user: User, meter: Meter) -> None:
        self._trace = trace
        self._pipeline = pipeline
        self._user = user
        self._hand = Hand(trace)
        self._screen = GhostText()
        self._events: list[Event] = []
        self._meter = meter
        self._loop = asyncio.get_running_loop()
        self.later: asyncio.Future[Reading] | None = None
        """The totals as they were after the second key."""
        self._began = self._loop.time()
        self._changed = asyncio.Event()
        self._line = 0
        # While a key is being handled, what the pipeline shows is settled at its end.
        self._handling = False

    # ---------------------------------------------------------------------------------- what the pipeline sees

    @property
    def ghost(self) -> Ghost | None:
        return self._screen.ghost

    def show(self, ghost: Ghost | None) -> None:
        if ghost is not None and not ghost.text.strip():
            ghost = None
        old = self._screen.ghost
        self._screen.put(ghost, self._now())
        if not self._handling:
            self._note_change(old)

    def answered(self, seconds: float, *, through: bool) -> None:
        self._events.append(Answered(at=self._now(), ms=1000 * seconds, through=through))

    # --------------------------------------------------------------------------------------------------- playing

    async def run(self) -> Log:
        trace, hand = self._trace, self._hand
        await self._pipeline.open(Opened(trace.name, trace.language, hand.buffer), self)
        await asyncio.sleep(_SETTLE_SECONDS)
        self._began = self._loop.time()
        last, keys = 0.0, 0
        while (press := hand.upcoming()) is not None:
            if self._user.waits:
                taken = await self._look_while_busy()
            else:
                taken = await self._look_until(last + press.gap)
            if taken is not None:
                self._accept(taken)
            else:
                self._press(press)
            last = self._now()
            keys += 1
            if keys == _WARM_KEYS:
                self.later = asyncio.ensure_future(self._meter.read())
            # Whoever answers at once does so before the next look.
            await asyncio.sleep(0)
        assert hand.buffer.text == trace.goal
        seconds = self._loop.time() - self._began
        await asyncio.sleep(_LAST_LOOK_SECONDS)
        await self._pipeline.close()
        return Log(
            trace=trace.name,
            pipeline=self._pipeline.name,
            characters=trace.characters,
            lines=1 + sum(trace.text_of(place).count("\n") for place in range(len(trace.places))),
            keys_alone=keys_alone(trace),
            seconds=round(seconds, 3),
            events=tuple(self._events),
        )

    async def _look_until(self, due: float) -> Ghost | None:
        """Wait for the time of the next key, or for a suggestion to take; ``due`` in milliseconds."""
        while True:
            self._changed.clear()
            decision = decide(self._user, self._screen, self._hand.judge)
            now = self._now()
            if decision is not None and decision.due <= min(now + _EPSILON_MS, due):
                return decision.ghost
            if now >= due - _EPSILON_MS:
                return None
            until = due if decision is None else min(due, max(decision.due, now))
            try:
                async with asyncio.timeout_at(self._began + until / 1000):
                    await self._changed.wait()
            except TimeoutError:
                pass

    async def _look_while_busy(self) -> Ghost | None:
        """Wait for what was asked for, though not for ever."""
        until = self._now() + _MOST_WAIT_MS
        while self._pipeline.busy and self._now() < until:  # noqa: ASYNC110 - each pipeline has an end of its own
            await asyncio.sleep(_BUSY_STEP_SECONDS)
        decision = decide(self._user, self._screen, self._hand.judge)
        return None if decision is None else decision.ghost

    def _press(self, press: Press) -> None:
        before, old = self._hand.buffer, self._screen.ghost
        self._hand.press(press)
        after, edit = self._hand.buffer, press.edit
        self._line += press.key in {Key.ENTER, Key.MOVE, Key.JUMP}
        passed = after.before[len(after.before) - edit.over :] if edit.over else edit.typed
        if press.key is Key.JUMP:
            self._screen.put(None, self._now())
        else:
            self._screen.typed(edit, passed)
        kept = self._screen.ghost
        with self._settling():
            if press.key is Key.JUMP:
                self._pipeline.jumped(before, after)
            else:
                self._pipeline.typed(before, edit, after)
        pressed = Pressed(at=self._now(), key=str(press.key), typed=passed, line=self._line, open=self._line_is_open())
        self._note_key(pressed, old, kept, passed)

    def _accept(self, ghost: Ghost) -> None:
        before, shown = self._hand.buffer, self._screen.ghost
        assert shown is not None
        edit = self._hand.accept(ghost)
        self._line += ghost.text.count("\n")
        rest = shown.text[len(ghost.text) :]
        left = Ghost(rest, max(0, shown.replaced - ghost.replaced)) if rest.strip() else None
        self._screen.put(left, self._now())
        kept = self._screen.ghost
        with self._settling():
            self._pipeline.typed(before, edit, self._hand.buffer)
        pressed = Pressed(
            at=self._now(),
            key=str(Key.ACCEPT),
            typed=ghost.text,
            line=self._line,
            open=self._line_is_open(),
            accepted=len(ghost.text),
            ends_line=not self._line_is_open(),
        )
        self._note_key(pressed, shown, kept, ghost.text)

    def _line_is_open(self) -> bool:
        return self._hand.rest[:1] not in {"", "\n"}

    @contextlib.contextmanager
    def _settling(self) -> Iterator[None]:
        """What a pipeline takes away and puts back while it is told of a key, nobody sees."""
        self._handling = True
        try:
            yield
        finally:
            self._handling = False

    def _note_key(self, pressed: Pressed, old: Ghost | None, kept: Ghost | None, passed: str) -> None:
        """Note a key and what became of the screen with it."""
        ghost = self._screen.ghost
        self._events.append(msgspec.structs.replace(pressed, kept=ghost is not None))
        if old is not None and kept is None:
            self._events.append(Hidden(at=pressed.at, typed=old.text.rstrip() == passed.rstrip()))
        elif kept is not None and ghost is None:
            self._events.append(Hidden(at=pressed.at))
        if ghost is not None and (kept is None or kept.text != ghost.text):
            self._note_shown(ghost, kept)
        self._changed.set()

    def _note_change(self, old: Ghost | None) -> None:
        ghost = self._screen.ghost
        if ghost is None and old is not None:
            self._events.append(Hidden(at=self._now()))
        elif ghost is not None and (old is None or old.text != ghost.text):
            self._note_shown(ghost, old)
        self._changed.set()

    def _note_shown(self, ghost: Ghost, old: Ghost | None) -> None:
        verdict = self._hand.judge(ghost)
        self._events.append(
            Shown(
                at=self._now(),
                text=ghost.text,
                fresh=old is None,
                flicker=old is not None and not continues(old, ghost),
                right=verdict.line > 0 or verdict.whole,
                doubled=verdict.doubled,
            )
        )

    def _now(self) -> float:
        return 1000 * (self._loop.time() - self._began)
