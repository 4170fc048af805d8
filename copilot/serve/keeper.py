"""Keeps one engine loaded: at the start, and again, with back-off, when a request finds that loading failed.

Where another model stands in for one that can't run now, that is tried again while the other serves.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from copilot_models.families import Family

from copilot.engine.planning import PromptLimits
from copilot.engine.protocol import Engine
from copilot.errors import SlipstreamError
from copilot.serve.api import ErrorData, HostState
from copilot.serve.failures import describe_crash, error_data, internal_error
from copilot.serve.generations import Generations
from copilot.serve.observing import Observer
from copilot.serve.samples import Samples
from copilot.serve.sharing import Sharing

log = logging.getLogger(__name__)

_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 60.0
_LET_GO_SECONDS = 3.0
_FIRST_RENEWAL_SECONDS = 15.0
_LAST_RENEWAL_SECONDS = 300.0
"""Between two tries to load what another model stands in for."""


class Loaded(NamedTuple):
    """An engine, and how its model wants to be asked. ``order`` is the model's own, see ``planning.plan_infill``.

    ``instead``: it stands in for a model that can't run, for this reason; ``preferred`` loads that one. ``stand_in``
    makes what to load when this engine fails for good.
    """

    engine: Engine
    family: Family
    limits: PromptLimits = PromptLimits()
    order: Mapping[str, str] = MappingProxyType({})
    instead: SlipstreamError | None = None
    preferred: "Load | None" = None
    stand_in: "Callable[[SlipstreamError], Load] | None" = None


class Report(Protocol):
    """Told from the loop's thread: what is going on in words, and the share that is done where it is known."""

    def __call__(self, detail: str, progress: float | None = None, /) -> None: ...


Load = Callable[[Report], Awaitable[Loaded]]
"""Finds the model and starts an engine; raises :class:`SlipstreamError`. Cancelling it stops what it began."""


class Ready(NamedTuple):
    """What a request needs."""

    loaded: Loaded
    generations: Generations


class Keeper:
    """``state`` and the other words are what ``HostStatus`` shows."""

    def __init__(
        self,
        load: Load,
        *,
        max_queue: int,
        clock: Callable[[], float] = time.monotonic,
        samples: Samples | None = None,
        sharing: Sharing | None = None,
        observers: Sequence[Observer] = (),
    ) -> None:
        self.state = HostState.STARTING
        self.detail = ""
        self.progress: float | None = None
        self.error: ErrorData | None = None
        self.loaded_at = clock()
        """When loading last ended, well or not."""
        self.samples = samples or Samples()
        self._load = load
        self._changing = asyncio.Lock()
        self._max_queue = max_queue
        self._sharing = sharing
        self._observers = observers
        self._clock = clock
        self._failure: SlipstreamError | None = None
        self._failures = 0
        self._retry_at = 0.0
        self._ready: Ready | None = None
        self._task: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None
        self._leaving: list[Ready] = []
        """What was replaced, as long as something waits or runs on it."""
        self._departures: set[asyncio.Task[None]] = set()
        self._renew_at = 0.0
        self._renewals = 0
        self._since = clock()
        """When what is loaded came."""

    @property
    def loading(self) -> bool:
        return self._task is not None and not self._task.done()

    def peek(self) -> Ready | None:
        """What is loaded, if it is; asks for nothing."""
        return self._ready

    @property
    def held(self) -> list[Ready]:
        """What is loaded, and what was replaced but still has streams to end."""
        return [*([self._ready] if self._ready is not None else []), *self._leaving]

    def start(self) -> None:
        """Begin to load, unless that is going on or done."""
        if self._ready is None and not self.loading:
            self.state, self.error = HostState.STARTING, None
            self._report("Starting")
            self._task = asyncio.create_task(self._run(), name="load model")

    def retry(self) -> None:
        """Begin to load again where that failed: someone asked for it, who need not wait for the back-off."""
        if self.state in {HostState.FAILED, HostState.UNLOADED}:
            self.start()

    async def loaded(self, seconds: float) -> Ready | None:
        """What is loaded, or will be within that time; begins to load where nothing is, if that is due."""
        if self.state is not HostState.FAILED or self._clock() >= self._retry_at:
            self.start()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)
        return self._ready

    def holding(self, stream_id: str) -> Ready | None:
        """Where the stream waits or runs."""
        return next((ready for ready in self.held if stream_id in ready.generations.ids), None)

    def hurry(self) -> None:
        """What is stood in for may be tried again at once: something changed."""
        self._renew_at = 0.0

    def look(self) -> None:
        """To be called now and then: begins to load something else beside what is loaded, where that stands in for
        another model, or where its engine is gone for good."""
        ready = self._ready
        if ready is None or self._changing.locked() or self._clock() < self._renew_at:
            return
        if self._renewal is not None and not self._renewal.done():
            return
        load, failure = ready.loaded.preferred, ready.loaded.engine.failure
        if failure is not None and ready.loaded.stand_in is not None:
            load = ready.loaded.stand_in(failure)
        if load is None:
            return
        self._renewal = asyncio.create_task(self._renew(ready, load), name="load another")

    async def _renew(self, old: Ready, load: Load) -> None:
        """Load beside what serves, and give it to new requests; what runs may end on the old one."""
        try:
            loaded = await load(lambda _detail, _progress=None, /: None)
        except SlipstreamError as error:
            log.info("still not: %s (%s)", error.message, error.code)
            self._not_renewed(old, error)
            return
        except Exception as error:
            log.error("loading failed: %s", describe_crash(error))
            self._not_renewed(old, internal_error())
            return
        self._have(loaded)
        self._leaving.append(old)
        departure = asyncio.create_task(self._depart(old), name="end what was replaced")
        self._departures.add(departure)
        departure.add_done_callback(self._departures.discard)

    def _not_renewed(self, old: Ready, error: SlipstreamError) -> None:
        self._wait_to_renew()
        if old.loaded.instead is not None:
            # The reason may be another one by now.
            self._ready = old._replace(loaded=old.loaded._replace(instead=error))

    async def _depart(self, old: Ready) -> None:
        """Let what waits and runs end there."""
        try:
            await old.generations.settled(_LAST_RENEWAL_SECONDS)
        finally:
            await self._close(old)

    async def _close(self, old: Ready) -> None:
        why = "The model was replaced."
        old.generations.fail_all(SlipstreamError(why, hint="Ask again.", code="unloaded", retryable=True))
        # Cancelled here it is done again: it holds its memory until then.
        await old.loaded.engine.close()
        self._leaving.remove(old)

    def _wait_to_renew(self) -> None:
        self._renew_at = self._clock() + min(_LAST_RENEWAL_SECONDS, _FIRST_RENEWAL_SECONDS * 2**self._renewals)
        self._renewals += 1

    def _have(self, loaded: Loaded) -> None:
        generations = Generations(
            loaded.engine,
            max_queue=self._max_queue,
            clock=self._clock,
            samples=self.samples,
            sharing=self._sharing,
            observers=self._observers,
        )
        self._ready = Ready(loaded, generations)
        self.state, self._renew_at = HostState.READY, 0.0
        self._report("")
        if loaded.instead is not None:
            log.warning("%s stands in: %s", loaded.engine.model.id, loaded.instead.message)
            # One that loads, and crashes soon after, is not to be loaded over and over.
            if self._clock() - self._since > _LAST_RENEWAL_SECONDS:
                self._renewals = 0
            self._wait_to_renew()
        self._since = self._clock()

    async def replace(self, load: Load) -> None:
        """Load something else instead. What runs ends with an error of its own."""
        async with self._changing:
            await self._let_go("Another model is being loaded.", HostState.STARTING)
            self._load, self._failures = load, 0
            self.start()

    async def unload(self) -> None:
        """Free the memory; the next request loads the same again."""
        async with self._changing:
            await self._let_go("The model was unloaded.", HostState.UNLOADED)

    async def _let_go(self, why: str, state: HostState) -> None:
        await self._stop_renewing()
        task, ready = self._task, self._ready
        self._task = self._ready = None
        self.state, self.error = state, None
        self._report("")
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        # A load that came to its end while it was being cancelled; and a request may have begun another meanwhile.
        ready, self._ready = ready or self._ready, None
        self.state = state if self._task is None else HostState.STARTING
        if ready is not None:
            ready.generations.fail_all(SlipstreamError(why, hint="Ask again.", code="unloaded", retryable=True))
            await ready.generations.settled(_LET_GO_SECONDS)
            await ready.loaded.engine.close()

    def ready(self) -> Ready:
        """What is loaded. Raises :class:`SlipstreamError`: ``starting``, or what went wrong with loading."""
        if self._ready is not None:
            return self._ready
        due = self.state is HostState.FAILED and self._clock() >= self._retry_at
        if due or self.state is HostState.UNLOADED:
            self.start()
        if self.state is HostState.FAILED and self._failure is not None:
            raise self._failure
        raise SlipstreamError(
            f"The engine host is not ready yet: {self.detail.lower() or 'starting'}.",
            hint="`slipstream status` shows how far it is.",
            code="starting",
            retryable=True,
        )

    async def close(self) -> None:
        """Stop loading, or close the engine."""
        async with self._changing:
            await self._stop_renewing()
            if self._task is not None:
                self._task.cancel()
                await asyncio.wait([self._task])
            if self._ready is not None:
                await self._ready.loaded.engine.close()

    async def _stop_renewing(self) -> None:
        renewal, self._renewal = self._renewal, None
        # The renewal first: it may begin a departure.
        for tasks in ({renewal} if renewal is not None else set(), self._departures):
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(set(tasks))
        # A task that is cancelled before its first step closes nothing.
        for old in list(self._leaving):
            await self._close(old)

    def _report(self, detail: str, progress: float | None = None, /) -> None:
        self.detail, self.progress = detail, progress

    async def _run(self) -> None:
        started = self._clock()
        try:
            # What is being closed still has the memory.
            async with self._changing:
                load = self._load
            loaded = await load(self._report)
        except SlipstreamError as error:
            self._failed(error)
        except Exception as error:
            log.error("loading failed: %s", describe_crash(error))
            self._failed(internal_error())
        else:
            self._have(loaded)
            log.info("ready with %s after %.1f s", loaded.engine.model.id, self._clock() - started)
        finally:
            self.loaded_at = self._clock()

    def _failed(self, error: SlipstreamError) -> None:
        log.error("no model is loaded: %s (%s)", error.message, error.code)
        wait = min(_LAST_RETRY_SECONDS, _FIRST_RETRY_SECONDS * 2**self._failures)
        self._failures += 1
        self._retry_at = self._clock() + wait
        self._failure = error
        self.state = HostState.FAILED
        self.error = error_data(error)
        self._report("")
