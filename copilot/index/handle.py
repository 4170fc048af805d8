"""Starts the process that keeps the index of a workspace, and hears what it says.

The process lives as long as its handle. Several handles for one workspace, of several editors and windows, are fine:
one of their processes writes.
"""

import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from copilot import paths
from copilot.index import status as statuses
from copilot.index.status import Status
from copilot.safety.invisible import with_invisible_shown

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
_HEALTHY_SECONDS = 60.0
_LEAVE_SECONDS = 5.0
_LAST_WORDS_SECONDS = 1.0
_KEPT_BYTES = 8192
_LONGEST_REASON = 200
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Exhausted)\b(?::|$)")
# What Python, Git and our own folders are found by; the rest of an editor's environment is nobody's business.
_PASSED = frozenset({"HOME", "PATH", "LANG", "LC_ALL", "LC_CTYPE", "TMPDIR", "LD_LIBRARY_PATH"})
_PASSED_BEGINNINGS = ("XDG_", "SLIPSTREAM_", "GIT_CONFIG", "PYTHON")


class Handle:
    """For one event loop."""

    def __init__(self) -> None:
        self.status: Status | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self, root: Path, exclude: Sequence[str], on_state: Callable[[Status], None]) -> None:
        """``exclude``: patterns as in .gitignore. ``on_state`` hears each new status in the event loop.

        A process that ends is started again, after a while that grows.
        """
        assert self._task is None
        self._task = asyncio.create_task(self._keep(command(root, exclude), on_state), name="index")

    def saved(self, path: str) -> None:
        """A file was written, or is open: look at it before all others. Absolute, or relative to the root."""
        if "\n" not in path:
            self._tell(f"saved {path}")

    def rebuild(self) -> None:
        self._tell("rebuild")

    async def close(self) -> None:
        """Have the process leave. Never raises."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                # Looked at, so that nobody complains that it wasn't.
                task.exception()

    def _tell(self, line: str) -> None:
        process = self._process
        if process is not None and process.stdin is not None and not process.stdin.is_closing():
            # No file has a name that the disk can't have.
            with contextlib.suppress(UnicodeEncodeError):
                process.stdin.write(os.fsencode(f"{line}\n"))

    async def _keep(self, arguments: Sequence[str], on_state: Callable[[Status], None]) -> None:
        pause = _FIRST_PAUSE
        while True:
            began = time.monotonic()
            try:
                why = f"its process ended ({await self._once(arguments, on_state)})"
            except (OSError, ValueError) as error:
                why = f"its process can't be started ({getattr(error, 'strerror', None) or error})"
            if time.monotonic() - began > _HEALTHY_SECONDS:
                pause = _FIRST_PAUSE
            self.status = Status("failed", notice=f"The index is not kept: {why}; it is tried again.")
            on_state(self.status)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _once(self, arguments: Sequence[str], on_state: Callable[[Status], None]) -> str:
        """Why it ended."""
        process = await asyncio.create_subprocess_exec(
            *arguments,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd="/",
            env=environment(os.environ),
            start_new_session=True,
        )
        self._process = process
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        complaints = bytearray()
        listener = asyncio.create_task(_keep_tail(process.stderr, complaints))
        try:
            async for line in process.stdout:
                if (status := statuses.decoded(line.decode(errors="replace"))) is not None:
                    self.status = status
                    on_state(status)
        finally:
            self._process = None
            process.stdin.close()
            try:
                await _left(process)
                # A worker of its own may hold the pipe a little longer.
                await asyncio.wait([listener], timeout=_LAST_WORDS_SECONDS)
            finally:
                listener.cancel()
        return last_words(bytes(complaints)) or f"status {process.returncode}"


async def _left(process: asyncio.subprocess.Process) -> None:
    """It leaves when its stdin is closed; at any time it may also be killed, which costs only work."""
    try:
        await asyncio.wait_for(process.wait(), _LEAVE_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise


async def _keep_tail(stream: asyncio.StreamReader, kept: bytearray) -> None:
    while data := await stream.read(1 << 16):
        kept += data
        del kept[:-_KEPT_BYTES]


def last_words(complaints: bytes) -> str:
    """The type and message of the last exception, or else the last line, of what a process wrote before it ended.

    No line of code: those are indented in a traceback. At most 200 characters.
    """
    lines = [it for it in complaints.decode(errors="replace").splitlines() if it.strip() and not it[0].isspace()]
    errors = [it for it in lines if _EXCEPTION.match(it)]
    return with_invisible_shown((errors or lines or [""])[-1])[:_LONGEST_REASON]


def command(root: Path, exclude: Sequence[str]) -> list[str]:
    """What starts the process for a workspace."""
    # -P: a folder named `copilot` in the workspace must not be run.
    words = [sys.executable, "-P", "-m", "copilot.index.indexer", str(root)]
    return [*words, *(f"--exclude={_argument(pattern)}" for pattern in exclude)]


def _argument(pattern: str) -> str:
    """As it can be handed over; what comes after a NUL byte is no part of a pattern."""
    return os.fsdecode(pattern.partition("\0")[0].encode(errors="surrogatepass"))


def environment(whole: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in whole.items() if name in _PASSED or name.startswith(_PASSED_BEGINNINGS)}


def status_of(root: Path) -> Status | None:
    """What the process that writes the index of ``root`` said last; None where none ever did, or none runs now."""
    from copilot.index.lock import lock_is_held

    folder = paths.index_dir(root)
    return statuses.read(folder) if lock_is_held(folder) else None
