"""Talks to the engine host; starts one when there is none."""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, NoReturn, Self, TypeAlias, TypeVar

import msgspec

from copilot import paths
from copilot.client.http import ConnectionLostError, Loss, Response, UnixHttp
from copilot.client.sse import SseEvent, SseParser
from copilot.errors import SlipstreamError
from copilot.serve.api import (
    DoneData,
    ErrorData,
    HostState,
    HostStatus,
    InfillBody,
    LetterData,
    PeerBody,
    PeersData,
    ProgressData,
    PromptData,
    SamplesData,
    StartData,
    StreamState,
    TokenData,
)
from copilot.serve.claim import holder

_T = TypeVar("_T")

InfillEvent: TypeAlias = StartData | ProgressData | TokenData | DoneData

START_SECONDS = 30.0
"""How long a host may take until its socket answers; loading the model comes later."""

# The host gives a sign of life every five seconds.
SILENCE_SECONDS = 12.0
_POLL_SECONDS = 0.05
_RESPAWN_SECONDS = 1.0
_FOLDERS = ("SLIPSTREAM_HOME", "SLIPSTREAM_MODELS_DIR", "SLIPSTREAM_CONFIG")
_KINDS: Mapping[str, type[InfillEvent] | type[ErrorData]] = MappingProxyType(
    {"start": StartData, "progress": ProgressData, "token": TokenData, "done": DoneData, "error": ErrorData}
)


class HostError(SlipstreamError):
    """What the host said went wrong, or that it is gone (``host_lost``, retryable).

    ``partial``: text came before, and is all that will come.
    """

    def __init__(self, error: ErrorData) -> None:
        super().__init__(error.message, hint=error.hint, code=error.code, retryable=error.retryable)
        self.partial = error.partial


class InfillStream:
    """Events of one answer in order: at most one ``StartData``, then progress and tokens, last one ``DoneData``.

    A stream that ends otherwise raises :class:`HostError`. ``id`` is what ``cancel`` takes.
    """

    def __init__(self, response: Response) -> None:
        self.id = response.headers.get("slipstream-stream", "")
        self._response = response
        self._parser = SseParser()
        self._waiting: deque[SseEvent] = deque()
        self._sequence = 0
        self._partial = False
        self._over = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> InfillEvent:
        if self._over:
            raise StopAsyncIteration
        try:
            while not self._waiting:
                self._waiting.extend(self._parser.feed(await self._next_chunk()))
            event = self._decode(self._waiting.popleft())
            if isinstance(event, ErrorData):
                raise HostError(event)
            if isinstance(event, DoneData):
                await self._read_out()
        except BaseException:
            self._over = True
            raise
        self._partial = self._partial or isinstance(event, TokenData)
        return event

    async def _next_chunk(self) -> bytes:
        with _translated_errors(lambda: self._partial):
            chunk = await self._response.chunk()
        if chunk:
            return chunk
        raise _lost("The engine host ended the answer in the middle.", partial=self._partial)

    async def _read_out(self) -> None:
        """To the end of the response, so that the connection serves again."""
        self._over = True
        with contextlib.suppress(SlipstreamError):
            while True:
                await self._next_chunk()

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
                partial=self._partial,
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


class HostClient:
    """One client for all documents; its streams run side by side. Close it with :meth:`aclose`.

    ``settings``: nothing of them is needed to talk; a host reads its own. ``socket``: when it is not the usual one.
    ``host_options``: options of ``slipstream`` itself (``--config FILE``) for a host that is started here. ``spawn``
    False: none is started; ``socket`` leads to one that someone else runs.
    """

    def __init__(self, *, socket: Path | None = None, host_options: Sequence[str] = (), spawn: bool = True) -> None:
        self._host_options = tuple(host_options)
        self._spawns = spawn
        self._http = UnixHttp(socket or paths.host_socket(), silence_seconds=SILENCE_SECONDS)

    async def aclose(self) -> None:
        """Close all connections; running streams are cancelled."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    @contextlib.asynccontextmanager
    async def infill(self, body: InfillBody) -> AsyncGenerator[InfillStream]:
        """``async with client.infill(body) as stream``. Leaving the block early cancels.

        Raises :class:`HostError` when the host refuses (``starting``, ``busy``, ...) or is not there (``host_lost``).
        """
        async with self._request("POST", "/v1/infill", msgspec.json.encode(body)) as response:
            yield InfillStream(response)

    async def cancel(self, stream_id: str) -> bool:
        """End a stream; False when the host knows no such stream (any more)."""
        try:
            async with self._request("DELETE", f"/v1/streams/{stream_id}"):
                return True
        except HostError as error:
            if error.code == "unknown_stream":
                return False
            raise

    async def chat(self, messages: Sequence[Mapping[str, str]], **fields: object) -> AsyncGenerator[str]:
        """Text of the answer as it comes. ``messages`` and ``fields`` as in OpenAI's chat completions."""
        async with contextlib.aclosing(self.chat_pieces(messages, **fields)) as pieces:
            async for piece in pieces:
                if piece.text:
                    yield piece.text

    async def chat_pieces(self, messages: Sequence[Mapping[str, str]], **fields: object) -> AsyncGenerator[ChatPiece]:
        """As :meth:`chat`, with the model and how the answer ended. Closing it cancels."""
        body = msgspec.json.encode({**fields, "messages": list(messages), "stream": True})
        came = False

        def partial() -> bool:
            return came

        async with self._request("POST", "/v1/chat/completions", body) as response:
            parser = SseParser()
            while True:
                with _translated_errors(partial):
                    chunk = await response.chunk()
                if not chunk:
                    raise _lost("The engine host ended the answer in the middle.", partial=came)
                for event in parser.feed(chunk):
                    if event.data == "[DONE]":
                        return
                    piece = _chat_piece(msgspec.json.decode(event.data), partial=came)
                    came = came or bool(piece.text)
                    yield piece

    async def prompt(self, messages: Sequence[Mapping[str, str]], **fields: object) -> PromptData:
        """What :meth:`chat_pieces` with the same arguments would ask the model."""
        body = msgspec.json.encode({**fields, "messages": list(messages)})
        return await self._answer("POST", "/v1/chat/prompt", PromptData, body)

    async def infill_prompt(self, body: InfillBody) -> PromptData:
        """What :meth:`infill` with the same body would ask the model."""
        return await self._answer("POST", "/v1/infill/prompt", PromptData, msgspec.json.encode(body))

    async def position(self, stream_id: str) -> int | None:
        """How many wait before a stream; None once it runs, or where it is not known (any more)."""
        try:
            return (await self._answer("GET", f"/v1/streams/{stream_id}", StreamState)).position
        except HostError as error:
            if error.code == "unknown_stream":
                return None
            raise

    async def samples(self, seconds: int = 3600) -> SamplesData:
        """How the generations of the last ``seconds`` went."""
        return await self._answer("GET", f"/v1/samples?seconds={seconds}", SamplesData)

    async def load(self, model: str | None = None) -> None:
        """Have ``model`` loaded in place of what is; without one, have a failed load tried again. Does not wait."""
        async with self._request("POST", "/v1/load", msgspec.json.encode({"model": model}), statuses=(202,)):
            pass

    async def unload(self) -> None:
        """Have the model's memory freed, until the next request."""
        async with self._request("POST", "/v1/unload", b"{}", statuses=(202,)):
            pass

    async def join(self, body: PeerBody) -> AsyncGenerator[PeersData | LetterData]:
        """Be a peer for as long as this is read: who else is here, and what they send. Ends with ``host_lost``."""
        async with self._request("POST", "/v1/peers", msgspec.json.encode(body)) as response:
            parser = SseParser()
            while True:
                with _translated_errors():
                    chunk = await response.chunk()
                if not chunk:
                    raise _lost("The engine host ended the connection.")
                for event in parser.feed(chunk):
                    kind: type[PeersData | LetterData] = PeersData if event.event == "peers" else LetterData
                    yield msgspec.json.decode(event.data, type=kind)

    async def send(self, sender: str, to: str, body: object) -> None:
        """A letter from one peer to another. Raises :class:`HostError` ``unknown_peer`` when one of them has left."""
        letter = msgspec.json.encode({"to": to, "body": body})
        async with self._request("POST", f"/v1/peers/{sender}/letters", letter):
            pass

    async def _answer(self, method: str, path: str, kind: type[_T], content: bytes | None = None) -> _T:
        try:
            async with self._request(method, path, content) as response:
                return msgspec.json.decode(await response.body(), type=kind)
        except msgspec.MsgspecError:
            raise _incompatible() from None

    async def status(self) -> HostStatus | None:
        """None when no host answers."""
        try:
            async with self._request("GET", "/health/ready", statuses=(200, 503)) as response:
                return msgspec.json.decode(await response.body(), type=HostStatus)
        except msgspec.MsgspecError:
            raise _incompatible() from None
        except HostError as error:
            if error.code == "host_lost":
                return None
            raise

    async def shutdown(self) -> bool:
        """Ask the host to leave; it ends its streams first. False when none answers."""
        try:
            async with self._request("POST", "/v1/shutdown", b"{}", statuses=(202,)):
                return True
        except HostError as error:
            if error.code == "host_lost":
                return False
            raise

    async def ensure_running(self) -> None:
        """Attach to the host, or start one that outlives this process. Waits for its socket, not for the model.

        Any number of clients may do this at once. Raises :class:`SlipstreamError` ``host_not_started``,
        or ``host_silent`` when there is one that does not answer.
        """
        give_up = time.monotonic() + START_SECONDS
        spawned: subprocess.Popen[bytes] | None = None
        spawned_at = 0.0
        while not await self._live():
            if not self._spawns:
                raise _not_there()
            now = time.monotonic()
            if now > give_up or (spawned is not None and (spawned.returncode or 0) != 0):
                raise _not_started(holder())
            # One that ended well found another host, which may have left since.
            if spawned is None or (spawned.returncode is not None and now > spawned_at + _RESPAWN_SECONDS):
                spawned, spawned_at = self._spawn(), now
            await asyncio.sleep(_POLL_SECONDS)

    async def wait_ready(self, *, poll_seconds: float = 0.2) -> AsyncGenerator[HostStatus]:
        """The host's status, each time it changes, until it is ready; the last one is the ready one.

        Where loading failed before this call, it is tried again. Raises :class:`HostError` when loading failed,
        ``host_lost`` when the host went away.
        """
        last: HostStatus | None = None
        while last is None or last.state is not HostState.READY:
            status = await self.status()
            if status is None:
                raise _lost("The engine host went away.", partial=False)
            if status.state is HostState.FAILED and status.error is not None:
                if last is not None or not await self._load_again():
                    raise HostError(status.error)
                status = msgspec.structs.replace(status, state=HostState.STARTING, error=None)
            if last is None or (status.state, status.detail, status.progress) != (
                last.state,
                last.detail,
                last.progress,
            ):
                yield status
            last = status
            if last.state is not HostState.READY:
                await asyncio.sleep(poll_seconds)

    async def _load_again(self) -> bool:
        """Whether it does; a host of an older version does not know how."""
        try:
            async with self._request("POST", "/v1/load", b"{}", statuses=(202,)):
                return True
        except HostError as error:
            if error.code == "not_found":
                return False
            raise

    async def _live(self) -> bool:
        try:
            async with self._http.request("GET", "/health/live", None) as response:
                return response.status == 200
        except ConnectionLostError as error:
            if error.loss is Loss.SILENT and self._spawns and (process := holder()):
                # Another one could not take its place.
                raise _not_started(process) from None
            return False

    def _spawn(self) -> "subprocess.Popen[bytes]":
        log = paths.make_private_dir(paths.log_dir()) / "host.log"
        with log.open("ab") as output:
            process = subprocess.Popen(
                # -P: a folder named `copilot` where the editor happens to be must not be run.
                [sys.executable, "-P", "-m", "copilot", *self._host_options, "serve", "--on-demand"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env={**os.environ, **_absolute_folders()},
                start_new_session=True,
            )
        # It may end before us, and a dead child that nobody waits for stays in the process table.
        threading.Thread(target=process.wait, name="host reaper", daemon=True).start()
        return process

    @contextlib.asynccontextmanager
    async def _request(
        self, method: str, path: str, content: bytes | None = None, *, statuses: tuple[int, ...] = (200, 204)
    ) -> AsyncGenerator[Response]:
        with _translated_errors():
            async with self._http.request(method, path, content) as response:
                if response.status not in statuses:
                    raise _refusal(response.status, await response.body())
                yield response


def _absolute_folders() -> dict[str, str]:
    """Of the variables that name our folders, those that are set: the host runs elsewhere and must mean the same."""
    return {name: str(Path(value).absolute()) for name in _FOLDERS if (value := os.environ.get(name))}


def _not_there() -> SlipstreamError:
    return SlipstreamError(
        "No engine host answers on the socket that was given.",
        hint="Start `slipstream serve` where it is to run, and the connection that forwards its socket.",
        code="host_not_there",
        retryable=True,
    )


def _not_started(process: int | None) -> SlipstreamError:
    """``process`` holds the host's lock, if any does."""
    if process:
        return SlipstreamError(
            f"The engine host does not answer: process {process} holds its lock.",
            hint="`slipstream stop` ends it; the next request starts a new one.",
            code="host_silent",
            retryable=True,
        )
    return SlipstreamError(
        "The engine host could not be started.",
        hint=f"{paths.log_dir() / 'host.log'} says why; `slipstream serve` shows it here.",
        code="host_not_started",
        retryable=True,
    )


def _lost(message: str, *, partial: bool = False) -> HostError:
    return HostError(
        ErrorData(
            code="host_lost", message=message, hint="Ask again; it is started anew.", retryable=True, partial=partial
        )
    )


_LOSSES = {
    Loss.REFUSED: "The engine host is not running.",
    Loss.BROKEN: "The connection to the engine host was lost.",
    Loss.SILENT: "The engine host does not answer any more.",
}


@contextlib.contextmanager
def _translated_errors(partial: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Every failure of the connection is one :class:`HostError`."""
    try:
        yield
    except ConnectionLostError as error:
        raise _lost(_LOSSES[error.loss], partial=partial()) from None


def _refusal(status: int, body: bytes) -> HostError:
    """The error of an answer that is none: an ``ErrorData``, or OpenAI's form of one."""
    with contextlib.suppress(msgspec.MsgspecError, ValueError):
        value = msgspec.json.decode(body)
        if isinstance(value, dict) and isinstance(value.get("error"), dict):
            return _openai_error(value["error"], retryable=status == 503)
        return HostError(msgspec.convert(value, ErrorData))
    return _incompatible()


def _incompatible() -> HostError:
    return HostError(
        ErrorData(
            code="host_incompatible",
            message="What answers on the engine host's socket is not a host of this version.",
            hint="Run `slipstream stop`; the next request starts one.",
        )
    )


def _openai_error(error: dict[str, Any], *, retryable: bool, partial: bool = False) -> HostError:
    return HostError(
        ErrorData(
            code=str(error.get("code") or "error"),
            message=str(error.get("message") or "The engine host refused the request."),
            retryable=retryable,
            partial=partial,
        )
    )


def _chat_piece(chunk: Any, *, partial: bool) -> ChatPiece:
    if "error" in chunk:
        raise _openai_error(chunk["error"], retryable=chunk["error"].get("type") == "server_error", partial=partial)
    choices = chunk["choices"]
    return ChatPiece(
        text="".join(choice["delta"].get("content") or "" for choice in choices),
        model=chunk.get("model"),
        stream=str(chunk.get("id", "")).removeprefix("chatcmpl-"),
        usage=chunk.get("usage"),
        finish=next((choice["finish_reason"] for choice in choices if choice.get("finish_reason")), None),
    )
