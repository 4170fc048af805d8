"""What the host knows about itself: is it loaded, busy, leaving? And which of its models answers what."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Sequence

from copilot import __version__
from copilot.config.settings import Settings
from copilot.engine.protocol import Totals
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus, Lane
from copilot.serve.failures import error_data
from copilot.serve.keeper import Keeper, Load, Loaded, Ready
from copilot.serve.memory import resident_bytes
from copilot.serve.observing import Observer, tell
from copilot.serve.relay import Relay
from copilot.serve.sharing import Sharing
from copilot.serve.shelf import Shelf

Choose = Callable[[str], Load]
"""What loads the model of this id. Raises :class:`SlipstreamError` for one that is not known."""


WATCH_SECONDS = 2.0
_SELDOM_SECONDS = 30.0
"""An idle machine is not to be woken for nothing."""

CHAT_WAIT_SECONDS = 8.0
"""How long a question waits for its model. Clients take a host that is silent for 12 s for dead."""

log = logging.getLogger(__name__)


def draining_error() -> SlipstreamError:
    return SlipstreamError(
        "The engine host is shutting down.",
        hint="Ask again; the next request starts a new one.",
        code="server_draining",
        retryable=True,
    )


class Service:
    """The host without its transport. ``on_shutdown`` is called when a client asks it to leave.

    ``choose``: None where only the one model can be loaded. ``chat`` loads a model for chat beside the other; None
    where one does both. ``sharing``: what several users may ask; None for a host of one.
    """

    def __init__(
        self,
        settings: Settings,
        load: Load,
        *,
        on_shutdown: Callable[[], None],
        choose: Choose | None = None,
        chat: Load | None = None,
        sharing: Sharing | None = None,
        observers: Sequence[Observer] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings
        self.sharing = sharing
        self._observers = observers
        self.on_shutdown = on_shutdown
        self.draining = False
        self.chosen: str | None = None
        """The model that someone chose while the host ran."""
        self.relay = Relay()
        self.shelf = Shelf()
        self._choose = choose
        self.keeper = Keeper(load, max_queue=settings.host.max_queue, clock=clock, sharing=sharing, observers=observers)
        self.chat_keeper: Keeper | None = None
        if chat is not None:
            samples = self.keeper.samples
            self.chat_keeper = Keeper(
                chat,
                max_queue=settings.host.max_queue,
                clock=clock,
                samples=samples,
                sharing=sharing,
                observers=observers,
            )
        self.clock = clock
        self._started = clock()
        self._last_question = clock()
        self._last_request = clock()

    @property
    def idle_limit(self) -> float:
        """Seconds."""
        return self.settings.host.idle_minutes * 60

    @property
    def keepers(self) -> list[Keeper]:
        """One for each model."""
        return [self.keeper, *([self.chat_keeper] if self.chat_keeper is not None else [])]

    @property
    def all_ready(self) -> list[Ready]:
        """What is loaded now."""
        return [ready for keeper in self.keepers if (ready := keeper.peek()) is not None]

    @property
    def model_ids(self) -> list[str]:
        """Of what is loaded, and of the chat model, which a question loads."""
        ids = [ready.loaded.engine.model.id for ready in self.all_ready]
        chat = self.settings.model.chat if self.chat_keeper is not None and not self._is_chosen else ""
        return ids if not chat or chat in ids else [*ids, chat]

    @property
    def held(self) -> list[Ready]:
        """That, and what was replaced but still has streams to end."""
        return [ready for keeper in self.keepers for ready in keeper.held]

    def holding(self, stream_id: str, tenant: str) -> Ready | None:
        """Where a stream of ``tenant`` waits or runs."""
        found = (ready for keeper in self.keepers if (ready := keeper.holding(stream_id)) is not None)
        return next((ready for ready in found if ready.generations.owner(stream_id) == tenant), None)

    def admit(self, tenant: str, lane: Lane) -> None:
        """Count a request for text. Raises :class:`RequestError` for someone who asks too much."""
        if self.sharing is None:
            return
        try:
            self.sharing.admit(tenant)
        except SlipstreamError as error:
            code = error.code
            tell(self._observers, lambda it: it.refused(tenant, lane, code))
            raise

    def is_known(self, stream_id: str) -> bool:
        """Whether there is, or was a short time ago, a stream of this id, whosever it is."""
        return self.shelf.knows(stream_id) or any(keeper.holding(stream_id) is not None for keeper in self.keepers)

    def idle_seconds(self) -> float:
        """Seconds without work; loading is work."""
        if any(keeper.loading for keeper in self.keepers):
            return 0.0
        if any(_is_busy(ready) for ready in self.held):
            return 0.0
        ended = [keeper.loaded_at for keeper in self.keepers]
        ended += [ready.generations.last_end for ready in self.all_ready]
        return self.clock() - max(self._last_request, *ended)

    def ready(self) -> Ready:
        """What a request for text needs. Raises :class:`SlipstreamError` when there is none (yet, or any more)."""
        self._last_request = self.clock()
        if self.draining:
            raise draining_error()
        return self.keeper.ready()

    async def ready_to_chat(self, model: str | None = None) -> Ready:
        """What a question needs, where the client asks for ``model``, or for none.

        Waits a little for the chat model to be loaded; where that takes longer, or fails, the model that completes
        answers. Raises as :meth:`ready` does."""
        ready = self.ready()
        if self.chat_keeper is None or self._is_chosen or model in self._completing(ready):
            return ready
        self._last_question = self.clock()
        # The model that completes has its memory first.
        first = ready.loaded.engine.restarting or _lacks_memory(ready)
        chat = self.chat_keeper.peek() if first else await self.chat_keeper.loaded(CHAT_WAIT_SECONDS)
        if self.draining:
            raise draining_error()
        return chat if chat is not None and chat.loaded.engine.failure is None else self.ready()

    def names(self, ready: Ready, *, chat: bool = False) -> tuple[str, ...]:
        """The ids by which a client may ask for what ``ready`` answers: its own first, then those of the settings,
        in whose place it may stand. ``chat``: it answers a question."""
        configured = self.settings.model.chat if chat and self.chat_keeper is not None else ""
        return (*self._completing(ready), *([configured] if configured else []))

    def _completing(self, ready: Ready) -> tuple[str, ...]:
        return (ready.loaded.engine.model.id, self.settings.model.completion)

    @property
    def _is_chosen(self) -> bool:
        """Someone chose a model while the host ran: it answers everything."""
        return self.chosen is not None

    async def watch(self) -> None:
        """Look after what is loaded, for as long as the host runs: return to a model that another one stands in for,
        and unload a chat model that nobody has asked for long."""
        while True:
            await asyncio.sleep(WATCH_SECONDS if self._has_alternatives() else _SELDOM_SECONDS)
            await self._unload_idle_chat()
            self.keeper.look()

    def _has_alternatives(self) -> bool:
        ready = self.keeper.peek()
        loaded = None if ready is None else ready.loaded
        other = loaded is not None and (loaded.stand_in is not None or loaded.preferred is not None)
        return other or self.chat_keeper is not None

    async def _unload_idle_chat(self) -> None:
        keeper = self.chat_keeper
        ready = keeper.peek() if keeper is not None else None
        if keeper is None or ready is None or _is_busy(ready):
            return
        if ready.loaded.engine.failure is not None:
            # The next question loads it anew; until then the other answers.
            await keeper.unload()
            return
        completing = self.keeper.peek()
        if completing is not None and _lacks_memory(completing):
            log.info("unloading %s, so that completions have its memory", ready.loaded.engine.model.id)
            await keeper.unload()
            self.keeper.hurry()
            return
        idle = self.clock() - max(self._last_question, ready.generations.last_end)
        if idle > self.settings.model.chat_idle_minutes * 60:
            log.info("unloading %s, idle for %.0f minutes", ready.loaded.engine.model.id, idle / 60)
            await keeper.unload()

    async def unload(self) -> None:
        """Free the memory of every model; the next request loads what it needs."""
        for keeper in self.keepers:
            await keeper.unload()

    async def close(self) -> None:
        """End every engine."""
        self.shelf.close()
        if self.sharing is not None:
            self.sharing.save()
        for keeper in self.keepers:
            await keeper.close()

    async def load(self, model: str | None) -> None:
        """Load ``model`` in place of what is loaded; None: try again where loading failed. See ``Choose``."""
        self._last_request = self.clock()
        if self.draining:
            raise draining_error()
        if model is None:
            self.keeper.retry()
            return
        ready, wanted = self.keeper.peek(), self.chosen or self.settings.model.completion
        loaded = ready.loaded if ready is not None and ready.loaded.instead is None else None
        if loaded is not None and loaded.engine.model.id == model == wanted:
            return
        if self._choose is None:
            raise SlipstreamError("This host loads no other model.", hint="Start one that does.", code="no_choice")
        load = self._choose(model)
        self.chosen = None if model == self.settings.model.completion else model
        if self.chat_keeper is not None:
            # The new one may need its memory.
            await self.chat_keeper.unload()
        await self.keeper.replace(load)

    def status(self, *, others: bool = True) -> HostStatus:
        """``others`` False: without what tells of others' work."""
        keeper, ready = self.keeper, self.keeper.peek()
        loaded = ready.loaded if ready else None
        engine = loaded.engine if loaded else None
        totals = engine.totals if engine and others else Totals()
        state, detail, error = keeper.state, keeper.detail, keeper.error
        if engine is not None and (failure := engine.failure) is not None:
            state, error = HostState.FAILED, error_data(failure)
        elif engine is not None and engine.restarting:
            state, detail = HostState.STARTING, f"Restarting the engine with {engine.model.id}"
        notes = [note for each in self.all_ready for note in each.loaded.engine.capabilities.notes]
        if loaded is not None and loaded.instead is not None and state is HostState.READY:
            detail = _stand_in_words(loaded)
            notes.insert(0, detail)
        if engine is not None:
            notes += self._chat_notes(engine.model.id)
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
            active_streams=sum(each.generations.active for each in self.held) if others else 0,
            queued_streams=sum(each.generations.queued for each in self.held) if others else 0,
            worker_restarts=engine.restarts if engine else 0,
            slots=engine.capabilities.slots if engine else 0,
            prompt_tokens=totals.prompt_tokens,
            reused_tokens=totals.reused_tokens,
            generated_tokens=totals.generated_tokens,
            context_tokens=engine.model.context_length if engine else 0,
            snippets=bool(loaded.family.snippet) if loaded else True,
            layouts=tuple(loaded.family.layouts) if loaded else (),
            order={**loaded.family.order, **loaded.order} if loaded else {},
            chosen=self.chosen is not None,
            shared=self.sharing is not None,
            memory_bytes=resident_bytes() if others else 0,
            gpu_bytes=sum(each.loaded.engine.capabilities.gpu_bytes for each in self.held),
            prefill_tokens_per_second=engine.capabilities.prefill_tokens_per_second if engine else 0.0,
            chat_model=self._chat_model(),
            stands_in=loaded is not None and loaded.instead is not None,
            notes=tuple(notes),
        )

    def _chat_notes(self, other: str) -> list[str]:
        keeper, name = self.chat_keeper, self.settings.model.chat
        if keeper is None or self._is_chosen:
            return []
        if keeper.loading:
            share = f", {keeper.progress:.0%}" if keeper.progress is not None else ""
            return [f"{name} is not ready ({keeper.detail.lower()}{share}): {other} answers questions until then."]
        if keeper.error is not None:
            return [f"{name} can't be loaded: {keeper.error.message} {other} answers questions too."]
        return []

    def _chat_model(self) -> str | None:
        ready = self.chat_keeper.peek() if self.chat_keeper is not None and not self._is_chosen else None
        return None if ready is None else ready.loaded.engine.model.id


def _is_busy(ready: Ready) -> bool:
    return bool(ready.generations.active or ready.generations.queued)


def _lacks_memory(ready: Ready) -> bool:
    """The model that completes could not be loaded because memory is missing."""
    why = ready.loaded.instead or ready.loaded.engine.failure
    return why is not None and why.code == "out_of_memory"


def _stand_in_words(loaded: Loaded) -> str:
    assert loaded.instead is not None
    why = f"{loaded.instead.message} {loaded.instead.hint}".strip()
    return f"{loaded.engine.model.id} stands in on the processor: {why}"
