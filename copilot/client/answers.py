"""Answers as they come from the host: events in order, also across connections."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, Self, TypeAlias

import msgspec

from copilot.client.failures import HostError, lost, openai_error, translated_errors
from copilot.client.http import Response
from copilot.client.sse import SseEvent, SseParser
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, ErrorData, InfillEvent, ProgressData, QueuedData, StartData, TokenData

STREAM_HEADER = "slipstream-stream"
"""Of an answer, and of a request that chooses it: the stream's id."""

RESUME_HEADER = "slipstream-resume"
RESUME_SECONDS = 30
"""How long a shared host keeps an answer whose connection was lost."""

Again: TypeAlias = Callable[[str], Awaitable[Response]]
"""Opens another connection to a stream, to what follows an event (its id; empty: from the first on)."""

_PAUSES = (0.0, 0.1, 0.3, 1.0, 2.0, 4.0, 8.0)
"""Seconds before each try to connect again; together half of what an answer is kept for."""

_KINDS: Mapping[str, type[InfillEvent] | type[ErrorData]] = MappingProxyType(
    {
        "queued": QueuedData,
        "start": StartData,
        "progress": ProgressData,
        "token": TokenData,
        "done": DoneData,
        "error": ErrorData,
    }
)


class Events:
    """The events of one stream. ``again``: where given, another connection takes the place of one that is lost, and the
    events go on behind the last one that came."""

    def __init__(self, response: Response, again: Again | None = None) -> None:
        self.stream = response.headers.get(STREAM_HEADER, "")
        self.partial = False
        """Some of the text came."""
        self.over = False
        """Nothing more will come."""
        self._response = response
        self._again = again
        self._parser = SseParser()
        self._waiting: deque[SseEvent] = deque()
        self._last = ""

    async def next(self) -> SseEvent:
        """For as long as more has to come. Raises :class:`HostError` ``host_lost`` where it does not."""
        while not self._waiting:
            self._waiting.extend(self._parser.feed(await self._chunk()))
        event = self._waiting.popleft()
        self._last = event.id
        return event

    async def read_out(self) -> None:
        """To the end of the response, so that the connection serves again."""
        self._again = None
        with contextlib.suppress(SlipstreamError):
            while True:
                await self._chunk()

    async def _chunk(self) -> bytes:
        while True:
            try:
                with translated_errors(lambda: self.partial):
                    chunk = await self._response.chunk()
                if chunk:
                    return chunk
                raise lost("The engine host ended the answer in the middle.", partial=self.partial)
            except HostError:
                if not await self._is_back():
                    raise

    async def _is_back(self) -> bool:
        """Whether another connection was made."""
        if self._again is None:
            return False
        for pause in _PAUSES:
            await asyncio.sleep(pause)
            try:
                self._response = await self._again(self._last)
            except HostError as error:
                if error.code not in {"host_lost", "proxy_refused"}:
                    # It is there, and does not have the answer any more.
                    return False
            else:
                # What came of an event that was cut off comes once more.
                self._parser = SseParser()
                return True
        return False


class InfillStream:
    """Events of one answer in order: places in the queue, at most one ``StartData``, then progress and tokens, last one
    ``DoneData``.

    A stream that ends otherwise raises :class:`HostError`. ``id`` is what ``cancel`` takes.
    """

    def __init__(self, events: Events) -> None:
        self.id = events.stream
        self._events = events
        self._sequence = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> InfillEvent:
        if self._events.over:
            raise StopAsyncIteration
        try:
            event = self._decode(await self._events.next())
            if isinstance(event, ErrorData):
                raise HostError(event)
            if isinstance(event, DoneData):
                self._events.over = True
                await self._events.read_out()
        except Exception:
            self._events.over = True
            raise
        self._events.partial = self._events.partial or isinstance(event, TokenData)
        return event

    def _decode(self, event: SseEvent) -> InfillEvent | ErrorData:
        if event.id != str(self._sequence) or event.event not in _KINDS:
            self._broken(f"event {self._sequence} is missing")
        self._sequence += 1
        try:
            return msgspec.json.decode(event.data, type=_KINDS[event.event])
        except (msgspec.MsgspecError, ValueError):
            self._broken(f"event {event.id} can't be read")

    def _broken(self, why: str) -> NoReturn:
        raise HostError(
            ErrorData(
                code="stream_broken",
                message=f"The engine host's answer is damaged: {why}.",
                hint="Ask again; if it stays so, `slipstream stop` ends a host of another version.",
                retryable=True,
                partial=self._events.partial,
            )
        )


class ChatPiece(NamedTuple):
    """``text`` may be empty. ``finish`` is None until the last one: ``stop``, or ``length`` where it broke off.

    ``stream``: what ``cancel`` and ``position`` take. ``usage``: counts and times, in a piece of its own at the end
    where they were asked for.
    """

    text: str
    model: str | None
    finish: str | None
    stream: str = ""
    usage: Mapping[str, Any] | None = None


def chat_piece(event: SseEvent, *, partial: bool) -> ChatPiece:
    """Raises the :class:`HostError` that it tells of."""
    chunk = msgspec.json.decode(event.data)
    if "error" in chunk:
        raise openai_error(chunk["error"], retryable=chunk["error"].get("type") == "server_error", partial=partial)
    choices = chunk["choices"]
    return ChatPiece(
        text="".join(choice["delta"].get("content") or "" for choice in choices),
        model=chunk.get("model"),
        stream=str(chunk.get("id", "")).removeprefix("chatcmpl-"),
        usage=chunk.get("usage"),
        finish=next((choice["finish_reason"] for choice in choices if choice.get("finish_reason")), None),
    )
