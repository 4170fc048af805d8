"""Indexes of workspaces that are gone: nobody will ask for them again, and they tell what was there."""

import contextlib
import time
from pathlib import Path

from copilot.index import store
from copilot.index.lock import LOCK, lock_file, locked
from copilot.index.reader import Reader

KEPT_SECONDS = 30 * 24 * 3600.0
"""A folder that is not there may be on a disk that is not plugged in."""


def remove_left_over(folders: Path, now: float | None = None) -> list[Path]:
    """Empty those of the index ``folders`` that nobody wrote in for ``KEPT_SECONDS``, and whose workspace is not there
    or not known. ``now``: seconds since 1970. The lock of each stays: whoever waits for it would have another one.
    """
    now = time.time() if now is None else now
    emptied = []
    for folder in _folders(folders):
        with contextlib.suppress(OSError):
            if now - _written(folder) > KEPT_SECONDS and not _is_needed(folder) and _emptied(folder):
                emptied.append(folder)
    return emptied


def _folders(folders: Path) -> list[Path]:
    try:
        return sorted(it for it in folders.iterdir() if it.is_dir() and not it.is_symlink())
    except OSError:
        return []


def _written(folder: Path) -> float:
    """When something in it was written last; never, where there is nothing but its lock."""
    return max((it.stat().st_mtime for it in folder.iterdir() if it.name != LOCK), default=float("inf"))


def _is_needed(folder: Path) -> bool:
    reader = Reader(folder, folder)
    try:
        root = reader.meta("root")
    finally:
        reader.close()
    return isinstance(root, str) and Path(root).is_dir()


def _emptied(folder: Path) -> bool:
    """Whether nobody was about to use it."""
    with lock_file(folder) as lock:
        if not locked(lock):
            return False
        store.remove(folder)
        for file in folder.iterdir():
            if file.name != LOCK and file.is_file():
                file.unlink()
    return True
