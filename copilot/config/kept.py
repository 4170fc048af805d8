"""What someone decided about a workspace, in a file of the user's own: JSON, one entry for each workspace's folder.

Never in the workspace itself, whose files may come from anyone. Several editors and the window may write; whoever reads
sees what was written last.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from copilot.errors import SlipstreamError
from copilot.paths import write_private

T = TypeVar("T", bound=msgspec.Struct)

_LOG = logging.getLogger(__name__)

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
        self._lock = threading.Lock()

    def of(self, root: Path) -> T:
        """What was said of the workspace in ``root``; nothing where the file is not there or can't be read."""
        return self._read().get(str(root.resolve()), self._kind())

    def change(self, root: Path, how: Callable[[T], T]) -> T:
        """Write ``how`` of what there is, and return it. Raises :class:`SlipstreamError` ``not_kept``."""
        from filelock import FileLock, Timeout

        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(f"{self._path}.lock", timeout=_BUSY_SECONDS):
                every, key = self._read(to_write=True), str(root.resolve())
                changed = how(every.get(key, self._kind()))
                self._write({**every, key: changed})
        except (OSError, Timeout) as error:
            raise SlipstreamError(
                f"This could not be kept in {self._path}: {error}",
                hint="Check that the folder can be written.",
                code="not_kept",
            ) from error
        return changed

    def _read(self, *, to_write: bool = False) -> Mapping[str, T]:
        """What was last known where the file can't be read now; ``to_write``: raises ``OSError`` then."""
        with self._lock:
            try:
                info = self._path.stat()
                stamp = (info.st_ino, info.st_mtime_ns, info.st_size)
                data = self._path.read_bytes() if stamp != self._stamp else None
            except FileNotFoundError:
                self._stamp, self._all = None, {}
                return self._all
            except OSError:
                if to_write:
                    raise
                return self._all
            if data is not None:
                try:
                    self._all = msgspec.json.decode(data, type=dict[str, self._kind])  # type: ignore[name-defined]
                except (msgspec.DecodeError, UnicodeDecodeError):
                    self._put_aside()
                self._stamp = stamp
            return self._all

    def _put_aside(self) -> None:
        """Written by hand, or by a later version: kept beside the next one, not lost. What was known goes on."""
        aside = Path(f"{self._path}.unreadable-{time.time_ns()}")
        with contextlib.suppress(OSError):
            self._path.replace(aside)
            _LOG.warning("%s can't be read; it was put aside as %s", self._path, aside.name)

    def _write(self, every: Mapping[str, T]) -> None:
        """In one step: of a file that was half written nothing would be left."""
        kept = {root: said for root, said in every.items() if said != self._kind()}
        write_private(self._path, msgspec.json.format(msgspec.json.encode(kept), indent=1))
        self._all = kept
