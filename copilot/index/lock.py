"""The lock of an index: of the processes that would write it one does."""

import fcntl
import os
from pathlib import Path
from typing import IO

LOCK = "lock"
"""Name of the file in ``copilot.paths.index_dir(root)``."""


def lock_file(folder: Path) -> IO[str]:
    """Who holds its lock writes the index. It is never removed: a second file would be a second lock."""
    return os.fdopen(os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+", encoding="ascii")


def locked(file: IO[str]) -> bool:
    """Take the lock, if nobody has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def lock_is_held(folder: Path) -> bool:
    """Whether a process writes the index now."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    with os.fdopen(descriptor, encoding="ascii") as file:
        try:
            # Shared: two who ask must not take each other for it.
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
