"""Tells which files and folders of a workspace may have changed, as the kernel tells it (inotify).

Each folder is watched by itself: an ignored one costs nothing, and a queue that overflows is noticed. One thread reads
and only puts down what it read; everything else happens in the thread that calls.
"""

import os
import re
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from copilot.safety.gate import Gate

if TYPE_CHECKING:
    from watchdog.observers.inotify_c import InotifyEvent

_QUIET_SECONDS = 0.05
_LONGEST_SECONDS = 0.5
# More than this are found by a scan in less time.
_MOST_PATHS = 20_000

_CLOSE_WRITE, _MOVED_FROM, _MOVED_TO, _CREATE, _DELETE = 0x08, 0x40, 0x80, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _UNMOUNT, _OVERFLOW, _IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
_ONLY_FOLDERS, _NO_LINKS, _NOT_UNLINKED, _IS_FOLDER = 0x0100_0000, 0x0200_0000, 0x0400_0000, 0x4000_0000
# Not IN_MODIFY: a file is looked at when it was written, not at each write to a log that stays open.
_MASK = _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
_FLAGS = _ONLY_FOLDERS | _NO_LINKS | _NOT_UNLINKED


# Others may change files there, of which the kernel hears nothing.
_SHARED = frozenset(
    {
        *("9p", "afs", "beegfs", "ceph", "cifs", "coda", "drvfs", "fuse", "gfs2", "gpfs", "lustre", "ncpfs", "nfs"),
        *("nfs4", "ocfs2", "prl_fs", "smb3", "smbfs", "vboxsf", "virtiofs", "vmhgfs"),
    }
)


class Changes(NamedTuple):
    """``paths``: of files or folders that may have come, changed or gone, relative to the root.

    ``lost``: there were more; only a scan tells which. ``root_left``: the root itself is gone, or is now elsewhere.
    """

    paths: frozenset[str]
    lost: bool
    root_left: bool = False


class Watch:
    def __init__(self, root: Path, wake: Callable[[], None]) -> None:
        """``wake`` is called from another thread when there is something to collect.

        Raises ``OSError`` where there is no inotify, or no instance left.
        """
        try:
            from watchdog.observers.inotify_c import InotifyFD
        except Exception as error:  # on other systems it fails in more than one way
            raise OSError("there is no inotify here") from error

        self._root = root
        self._wake = wake
        self._events: deque[tuple[int, int, str]] = deque()
        self._paths: set[str] = set()
        self._lost = self._root_left = False
        self._first = self._last = 0.0
        self._by_folder: dict[str, int] = {}
        self._by_number: dict[int, str] = {}
        self._inotify = InotifyFD()
        self._inotify.daemon = True
        self._inotify.start()

    def close(self) -> None:
        self._inotify.stop()
        self._inotify.join(timeout=5.0)

    def __len__(self) -> int:
        """How many folders are watched."""
        return len(self._by_folder)

    def add(self, folder: str) -> None:
        """Raises ``OSError`` where no more can be watched; a folder that is gone or closed is passed over."""
        if folder in self._by_folder:
            return
        path = os.fsencode(self._root / folder if folder else self._root)
        try:
            with warnings.catch_warnings():
                # A folder that was moved here, and of which we have not heard yet that it left.
                warnings.simplefilter("ignore", RuntimeWarning)
                number = self._inotify.add_callback(path, _MASK | _FLAGS, self, id(self))  # type: ignore[arg-type]
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return
        if number < 0:
            return
        before = self._by_number.get(number)
        if before is not None:
            self._by_folder.pop(before, None)
        self._by_number[number] = folder
        self._by_folder[folder] = number

    def keep_only(self, folders: set[str]) -> None:
        """Stop watching all others."""
        self._drop([it for it in self._by_folder if it not in folders])

    def due(self) -> float | None:
        """In how many seconds there is something to collect; None: nothing has happened."""
        self._drain()
        if not self._first:
            return None
        now = time.monotonic()
        return max(0.0, min(self._last + _QUIET_SECONDS, self._first + _LONGEST_SECONDS) - now)

    def collect(self) -> Changes:
        """What has happened since the last call."""
        self._drain()
        changes = Changes(frozenset(self._paths), self._lost, self._root_left)
        self._paths.clear()
        self._lost, self._first = False, 0.0
        return changes

    # These three are called by the thread that reads.

    def on_event(self, event: "InotifyEvent") -> None:
        self._put(event.wd, event.mask, os.fsdecode(event.name))

    def on_watch_deleted(self, wd: int) -> None:
        self._put(wd, _IGNORED, "")

    def on_queue_overflow(self) -> None:
        self._put(-1, _OVERFLOW, "")

    def _put(self, number: int, mask: int, name: str) -> None:
        idle = not self._events
        self._events.append((number, mask, name))
        if idle:
            self._wake()

    def _drain(self) -> None:
        left: set[str] = set()
        happened = False
        while self._events:
            number, mask, name = self._events.popleft()
            folder = self._by_number.get(number)
            if mask & _OVERFLOW:
                self._lost = happened = True
            elif folder is None:
                continue
            elif mask & _IGNORED:
                del self._by_number[number]
                if self._by_folder.get(folder) == number:
                    del self._by_folder[folder]
            elif name:
                happened = True
                path = f"{folder}/{name}" if folder else name
                self._paths.add(path)
                if mask & _IS_FOLDER and mask & _MOVED_FROM:
                    # Its watches go with it, and would tell of it by its old name.
                    left.add(path)
            elif not folder and mask & (_DELETE_SELF | _MOVE_SELF | _UNMOUNT):
                self._lost = self._root_left = happened = True
        if left:
            self._drop([it for it in self._by_folder if any(part in left for part in upwards(it))])
        if len(self._paths) > _MOST_PATHS:
            self._paths.clear()
            self._lost = True
        if happened:
            self._last = time.monotonic()
            self._first = self._first or self._last

    def _drop(self, folders: list[str]) -> None:
        numbers = [self._by_folder.pop(it) for it in folders]
        for number in numbers:
            self._by_number.pop(number, None)
        self._inotify.remove_callbacks([(number, id(self)) for number in numbers])  # type: ignore[misc]


def shared_file_system(root: Path) -> str:
    """The type of the file system that ``root`` lies on, where it doesn't tell of all changes; else ""."""
    try:
        return shared_in(Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape"), root)
    except OSError:
        return ""


def shared_in(mounts: str, root: Path) -> str:
    """``mounts``: as in proc_pid_mountinfo(5)."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kinds = before.split(" "), after.split(" ")
        if len(fields) < 5:
            continue
        place = Path(re.sub(r"\\([0-7]{3})", lambda it: chr(int(it[1], 8)), fields[4]))
        # The last of those at one place hides the others.
        if len(place.parts) >= best and root.is_relative_to(place):
            best, kind = len(place.parts), kinds[0]
    return kind if kind.partition(".")[0] in _SHARED else ""


def upwards(path: str) -> Iterator[str]:
    """The path itself and the folders that it is in, the workspace's own left out."""
    while path:
        yield path
        path = path.rpartition("/")[0]


def files_below(gate: Gate, folder: str, enter: Callable[[str], None]) -> Iterator[str]:
    """Regular files in a folder and below it; ``gate`` has a say on folders only, files are not asked for yet.

    ``enter`` is called with each folder before it is listed: what comes into it later is an event.
    """
    waiting = [folder]
    if not folder and gate.refusal("", is_folder=True) is not None:
        # The repository around it ignores it.
        enter(folder)
        return
    while waiting:
        at = waiting.pop()
        enter(at)
        try:
            entries = os.scandir(gate.root / at if at else gate.root)
        except OSError:
            continue
        with entries:
            for entry in entries:
                path = f"{at}/{entry.name}" if at else entry.name
                try:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.name != ".git" and gate.refusal(path, is_folder=True) is None:
                            waiting.append(path)
                    elif entry.is_file(follow_symlinks=False):
                        yield path
                except OSError:
                    continue
