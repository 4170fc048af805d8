"""A file that is still being fetched.

Its bytes are always the first bytes of the file to be, whichever source they came from, so any source can go on
where another one stopped. Whether they are the right ones is decided once, by the SHA-256 of the whole.
"""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from copilot.errors import SlipstreamError
from copilot.weights import disk
from copilot.weights.progress import amount


class WrongBytes(SlipstreamError):  # noqa: N818 - read as "raise WrongBytes"
    """All bytes came, and they are not those of the publisher. They are gone; another source may begin anew."""


class PartialFile:
    """Use as a context manager. ``tag`` is a word of a source's own about the bytes so far (an ETag), kept beside
    them; it is empty after bytes came from a source that has none.
    """

    def __init__(self, path: Path, size: int, sha256: str) -> None:
        self.path = path
        self.size = size
        self.offset = 0
        self.tag = ""
        self.sha256 = sha256
        self._tag_path = path.with_suffix(".tag")
        self._hash = hashlib.sha256()
        self._descriptor = -1
        self._doomed = False

    def __enter__(self) -> Self:
        with disk.disk_errors(self.path.parent):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # A link here would let the bytes land elsewhere.
            self._descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
        if self._doomed:
            self._tag_path.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)

    def take_up(self, on_bytes: Callable[[int], None]) -> None:
        """Go on with the bytes of an earlier attempt; they are read once, for the hash."""
        with disk.disk_errors(self.path.parent):
            if os.fstat(self._descriptor).st_size > self.size:
                self.restart()
            while block := os.read(self._descriptor, disk.CHUNK):
                self._hash.update(block)
                self.offset += len(block)
                on_bytes(self.offset)
            if self.offset:
                self.tag = self._tag_path.read_text(encoding="utf-8") if self._tag_path.exists() else ""

    def restart(self, tag: str = "") -> None:
        """Forget all bytes."""
        with disk.disk_errors(self.path.parent):
            os.ftruncate(self._descriptor, 0)
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._hash = hashlib.sha256()
        self.offset = 0
        self.set_tag(tag)

    def set_tag(self, tag: str) -> None:
        """Remember ``tag`` for the next attempt."""
        if tag != self.tag:
            self.tag = tag
            with disk.disk_errors(self.path.parent):
                disk.write_atomic(self._tag_path, tag.encode())

    def append(self, data: bytes) -> None:
        """Add bytes. Raises ``WrongBytes`` when there are more than the file has, ``disk_full`` when they don't fit."""
        if self.offset + len(data) > self.size:
            self.discard()
            raise WrongBytes(f"More than the expected {amount(self.size)} came.", code="wrong_size")
        with disk.disk_errors(self.path.parent):
            view = memoryview(data)
            while view:
                # A write to a disk that is nearly full may take only a part.
                written = os.write(self._descriptor, view)
                self._doomed = False
                self._hash.update(view[:written])
                self.offset += written
                view = view[written:]

    def discard(self) -> None:
        """Forget all bytes; unless others come, the file is removed at the end of the block.

        Not at once: it is still open for the next source, whose bytes would go to a file without a name.
        """
        self._doomed = True
        self.restart()

    def finish(self, target: Path, check: Callable[[Path], object]) -> None:
        """Give the file its final name, when every byte is right and ``check`` (the file's own format) agrees.

        Raises ``WrongBytes``, or what ``check`` raises; the bytes are then removed.
        """
        digest = self._hash.hexdigest()
        if self.offset != self.size or digest != self.sha256:
            self.discard()
            raise WrongBytes(f"The SHA-256 is {digest[:12]}…, not the publisher's {self.sha256[:12]}….")
        try:
            check(self.path)
        except SlipstreamError:
            self.discard()
            raise
        with disk.disk_errors(self.path.parent):
            os.fsync(self._descriptor)
            target.parent.mkdir(parents=True, exist_ok=True)
            self.path.replace(target)
            disk.sync_folder(target.parent)
            self._tag_path.unlink(missing_ok=True)
