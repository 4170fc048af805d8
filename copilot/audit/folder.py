"""The folder of the audit files: what is in it, in which order, and who may change it just now.

Several processes write here: the host, and a command that adds a user. All take the lock for as long as they change
something, so no one ever sees another's half line, unless the other was killed.
"""

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from copilot import paths
from copilot.errors import SlipstreamError

FILE_MODE = 0o600
REWRITING = ".rewriting"
"""At the end of a file that is about to take another's place."""

_NAME = re.compile(r"audit-(?P<day>\d{4}-\d{2}-\d{2})-(?P<part>\d{6})\.jsonl")
_ASIDE = re.compile(r"torn-[0-9a-f]{16}\.part")
_HEAD = re.compile(r"[0-9a-f]{64}")


class AuditFile(NamedTuple):
    """``day``: when it was begun, or that of an earlier file where the clock had gone back since. They sort by age."""

    day: str
    part: int
    path: Path

    def after(self, day: str) -> "AuditFile":
        """The file that follows when it is ``day``, which may be before this one's."""
        newest = max(day, self.day)
        return file_of(self.path.parent, newest, self.part + 1 if newest == self.day else 1)


def file_of(folder: Path, day: str, part: int) -> AuditFile:
    return AuditFile(day, part, folder / f"audit-{day}-{part:06}.jsonl")


class Folder:
    """Of one thread. Nothing is made before :meth:`make`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._depth = 0

    def make(self) -> None:
        """Raises :class:`SlipstreamError` where it can't be private."""
        paths.make_private_dir(self.path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Waits until no other process changes anything; a block within a block is fine."""
        if self._depth == 0:
            self._lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, FILE_MODE)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1
            if self._depth == 0:
                os.close(self._lock)

    def files(self) -> list[AuditFile]:
        """Oldest first."""
        names = filter(None, map(_NAME.fullmatch, self._names()))
        return sorted(AuditFile(name["day"], int(name["part"]), self.path / name.group()) for name in names)

    def set_aside(self) -> list[Path]:
        """Pieces of lines that a crash or a loss of power cut off."""
        return sorted(self.path / name for name in self._names() if _ASIDE.fullmatch(name))

    def left_over(self) -> list[Path]:
        """What someone who was killed would have put in a file's place; only to be asked with the lock."""
        return sorted(self.path / name for name in self._names() if name.endswith(REWRITING))

    def _names(self) -> list[str]:
        return [path.name for path in self.path.iterdir()]

    @property
    def head(self) -> str | None:
        """The hash of a line that was safely on the disk, one of the last; None where there is none yet."""
        with contextlib.suppress(OSError, UnicodeDecodeError):
            found = _HEAD.fullmatch((self.path / "head").read_text("ascii"))
            return found.group() if found else None
        return None

    def set_head(self, digest: str) -> None:
        """In place: as long as what was there before, it is there whole or not at all."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(self.path / "head", flags, FILE_MODE)
        try:
            os.pwrite(descriptor, digest.encode(), 0)
        finally:
            os.close(descriptor)

    def sync(self) -> None:
        """Have the names in it survive a loss of power."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator["Snapshot"]:
        """As it is at one moment, while others go on writing, forgetting and deleting. Raises :class:`SlipstreamError`
        where nothing is recorded."""
        with contextlib.ExitStack() as stack:
            with self._locked_to_read():
                files = self.files() if self.path.is_dir() else []
                if not files:
                    raise SlipstreamError(
                        f"Nothing is recorded in {self.path}.",
                        hint="The engine host records there as soon as someone uses it, unless audit.enabled is false.",
                        code="no_audit",
                    )
                head = self.head
                opened = []
                for file in files:
                    descriptor = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                    stack.callback(os.close, descriptor)
                    opened.append(Opened(file, descriptor, os.fstat(descriptor).st_size))
            yield Snapshot(opened, head)

    @contextlib.contextmanager
    def _locked_to_read(self) -> Iterator[None]:
        """A copy on a read-only disk has no one who changes it."""
        with contextlib.ExitStack() as stack:
            with contextlib.suppress(OSError):
                stack.enter_context(self.locked())
            yield


class Opened(NamedTuple):
    """``size``: bytes of it that count."""

    file: AuditFile
    descriptor: int
    size: int

    def lines(self) -> Iterator[bytes]:
        """With their ends; the last may have none."""
        left = self.size
        with open(self.descriptor, "rb", closefd=False) as stream:
            while left > 0 and (line := stream.readline(left)):
                left -= len(line)
                yield line


class Snapshot(NamedTuple):
    files: list[Opened]
    head: str | None
