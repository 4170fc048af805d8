"""What the host knows about itself: is it loaded, busy, leaving?"""

import os
import time
from collections.abc import Callable

from copilot import __version__
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus
from copilot.serve.failures import error_data
from copilot.serve.keeper import Keeper, Load, Ready
from copilot.serve.memory import resident_bytes
from copilot.serve.relay import Relay

Choose = Callable[[str], Load]
"""What loads the model of this id. Raises :class:`SlipstreamError` for one that is not known."""


def draining_error() -> SlipstreamError:
    return SlipstreamError(
        "The engine host is shutting down.",
        hint="Ask again; the next request starts a new one.",
        code="server_draining",
        retryable=True,
    )


class Service:
    """The host without its transport. ``on_shutdown`` is called when a client asks it to leave.

    ``choose``: None where only the one model can be loaded.
    """

    def __init__(
        self,
        settings: Settings,
        load: Load,
        *,
        on_shutdown: Callable[[], None],
        choose: Choose | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.on_shutdown = on_shutdown
        self.draining = False
        self.chosen: str | None = None
        """The model that someone chose while the host ran."""
        self.relay = Relay()
        self._choose = choose
        self.keeper = Keeper(load, max_queue=settings.host.max_queue, clock=clock)
        self.clock = clock
        self._started = clock()
        self._last_request = clock()

    @property
    def idle_limit(self) -> float:
        """Seconds."""
        return self.settings.host.idle_minutes * 60

    def idle_seconds(self) -> float:
        """Seconds without work; loading is work."""
        ready = self.keeper.peek()
        if self.keeper.loading or (ready is not None and (ready.generations.active or ready.generations.queued)):
            return 0.0
        ended = self.keeper.loaded_at if ready is None else max(self.keeper.loaded_at, ready.generations.last_end)
        return self.clock() - max(self._last_request, ended)

    def ready(self) -> Ready:
        """What a request for text needs. Raises :class:`SlipstreamError` when there is none (yet, or any more)."""
        self._last_request = self.clock()
        if self.draining:
            raise draining_error()
        return self.keeper.ready()

    async def load(self, model: str | None) -> None:
        """Load ``model`` in place of what is loaded; None: try again where loading failed. See ``Choose``."""
        self._last_request = self.clock()
        if self.draining:
            raise draining_error()
        if model is None:
            self.keeper.retry()
            return
        ready = self.keeper.peek()
        if ready is not None and ready.loaded.engine.model.id == model:
            return
        if self._choose is None:
            raise SlipstreamError("This host loads no other model.", hint="Start one that does.", code="no_choice")
        load = self._choose(model)
        self.chosen = model
        await self.keeper.replace(load)

    def status(self) -> HostStatus:
        keeper, ready = self.keeper, self.keeper.peek()
        loaded = ready.loaded if ready else None
        engine = loaded.engine if loaded else None
        state, detail, error = keeper.state, keeper.detail, keeper.error
        if engine is not None and (failure := engine.failure) is not None:
            state, error = HostState.FAILED, error_data(failure)
        elif engine is not None and engine.restarting:
            state, detail = HostState.STARTING, f"Restarting the engine with {engine.model.id}"
        return HostStatus(
            state=HostState.STOPPING if self.draining else state,
            version=__version__,
            pid=os.getpid(),
            model=engine.model.id if engine else self.chosen or self.settings.model.completion,
            backend=engine.capabilities.backend if engine else None,
            detail=detail,
            progress=keeper.progress,
            error=error,
            uptime_s=self.clock() - self._started,
            idle_s=self.idle_seconds(),
            idle_limit_s=self.idle_limit,
            active_streams=ready.generations.active if ready else 0,
            queued_streams=ready.generations.queued if ready else 0,
            worker_restarts=engine.restarts if engine else 0,
            slots=engine.capabilities.slots if engine else 0,
            prompt_tokens=engine.totals.prompt_tokens if engine else 0,
            reused_tokens=engine.totals.reused_tokens if engine else 0,
            generated_tokens=engine.totals.generated_tokens if engine else 0,
            context_tokens=engine.model.context_length if engine else 0,
            layouts=tuple(loaded.family.layouts) if loaded else (),
            order={**loaded.family.order, **loaded.order} if loaded else {},
            chosen=self.chosen is not None,
            memory_bytes=resident_bytes(),
        )
