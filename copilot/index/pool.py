"""Worker processes that parse files, for one thread that sends tasks and takes answers when they are there.

Two kinds: for changes, which someone waits for, one worker that stays; for a scan, as many as there are processors (at
most four), of the lowest priority, which end when nothing is left to do.
"""

import contextlib
import os
import selectors
import struct
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from copilot.index.parsed import TOO_SLOW, Parsed, Task
from copilot.index.priority import INDEXER, PARSER

COMMAND = (sys.executable, "-P", "-m", "copilot.index.worker")
"""What starts a worker; the root, the niceness and what is excluded follow."""

_LENGTH = struct.Struct("<I")
_MOST_WORKERS = 4
# Enough that a worker never waits for tasks while its answers are written.
_AHEAD = 24
_LONG_PATH = 1_000
# Of real time: its own limit is one of processor time, which an idle process on a busy machine gets little of.
_SILENCE_SECONDS = 60.0
# One of the lowest priority may get nothing at all for minutes where everything is busy.
_IDLE_SILENCE_SECONDS = 600.0
_READ_BYTES = 1 << 18


class PoolError(Exception):
    """Workers end before they have begun: something is wrong with the installation or the machine."""


class _Worker:
    def __init__(self, root: Path, exclude: Sequence[str], niceness: int) -> None:
        self.process = subprocess.Popen(
            [*COMMAND, str(root), str(niceness), *exclude],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd="/",
        )
        assert self.process.stdin is not None and self.process.stdout is not None
        self._stdin, self.stdout = self.process.stdin, self.process.stdout
        os.set_blocking(self.stdout.fileno(), False)
        self.lives = False
        self._idle = niceness >= PARSER
        self.asked: deque[Task] = deque()
        self.heard = time.monotonic()
        self._buffer = bytearray()
        self._decoder = msgspec.msgpack.Decoder(Parsed)

    @property
    def is_silent(self) -> bool:
        """It was asked, and says nothing any more."""
        patience = _IDLE_SILENCE_SECONDS if self._idle else _SILENCE_SECONDS
        return bool(self.asked) and time.monotonic() - self.heard > patience

    def fill(self, tasks: deque[Task]) -> None:
        """Take of the tasks as many as may wait here."""
        # More than a pipe holds, and each side would wait for the other to read.
        while tasks and len(self.asked) < (_AHEAD if len(tasks[0].path) < _LONG_PATH else 1):
            if not self.asked:
                self.heard = time.monotonic()
            self.asked.append(tasks.popleft())
            self._send(msgspec.msgpack.encode(self.asked[-1]))

    def forget(self) -> None:
        self._send(b"")

    def _send(self, message: bytes) -> None:
        # A worker that has ended shows when its answers are read.
        with contextlib.suppress(BrokenPipeError):
            self._stdin.write(_LENGTH.pack(len(message)) + message)
            self._stdin.flush()

    def answers(self) -> tuple[list[Parsed], bool]:
        """What is there, and whether there will be more."""
        try:
            data = os.read(self.stdout.fileno(), _READ_BYTES)
        except BlockingIOError:
            return [], True
        self._buffer += data
        self.heard = time.monotonic()
        found = []
        at = 0
        while len(self._buffer) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer, at)
            if len(self._buffer) - at - _LENGTH.size < length:
                break
            body = bytes(self._buffer[at + _LENGTH.size : at + _LENGTH.size + length])
            at += _LENGTH.size + length
            if body:
                self.asked.popleft()
                found.append(self._decoder.decode(body))
            else:
                self.lives = True
        del self._buffer[:at]
        return found, bool(data)

    def end(self) -> None:
        self.process.kill()
        with contextlib.suppress(OSError):
            self._stdin.close()
        self.stdout.close()
        self.process.wait()


class Pool:
    """Workers register with ``selector``, their data being their pool; ``ready`` takes what it gives."""

    def __init__(self, root: Path, exclude: Sequence[str], selector: selectors.BaseSelector) -> None:
        self._root, self._exclude, self._selector = root, tuple(exclude), selector
        self._changes: deque[Task] = deque()
        self._scan: deque[Task] = deque()
        self._changer: _Worker | None = None
        self._scanners: list[_Worker] = []
        self._suspects: set[str] = set()

    @property
    def changes_left(self) -> int:
        return len(self._changes) + (len(self._changer.asked) if self._changer else 0)

    @property
    def scan_left(self) -> int:
        return len(self._scan) + sum(len(it.asked) for it in self._scanners)

    def start(self) -> None:
        """Have the worker for changes begin before there is one."""
        if self._changer is None:
            self._changer = self._begin(INDEXER)

    def change(self, task: Task) -> None:
        self._changes.append(task)
        self._feed()

    def scan(self, tasks: Iterable[Task], *, first: bool = False) -> None:
        if first:
            self._scan.extendleft(tasks)
        else:
            self._scan.extend(tasks)
        self._feed()

    def forget(self) -> None:
        """Ignore files may have changed."""
        for worker in self._all():
            worker.forget()

    def drop(self) -> list[str]:
        """Forget all tasks that no worker has yet; the paths of the changes that are not answered."""
        changes = [it.path for it in (*(self._changer.asked if self._changer else ()), *self._changes)]
        self._changes.clear()
        self._scan.clear()
        return changes

    def answers(self) -> list[Parsed]:
        """What is there now. Raises :class:`PoolError`."""
        found: list[Parsed] = []
        for worker in self._all():
            got, more = worker.answers()
            found += got
            if worker.is_silent or not more:
                found += self._lost(worker)
        self._feed()
        if not self._scan:
            for worker in [it for it in self._scanners if not it.asked]:
                self._drop(worker)
        return found

    def close(self) -> None:
        for worker in self._all():
            self._drop(worker)
        self._changes.clear()
        self._scan.clear()

    def _all(self) -> list[_Worker]:
        return [*([self._changer] if self._changer else []), *self._scanners]

    def _begin(self, niceness: int) -> _Worker:
        worker = _Worker(self._root, self._exclude, niceness)
        self._selector.register(worker.stdout, selectors.EVENT_READ, self)
        return worker

    def _drop(self, worker: _Worker) -> None:
        self._selector.unregister(worker.stdout)
        worker.end()
        if worker is self._changer:
            self._changer = None
        else:
            self._scanners.remove(worker)

    def _lost(self, worker: _Worker) -> list[Parsed]:
        """It ended, or has to. The file that it was at is asked once more, last; after that it is left out."""
        waiting = self._changes if worker is self._changer else self._scan
        asked = list(worker.asked)
        lives = worker.lives
        self._drop(worker)
        if not lives:
            raise PoolError(f"a process that parses files ended with status {worker.process.returncode}")
        if not asked:
            return []
        blamed = asked[0]
        waiting.extendleft(reversed(asked[1:]))
        if blamed.path not in self._suspects:
            self._suspects.add(blamed.path)
            waiting.append(blamed)
            return []
        self._suspects.discard(blamed.path)
        return [
            Parsed(blamed.path, ticket=blamed.ticket, size=blamed.size, mtime_ns=blamed.mtime_ns, left_out=TOO_SLOW)
        ]

    def _feed(self) -> None:
        if self._changes:
            self.start()
            assert self._changer is not None
            self._changer.fill(self._changes)
        wanted = min(os.cpu_count() or 1, _MOST_WORKERS, 1 + len(self._scan) // _AHEAD) if self._scan else 0
        while len(self._scanners) < wanted:
            self._scanners.append(self._begin(PARSER))
        for worker in self._scanners:
            worker.fill(self._scan)
