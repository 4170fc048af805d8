"""Runs generations on a loaded engine: admits, starts, drains each into its stream, cancels.

The thin asynchronous side of ``scheduler``. One task a running generation, never tied to a connection.
"""

import asyncio
import functools
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass

import msgspec

from copilot.engine.protocol import Engine, PromptPlan, SamplingParams, TokenEvent
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, ErrorData, Lane, ProgressData, QueuedData, StartData, TokenData
from copilot.serve.failures import describe_crash, error_data, internal_error
from copilot.serve.observing import Observer, Seen, tell
from copilot.serve.samples import Samples
from copilot.serve.scheduler import Job, Scheduler
from copilot.serve.sharing import Sharing
from copilot.serve.streams import Stream

log = logging.getLogger(__name__)

_MOST_TOLD = 64
"""Where more wait, nobody is told a place: that would be most of the work."""


@dataclass(slots=True)
class _Work:
    stream: Stream
    plan: PromptPlan
    params: SamplingParams
    arrived: float
    lane: Lane
    prefilled: int = 0
    """Tokens of the prompt that were computed."""
    generated: int = 0
    place: int | None = None
    """In the queue, as its reader was told."""
    started: float | None = None
    first_token: float | None = None
    task: asyncio.Task[None] | None = None


class Generations:
    """All work on one engine. ``clock`` counts seconds and never goes back."""

    def __init__(
        self,
        engine: Engine,
        *,
        max_queue: int,
        clock: Callable[[], float] = time.monotonic,
        samples: Samples | None = None,
        sharing: Sharing | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.engine = engine
        self.last_end = clock()
        """When a generation last let go of the engine."""
        self._clock = clock
        self._samples = samples or Samples()
        self._sharing = sharing
        self._observers = observers
        self._scheduler = Scheduler(
            slots=engine.capabilities.slots,
            max_queue=max_queue,
            max_queue_of_tenant=sharing.waiting if sharing is not None else None,
            shared=sharing is not None,
        )
        self._work: dict[str, _Work] = {}
        self._deadline: asyncio.TimerHandle | None = None

    @property
    def active(self) -> int:
        """Generations that hold a slot of the engine."""
        return self._scheduler.running

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the streams that wait or run."""
        return tuple(self._work)

    @property
    def queued(self) -> int:
        return self._scheduler.queued

    def submit(
        self,
        plan: PromptPlan,
        params: SamplingParams,
        *,
        lane: Lane,
        session: str | None = None,
        deadline_seconds: float | None = None,
        tenant: str = "",
        stream_id: str | None = None,
    ) -> Stream:
        """Start or queue a generation. ``stream_id``: where the client chose one, that nothing else has.

        Raises :class:`SlipstreamError` ``busy`` when too many wait.
        """
        now = self._clock()
        # 128 random bits: whoever of its owner knows the id may cancel the stream.
        stream = Stream(stream_id or secrets.token_hex(16), max_tokens=params.max_tokens, tenant=tenant)
        deadline = None if deadline_seconds is None else now + deadline_seconds
        try:
            superseded = self._scheduler.submit(Job(stream.id, lane, session, deadline, tenant))
        except SlipstreamError as error:
            code = error.code
            tell(self._observers, lambda it: it.refused(tenant, lane, code))
            raise
        plan = msgspec.structs.replace(plan, owner=tenant)
        work = self._work[stream.id] = _Work(stream, plan, params, now, lane)
        tell(self._observers, lambda it: it.queued(self._seen(work)))
        for pointless in superseded:
            self.cancel(pointless)
        self._dispatch()
        return stream

    def cancel(self, stream_id: str) -> bool:
        """End a stream as cancelled, at once for its readers and within a step for the engine.

        False when no such stream waits or runs. Repeating it does nothing.
        """
        work = self._work.get(stream_id)
        if work is None:
            return False
        if not work.stream.closed:
            self._end(work, self._done(work, "cancelled"))
            self._stop(work)
        return True

    def owner(self, stream_id: str) -> str | None:
        """The tenant whose stream it is; None where no such stream waits or runs."""
        work = self._work.get(stream_id)
        return None if work is None else work.stream.tenant

    def position(self, stream_id: str) -> int | None:
        """How many wait before it; None once it runs. Raises ``KeyError`` where no such stream waits or runs."""
        return None if self._work[stream_id].task is not None else self._scheduler.position(stream_id)

    def fail_queued(self, error: SlipstreamError) -> None:
        """End everything that waits."""
        self._fail([work for work in self._work.values() if work.task is None], error)

    def fail_all(self, error: SlipstreamError) -> None:
        """End everything."""
        self._fail(list(self._work.values()), error)

    async def settled(self, seconds: float) -> bool:
        """Wait until nothing waits or runs here; False when something still does after ``seconds``."""
        try:
            async with asyncio.timeout(seconds):
                while self._work:
                    tasks = [work.task for work in self._work.values() if work.task is not None]
                    # What waits begins when something ends, or with a later look at the queue.
                    await (asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED) if tasks else asyncio.sleep(0.05))
        except TimeoutError:
            return False
        return True

    def _fail(self, works: list[_Work], error: SlipstreamError) -> None:
        for work in works:
            if not work.stream.closed:
                self._end(work, error_data(error, partial=work.stream.tokens > 0))
                self._stop(work)

    def _stop(self, work: _Work) -> None:
        if work.task is not None:
            work.task.cancel()
        else:
            self._scheduler.remove(work.stream.id)
            self._work.pop(work.stream.id, None)

    def _dispatch(self) -> None:
        now = self._clock()
        turn = self._scheduler.take(now)
        for stream_id in turn.expired:
            work = self._work.pop(stream_id)
            self._end(work, error_data(_expired()))
        for stream_id in turn.start:
            work = self._work[stream_id]
            work.started = now
            self._tell_started(work)
            work.task = asyncio.create_task(self._drain(work), name=f"generation {stream_id[:8]}")
            # Not a `finally` in the task: one that is cancelled before its first step never gets there.
            work.task.add_done_callback(functools.partial(self._released, stream_id))
        self._tell_places()
        self._watch_deadlines(now)

    def _tell_places(self) -> None:
        """Each that waits learns its place when that has changed."""
        if not 0 < self._scheduler.queued <= _MOST_TOLD:
            return
        for work in self._work.values():
            if work.task is None and (place := self._scheduler.position(work.stream.id)) != work.place:
                work.place = place
                if place is not None:
                    work.stream.append(QueuedData(position=place))

    def _watch_deadlines(self, now: float) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        due = self._scheduler.next_deadline
        if due is not None:
            self._deadline = asyncio.get_running_loop().call_later(max(0.001, due - now), self._dispatch)

    def _released(self, stream_id: str, _task: asyncio.Task[None]) -> None:
        self.last_end = self._clock()
        work = self._work.pop(stream_id, None)
        if work is not None and self._sharing is not None:
            self._sharing.spend(work.stream.tenant, work.prefilled + work.generated)
        self._scheduler.finish(stream_id)
        self._dispatch()

    async def _drain(self, work: _Work) -> None:
        stream = work.stream
        stream.append(StartData(stream=stream.id, model=self.engine.model.id, layout=str(work.plan.layout)))
        events = self.engine.generate(work.plan, work.params)
        try:
            async for event in events:
                if not self._take(work, event):
                    break
                # An engine that never suspends would starve the loop, and with it every cancel.
                await asyncio.sleep(0)
            self._end(work, error_data(internal_error(), partial=stream.tokens > 0))
        except SlipstreamError as error:
            self._end(work, error_data(error, partial=stream.tokens > 0))
        except Exception as error:
            log.error("generation failed: %s", describe_crash(error))
            self._end(work, error_data(internal_error(), partial=stream.tokens > 0))
        finally:
            await self._let_go(events)

    async def _let_go(self, events: AsyncGenerator[TokenEvent]) -> None:
        """The slot is free only when the engine says so."""
        try:
            await events.aclose()
        except SlipstreamError:
            log.info("the engine failed while a generation was being closed")
        except Exception as error:
            log.error("closing a generation failed: %s", describe_crash(error))

    def _take(self, work: _Work, event: TokenEvent) -> bool:
        """Pass one engine event on. False: no more of them are wanted."""
        stream = work.stream
        self._charge(work, event)
        if stream.closed:
            return False
        if event.progress is not None:
            at = event.progress
            stream.append(ProgressData(processed=at.processed, total=at.total, reused=at.reused))
        if event.text or (work.params.logprobs and event.token_id is not None):
            if work.first_token is None:
                work.first_token = self._clock()
                tell(self._observers, lambda it: it.first_token(self._seen(work), self._ttft_ms(work) or 0.0))
            token = (
                TokenData(text=event.text, token_id=event.token_id, logprob=event.logprob)
                if work.params.logprobs
                else TokenData(text=event.text)
            )
            if not stream.append(token):
                # The engine ignores its limit, which must not cost memory without end.
                self._end(work, self._done(work, "length"))
                return False
        if event.finish is not None:
            end = event.finish
            done = DoneData(
                reason=str(end.reason),
                prompt_tokens=end.prompt_tokens,
                reused_tokens=end.reused_tokens,
                generated_tokens=end.generated_tokens,
                queue_ms=self._queue_ms(work),
                ttft_ms=self._ttft_ms(work),
                total_ms=self._total_ms(work),
                prefill_ms=end.prefill_ms,
                decode_ms=end.decode_ms,
            )
            self._end(work, done)
            self._samples.add(work.lane, done, self._clock(), work.stream.tenant)
        return True

    def _end(self, work: _Work, end: DoneData | ErrorData) -> None:
        if work.stream.closed:
            return
        work.stream.finish(end)
        tell(self._observers, lambda it: it.ended(self._seen(work), end))
        tell(self._observers, lambda it: it.written(self._seen(work), *_texts(work)) if it.takes_text else None)

    def _tell_started(self, work: _Work) -> None:
        seen, queue_ms = self._seen(work), self._queue_ms(work)
        tell(self._observers, lambda it: it.started(seen, queue_ms))

    def _seen(self, work: _Work) -> Seen:
        return Seen(work.stream.id, work.stream.tenant, work.lane, self.engine.model)

    def _charge(self, work: _Work, event: TokenEvent) -> None:
        """What it has cost so far, to whoever asked."""
        if event.progress is not None:
            work.prefilled = event.progress.processed - event.progress.reused
        if event.text or event.token_id is not None:
            work.generated += 1
        if event.finish is not None:
            work.generated = event.finish.generated_tokens
        if self._scheduler.charge(work.stream.id, prefilled=work.prefilled, generated=work.generated):
            self._dispatch()

    def _done(self, work: _Work, reason: str) -> DoneData:
        """An end that the engine did not report: the counts are what passed through here."""
        progress = work.stream.last_progress
        return DoneData(
            reason=reason,
            prompt_tokens=progress.total if progress else 0,
            reused_tokens=progress.reused if progress else 0,
            generated_tokens=work.stream.tokens,
            queue_ms=self._queue_ms(work),
            ttft_ms=self._ttft_ms(work),
            total_ms=self._total_ms(work),
        )

    def _total_ms(self, work: _Work) -> float:
        return 1000 * (self._clock() - work.arrived)

    def _queue_ms(self, work: _Work) -> float:
        until = self._clock() if work.started is None else work.started
        return 1000 * (until - work.arrived)

    def _ttft_ms(self, work: _Work) -> float | None:
        return None if work.first_token is None else 1000 * (work.first_token - work.arrived)


def _texts(work: _Work) -> tuple[str, str]:
    prompt = "".join(part.text for part in work.plan.parts if not part.control)
    return prompt, "".join(event.text for event in work.stream.events if isinstance(event, TokenData))


def _expired() -> SlipstreamError:
    return SlipstreamError(
        "The request waited longer than its deadline and was not started.",
        hint="The engine is busy; ask again.",
        code="expired",
        retryable=True,
    )
