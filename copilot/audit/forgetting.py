"""Have what is recorded of one user forgotten: each row becomes a tombstone, and the chain still holds."""

import contextlib
import math
import os
import secrets
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

from copilot.audit.chain import tombstone
from copilot.audit.events import AuditForgot, row
from copilot.audit.folder import FILE_MODE, REWRITING
from copilot.audit.jsonl import JsonlSink


class _Whose(msgspec.Struct):
    tenant: str = ""
    by: str = ""


_decoder = msgspec.json.Decoder(_Whose)


def forget(folder: Path, tenant: str) -> int:
    """Forget every row in ``folder`` that names ``tenant``, and return how many there were.

    The host may run meanwhile; what it has not written yet is not forgotten. Pieces that a crash cut off are deleted,
    since nobody can tell whose they are.

    Interrupted or on a full disk (``OSError``) some rows stay as they were; doing it again forgets the rest.
    """
    if not tenant:
        raise ValueError("rows that name nobody stay")
    # What is old is not our business: the folder may be a copy that someone keeps.
    sink = JsonlSink(folder, keep_days=math.inf, keep_bytes=sys.maxsize)
    sink.open()
    with sink.folder.locked():
        counts = {file.path: _count(file.path, tenant) for file in sink.folder.files()}
        total = sum(counts.values())
        if total:
            mark = secrets.token_hex(4)
            # First, so that there is never a tombstone that nothing speaks of.
            _record(sink, AuditForgot(mark=mark, rows=total))
            for path, count in counts.items():
                if count:
                    _rewrite(path, tenant, mark)
        for path in sink.folder.set_aside():
            path.unlink()
        sink.folder.sync()
    sink.close()
    return total


def _record(sink: JsonlSink, event: AuditForgot) -> None:
    run = secrets.token_hex(4)
    sink.write([row(event, run=run, number=1, wall_ns=time.time_ns(), monotonic=time.monotonic())])
    sink.flush()


def _count(path: Path, tenant: str) -> int:
    with path.open("rb") as lines:
        return sum(_names(line.rstrip(b"\n"), tenant) for line in lines)


def _names(line: bytes, tenant: str) -> bool:
    try:
        row = _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return tenant in {row.tenant, row.by}


def _rewrite(path: Path, tenant: str, mark: str) -> None:
    """In a new file that takes the old one's place, and its time, which says how long it is kept."""
    before = path.stat()
    with _replacement(path) as new:
        with path.open("rb") as lines, os.fdopen(os.dup(new), "wb") as out:
            for line in lines:
                text = line.rstrip(b"\n")
                out.write(tombstone(text, mark) + b"\n" if _names(text, tenant) else line)
        os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
        os.fsync(new)


@contextlib.contextmanager
def _replacement(path: Path) -> Iterator[int]:
    """The descriptor of a private file that replaces ``path`` if all goes well, and is gone otherwise."""
    temporary = path.with_suffix(REWRITING)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
    try:
        yield descriptor
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
