"""Keeps the index as the disk is: scans, follows changes, does what clients ask, says how far it is.

One thread. What takes long is cut into steps, so that a file that was saved never waits for a scan.
"""

import contextlib
import os
import selectors
import sqlite3
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from copilot.index import store as stores
from copilot.index.bell import Bell
from copilot.index.parsed import Parsed, Task
from copilot.index.pool import Pool, PoolError
from copilot.index.rule_files import RULES, RulesAround, rules_around
from copilot.index.scan import Scan
from copilot.index.schema import MARKER
from copilot.index.status import Status
from copilot.index.store import Store
from copilot.index.watch import Changes, Watch, files_below, shared_file_system
from copilot.safety.gate import Gate
from copilot.safety.inside import is_name

_STEP_SECONDS = 0.05
_COMMIT_SECONDS = 1.0
_LOOK_SECONDS = 0.5
_SAY_SECONDS = 0.2
_POLL_SECONDS = 10.0
# A scan may take so large a share of the time where nothing tells of changes.
_POLL_SHARE = 0.1
_RETRY_SECONDS = 30.0
_DAMAGE_SECONDS = 60.0
# More changes than this are no longer one file that someone waits for.
_STORM = 64
# So much has changed that it pays to fold the full-text index.
_MUCH = 1_000
_NO_WATCH = "Changes made outside the editor are found only every {seconds:.0f} s: {why}."


class Requests(Protocol):
    """What the client says, in lines. ``over``: it has gone."""

    over: bool

    def fileno(self) -> int: ...
    def lines(self) -> list[str]: ...


class _AgainError(Exception):
    """Begin anew; ``damaged``: the file is kept for whoever wants to know, else it just goes."""

    def __init__(self, *, damaged: bool) -> None:
        self.damaged = damaged


class _ElsewhereError(Exception):
    """The folder that is watched is no longer the workspace's: another may lie in its place."""


class Upkeep:
    """``run`` returns when the client has gone. ``report`` is told each new status."""

    def __init__(
        self,
        root: Path,
        folder: Path,
        exclude: Sequence[str],
        requests: Requests,
        report: Callable[[Status], None],
        *,
        retry_seconds: float = _RETRY_SECONDS,
    ) -> None:
        self._root, self._folder, self._exclude = root.resolve(), folder, exclude
        self._requests, self._report = requests, report
        self._retry_seconds = retry_seconds
        self._damaged_at = float("-inf")

    def run(self) -> None:
        while not self._requests.over:
            try:
                self._once()
            except _ElsewhereError:
                continue
            except _AgainError as again:
                self._discard(damaged=again.damaged)
            except sqlite3.Error as error:
                if not stores.is_damage(error):
                    self._wait(_why(error))
                    continue
                self._discard(damaged=True)
                if time.monotonic() - self._damaged_at < _DAMAGE_SECONDS:
                    self._wait(f"it was damaged twice in a short time ({error})")
                self._damaged_at = time.monotonic()
            except (OSError, PoolError) as error:
                self._wait(_why(error))

    def _once(self) -> None:
        if not self._root.is_dir():
            raise OSError(f"the folder {self._root} is not there")
        with contextlib.ExitStack() as stack:
            selector = stack.enter_context(selectors.DefaultSelector())
            selector.register(self._requests, selectors.EVENT_READ)
            store = Store(self._folder, self._root)
            stack.callback(store.close)
            stack.callback(store.rollback)
            pool = Pool(self._root, self._exclude, selector)
            stack.callback(pool.close)
            bell = stack.enter_context(Bell())
            selector.register(bell, selectors.EVENT_READ)
            work = _Work(Gate(self._root, exclude=self._exclude), store, pool, self._folder, self._report)
            with contextlib.suppress(OSError):
                work.watch = Watch(self._root, bell.ring)
                stack.callback(work.end_watch)
            work.begin()
            while not self._requests.over:
                for key, _ in selector.select(work.pause()):
                    if key.fileobj is bell:
                        bell.silence()
                    elif key.fileobj is self._requests:
                        for line in self._requests.lines():
                            work.asked(line)
                work.turn()
            work.end()

    def _discard(self, *, damaged: bool) -> None:
        if damaged:
            stores.put_aside(self._folder)
        else:
            stores.remove(self._folder)

    def _wait(self, why: str) -> None:
        """It can't be written now; those who read go on with what there is."""
        self._report(Status("failed", notice=f"The index of this workspace can't be written: {why}."))
        until = time.monotonic() + self._retry_seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_READ)
            while not self._requests.over and (left := until - time.monotonic()) > 0:
                if selector.select(left) and "rebuild" in self._requests.lines():
                    self._discard(damaged=False)
                    return


class _Work:
    """An open index and everything at it."""

    def __init__(self, gate: Gate, store: Store, pool: Pool, folder: Path, report: Callable[[Status], None]) -> None:
        self.watch: Watch | None = None
        self._identity = _identity(gate.root)
        self._gate, self._store, self._pool, self._folder, self._report = gate, store, pool, folder, report
        self._why_polling = "the system offers no way to hear of them"
        self._scan: Scan | None = None
        self._next_scan: float | None = None
        self._tidying: Iterator[None] | None = None
        self._tickets: dict[str, int] = {}
        self._ticket = self._first_ticket = 0
        self._done = self._total = self._written = 0
        self._urgent = False
        self._rules = self._overflowed = False
        self._committed = self._looked = time.monotonic()
        self._files = store.files()
        self._created = store.created
        self._said: Status | None = None
        self._said_at = 0.0
        self._rules_around = RulesAround((), frozenset())
        self._shared = shared_file_system(gate.root)
        if self._shared:
            self._why_polling = f"the file system ({self._shared}) doesn't tell of those made elsewhere"

    def begin(self) -> None:
        self._pool.start()
        self._begin_scan()

    def end(self) -> None:
        self._store.commit()

    def end_watch(self) -> None:
        if self.watch is not None:
            self.watch.close()
            self.watch = None

    def pause(self) -> float:
        """Seconds that nothing has to be done for, unless something comes."""
        if self._tidying is not None or (self._scan is not None and not self._scan.over):
            return 0.0
        due = self.watch.due() if self.watch is not None else None
        waits = [_LOOK_SECONDS, *([due] if due is not None else [])]
        if self._next_scan is not None:
            waits.append(max(0.0, self._next_scan - time.monotonic()))
        return min(waits)

    def asked(self, line: str) -> None:
        """A line from the client: ``saved PATH`` or ``rebuild``."""
        word, _, rest = line.partition(" ")
        if word == "rebuild":
            raise _AgainError(damaged=False)
        if word == "saved" and (path := self._relative(rest)) is not None:
            self._look_at([path])

    def turn(self) -> None:
        """A step of all there is to do."""
        for answer in self._pool.answers():
            self._take(answer)
        if self.watch is not None and self.watch.due() == 0.0:
            self._follow(self.watch.collect())
        now = time.monotonic()
        if self._rules or (self._overflowed and self._scan is None):
            self._obey()
        elif self._scan is not None and not self._scan.over:
            self._walk(self._scan)
        elif self._scan is not None and not self._pool.scan_left and not self._pool.changes_left:
            self._end_scan(self._scan)
        elif self._next_scan is not None and now >= self._next_scan and self._scan is None:
            self._begin_scan()
        elif self._tidying is not None and not self._pool.changes_left:
            self._tidying = self._tidying if next(self._tidying, self) is None else None
        if (self._urgent and not self._pool.changes_left) or now - self._committed > _COMMIT_SECONDS:
            self._commit()
        if now - self._looked > _LOOK_SECONDS:
            self._looked = now
            self._look_around()
        self._say()

    # Scanning

    def _obey(self) -> None:
        """Other rules may hold from now on: also for what was asked by the old ones and isn't answered."""
        self._rules = self._overflowed = False
        self._gate.forget()
        self._pool.forget()
        changes = self._pool.drop()
        self._tickets.clear()
        self._first_ticket = self._ticket
        self._begin_scan()
        self._look_at(changes)

    def _begin_scan(self) -> None:
        self._next_scan = None
        self._tidying = None
        self._rewatch()
        self._store.note(phase="scanning", started=int(time.time()))
        self._done = self._total = 0
        self._scan = Scan(self._gate, self._store)

    def _walk(self, scan: Scan) -> None:
        # What someone waits for is asked already, and must not have to wait with all the rest.
        tasks = [self._ticketed(it) for it in scan.step(_STEP_SECONDS) if it.path not in self._tickets]
        self._send(tasks, first=False)
        if scan.over:
            self._need_root()
            self._miss(scan.gone)

    def _end_scan(self, scan: Scan) -> None:
        self._scan = None
        self._store.note(phase="ready")
        self._commit()
        seconds = time.monotonic() - scan.started
        if self._polls:
            self._next_scan = time.monotonic() + max(_POLL_SECONDS, seconds / _POLL_SHARE)
        if self._written > _MUCH:
            self._written = 0
            self._tidying = self._store.tidy()

    def _miss(self, paths: Sequence[str]) -> None:
        """The walk didn't meet these. Some may have come after it had passed."""
        tasks: list[Task] = []
        gone = [it for it in paths if not self._is_file(it) or not self._task(it, tasks)]
        self._remove(gone)
        self._send(tasks, first=True)

    def _is_file(self, path: str) -> bool:
        with contextlib.suppress(OSError):
            return stat.S_ISREG((self._gate.root / path).lstat().st_mode)
        return False

    @property
    def _polls(self) -> bool:
        return self.watch is None or bool(self._shared)

    def _rewatch(self) -> None:
        """Watch the folders that are there, and no others: before they are listed, so that nothing is missed."""
        entered: set[str] = set()
        for _ in files_below(self._gate, "", lambda folder: self._enter(folder, entered)):
            pass
        if self.watch is not None:
            self._rules_around = rules_around(self._gate.root)
            for folder in self._rules_around.folders:
                self._enter(folder, entered)
            self.watch.keep_only(entered)

    def _enter(self, folder: str, entered: set[str] | None = None) -> None:
        if entered is not None:
            entered.add(folder)
        if self.watch is None:
            return
        try:
            self.watch.add(folder)
        except OSError as error:
            self._why_polling = (
                "the system's limit of watched folders is reached; fs.inotify.max_user_watches is the setting"
                if "limit" in str(error)
                else f"the system can't watch the folders ({error})"
            )
            self.end_watch()
            self._next_scan = time.monotonic() + _POLL_SECONDS

    # Changes

    def _follow(self, changes: Changes) -> None:
        if changes.root_left:
            raise _ElsewhereError
        if changes.lost:
            self._overflowed = True
        self._look_at(changes.paths)

    def _look_at(self, paths: "Sequence[str] | frozenset[str]") -> None:
        """See what became of files and folders, and have them parsed where it matters."""
        tasks: list[Task] = []
        for path in paths:
            name = path.rpartition("/")[2]
            if name in RULES or path in self._rules_around.files or name == ".git":
                self._rules = True
            if not path.startswith("/") and is_name(path):
                self._see(path, tasks)
        self._send(tasks, first=True)

    def _send(self, tasks: list[Task], *, first: bool) -> None:
        """A few go to the worker that is there and has some priority, many to those that have none."""
        self._total += len(tasks)
        if len(tasks) > _STORM:
            self._pool.scan(tasks, first=first)
        else:
            for task in tasks:
                self._pool.change(task)

    def _see(self, path: str, tasks: list[Task]) -> None:
        try:
            info = (self._gate.root / path).lstat()
        except OSError:
            self._need_root()
            self._remove(self._store.below(path))
            return
        held = self._store.below(path)
        found: set[str] = set()
        if stat.S_ISDIR(info.st_mode):
            if path.rpartition("/")[2] != ".git" and self._gate.refusal(path, is_folder=True) is None:
                for it in files_below(self._gate, path, self._enter):
                    if is_name(it) and self._task(it, tasks):
                        found.add(it)
        elif stat.S_ISREG(info.st_mode) and self._task(path, tasks):
            found.add(path)
        self._remove([it for it in held if it not in found])

    def _task(self, path: str, tasks: list[Task]) -> bool:
        """Whether the file may be looked at; if so, it will be."""
        if self._gate.refusal(path) is not None:
            return False
        with contextlib.suppress(OSError):
            info = (self._gate.root / path).lstat()
            task = Task(path, size=info.st_size, mtime_ns=info.st_mtime_ns, digest=self._store.digest(path))
            tasks.append(self._ticketed(task))
            return True
        return False

    def _ticketed(self, task: Task) -> Task:
        """An answer counts only if nothing newer was asked of the file since."""
        self._ticket += 1
        self._tickets[task.path] = self._ticket
        return Task(task.path, self._ticket, task.size, task.mtime_ns, task.digest)

    def _take(self, answer: Parsed) -> None:
        self._done += answer.ticket > self._first_ticket
        if self._tickets.get(answer.path) != answer.ticket:
            return
        del self._tickets[answer.path]
        self._store.write(answer)
        self._written += 1
        self._urgent = self._urgent or self._scan is None or self._pool.changes_left > 0

    def _remove(self, paths: Sequence[str]) -> None:
        for path in paths:
            self._tickets.pop(path, None)
        if removed := self._store.remove(paths):
            self._written += removed
            self._urgent = True

    def _relative(self, path: str) -> str | None:
        """A client's path, absolute or from the root on, as the index has it."""
        pure = Path(path)
        if pure.is_absolute():
            with contextlib.suppress(OSError, RuntimeError):
                pure = pure.parent.resolve() / pure.name
            if not pure.is_relative_to(self._gate.root):
                return None
            pure = pure.relative_to(self._gate.root)
        return None if ".." in pure.parts or not pure.parts else pure.as_posix()

    # Housekeeping

    def _commit(self) -> None:
        if self._store.commit():
            self._files = self._store.files()
        self._urgent = False
        self._committed = time.monotonic()

    def _look_around(self) -> None:
        marker = self._folder / MARKER
        with contextlib.suppress(OSError):
            text = marker.read_text(encoding="ascii", errors="replace").split()
            marker.unlink()
            if text[:1] == ["asked"]:
                raise _AgainError(damaged=False)
            if text == [str(it) for it in self._store.identity]:
                raise _AgainError(damaged=True)
        if not self._store.is_in_place():
            raise _AgainError(damaged=False)
        self._need_root()
        if _identity(self._gate.root) != self._identity:
            raise _ElsewhereError

    def _need_root(self) -> None:
        """A workspace that is not there, such as one on a disk that was taken out, keeps its index."""
        if not self._gate.root.is_dir():
            raise OSError(f"the folder {self._gate.root} is not there")

    def _say(self) -> None:
        busy = self._scan is not None or self._pool.scan_left > 0
        notice = ""
        if self._polls:
            notice = _NO_WATCH.format(seconds=_POLL_SECONDS, why=self._why_polling)
        state = "scanning" if busy else "polling" if self._polls else "ready"
        new = Status(state, self._done, self._total, self._files, notice, os.getpid(), created=self._created)
        # Each state at once, numbers a few times a second.
        now = time.monotonic()
        soon = self._said is not None and state == self._said.state and now - self._said_at < _SAY_SECONDS
        if new == self._said or soon:
            return
        self._said, self._said_at = new, now
        self._report(new)


def _identity(folder: Path) -> tuple[int, int] | None:
    """Device and inode."""
    with contextlib.suppress(OSError):
        info = folder.stat()
        return info.st_dev, info.st_ino
    return None


def _why(error: Exception) -> str:
    if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == 28:
        return "the disk is full"
    return str(error).rstrip(".")
