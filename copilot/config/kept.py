"""What someone decided about a workspace, in a file of the user's own: JSON, one entry for each workspace's folder.

Never in the workspace itself, whose files may come from anyone. Several editors and the window may write; whoever reads
sees what was written last.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from copilot.errors import SlipstreamError

T = TypeVar("T", bound=msgspec.Struct)

_BUSY_SECONDS = 5


class KeptByWorkspace(Generic[T]):
    """``kind`` has a default for each field: that is what is kept of a workspace of which nothing was said.

    Reading it again costs a ``stat`` while nothing was written.
    """

    def __init__(self, path: Path, kind: type[T]) -> None:
        self._path = path
        self._kind = kind
        self._stamp: tuple[int, int, int] | None = None
        self._all: Mapping[str, T] = {}

    def of(self, root: Path) -> T:
        """What was said of the workspace in ``root``; nothing where the file is not there or can't be read."""
        return self._read().get(str(root.resolve()), self._kind())

    def change(self, root: Path, how: Callable[[T], T]) -> T:
        """Write ``how`` of what there is, and return it. Raises :class:`SlipstreamError` ``not_kept``."""
        from filelock import FileLock, Timeout

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._path}.lock", timeout=_BUSY_SECONDS):
                changed = how(self.of(root))
                self._write({**self._read(), str(root.resolve()): changed})
        except (OSError, Timeout) as error:
            raise SlipstreamError(
                f"This could not be kept in {self._path}: {error}",
                hint="Check that the folder can be written.",
                code="not_kept",
            ) from error
        return changed

    def _read(self) -> Mapping[str, T]:
        try:
            info = self._path.stat()
            stamp = (info.st_ino, info.st_mtime_ns, info.st_size)
            if stamp == self._stamp:
                return self._all
            data = self._path.read_bytes()
        except OSError:
            self._stamp, self._all = None, {}
            return self._all
        try:
            self._all = msgspec.json.decode(data, type=dict[str, self._kind])  # type: ignore[name-defined]
        except (msgspec.DecodeError, UnicodeDecodeError):
            # Written by hand, or by a later version: kept beside the next one, not lost.
            with contextlib.suppress(OSError):
                self._path.replace(f"{self._path}.unreadable")
            self._all = {}
        self._stamp = stamp
        return self._all

    def _write(self, every: Mapping[str, T]) -> None:
        """In one step: of a file that was half written nothing would be left."""
        kept = {root: said for root, said in every.items() if said != self._kind()}
        # As mkstemp makes it, nobody else reads it.
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(msgspec.json.format(msgspec.json.encode(kept), indent=1))
            Path(name).replace(self._path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
