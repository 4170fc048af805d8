"""Indexes of workspaces that were deleted."""

import os
import shutil
import time
from pathlib import Path

from copilot import paths
from copilot.index.left_over import KEPT_SECONDS, remove_left_over
from copilot.index.lock import LOCK, lock_file, locked
from copilot.index.reader import Reader
from copilot.index.schema import DATABASE
from copilot.index.store import Store
from tests.copilot.index.indexing import Indexer, defined, indexing, until, write


def later() -> float:
    return time.time() + KEPT_SECONDS + 60


def index_of(root: Path) -> Path:
    """Where an index of it lies, made a moment ago."""
    root.mkdir()
    folder = paths.make_private_dir(paths.index_dir(root))
    lock_file(folder).close()
    (folder / "status.json").write_text("{}")
    Store(folder, root).close()
    return folder


def names(folder: Path) -> list[str]:
    return sorted(it.name for it in folder.iterdir())


def test_of_a_workspace_that_is_gone_for_long_nothing_is_left(tmp_path: Path) -> None:
    gone, there = index_of(tmp_path / "gone"), index_of(tmp_path / "there")
    shutil.rmtree(tmp_path / "gone")
    assert remove_left_over(gone.parent) == []
    assert DATABASE in names(gone)
    assert remove_left_over(gone.parent, later()) == [gone]
    assert names(gone) == [LOCK]
    assert {DATABASE, "status.json"} <= set(names(there))
    assert remove_left_over(gone.parent, later()) == []


def test_one_that_nobody_can_read_goes_too_once_it_is_old(tmp_path: Path) -> None:
    folder = index_of(tmp_path / "there")
    (folder / DATABASE).write_bytes(b"no database")
    (folder / f"{DATABASE}.corrupt").write_bytes(b"neither")
    assert remove_left_over(folder.parent, later()) == [folder]
    assert names(folder) == [LOCK]


def test_one_that_is_in_use_stays(tmp_path: Path) -> None:
    folder = index_of(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    with lock_file(folder) as lock:
        assert locked(lock)
        assert remove_left_over(folder.parent, later()) == []
    assert DATABASE in names(folder)


def test_without_any_index_there_is_nothing_to_do(tmp_path: Path) -> None:
    assert remove_left_over(tmp_path / "nowhere") == []


def test_whoever_opens_another_workspace_removes_it(tmp_path: Path) -> None:
    gone = index_of(tmp_path / "gone")
    shutil.rmtree(tmp_path / "gone")
    long_ago = time.time() - KEPT_SECONDS - 60
    for file in gone.iterdir():
        os.utime(file, (long_ago, long_ago))
    write(tmp_path / "other", {"a.py": "def alpha(): ...\n"})
    indexer: Indexer
    with indexing(tmp_path / "other") as indexer:
        indexer.until("ready")
        until(lambda: names(gone) == [LOCK])
        reader = Reader.of(tmp_path / "other")
        assert defined(reader, "alpha") == ["a.py"]
        reader.close()
