"""Writing: what shows, what goes, and what becomes of files that are no index."""

import contextlib
import os
import sqlite3
import stat
from pathlib import Path

import pytest

from copilot import paths
from copilot.index import store as stores
from copilot.index.parsed import Parsed
from copilot.index.reader import Reader
from copilot.index.schema import DATABASE
from copilot.index.store import Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return paths.make_private_dir(paths.index_dir(tmp_path))


def file(path: str, name: str, *, uses: str = "helper", size: int = 1) -> Parsed:
    return Parsed(
        path,
        size=size,
        mtime_ns=size,
        digest=name.encode(),
        language="python",
        lines=2,
        symbols=((name, "function", "", 1, 2, f"def {name}()", "Says so."),),
        references=((uses, "2"),),
        imports=b'[["os", [], 1]]',
        chunks=((1, 2, f"{name.lower()} {uses}"),),
    )


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / DATABASE) as database:
        found = database.execute(query).fetchall()
    database.close()
    return found


def test_what_is_written_shows_with_the_commit_and_not_before(tmp_path: Path, folder: Path) -> None:
    store, reader = Store(folder, tmp_path), Reader.of(tmp_path)
    before = reader.generation
    store.write(file("a.py", "alpha"))
    assert reader.definitions("alpha") == []
    store.commit()
    assert [it.path for it in reader.definitions("alpha")] == ["a.py"]
    assert reader.generation > before
    store.write(file("b.py", "beta"))
    store.rollback()
    store.write(file("c.py", "gamma"))
    store.commit()
    assert (reader.has("b.py"), reader.has("c.py")) == (False, True)
    reader.close()
    store.close()


def test_a_file_that_is_written_again_leaves_nothing_of_before(tmp_path: Path, folder: Path) -> None:
    store, reader = Store(folder, tmp_path), Reader.of(tmp_path)
    store.write(file("a.py", "alphaOld", uses="old_helper"))
    store.write(file("a.py", "alphaNew", uses="new_helper"))
    store.commit()
    assert (reader.definitions("alphaOld"), reader.references("old_helper")) == ([], [])
    assert (reader.search(["alphaOld"]), reader.named("alphaold")) == ([], [])
    assert [it.path for it in reader.search(["alphaNew"])] == ["a.py"]
    for _ in store.tidy():
        pass
    assert rows(folder, "SELECT text FROM name ORDER BY text") == [("alphaNew",), ("new_helper",)]
    reader.close()
    store.close()


def test_a_removed_file_leaves_no_trace(tmp_path: Path, folder: Path) -> None:
    store = Store(folder, tmp_path)
    store.write(file("deep/a.py", "secretive"))
    store.write(file("b.py", "kept"))
    store.commit()
    assert store.remove(["deep/a.py", "never.py"]) == 1
    for _ in store.tidy():
        pass
    store.close()
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab (main, chunk_words, row)")
        words = database.execute("SELECT * FROM vocabulary").fetchall()
    database.close()
    assert "kept" in str(words)
    assert "secretive" not in str(words + rows(folder, "SELECT * FROM name"))
    assert b"secretive" not in (folder / DATABASE).read_bytes()


def test_an_unchanged_file_only_gets_its_new_time(tmp_path: Path, folder: Path) -> None:
    store = Store(folder, tmp_path)
    store.write(file("a.py", "alpha"))
    store.write(Parsed("a.py", size=9, mtime_ns=99, digest=b"alpha", same=True))
    store.commit()
    assert store.known() == {"a.py": (9, 99)}
    assert store.digest("a.py") == b"alpha"
    assert rows(folder, "SELECT count(*) FROM symbol") == [(1,)]
    store.close()


def test_a_left_out_file_is_known_but_not_found(tmp_path: Path, folder: Path) -> None:
    store, reader = Store(folder, tmp_path), Reader.of(tmp_path)
    store.write(Parsed("image.png", size=7, mtime_ns=8, left_out="binary"))
    store.write(file("was.py", "alpha"))
    store.write(Parsed("was.py", size=7, mtime_ns=8, left_out="huge"))
    store.commit()
    assert store.known() == {"image.png": (7, 8), "was.py": (7, 8)}
    assert (reader.has("image.png"), reader.paths("image"), reader.definitions("alpha")) == (False, [], [])
    assert reader.counts() == (0, 0, {"binary": 1, "huge": 1})
    store.write(file("was.py", "alpha"))
    store.commit()
    assert reader.paths("was") == ["was.py"]
    reader.close()
    store.close()


def test_files_below_a_folder_are_not_those_beside_it(tmp_path: Path, folder: Path) -> None:
    store = Store(folder, tmp_path)
    for path in ("a/x.py", "a/b/y.py", "ab/z.py", "a.py", "a-b/w.py"):
        store.write(file(path, "alpha"))
    assert sorted(store.below("a")) == ["a/b/y.py", "a/x.py"]
    assert store.below("a.py") == ["a.py"]
    store.close()


def test_only_its_owner_may_read_it(tmp_path: Path, folder: Path) -> None:
    store = Store(folder, tmp_path)
    store.write(file("a.py", "alpha"))
    store.commit()
    assert {stat.S_IMODE(it.stat().st_mode) for it in folder.iterdir()} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    store.close()


def test_what_was_written_is_there_when_it_is_opened_again(tmp_path: Path, folder: Path) -> None:
    store = Store(folder, tmp_path)
    assert store.reason
    store.write(file("a.py", "alpha"))
    store.commit()
    generation = store.generation
    store.close()
    store = Store(folder, tmp_path)
    assert (store.reason, store.generation, list(store.known())) == ("", generation, ["a.py"])
    store.close()


@pytest.mark.parametrize(
    ("change", "aside"),
    [
        ("PRAGMA user_version = 99", False),
        ("UPDATE meta SET value = '0.0' WHERE key = 'version'", False),
        ("UPDATE meta SET value = '/elsewhere' WHERE key = 'root'", False),
        ("DROP TABLE meta", True),
    ],
)
def test_an_index_of_another_make_is_begun_anew(tmp_path: Path, folder: Path, change: str, aside: bool) -> None:
    store = Store(folder, tmp_path)
    store.write(file("a.py", "alpha"))
    store.commit()
    generation = store.generation
    store.close()
    rows(folder, change)
    store = Store(folder, tmp_path)
    assert store.reason
    assert store.known() == {}
    assert store.generation > generation
    store.close()
    assert (folder / f"{DATABASE}.corrupt").exists() == aside


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5_000, b""])
def test_a_file_that_is_no_index_is_put_aside(tmp_path: Path, folder: Path, content: bytes) -> None:
    (folder / DATABASE).write_bytes(content)
    store = Store(folder, tmp_path)
    assert store.reason
    assert store.known() == {}
    store.close()
    if content:
        assert (folder / f"{DATABASE}.corrupt").read_bytes() == content


def test_only_the_newest_damaged_file_is_kept(tmp_path: Path, folder: Path) -> None:
    for content in (b"first" * 100, b"second" * 100):
        (folder / DATABASE).write_bytes(content)
        Store(folder, tmp_path).close()
    assert [it.read_bytes() for it in folder.glob("*.corrupt")] == [b"second" * 100]


def test_the_log_of_a_file_that_is_gone_is_not_taken_for_the_new_ones(tmp_path: Path, folder: Path) -> None:
    store = Store(folder, tmp_path)
    store.write(file("a.py", "alpha"))
    store.commit()
    log = (folder / f"{DATABASE}-wal").read_bytes()
    store.close()
    (folder / DATABASE).unlink()
    (folder / f"{DATABASE}-wal").write_bytes(log)
    store = Store(folder, tmp_path)
    assert store.known() == {}
    store.close()


def test_errors_that_pass_are_told_from_damage() -> None:
    assert stores.is_damage(sqlite3.DatabaseError("database disk image is malformed"))
    assert not stores.is_damage(sqlite3.OperationalError("database or disk is full"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE chunk SET words = x'00112233445566'",
        "UPDATE chunk SET words = 7",
        "UPDATE file SET uses = x'001122'",
        "UPDATE file SET uses = 'text'",
        "UPDATE file SET digest = 7",
        "UPDATE file SET path = x'00ff'",
        "UPDATE file SET path = CAST(x'ff' AS TEXT)",
        "UPDATE meta SET value = 'many' WHERE key = 'generation'",
        "UPDATE meta SET value = NULL WHERE key = 'created'",
    ],
)
def test_damage_that_sqlite_does_not_see(tmp_path: Path, folder: Path, change: str) -> None:
    store = Store(folder, tmp_path)
    store.write(file("a.py", "alpha"))
    store.commit()
    store.close()
    with sqlite3.connect(folder / DATABASE) as database:
        database.execute(change)
    database.close()

    def used() -> None:
        with contextlib.closing(Store(folder, tmp_path)) as store:
            store.known()
            store.digest("a.py")
            store.remove(["a.py"])

    with pytest.raises(sqlite3.Error) as raised:
        used()
    assert stores.is_damage(raised.value)


def test_files_are_counted_as_they_come_and_go(tmp_path: Path, folder: Path) -> None:
    store = Store(folder, tmp_path)
    assert store.files() == 0
    store.write(file("a.py", "alpha"))
    store.write(file("a.py", "alpha_two"))
    store.write(file("b.py", "beta"))
    store.write(Parsed("c.bin", left_out="binary"))
    assert store.files() == 2
    store.write(Parsed("b.py", left_out="binary"))
    store.remove(["c.bin", "never.py"])
    assert store.files() == 1
    assert store.commit()
    assert not store.commit()
    store.remove(["a.py"])
    store.write(Parsed("b.py", gone=True))
    assert store.files() == 0
    store.rollback()
    assert store.files() == 1
    store.close()


def test_a_root_whose_name_is_no_text(tmp_path: Path, folder: Path) -> None:
    root = Path(os.fsdecode(os.fsencode(tmp_path) + b"/r\xff"))
    Store(folder, root).close()
    store = Store(folder, root)
    assert not store.reason
    store.close()
