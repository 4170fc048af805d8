"""How far the index of a workspace is, as the process that writes it says: a small file that anyone may read."""

import contextlib
import json
import os
from pathlib import Path
from typing import NamedTuple

_FILE = "status.json"


class Status(NamedTuple):
    """``state``: ``waiting`` (another process writes), ``scanning``, ``ready``, ``polling`` (ready, but changes are
    only found by looking everywhere again), ``failed``. ``done`` of ``total`` files are looked at; ``files`` are in the
    index. ``notice``: a sentence for the user. ``process``: id of the one that writes. ``writer``: its state, where
    another one waits and repeats what it says. ``created``: of this very index, milliseconds since 1970.
    """

    state: str
    done: int = 0
    total: int = 0
    files: int = 0
    notice: str = ""
    process: int = 0
    writer: str = ""
    created: int = 0


def encoded(status: Status) -> str:
    return json.dumps(status._asdict())


def decoded(text: str) -> Status | None:
    """None for what is no status, or one of another version."""
    try:
        return Status(**json.loads(text))
    except (ValueError, TypeError):
        return None


def write(folder: Path, status: Status) -> None:
    """A full disk costs only the news."""
    new = folder / f"{_FILE}.new"
    with contextlib.suppress(OSError):
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(encoded(status))
        new.replace(folder / _FILE)


def read(folder: Path) -> Status | None:
    try:
        return decoded((folder / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
