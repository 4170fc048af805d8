"""Talks to the engine host; starts one when there is none."""

import asyncio
import contextlib
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Self, TypeVar
from urllib.parse import urlsplit

import msgspec

from copilot import paths
from copilot.client.answers import (
    RESUME_HEADER,
    RESUME_SECONDS,
    STREAM_HEADER,
    ChatPiece,
    Events,
    InfillStream,
    chat_piece,
)
from copilot.client.dial import ConnectionLostError, Loss, unix
from copilot.client.failures import HostError, incompatible, lost, refusal, translated_errors
from copilot.client.http import Http, Response
from copilot.client.login import Login
from copilot.client.sse import SseParser
from copilot.errors import SlipstreamError
from copilot.serve.api import (
    HostState,
    HostStatus,
    InfillBody,
    LetterData,
    PeerBody,
    PeersData,
    PromptData,
    SamplesData,
    StreamState,
)
from copilot.serve.claim import holder

_T = TypeVar("_T")

START_SECONDS = 30.0
"""How long a host may take until its socket answers; loading the model comes later."""

# The host gives a sign of life every five seconds.
SILENCE_SECONDS = 12.0
_POLL_SECONDS = 0.05
_RESPAWN_SECONDS = 1.0
_FAREWELL_SECONDS = 1.0
_NONE: Mapping[str, str] = MappingProxyType({})
_FOLDERS = ("SLIPSTREAM_HOME", "SLIPSTREAM_MODELS_DIR", "SLIPSTREAM_CONFIG")


class HostClient:
    """One client for all documents; its streams run side by side. Close it with :meth:`aclose`.

    ``settings``: nothing of them is needed to talk; a host reads its own. ``socket``: when it is not the usual one.
    ``host_options``: options of ``slipstream`` itself (``--config FILE``) for a host that is started here. ``spawn``
    False: none is started; ``socket`` leads to one that someone else runs. ``login``: to a shared host instead, where
    an answer that loses its connection goes on over the next.
    """

    def __init__(
        self,
        *,
        socket: Path | None = None,
        host_options: Sequence[str] = (),
        spawn: bool = True,
        login: Login | None = None,
    ) -> None:
        self._host_options = tuple(host_options)
        self._spawns = spawn and login is None
        self._url = login.url if login is not None else None
        self._cancelling: set[asyncio.Task[None]] = set()
        if login is None:
            self._http = Http(unix(socket or paths.host_socket()), silence_seconds=SILENCE_SECONDS)
        else:
            headers = {"host": urlsplit(login.url).netloc, "authorization": f"Bearer {login.token}"}
            self._http = Http(login.dial(), silence_seconds=SILENCE_SECONDS, headers=headers)

    @property
    def _is_shared(self) -> bool:
        return self._url is not None

    async def aclose(self) -> None:
        """Close all connections; running streams are cancelled."""
        if self._cancelling:
            await asyncio.wait(self._cancelling, timeout=_FAREWELL_SECONDS)
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
        async with self._opened("/v1/infill", msgspec.json.encode(body)) as events:
            yield InfillStream(events)

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
        async with self._opened("/v1/chat/completions", body) as events:
            while (event := await events.next()).data != "[DONE]":
                piece = chat_piece(event, partial=events.partial)
                events.partial = events.partial or bool(piece.text)
                yield piece
            events.over = True

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

    async def metrics(self) -> str:
        """Figures in Prometheus's text format. Raises :class:`HostError`, among them ``forbidden_scope`` and, where the
        host lacks the library for it, ``no_metrics``."""
        async with self._request("GET", "/metrics") as response:
            return (await response.body()).decode()

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
                with translated_errors():
                    chunk = await response.chunk()
                if not chunk:
                    raise lost("The engine host ended the connection.")
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
            raise incompatible() from None

    async def status(self) -> HostStatus | None:
        """None when no host answers."""
        try:
            async with self._request("GET", "/health/ready", statuses=(200, 503)) as response:
                return msgspec.json.decode(await response.body(), type=HostStatus)
        except msgspec.MsgspecError:
            raise incompatible() from None
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
                raise _not_there(self._url)
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
                raise lost("The engine host went away.", partial=False)
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
            if error.loss in {Loss.UNTRUSTED, Loss.PROXY}:
                with translated_errors():
                    raise
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
    async def _opened(self, path: str, content: bytes) -> AsyncGenerator[Events]:
        """A stream. A shared host's outlives its connection, so that who leaves it before its end has to say so."""
        if not self._is_shared:
            async with self._request("POST", path, content) as response:
                yield Events(response)
            return
        stream_id, over = secrets.token_hex(16), False
        try:
            async with self._resumed(path, content, stream_id) as events:
                yield events
                over = events.over
        except HostError:
            over = True
            raise
        finally:
            if not over:
                self._give_up(stream_id)

    @contextlib.asynccontextmanager
    async def _resumed(self, path: str, content: bytes, stream_id: str) -> AsyncGenerator[Events]:
        """A stream that goes on over other connections."""
        async with contextlib.AsyncExitStack() as connections:

            async def again(last: str) -> Response:
                headers = {"last-event-id": last} if last else {}
                path = f"/v1/streams/{stream_id}/events"
                return await connections.enter_async_context(self._request("GET", path, headers=headers))

            headers = {RESUME_HEADER: str(RESUME_SECONDS), STREAM_HEADER: stream_id}
            response = await connections.enter_async_context(self._request("POST", path, content, headers=headers))
            yield Events(response, again)

    def _give_up(self, stream_id: str) -> None:
        """Nobody wants the answer any more. Closing the connection does not say so where it may come again."""

        async def cancel() -> None:
            with contextlib.suppress(HostError):
                if not await self.cancel(stream_id):
                    # Perhaps the request itself is still on its way.
                    await asyncio.sleep(_FAREWELL_SECONDS / 2)
                    await self.cancel(stream_id)

        task = asyncio.get_running_loop().create_task(cancel(), name="cancel")
        # The loop itself holds tasks only weakly.
        self._cancelling.add(task)
        task.add_done_callback(self._cancelling.discard)

    @contextlib.asynccontextmanager
    async def _request(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        *,
        statuses: tuple[int, ...] = (200, 204),
        headers: Mapping[str, str] = _NONE,
    ) -> AsyncGenerator[Response]:
        with translated_errors():
            async with self._http.request(method, path, content, headers) as response:
                if response.status not in statuses:
                    raise refusal(response.status, await response.body())
                yield response


def _absolute_folders() -> dict[str, str]:
    """Of the variables that name our folders, those that are set: the host runs elsewhere and must mean the same."""
    return {name: str(Path(value).absolute()) for name in _FOLDERS if (value := os.environ.get(name))}


def _not_there(url: str | None) -> SlipstreamError:
    if url is not None:
        return SlipstreamError(
            f"The shared host at {url} does not answer.",
            hint="Check the network, and ask whoever runs it; `slipstream logout` goes back to this machine's own.",
            code="host_not_there",
            retryable=True,
        )
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
