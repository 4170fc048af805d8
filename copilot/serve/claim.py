"""The host's place on the machine: a lock that one process of a user can hold, and the socket that goes with it."""

import contextlib
import fcntl
import os
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from copilot import paths
from copilot.errors import SlipstreamError

_BACKLOG = 1024
# sun_path of Linux has 108 bytes with its final NUL, that of macOS four fewer.
_SOCKET_PATH_BYTES = 103


@contextlib.contextmanager
def only_one(wait_seconds: float = 0.0) -> Iterator[bool]:
    """Hold the user's host lock for the block. False, at once or after ``wait_seconds``: another process has it.

    The lock lives as long as the process that took it, however that ends, and the file says whose it is.
    """
    with _lock_file() as file:
        if not _wait_for_lock(file, wait_seconds):
            yield False
            return
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        try:
            yield True
        finally:
            # While it is still ours: nobody may take an old number for a running host.
            file.truncate(0)


def holder() -> int | None:
    """Process id of the host that holds the lock, answering or not; 0 when it has not written it yet."""
    if not _lock_path().exists():
        return None
    with _lock_file() as file:
        # Shared: two who ask must not take each other for the host.
        if _try_lock(file, fcntl.LOCK_SH):
            return None
        file.seek(0)
        text = file.read(16).strip()
        return int(text) if text.isdigit() else 0


def _lock_path() -> Path:
    return paths.runtime_dir() / "host.lock"


@contextlib.contextmanager
def _lock_file() -> Iterator[IO[str]]:
    paths.make_private_dir(paths.runtime_dir())
    # Never removed: a second file of the same name would be a second lock.
    with _lock_path().open("a+") as file:
        yield file


def _try_lock(file: IO[str], kind: int = fcntl.LOCK_EX) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _wait_for_lock(file: IO[str], seconds: float) -> bool:
    until = time.monotonic() + seconds
    while not _try_lock(file):
        if time.monotonic() >= until or answers():
            return False
        time.sleep(0.05)
    return True


def answers() -> bool:
    """Does a host take requests? One that is leaving says that it does not."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(paths.host_socket()))
            probe.sendall(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return probe.recv(32).startswith(b"HTTP/1.1 200 ")
        except OSError:
            return False


@contextlib.contextmanager
def listening(path: Path) -> Iterator[socket.socket]:
    """A listening socket at ``path``, for this user only. The caller holds the lock, so what lies there is stale."""
    if len(os.fsencode(path)) > _SOCKET_PATH_BYTES:
        raise SlipstreamError(
            f"The path of the host's socket is too long for a Unix socket: {path}.",
            hint="Set SLIPSTREAM_HOME, or XDG_RUNTIME_DIR, to a shorter folder.",
            code="socket_path_too_long",
        )
    paths.make_private_dir(path.parent)
    _remove_socket(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(str(path))
        # Before listen(): until then nobody can connect.
        path.chmod(0o600)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
        yield listener
    finally:
        listener.close()
        _remove_socket(path)


def _remove_socket(path: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise SlipstreamError(
                f"{path} is in the way: it is not a socket.", hint="Remove it.", code="socket_path_taken"
            )
        path.unlink()
