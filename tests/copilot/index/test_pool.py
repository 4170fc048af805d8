"""Worker processes: answers, and what becomes of one that hangs or dies."""

import os
import selectors
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.index import pool as pools
from copilot.index.parsed import Parsed, Task
from copilot.index.pool import Pool, PoolError
from tests.copilot.index.indexing import until, write

# A worker whose parser hangs at one file, and ends its process at another.
FAULTY = """
import copilot.index.worker as worker
real = worker.looked_at
def looked_at(gate, task):
    while "hang" in task.path:
        pass
    if "crash" in task.path:
        import os
        os.abort()
    return real(gate, task)
worker.looked_at, worker.BUDGET_SECONDS = looked_at, 0.2
worker.main()
"""


@pytest.fixture
def selector() -> Iterator[selectors.BaseSelector]:
    with selectors.DefaultSelector() as selector:
        yield selector


def answered(pool: Pool, selector: selectors.BaseSelector, count: int) -> dict[str, Parsed]:
    found: dict[str, Parsed] = {}

    def enough() -> bool:
        selector.select(0.1)
        found.update({it.path: it for it in pool.answers()})
        return len(found) >= count

    until(enough, f"{count} answers")
    return found


def test_changes_and_scans_are_parsed(tmp_path: Path, selector: selectors.BaseSelector) -> None:
    write(tmp_path, {f"m{number}.py": f"def f{number}():\n    pass\n" for number in range(100)})
    pool = Pool(tmp_path, ["secret*"], selector)
    pool.scan([Task(f"m{number}.py", ticket=number) for number in range(100)])
    pool.change(Task("m7.py", ticket=500))
    pool.change(Task("gone.py"))
    pool.change(Task("secret.py"))
    found = answered(pool, selector, 102)
    assert found["m3.py"].symbols[0][0] == "f3"
    assert found["gone.py"].gone and found["secret.py"].gone
    until(lambda: not pool.answers() and not pool.scan_left)
    assert (pool.changes_left, pool.scan_left) == (0, 0)
    pool.close()


def test_an_unchanged_file_is_not_parsed(tmp_path: Path, selector: selectors.BaseSelector) -> None:
    write(tmp_path, {"a.py": "def f():\n    pass\n"})
    pool = Pool(tmp_path, [], selector)
    pool.change(Task("a.py"))
    (first,) = answered(pool, selector, 1).values()
    pool.change(Task("a.py", ticket=2, digest=first.digest))
    (second,) = answered(pool, selector, 1).values()
    assert (second.same, second.symbols, second.ticket, second.digest) == (True, (), 2, first.digest)
    pool.close()


def test_what_the_content_says_is_left_out_with_its_reason(tmp_path: Path, selector: selectors.BaseSelector) -> None:
    (tmp_path / "a.bin").write_bytes(b"\0\1\2")
    pool = Pool(tmp_path, [], selector)
    pool.change(Task("a.bin", size=3, mtime_ns=9))
    assert answered(pool, selector, 1)["a.bin"] == Parsed("a.bin", size=3, mtime_ns=9, left_out="binary")
    pool.close()


def test_new_rules_reach_the_workers(tmp_path: Path, selector: selectors.BaseSelector) -> None:
    write(tmp_path, {"a.py": "def f():\n    pass\n"})
    pool = Pool(tmp_path, [], selector)
    pool.change(Task("a.py"))
    assert not answered(pool, selector, 1)["a.py"].gone
    write(tmp_path, {".copilotignore": "a.py\n"})
    pool.forget()
    pool.change(Task("a.py"))
    assert answered(pool, selector, 1)["a.py"].gone
    pool.close()


@pytest.mark.parametrize("bad", ["hang.py", "crash.py"])
@pytest.mark.parametrize("scan", [True, False])
def test_a_file_that_hangs_or_kills_its_parser_is_left_out_and_the_rest_goes_on(
    tmp_path: Path, selector: selectors.BaseSelector, monkeypatch: pytest.MonkeyPatch, bad: str, scan: bool
) -> None:
    monkeypatch.setattr(pools, "COMMAND", (sys.executable, "-P", "-c", FAULTY))
    names = [*(f"m{number}.py" for number in range(30)), bad, *(f"n{number}.py" for number in range(30))]
    write(tmp_path, dict.fromkeys(names, "def f():\n    pass\n"))
    pool = Pool(tmp_path, [], selector)
    if scan:
        pool.scan(Task(name) for name in names)
    else:
        for name in names:
            pool.change(Task(name, size=5, mtime_ns=6))
    found = answered(pool, selector, len(names))
    assert {path: it.left_out for path, it in found.items() if it.left_out} == {bad: "too slow"}
    assert all(it.symbols for path, it in found.items() if path != bad)
    pool.close()


def test_a_worker_that_says_nothing_is_ended(
    tmp_path: Path, selector: selectors.BaseSelector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that waits for a disk, say, uses no processor time."""
    write(tmp_path, {"a.py": "def f():\n    pass\n", "b.py": "def g():\n    pass\n"})
    pool = Pool(tmp_path, [], selector)
    pool.change(Task("a.py"))
    answered(pool, selector, 1)
    worker = pool._changer
    assert worker is not None
    os.kill(worker.process.pid, signal.SIGSTOP)
    monkeypatch.setattr(pools, "_SILENCE_SECONDS", 0.2)
    pool.change(Task("b.py"))
    until(lambda: bool(pool.answers()) or worker.process.returncode is not None)
    monkeypatch.undo()
    assert answered(pool, selector, 1)["b.py"].symbols
    pool.close()


def test_a_worker_that_is_killed_between_two_files_is_replaced(
    tmp_path: Path, selector: selectors.BaseSelector
) -> None:
    write(tmp_path, {"a.py": "def f():\n    pass\n"})
    pool = Pool(tmp_path, [], selector)
    pool.change(Task("a.py"))
    answered(pool, selector, 1)
    assert pool._changer is not None
    pool._changer.process.kill()
    pool._changer.process.wait()
    pool.answers()
    pool.change(Task("a.py"))
    assert answered(pool, selector, 1)["a.py"].symbols
    pool.close()


def test_workers_that_never_begin_are_an_error(
    tmp_path: Path, selector: selectors.BaseSelector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pools, "COMMAND", (sys.executable, "-c", "raise SystemExit(3)"))
    pool = Pool(tmp_path, [], selector)
    pool.change(Task("a.py"))
    with pytest.raises(PoolError, match="status 3"):
        until(pool.answers)
    pool.close()


def test_no_process_outlives_the_pool(tmp_path: Path, selector: selectors.BaseSelector) -> None:
    pool = Pool(tmp_path, [], selector)
    pool.start()
    assert pool._changer is not None
    process = pool._changer.process
    pool.close()
    assert process.returncode is not None


def test_one_that_has_no_priority_may_be_silent_for_long(
    tmp_path: Path, selector: selectors.BaseSelector, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, {"a.py": "def f():\n    pass\n"})
    monkeypatch.setattr(pools, "_SILENCE_SECONDS", -1.0)
    pool = Pool(tmp_path, [], selector)
    pool.scan([Task("a.py")])
    assert answered(pool, selector, 1)["a.py"].symbols
    pool.close()
