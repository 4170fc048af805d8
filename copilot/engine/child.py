"""One engine worker as its parent sees it: started with a model, spoken to, ended. Never restarted: see ``process``."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from copilot import paths
from copilot.engine import wire
from copilot.engine.protocol import Finish, Progress
from copilot.errors import SlipstreamError

LOG = "engine.log"

# All that the worker gets to know of its surroundings. Waiting threads that spin starve everything else, and a crash
# must not start a debugger.
ENVIRONMENT = {"OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0", "LC_ALL": "C.UTF-8", "GGML_NO_BACKTRACE": "1"}

_GPU_ENVIRONMENT = (
    *("PATH", "LD_LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"),
    *("TRITON_CACHE_DIR", "CUDA_CACHE_PATH", "TORCH_CUDA_ARCH_LIST"),
)
"""What libraries need besides to find the GPU and its compiler. None of it is the user's."""

COMMAND: tuple[str, ...] = ("-P", "-m", "copilot.engine.worker")
"""What Python runs. -P: the folder that the host happens to stand in is no place to import from."""

_PATIENCE = ((2.0, signal.SIGTERM), (2.0, signal.SIGKILL))
"""Seconds to wait for the end, and what to send then."""

_ADDRESS_ROOM = 60
"""Characters that the temporary folder's path may have, of the 107 of a Unix socket's address."""

Reply = wire.Event | wire.Done | wire.Counted


class Exchange:
    """One request to the worker and its answers.

    They queue up without a bound of their own: a reader who stalls must not stall the link for all others, and there
    are no more than the prompt's steps and ``max_tokens``, which both fit into the context.
    """

    def __init__(self, id: int, send: Callable[[wire.ToWorker], None]) -> None:
        self.id = id
        self.ended = False
        """The last answer was taken."""
        self.progress: Progress | None = None
        self.finish: Finish | None = None
        """What came of it last, also after it was cancelled."""
        self._send = send
        self._replies: asyncio.Queue[Reply | wire.Failed] = asyncio.Queue()

    def put(self, reply: Reply | wire.Failed) -> None:
        self._replies.put_nowait(reply)

    async def next(self) -> Reply:
        """Raises :class:`SlipstreamError` as the worker reports it, or for its death."""
        reply = await self._replies.get()
        self.ended = not isinstance(reply, wire.Event)
        if isinstance(reply, wire.Event):
            self.progress = reply.progress or self.progress
        elif isinstance(reply, wire.Done):
            self.finish = reply.finish
        if isinstance(reply, wire.Failed):
            raise as_error(reply)
        return reply

    def cancel(self) -> None:
        self._send(wire.Cancel(id=self.id))

    async def settle(self) -> None:
        """Cancel, and wait until the worker has let go of it, which is a step away."""
        if self.ended:
            return
        self.cancel()
        with contextlib.suppress(SlipstreamError):
            while not self.ended:
                await self.next()


class Child:
    """A worker process with a loaded model."""

    loaded: wire.Loaded

    def __init__(self, process: Process, link: "_Link", transport: asyncio.Transport, folder: Path) -> None:
        self.link = link
        self._process = process
        self._transport = transport
        self._folder = folder

    @classmethod
    async def start(
        cls, load: wire.Load, *, on_progress: Callable[[float], None], on_lost: Callable[[], None]
    ) -> "Child":
        """Start a worker and have it load; ``load.folder`` is filled in here.

        ``on_lost`` is called once if it goes away later. Raises :class:`SlipstreamError` with code ``engine_failed``;
        then, and when cancelled, nothing of it is left.
        """
        folder = _private_folder()
        try:
            child = await cls._spawn(folder, load)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        try:
            child.link.on_progress = on_progress
            child.link.send(msgspec.structs.replace(load, folder=str(folder)))
            child.loaded = await child.link.loaded
        except _LostError:
            returncode = await child.end()
            raise _died_loading(load, returncode) from None
        except BaseException:
            await child.end()
            raise
        child.link.on_lost = on_lost
        return child

    @classmethod
    async def _spawn(cls, folder: Path, load: wire.Load) -> "Child":
        ours, theirs = socket.socketpair()
        with theirs:
            transport, link = await asyncio.get_running_loop().create_unix_connection(_Link, sock=ours)
            try:
                with _open_log() as log:
                    process = await asyncio.create_subprocess_exec(
                        *(sys.executable, *COMMAND, str(theirs.fileno()), load.backend),
                        env=environment(load),
                        cwd="/",
                        stdin=asyncio.subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        pass_fds=(theirs.fileno(),),
                    )
            except OSError as error:
                transport.abort()
                raise SlipstreamError(
                    f"The engine worker could not be started: {error.strerror}.",
                    hint="Free some memory or processes and try again.",
                    code="engine_failed",
                    retryable=True,
                ) from error
            except BaseException:
                transport.abort()
                raise
        return cls(process, link, transport, folder)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return not self.link.lost

    def ask(self, request: Callable[[int], wire.Generate | wire.Count]) -> Exchange:
        """Send a request; ``request`` makes it with the number it gets.

        Raises :class:`SlipstreamError` with code ``context_too_long`` or ``invalid_text`` for what can't be sent.
        """
        return self.link.ask(request)

    def abandon(self) -> None:
        """End the connection to a worker that hangs. That it is lost then has it ended."""
        self._transport.abort()

    async def end(self) -> int:
        """End the process for sure, remove what it left, and return its exit status (negative: the signal)."""
        self.link.on_lost = None
        try:
            self.link.send(wire.Shutdown())
            for seconds, number in _PATIENCE:
                with contextlib.suppress(TimeoutError):
                    return await asyncio.wait_for(self._process.wait(), seconds)
                self._signal(number)
            return await self._process.wait()
        except BaseException:
            self._signal(signal.SIGKILL)
            raise
        finally:
            self._transport.abort()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number)


class _LostError(Exception):
    """The connection ended while the model was loading."""


class _Link(asyncio.Protocol):
    """The connection: frames in and out, each answer to its exchange."""

    def __init__(self) -> None:
        self.loaded: asyncio.Future[wire.Loaded] = asyncio.get_running_loop().create_future()
        self.lost = False
        self.on_progress: Callable[[float], None] = lambda _share: None
        self.on_lost: Callable[[], None] | None = None
        self._reader = wire.from_worker()
        self._exchanges: dict[int, Exchange] = {}
        self._last_id = 0
        self._transport: asyncio.Transport | None = None

    def send(self, frame: wire.ToWorker) -> None:
        if self._transport is not None and not self.lost:
            self._transport.write(wire.encode(frame))

    def ask(self, request: Callable[[int], wire.Generate | wire.Count]) -> Exchange:
        self._last_id += 1
        exchange = Exchange(self._last_id, self.send)
        try:
            self.send(request(exchange.id))
        except wire.FrameTooLargeError:
            raise SlipstreamError(
                f"The text is longer than {wire.MAX_FRAME // 2**20} MiB.",
                hint="Shorten it.",
                code="context_too_long",
            ) from None
        except UnicodeEncodeError:
            raise SlipstreamError(
                "The text holds half of a surrogate pair, which is no character.",
                hint="Remove it or replace it with U+FFFD.",
                code="invalid_text",
            ) from None
        self._exchanges[exchange.id] = exchange
        if self.lost:
            self._lose(exchange)
        return exchange

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                self._take(frame)
        except wire.WireError:
            # What talks like that is not our worker any more. Losing it has the process ended.
            assert self._transport is not None
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if not self.loaded.done():
            self.loaded.set_exception(_LostError())
        for exchange in list(self._exchanges.values()):
            self._lose(exchange)
        if self.on_lost is not None:
            self.on_lost()

    def _take(self, frame: wire.FromWorker) -> None:
        match frame:
            case wire.LoadProgress():
                self.on_progress(frame.fraction)
            case wire.Loaded():
                if not self.loaded.done():
                    self.loaded.set_result(frame)
            case wire.Failed(id=0):
                if not self.loaded.done():
                    self.loaded.set_exception(as_error(frame))
            case wire.Event():
                if exchange := self._exchanges.get(frame.id):
                    exchange.put(frame)
            case _:
                if exchange := self._exchanges.pop(frame.id, None):
                    exchange.put(frame)

    def _lose(self, exchange: Exchange) -> None:
        self._exchanges.pop(exchange.id, None)
        if self.on_lost is None:
            failed = wire.Failed(
                id=exchange.id,
                message="The engine was stopped in the middle of an answer.",
                hint="Ask again when the host runs again.",
                code="engine_failed",
                retryable=True,
            )
        else:
            failed = wire.Failed(
                id=exchange.id,
                message="The engine stopped in the middle of an answer and is being restarted.",
                hint="Ask again.",
                code="engine_restarted",
                retryable=True,
            )
        exchange.put(failed)


def environment(load: wire.Load) -> dict[str, str]:
    """The worker's environment."""
    if load.backend == "llama.cpp":
        return ENVIRONMENT
    # Libraries keep what they compile below the home folder; here it is one of ours.
    home = paths.make_private_dir(paths.cache_dir() / "gpu")
    given = {name: os.environ[name] for name in _GPU_ENVIRONMENT if name in os.environ}
    if load.devices:
        # As nvidia-smi counts them; CUDA would put the fastest first.
        chosen = ",".join(load.devices)
        given |= {"CUDA_VISIBLE_DEVICES": chosen, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return {**given, **ENVIRONMENT, "HOME": str(home), "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}


def as_error(failed: wire.Failed) -> SlipstreamError:
    return SlipstreamError(failed.message, hint=failed.hint, code=failed.code, retryable=failed.retryable)


def _private_folder() -> Path:
    """A fresh folder that only this user may enter (mkdtemp), for the backend's socket.

    Raises :class:`SlipstreamError` with code ``engine_failed``.
    """
    try:
        parent = tempfile.gettempdir()
        return Path(tempfile.mkdtemp(prefix="slipstream-", dir=parent if len(parent) <= _ADDRESS_ROOM else "/tmp"))  # noqa: S108
    except OSError as error:
        raise SlipstreamError(
            f"The engine worker needs a temporary folder and could not make one: {error.strerror}.",
            hint="Free some space there, or set TMPDIR to a folder that you may write to.",
            code="engine_failed",
            retryable=True,
        ) from error


@contextlib.contextmanager
def _open_log() -> Iterator[int]:
    """A fresh log for a fresh worker; the one before is kept as ``engine.log.1``, it tells of a crash."""
    folder = paths.make_private_dir(paths.log_dir())
    log = folder / LOG
    with contextlib.suppress(FileNotFoundError):
        log.replace(folder / f"{LOG}.1")
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o600)
    try:
        yield handle
    finally:
        os.close(handle)


def _died_loading(load: wire.Load, returncode: int) -> SlipstreamError:
    how = f"was ended by {signal.Signals(-returncode).name}" if returncode < 0 else f"ended with status {returncode}"
    return SlipstreamError(
        f"The engine worker {how} while it loaded {load.name}.",
        hint=f"Check the file with `slipstream models verify`, the memory, and the log {paths.log_dir() / LOG}.",
        code="engine_failed",
    )
