"""Carries out what a completion session decides: streams, timers and answers of one document. Knows no editor.

The clock is the running loop's, so a loop whose time is made up runs it just as well.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import NamedTuple, Protocol, TypeAlias

from copilot.client.stats import StreamStats
from copilot.completion.actions import Action, Answer, Grow, Note, Start, Stop
from copilot.completion.framing import ModelFacts
from copilot.completion.life import generation_of
from copilot.completion.moment import Moment
from copilot.completion.session import Session
from copilot.completion.speed import Speed
from copilot.completion.suggestion import Suggestion
from copilot.completion.traces import Trace, Traces
from copilot.config.settings import CompletionSettings
from copilot.context.request import Snippet
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, InfillBody, InfillEvent, ProgressData, TokenData
from copilot.text.document import Change, Document
from copilot.text.spot import Spot

log = logging.getLogger(__name__)


class Host(Protocol):
    """What :class:`copilot.client.host.HostClient` offers: leaving the block early closes the stream."""

    def infill(self, body: InfillBody, /) -> AbstractAsyncContextManager[AsyncIterator[InfillEvent]]: ...


class Link(Protocol):
    """The way to a host, shared by all documents."""

    @property
    def model(self) -> ModelFacts:
        """Of the model that answers; what is known of it so far."""
        ...

    async def host(self, *, invoked: bool) -> Host | None:
        """The host once it can answer; None where it can't, or not as soon as such a request may wait."""
        ...

    def failed(self, error: SlipstreamError) -> None:
        """A stream broke, or was refused."""
        ...

    def answered(self, model: str | None = None) -> None:
        """A stream came to a good end; ``model`` made it, where that is known."""
        ...


class Facts(NamedTuple):
    """How an answer came about. ``stats``: of the stream that made it, None where none ran for it just now."""

    stats: StreamStats | None
    gave_up: tuple[str, ...]


Show = Callable[[Sequence[Suggestion]], None]
Asked: TypeAlias = "asyncio.Task[tuple[tuple[Suggestion, ...] | None, Facts]]"

_GONE = frozenset({"host_lost", "server_draining", "starting"})
"""The host left, as it does when it was idle for long; the next one can be asked at once."""


class _Asked(NamedTuple):
    answer: "asyncio.Future[Answer]"
    grow: Show | None


class Completer:
    """One open document. ``note`` is told each moment in the life of a suggestion."""

    def __init__(
        self,
        link: Link,
        name: str,
        settings: CompletionSettings,
        *,
        speed: Speed | None = None,
        note: Callable[[Moment], None] = lambda moment: None,
    ) -> None:
        self._link = link
        self._note = note
        self.name = name
        self._session = Session(name, settings, speed or Speed())
        self._settings = settings
        self._requests: dict[int, _Asked] = {}
        self._last_request = 0
        self._streams: dict[int, asyncio.Task[None]] = {}
        self._traces = Traces()
        self._timer: asyncio.TimerHandle | None = None

    def configure(self, settings: CompletionSettings) -> None:
        self._settings = settings

    def show(self, snippets: Sequence[Snippet], *, at_once: bool = False) -> None:
        """What of other files the model should see. ``at_once``: someone said so."""
        self._do(self._session.show(snippets, self._now(), at_once=at_once))

    def withdraw(self, allowed: Callable[[Snippet], bool]) -> None:
        """The model must not see what is not ``allowed``, and nobody what was made of it."""
        self._do(self._session.withdraw(allowed, self._now()))

    def edited(self, document: Document, changes: Sequence[Change] = (), spot: Spot | None = None) -> None:
        """The document changed; ``spot``: where the caret probably is now."""
        self._do(self._session.edited(document, changes, spot, self._now()))

    def moved(self, spot: Spot, *, path: str | None = None) -> None:
        """The caret rests at ``spot``."""
        self._configure()
        self._do(self._session.moved(spot, self._now(), path=path))

    def focused(self) -> None:
        """The document has someone's attention."""
        self._configure()
        self._do(self._session.focused(self._now()))

    def chosen(self, suggestion: str) -> None:
        """The suggestion with this id is the one on screen."""
        self._do(self._session.chosen(suggestion, self._now()))

    def accepted(self, suggestion: str, length: int | None = None) -> None:
        """It was accepted, or its first ``length`` UTF-16 units were."""
        self._do(self._session.accepted(suggestion, self._now(), length))

    def dismissed(self, suggestion: str) -> None:
        """Someone does not want to see it."""
        self._do(self._session.dismissed(suggestion, self._now()))

    def ask(self, spot: Spot, *, invoked: bool = False, path: str | None = None, grow: Show | None = None) -> Asked:
        """Take the question now, before anything can change; answer later.

        None: nothing new, leave what is shown. ``grow`` is called with what to show meanwhile. Cancelling leaves what
        runs for the next request to go on with.
        """
        self._configure()
        self._last_request += 1
        number = self._last_request
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._requests[number] = _Asked(answer, grow)
        self._do(
            self._session.request(number, spot, self._now(), invoked=invoked, streaming=grow is not None, path=path)
        )
        task = asyncio.create_task(self._answered(answer), name=f"request {number}")
        task.add_done_callback(lambda task: self._leave(number, cancelled=task.cancelled()))
        return task

    async def _answered(self, future: "asyncio.Future[Answer]") -> tuple[tuple[Suggestion, ...] | None, Facts]:
        answer = await future
        trace = self._traces.get(answer.generation)
        return answer.suggestions, Facts(None if trace is None else trace.stats, answer.gave_up)

    def trace(self, suggestion: str) -> Trace | None:
        """How the suggestion with this id came about; None where that is not known any more."""
        return self._traces.get(generation_of(suggestion))

    def _leave(self, number: int, *, cancelled: bool) -> None:
        # Not a part of the task: one that is cancelled before it began runs none of its code.
        self._requests.pop(number, None)
        if cancelled:
            self._do(self._session.abandoned(number, self._now()))

    def close(self) -> None:
        """The document was closed, or its text is no longer certain."""
        self._do(self._session.closed())

    async def closed(self) -> None:
        """Close, and wait for the streams to end."""
        self.close()
        while self._streams:
            await asyncio.wait(list(self._streams.values()))

    def _configure(self) -> None:
        self._session.configure(self._settings, self._link.model)

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    # ------------------------------------------------------------------------------------------------------- actions

    def _do(self, actions: Sequence[Action]) -> None:
        for action in actions:
            match action:
                case Start():
                    self._start(action)
                case Stop():
                    self._stop(action.generation)
                case Grow():
                    asked = self._requests.get(action.request)
                    if asked is not None and asked.grow is not None:
                        asked.grow(action.suggestions)
                case Answer():
                    asked = self._requests.pop(action.request, None)
                    if asked is not None and not asked.answer.done():
                        asked.answer.set_result(action)
                case Note():
                    self._note(action.moment)
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._session.next_wake
        if due is not None:
            self._timer = asyncio.get_running_loop().call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer = None
        # A timer may fire a hair early.
        self._do(self._session.wake(max(self._now(), self._session.next_wake or 0.0)))

    def _start(self, start: Start) -> None:
        generation = start.generation
        trace = self._traces.begin(generation, start.origin)
        task = asyncio.create_task(self._stream(start, trace), name=f"generation {generation}")
        self._streams[generation] = task
        task.add_done_callback(lambda _task: self._streams.pop(generation, None))

    def _stop(self, generation: int) -> None:
        if (task := self._streams.get(generation)) is not None:
            task.cancel()

    async def _stream(self, start: Start, trace: Trace) -> None:
        """Feed the session what comes. The stream closes when this task is cancelled, and the engine stops."""
        generation, session = start.generation, self._session
        for last_try in (False, True):
            try:
                if await self._follow(start, trace):
                    return
                break
            except SlipstreamError as error:
                session.restarted()
                self._link.failed(error)
                if last_try or error.code not in _GONE or trace.stats.generated_tokens:
                    break
            except Exception as error:
                # Who waits gets an answer, whatever went wrong.
                log.error("a completion failed: %s", type(error).__name__)
                self.close()
                return
        self._do(session.failed(generation, self._now()))

    async def _follow(self, start: Start, trace: Trace) -> bool:
        """Whether there was a host to ask."""
        generation, session = start.generation, self._session
        host = await self._link.host(invoked=start.invoked)
        if host is None:
            return False
        session.sent(generation, self._now())
        async with host.infill(start.body) as events:
            async for event in events:
                trace.add(event)
                if isinstance(event, TokenData):
                    if trace.stats.generated_tokens == 1:
                        self._link.answered(trace.model)
                    if generation in session.running:
                        self._do(session.text(generation, event.text, self._now()))
                elif isinstance(event, ProgressData):
                    session.progressed(generation, event)
                elif isinstance(event, DoneData):
                    self._link.answered(trace.model)
                    self._do(session.finished(generation, self._now(), event.reason))
        return True
