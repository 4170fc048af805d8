"""A host that keeps what the model wrote, while whatever stands in front of it makes a suggestion of that; and one
that says it again.

Trimming ends a stream early. The model's own answer, for comparison, is the same stream read on until nothing that
follows would count; so one generation gives both, and both begin with the same text.
"""

import asyncio
import contextlib
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

import msgspec

from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, InfillBody, InfillEvent, StartData, TokenData


class Host(Protocol):
    """What :class:`~copilot.client.host.HostClient` offers, as far as a completion needs it."""

    def infill(self, body: InfillBody, /) -> AbstractAsyncContextManager[AsyncIterator[InfillEvent]]: ...


_Queue: TypeAlias = "asyncio.Queue[InfillEvent | SlipstreamError | None]"


class Generation(msgspec.Struct, omit_defaults=True):
    """One answer. ``ended``: ``stop`` or ``length`` where the model came to an end, empty where no more was wanted."""

    layout: str = ""
    text: str = ""
    ended: str = ""
    prompt_tokens: int = 0


class Recorder:
    """Passes everything on to ``host``, one generation at a time. ``enough(text)``: nothing after ``text`` is wanted.

    A generation goes on in a task of its own: whoever asked for it is often cancelled while waiting for more.
    """

    def __init__(self, host: Host, enough: Callable[[str], bool]) -> None:
        self._host = host
        self._enough = enough
        self._reading: asyncio.Task[SlipstreamError | None] | None = None
        self._wanted = False
        self.generations: list[Generation] = []
        """Those that were to write something."""

    @contextlib.asynccontextmanager
    async def infill(self, body: InfillBody, /) -> AsyncGenerator[AsyncIterator[InfillEvent]]:
        await self.settled()
        generation, queue = Generation(), _new_queue()
        if body.max_tokens:
            self.generations.append(generation)
        self._wanted = True
        self._reading = asyncio.create_task(self._read(body, generation, queue))
        try:
            yield _events(queue)
        finally:
            self._wanted = False

    async def settled(self) -> None:
        """Wait until the last generation is read to its end. Raises what ended it instead."""
        if self._reading is None:
            return
        task, self._reading = self._reading, None
        try:
            error = await task
        except asyncio.CancelledError:
            task.cancel()
            raise
        if error is not None:
            raise error

    async def _read(self, body: InfillBody, generation: Generation, queue: _Queue) -> SlipstreamError | None:
        """Returns the error that nobody has heard of."""
        try:
            async with self._host.infill(body) as stream:
                async for event in stream:
                    _note(event, generation)
                    queue.put_nowait(event)
                    if not self._wanted and self._enough(generation.text):
                        break
        except SlipstreamError as error:
            queue.put_nowait(error)
            return None if self._wanted else error
        queue.put_nowait(None)
        return None


class Recorded:
    """A host that says again what was recorded, by the order of the prompt.

    Raises :class:`SlipstreamError` ``not_recorded`` for an order that was not asked for then.
    """

    def __init__(self, generations: Sequence[Generation]) -> None:
        self._by_layout = {generation.layout: generation for generation in reversed(generations)}

    @contextlib.asynccontextmanager
    async def infill(self, body: InfillBody, /) -> AsyncGenerator[AsyncIterator[InfillEvent]]:
        generation = self._by_layout.get(body.layout or "")
        if generation is None:
            raise SlipstreamError(
                f"No answer to a prompt in the order {body.layout} was recorded.",
                hint="Measure with the model.",
                code="not_recorded",
            )
        yield _said_again(generation)


async def _said_again(generation: Generation) -> AsyncIterator[InfillEvent]:
    yield StartData(stream="", model="", layout=generation.layout)
    # About as a model would cut it; what comes of it does not depend on that.
    for piece in re.findall(r"\s*\w+|\s+|[^\w\s]", generation.text):
        yield TokenData(text=piece)
        await asyncio.sleep(0)
    yield DoneData(reason=generation.ended or "length", prompt_tokens=generation.prompt_tokens)


def _new_queue() -> _Queue:
    return asyncio.Queue()


async def _events(queue: _Queue) -> AsyncIterator[InfillEvent]:
    while (event := await queue.get()) is not None:
        if isinstance(event, SlipstreamError):
            raise event
        yield event


def _note(event: InfillEvent, generation: Generation) -> None:
    if isinstance(event, StartData):
        generation.layout = event.layout
    elif isinstance(event, TokenData):
        generation.text += event.text
    elif isinstance(event, DoneData):
        generation.ended = event.reason
        generation.prompt_tokens = event.prompt_tokens
