"""What happens in the middle of a scan, step by step."""

import selectors
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.index import upkeep
from copilot.index.bell import Bell
from copilot.index.pool import Pool
from copilot.index.status import Status
from copilot.index.store import Store
from copilot.index.upkeep import _Work
from copilot.index.watch import Watch
from copilot.safety.gate import Gate
from tests.copilot.index.indexing import LIMIT_SECONDS, until, write

_MANY = 400


class Working:
    """An index that is kept in this thread, of a workspace whose scan can be halted."""

    def __init__(self, root: Path, folder: Path, bell: Bell, selector: selectors.BaseSelector) -> None:
        self.said: list[Status] = []
        self.root, self.selector, self.bell = root, selector, bell
        selector.register(bell, selectors.EVENT_READ)
        self.store = Store(folder, root)
        self.pool = Pool(root, (), selector)
        self.work = _Work(Gate(root), self.store, self.pool, folder, self.said.append)
        self.work.watch = Watch(root, bell.ring)
        self.work.begin()

    def turn(self) -> None:
        for key, _ in self.selector.select(min(0.02, self.work.pause())):
            if key.fileobj is self.bell:
                self.bell.silence()
        self.work.turn()

    def until_ready(self) -> None:
        end = time.monotonic() + LIMIT_SECONDS
        self.turn()
        while self.work._scan is not None or self.pool.changes_left or self.pool.scan_left:
            assert time.monotonic() < end
            self.turn()

    def until_walked(self, count: int) -> None:
        """A scan that has met so many files, and no more."""
        end = time.monotonic() + LIMIT_SECONDS
        while (scan := self.work._scan) is None or scan.found < count:
            assert time.monotonic() < end
            self.turn()
        assert not scan.over

    def close(self) -> None:
        self.work.end_watch()
        self.pool.close()
        self.store.close()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "ws"
    for folder in "ac":
        write(root, {f"{folder}/n{number}.py": "\n" for number in range(_MANY)})
    write(root, {"b/m.py": "def f():\n    pass\n"})
    return root


@pytest.fixture
def working(root: Path, tmp_path: Path) -> Iterator[Working]:
    (tmp_path / "index").mkdir()
    with Bell() as bell, selectors.DefaultSelector() as selector:
        working = Working(root, tmp_path / "index", bell, selector)
        yield working
        working.close()


def test_a_file_that_leaves_and_comes_back_behind_the_walk(working: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    working.until_ready()
    monkeypatch.setattr(upkeep, "_STEP_SECONDS", 0.0)
    write(working.root, {".gitignore": "*.log\n"})
    working.until_walked(1)
    (working.root / "b" / "m.py").unlink()
    # The walk has the names of a folder before it meets the first of its files.
    working.until_walked(_MANY + 20)
    write(working.root, {"b/m.py": "def f():\n    pass\n"})
    monkeypatch.undo()
    working.until_ready()
    assert "b/m.py" in working.store.known()


def test_rules_that_come_during_a_scan_count_at_once(working: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_STEP_SECONDS", 0.0)
    working.until_walked(20)
    write(working.root, {".copilotignore": "b/\nc/\n"})
    watch, first = working.work.watch, working.work._scan
    assert watch is not None
    until(lambda: watch.due() == 0.0)
    working.turn()
    assert working.work._scan is not first
    before = set(working.store.known())
    monkeypatch.undo()
    working.until_ready()
    assert not any(it.startswith(("b/", "c/")) for it in {*before, *working.store.known()})
    assert len(working.store.known()) == _MANY + 1
    assert working.said[-1].done == working.said[-1].total


def test_where_the_file_system_does_not_tell_it_is_looked_at_again(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "shared_file_system", lambda _root: "nfs4")
    monkeypatch.setattr(upkeep, "_POLL_SECONDS", 0.1)
    (tmp_path / "index").mkdir()
    with Bell() as bell, selectors.DefaultSelector() as selector:
        working = Working(root, tmp_path / "index", bell, selector)
        working.until_ready()
        working.turn()
        assert working.said[-1].state == "polling"
        assert "nfs4" in working.said[-1].notice
        # As if another machine wrote: nothing is heard of it.
        assert working.work.watch is not None
        working.work.watch.keep_only(set())
        write(root, {"b/new.py": "def g():\n    pass\n"})
        end = time.monotonic() + LIMIT_SECONDS
        while "b/new.py" not in working.store.known():
            assert time.monotonic() < end
            working.turn()
        working.close()


def test_nothing_is_written_where_nothing_happens(working: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    working.until_ready()
    working.turn()
    monkeypatch.setattr(upkeep, "_COMMIT_SECONDS", 0.0)
    asked: list[str] = []
    working.store._database.set_trace_callback(asked.append)
    before = working.store.generation
    for _ in range(5):
        working.turn()
    assert (asked, working.store.generation) == ([], before)


def test_an_edit_does_not_have_to_wait_with_the_scan(working: Working, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "_STEP_SECONDS", 0.0)
    working.until_walked(20)
    watch, scan, changer = working.work.watch, working.work._scan, working.pool._changer
    assert watch is not None and scan is not None and changer is not None
    changer.process.send_signal(signal.SIGSTOP)
    write(working.root, {"c/n7.py": "def edited():\n    pass\n"})
    until(lambda: watch.due() == 0.0)
    working.turn()
    ticket = working.work._tickets["c/n7.py"]
    while not scan.over:
        working.turn()
    assert working.work._tickets["c/n7.py"] == ticket
    changer.process.send_signal(signal.SIGCONT)
    monkeypatch.undo()
    working.until_ready()
    assert working.store.known()["c/n7.py"].size == len("def edited():\n    pass\n")
