"""The audit files: one JSON object a line, chained, a new file each day, old ones deleted."""

import datetime
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from copilot.audit.chain import START, digest, linked, tail
from copilot.audit.events import AuditBreak, Row, row
from copilot.audit.folder import FILE_MODE, AuditFile, Folder, file_of

_DAY_SECONDS = 86_400
# A file is deleted as a whole, so it is a small part of what is kept.
_PARTS = 8
_LARGEST_PART = 32_000_000


class JsonlSink:
    """Writes below ``folder``. Others may write there too, each process with a sink of its own.

    ``keep_days``: files nobody wrote to for longer are deleted; ``keep_bytes``: the oldest are, so that all of them
    together stay below. Both are seen to at the start and whenever a file is begun, and the newest file always stays.
    ``clock``: seconds since 1970.
    """

    name = "the audit files"

    def __init__(
        self, folder: Path, *, keep_days: float, keep_bytes: int, clock: Callable[[], float] = time.time
    ) -> None:
        self.folder = Folder(folder)
        self._keep_seconds = keep_days * _DAY_SECONDS
        self._keep_bytes = keep_bytes
        self._part_bytes = min(keep_bytes // _PARTS, _LARGEST_PART)
        self._clock = clock
        self._descriptor = -1
        self._file: AuditFile | None = None
        # The day on which this file was begun, by the clock as it was then; no other day's lines go into it.
        self._begun = ""
        self._end = 0
        self._digest = START

    def open(self) -> None:
        self.folder.make()
        with self.folder.locked():
            for path in self.folder.left_over():
                path.unlink()
            if newest := max(self.folder.files(), default=None):
                self._enter(newest)
            self._prune()

    def write(self, rows: Sequence[Row]) -> None:
        with self.folder.locked():
            self._follow()
            self._append([row.json for row in rows])

    def flush(self) -> None:
        if self._descriptor < 0:
            return
        os.fsync(self._descriptor)
        self.folder.set_head(self._digest)

    def close(self) -> None:
        self._leave()

    def _follow(self) -> None:
        """Have the newest file open, with our place at its end, whatever others did meanwhile."""
        newest = max(self.folder.files(), default=None)
        if newest is None:
            self._begin(file_of(self.folder.path, self._today(), 1))
        elif newest != self._file or not self._is_as_we_left_it(newest):
            self._enter(newest)
        assert self._file is not None
        if self._end and (self._today() != self._begun or self._end >= self._part_bytes):
            self.flush()
            self._begin(self._file.after(self._today()))
            self._prune()

    def _is_as_we_left_it(self, file: AuditFile) -> bool:
        found, ours = file.path.stat(), os.fstat(self._descriptor)
        return found.st_ino == ours.st_ino and found.st_size == self._end

    def _begin(self, file: AuditFile) -> None:
        self._leave()
        self._descriptor = _opened(file.path)
        self._file, self._begun, self._end = file, self._today(), 0
        self.folder.sync()

    def _enter(self, file: AuditFile) -> None:
        self._leave()
        self._descriptor = _opened(file.path)
        self._file, self._begun = file, _day(os.fstat(self._descriptor).st_mtime)
        self._end, found = tail(self._descriptor)
        self._digest = found or self._digest_before(file)
        size = os.fstat(self._descriptor).st_size
        if size > self._end:
            self._set_aside(os.pread(self._descriptor, size - self._end, self._end))

    def _digest_before(self, file: AuditFile) -> str:
        for earlier in reversed(self.folder.files()):
            if earlier < file:
                descriptor = _opened(earlier.path)
                try:
                    if found := tail(descriptor).digest:
                        return found
                finally:
                    os.close(descriptor)
        return START

    def _set_aside(self, torn: bytes) -> None:
        """Keep what a crash left of a line elsewhere, and say so in the chain."""
        found = hashlib.sha256(torn).hexdigest()
        aside = self.folder.path / f"torn-{found[:16]}.part"
        descriptor = _opened(aside)
        try:
            os.ftruncate(descriptor, 0)
            _write(descriptor, torn)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.ftruncate(self._descriptor, self._end)
        event = AuditBreak(file=aside.name, bytes=len(torn), sha256=found)
        wall_ns = int(self._clock() * 1e9)
        told = row(event, run=secrets.token_hex(4), number=0, wall_ns=wall_ns, monotonic=time.monotonic())
        self._append([told.json])

    def _append(self, objects: Sequence[bytes]) -> None:
        """All of them, or none: on a full disk half a line would be neither."""
        lines = bytearray()
        last = self._digest
        for number, json in enumerate(objects):
            if number % 16 == 15:
                # The stream's thread must not wait for a thousand hashes.
                time.sleep(0)
            line = linked(last, json)
            last = digest(line)
            lines += line + b"\n"
        try:
            _write(self._descriptor, lines)
        except OSError:
            os.ftruncate(self._descriptor, self._end)
            raise
        self._end += len(lines)
        self._digest = last
        # The files' times say which day it is in, and how long they are kept.
        os.utime(self._descriptor, (self._clock(), self._clock()))

    def _prune(self) -> None:
        for path in self.folder.set_aside():
            if self._is_old(path.stat().st_mtime):
                path.unlink()
        files = self.folder.files()
        total = sum(file.path.stat().st_size for file in files)
        for file in files[:-1]:
            info = file.path.stat()
            # What was written while the clock had gone back looks older than it is, and its name does not.
            written = info.st_mtime if file.day > self._today() else max(info.st_mtime, _seconds(file.day))
            # A file that is begun now has room to grow.
            if self._is_old(written) or total > self._keep_bytes - self._part_bytes:
                total -= info.st_size
                file.path.unlink()

    def _is_old(self, written: float) -> bool:
        return written < self._clock() - self._keep_seconds

    def _leave(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor, self._file = -1, None

    def _today(self) -> str:
        return _day(self._clock())


def _day(seconds: float) -> str:
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).date().isoformat()


def _seconds(day: str) -> float:
    return datetime.datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp()


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)


def _write(descriptor: int, data: bytes | bytearray) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
