"""The engine worker: a process of its own, because model files are hostile input and native code crashes.

``python -m copilot.engine.worker FD BACKEND`` speaks ``copilot.engine.wire`` on the connected socket FD. It has no
environment to speak of, no standard input, and ends when the socket does.
"""

import contextlib
import ctypes
import faulthandler
import os
import resource
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from copilot.engine import wire
from copilot.engine.backend import Backend, Cancellation, open_backend
from copilot.errors import SlipstreamError

LOG_BYTES = 1024 * 1024
"""The largest file it may write; the only one it does write is its log."""

GPU_FILE_BYTES = 512 * 1024 * 1024
"""The same for libraries that compile kernels for the GPU they find, and keep them."""

_PR_SET_PDEATHSIG = 1  # prctl(2)
_PR_SET_NO_NEW_PRIVS = 38


class Worker:
    """Reads requests on the main thread, runs each on one of its own."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._sending = threading.Lock()
        self._engine: Backend | None = None
        self._running: dict[int, Cancellation] = {}

    def run(self) -> None:
        """Serve until the other side is gone or says so."""
        reader = wire.to_worker()
        with contextlib.suppress(OSError):
            while data := self._link.recv(65536):
                for frame in reader.feed(data):
                    if isinstance(frame, wire.Shutdown):
                        return
                    self._handle(frame)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()

    def _handle(self, frame: wire.Load | wire.Generate | wire.Count | wire.Cancel) -> None:
        match frame:
            case wire.Load():
                self._load(frame)
            case wire.Generate():
                cancelled = self._running[frame.id] = Cancellation()
                self._start(frame.id, lambda engine: self._generate(engine, frame, cancelled))
            case wire.Count():
                self._start(frame.id, lambda engine: wire.Counted(id=frame.id, tokens=engine.count(frame.text)))
            case wire.Cancel():
                if running := self._running.get(frame.id):
                    running.set()
                    if self._engine is not None:
                        self._engine.wake()

    def _load(self, load: wire.Load) -> None:
        try:
            self._engine = open_backend(load, lambda share: self._send(wire.LoadProgress(fraction=share)))
        except SlipstreamError as error:
            self._send(_failed(0, error))
            return
        # Only now: a handler would not run while native code loads, and the default ends the process at once.
        signal.signal(signal.SIGTERM, lambda *_: _leave(self))
        self._send(self._engine.loaded)

    def _start(self, id: int, work: Callable[[Backend], wire.Done | wire.Counted]) -> None:
        threading.Thread(target=self._answer, args=(id, work), daemon=True).start()

    def _answer(self, id: int, work: Callable[[Backend], wire.Done | wire.Counted]) -> None:
        answer: wire.FromWorker
        try:
            if self._engine is None:
                raise SlipstreamError("No model is loaded.", hint="Load one.", code="engine_failed")
            answer = work(self._engine)
        except SlipstreamError as error:
            answer = _failed(id, error)
        except Exception as error:
            # Where, and of which type, but not the message: it could hold text of a prompt.
            print("".join(traceback.format_tb(error.__traceback__)), type(error).__name__, file=sys.stderr)  # noqa: T201
            answer = _failed(
                id,
                SlipstreamError(
                    "The engine worker hit an internal error.",
                    hint="Its log, engine.log, says where.",
                    code="engine_failed",
                    retryable=True,
                ),
            )
        self._running.pop(id, None)
        self._send(answer)

    def _generate(self, engine: Backend, request: wire.Generate, cancelled: Cancellation) -> wire.Done:
        finish = engine.generate(request.id, request.plan, request.params, cancelled, self._send)
        return wire.Done(id=request.id, at=time.monotonic(), finish=finish)

    def _send(self, frame: wire.FromWorker) -> None:
        """May wait for the host to read. The engine doesn't: its results queue up, and are bounded by max_tokens."""
        data = wire.encode(frame)
        # When the host is gone the main thread finds out and ends the process.
        with self._sending, contextlib.suppress(OSError):
            self._link.sendall(data)


def _failed(id: int, error: SlipstreamError) -> wire.Failed:
    return wire.Failed(id=id, message=error.message, hint=error.hint, code=error.code, retryable=error.retryable)


def _confine(backend: str) -> None:
    """Give up what hostile native code could use, and tie this process to its parent."""
    # Ctrl-C in the host's terminal is for the host, which ends this process in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A core dump would hold the user's documents.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    largest = LOG_BYTES if backend == "llama.cpp" else GPU_FILE_BYTES
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None, use_errno=True).prctl
        prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        # The socket's end does the same, but not while native code holds the interpreter.
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def _leave(worker: Worker, status: int = 0) -> NoReturn:
    worker.close()
    # Native threads may be in the middle of a step: nothing is to be waited for, nor torn down under them.
    os._exit(status)


def main() -> None:
    _confine(sys.argv[2])
    faulthandler.enable()
    worker = Worker(socket.socket(fileno=int(sys.argv[1])))
    try:
        worker.run()
    except Exception:
        traceback.print_exc()
        _leave(worker, 1)
    _leave(worker)


if __name__ == "__main__":
    main()
