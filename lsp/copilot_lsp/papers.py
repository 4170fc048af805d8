"""Texts that a client is to show in its editor: private files, gone when the server leaves."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from copilot import paths

_PREFIX = "shown-"


class Papers:
    """Each in a folder of this process, which only its user may enter. It is made when it is first needed."""

    def __init__(self) -> None:
        self._folder: Path | None = None
        self._count = 0

    def write(self, title: str, suffix: str, text: str) -> Path:
        """A new file, named after ``title``; readable by this user only.

        Raises ``OSError`` or ``SlipstreamError`` where it can't be.
        """
        if self._folder is None:
            self._folder = _new_folder()
        self._count += 1
        name = re.sub(r"[^A-Za-z0-9]+", "-", title).strip("-")[:40] or "answer"
        path = self._folder / f"{name}-{self._count}{suffix}"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="replace", newline="") as file:
            file.write(text)
        return path

    def close(self) -> None:
        """Remove them all."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = None


def _new_folder() -> Path:
    base = paths.make_private_dir(paths.runtime_dir())
    for left in base.glob(f"{_PREFIX}*"):
        # Of a server that was killed: it could not clean up.
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not _alive(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=base))


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
