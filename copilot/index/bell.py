"""Wakes a thread that waits in a selector."""

import contextlib
import os


class Bell:
    """Register it for reading; others ring it from any thread."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) if hasattr(os, "pipe2") else os.pipe()

    def __enter__(self) -> "Bell":
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._read)
        os.close(self._write)

    def fileno(self) -> int:
        return self._read

    def ring(self) -> None:
        # Full: it rings already. Closed: nobody waits any more.
        with contextlib.suppress(OSError):
            os.write(self._write, b"!")

    def silence(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._read, 4096)
