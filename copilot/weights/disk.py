"""What all parts of the cache need from the file system: hashes, atomic writes, and disk errors in words."""

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from copilot.errors import SlipstreamError
from copilot.weights.progress import amount

CHUNK = 1 << 20
# EFBIG is what a limit on the size of files (`ulimit -f`) looks like.
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turn an ``OSError`` of the block into one sentence about ``folder``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise SlipstreamError(
                f"The disk of {folder} is full ({amount(free_bytes(folder))} free).",
                hint="Free some space, or move the models with SLIPSTREAM_MODELS_DIR, then run the same again: "
                "what was fetched is kept.",
                code="disk_full",
                retryable=True,
            ) from error
        reason = error.strerror or type(error).__name__
        raise SlipstreamError(
            f"Could not use {error.filename or folder}: {reason}.",
            hint="Check its permissions, or move the models with SLIPSTREAM_MODELS_DIR.",
            code="disk_error",
        ) from error


def free_bytes(folder: Path) -> int:
    """Free space for this user where ``folder`` is, or will be."""
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def write_atomic(path: Path, data: bytes) -> None:
    """Replace ``path`` whole: a reader sees the old bytes or the new ones, after a crash too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make a rename in ``folder`` last through a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def files_of(path: Path) -> list[Path]:
    """The files a model consists of: itself, or what lies directly in its folder, in the order of their names."""
    if not path.is_dir():
        return [path]
    return sorted(entry for entry in path.iterdir() if entry.is_file() and not entry.name.startswith("."))


def size_of(path: Path) -> int:
    return sum(file.stat().st_size for file in files_of(path))


def sha256_of(path: Path, on_bytes: Callable[[int], None] = lambda _read: None) -> str:
    """Hash a file, or a folder as ``sha256sum * | sha256sum`` does. ``on_bytes`` gets the bytes read so far."""
    read = 0
    lines = []
    for file in files_of(path):
        digest = hashlib.sha256()
        with file.open("rb", buffering=0) as stream:
            while block := stream.read(CHUNK):
                digest.update(block)
                read += len(block)
                on_bytes(read)
        lines.append(f"{digest.hexdigest()}  {file.name}\n")
    if not path.is_dir():
        return lines[0].split(" ", 1)[0]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
