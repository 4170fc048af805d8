"""The process that keeps an index: what a reader sees after the disk changed, whatever happened to the process."""

import contextlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from benchmarks.index_kills import killed
from copilot import paths
from copilot.index import status as statuses
from copilot.index.reader import Reader
from copilot.index.schema import DATABASE
from tests.copilot.index.indexing import Indexer, defined, indexing, reading, until, write


def python(name: str) -> str:
    return f"def {name}():\n    return 1\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "ws"
    write(
        root,
        {
            "alpha.py": python("alpha"),
            "pkg/beta.py": python("beta"),
            "pkg/deep/gamma.py": python("gamma"),
            "node_modules/x/index.js": "function ignored() {}\n",
            ".gitignore": "node_modules/\n",
        },
    )
    return root


@pytest.fixture
def reader(root: Path) -> Iterator[Reader]:
    with reading(root) as reader:
        yield reader


@pytest.fixture
def indexer(root: Path) -> Iterator[Indexer]:
    with indexing(root) as indexer:
        indexer.until("ready")
        yield indexer


def git(root: Path, *args: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *args], cwd=root, check=True, capture_output=True
    )


def test_a_first_scan_finds_what_may_be_seen(indexer: Indexer, root: Path, reader: Reader) -> None:
    assert defined(reader, "alpha") == ["alpha.py"]
    assert defined(reader, "gamma") == ["pkg/deep/gamma.py"]
    assert defined(reader, "ignored") == []
    assert reader.counts().files == 4
    states = [it["state"] for it in indexer.said]
    assert states[0] == "scanning" and set(states) == {"scanning", "ready"}
    assert (indexer.said[-1]["done"], indexer.said[-1]["total"], indexer.said[-1]["files"]) == (4, 4, 4)
    status = statuses.read(paths.index_dir(root))
    assert status is not None and json.loads(statuses.encoded(status)) == indexer.said[-1]
    assert status.process == indexer.process.pid


def test_a_save_an_edit_and_what_comes_and_goes(indexer: Indexer, root: Path, reader: Reader) -> None:
    write(root, {"alpha.py": python("alpha_saved")})
    indexer.tell("saved alpha.py")
    until(lambda: defined(reader, "alpha_saved") == ["alpha.py"])
    assert defined(reader, "alpha") == []
    write(root, {"pkg/beta.py": python("beta_edited"), "pkg/new.py": python("new")})
    until(lambda: defined(reader, "beta_edited") and defined(reader, "new") == ["pkg/new.py"])
    (root / "pkg/new.py").rename(root / "other.py")
    until(lambda: defined(reader, "new") == ["other.py"])
    (root / "other.py").unlink()
    until(lambda: not defined(reader, "new"))
    assert not reader.has("other.py")


def test_a_save_is_told_by_its_absolute_path_too(indexer: Indexer, root: Path, reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    write(root, {"alpha.py": python("by_link")})
    indexer.tell(f"saved {tmp_path / 'link' / 'alpha.py'}")
    until(lambda: defined(reader, "by_link") == ["alpha.py"])
    indexer.tell("saved /etc/hostname")
    indexer.tell("saved ../outside.py")
    indexer.tell("saved node_modules/x/index.js")
    indexer.tell("nonsense")
    write(root, {"alpha.py": python("still_there")})
    until(lambda: defined(reader, "still_there") == ["alpha.py"])
    assert defined(reader, "ignored") == []


def test_a_folder_is_renamed_and_goes_on_being_watched(indexer: Indexer, root: Path, reader: Reader) -> None:
    (root / "pkg").rename(root / "lib")
    until(lambda: defined(reader, "gamma") == ["lib/deep/gamma.py"])
    until(lambda: defined(reader, "beta") == ["lib/beta.py"])
    write(root, {"lib/deep/gamma.py": python("gamma_later")})
    until(lambda: defined(reader, "gamma_later") == ["lib/deep/gamma.py"])


def test_folders_come_and_go(indexer: Indexer, root: Path, reader: Reader, tmp_path: Path) -> None:
    write(tmp_path, {"away/deep/far.py": python("far")})
    (tmp_path / "away").rename(root / "away")
    write(root, {"one/two/three/four.py": python("four")})
    until(lambda: defined(reader, "far") == ["away/deep/far.py"] and defined(reader, "four"))
    write(root, {"one/two/three/five.py": python("five")})
    until(lambda: defined(reader, "five"))
    (root / "away").rename(tmp_path / "back")
    shutil.rmtree(root / "one")
    until(lambda: not (defined(reader, "far") or defined(reader, "four") or defined(reader, "five")))
    (root / "empty").mkdir()
    write(root, {"empty/late.py": python("late")})
    until(lambda: defined(reader, "late"))


def test_an_empty_folder_from_before_is_watched(root: Path, reader: Reader) -> None:
    (root / "empty/inner").mkdir(parents=True)
    with indexing(root) as indexer:
        indexer.until("ready")
        write(root, {"empty/inner/late.py": python("late")})
        until(lambda: defined(reader, "late"))


def test_a_file_becomes_a_folder_and_a_folder_a_link(indexer: Indexer, root: Path, reader: Reader) -> None:
    (root / "alpha.py").unlink()
    write(root, {"alpha.py/inner.py": python("inner")})
    until(lambda: defined(reader, "inner") and not defined(reader, "alpha"))
    (root / "pkg").rename(root.parent / "pkg")
    (root / "pkg").symlink_to(root.parent / "pkg")
    until(lambda: not defined(reader, "beta") and not defined(reader, "gamma"))


def test_a_branch_is_switched(root: Path, reader: Reader) -> None:
    git(root, "init", "-q", "-b", "main")
    write(root, {f"many/m{number}.py": python(f"main_{number}") for number in range(400)})
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "main")
    git(root, "checkout", "-q", "-b", "other")
    shutil.rmtree(root / "many")
    write(root, {f"many/m{number}.py": python(f"other_{number}") for number in range(0, 400, 2)})
    write(root, {f"else/m{number}.py": python(f"other_{number}") for number in range(1, 400, 2)})
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "other")
    with indexing(root) as indexer:
        indexer.until("ready")
        assert defined(reader, "other_3") == ["else/m3.py"]
        git(root, "checkout", "-q", "main")
        until(lambda: all(defined(reader, f"main_{number}") for number in range(400)))
        until(lambda: not any(defined(reader, f"other_{number}") for number in range(400)))
        assert reader.counts().files == 4 + 400


def test_what_is_ignored_from_now_on_leaves_the_index(root: Path, reader: Reader) -> None:
    git(root, "init", "-q")
    with indexing(root) as indexer:
        indexer.until("ready")
        for place in (".gitignore", ".copilotignore", "pkg/.gitignore", ".git/info/exclude"):
            assert defined(reader, "gamma") == ["pkg/deep/gamma.py"]
            before = (root / place).read_text() if (root / place).exists() else ""
            write(root, {place: f"{before}gamma.py\n"})
            until(lambda: not defined(reader, "gamma"), place)
            assert not reader.has("pkg/deep/gamma.py")
            write(root, {place: before})
            until(lambda: defined(reader, "gamma") == ["pkg/deep/gamma.py"], place)
            assert defined(reader, "alpha") == ["alpha.py"]


def test_a_rule_above_the_workspace_counts(tmp_path: Path, root: Path, reader: Reader) -> None:
    git(tmp_path, "init", "-q")
    with indexing(root) as indexer:
        indexer.until("ready")
        write(tmp_path, {".gitignore": "gamma.py\n"})
        until(lambda: not defined(reader, "gamma"))


def test_an_ignored_folder_that_is_ignored_no_more_is_watched(indexer: Indexer, root: Path, reader: Reader) -> None:
    write(root, {".gitignore": "\n"})
    until(lambda: defined(reader, "ignored"))
    write(root, {"node_modules/x/index.js": "function later() {}\n"})
    until(lambda: defined(reader, "later"))


def test_patterns_of_the_user_are_not_indexed(root: Path, reader: Reader) -> None:
    with indexing(root, "deep/", "al*") as indexer:
        indexer.until("ready")
        assert (defined(reader, "alpha"), defined(reader, "gamma")) == ([], [])
        assert defined(reader, "beta") == ["pkg/beta.py"]


def test_an_overflow_loses_nothing(indexer: Indexer, root: Path, reader: Reader) -> None:
    room = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if room > 100_000:
        pytest.skip("the queue is too long to fill it")
    os.kill(indexer.process.pid, signal.SIGSTOP)
    try:
        for _ in range(room // 4 + 100):
            for name in ("x", "y"):
                (root / name).touch()
        write(root, {"alpha.py": python("after_all"), "late/folder/late.py": python("late")})
    finally:
        os.kill(indexer.process.pid, signal.SIGCONT)
    until(lambda: defined(reader, "after_all") and defined(reader, "late"))
    write(root, {"late/folder/late.py": python("later_still")})
    until(lambda: defined(reader, "later_still"))


def test_what_changed_while_nobody_looked(root: Path, reader: Reader) -> None:
    with indexing(root) as indexer:
        indexer.until("ready")
    write(root, {"alpha.py": python("alpha_two"), "new.py": python("new")})
    (root / "pkg/beta.py").unlink()
    os.utime(root / "pkg/deep/gamma.py", ns=(1, 1))
    with indexing(root) as indexer:
        indexer.until("ready")
        assert (defined(reader, "alpha_two"), defined(reader, "new")) == (["alpha.py"], ["new.py"])
        assert (defined(reader, "alpha"), defined(reader, "beta")) == ([], [])
        touched = reader.file("pkg/deep/gamma.py")
        assert touched is not None and touched.mtime_ns == 1
        assert defined(reader, "gamma") == ["pkg/deep/gamma.py"]
        # What is new, other or touched; those that were as before are not looked at.
        assert indexer.said[-1]["total"] == 3


def test_it_gives_way_to_everything_else_and_leaves_with_its_client(indexer: Indexer) -> None:
    process = psutil.Process(indexer.process.pid)
    children = process.children()
    assert children
    assert {it.nice() for it in (process, *children)} <= {15, 19}
    assert int(Path(f"/proc/{process.pid}/oom_score_adj").read_text()) > 0
    indexer.close()
    assert indexer.process.returncode == 0
    until(lambda: not any(it.is_running() for it in children))


def test_nothing_is_written_into_the_workspace(indexer: Indexer, root: Path, reader: Reader, home: Path) -> None:
    def listed() -> set[str]:
        return {str(it.relative_to(root)) for it in root.rglob("*")}

    before = listed()
    write(root, {"alpha.py": python("alpha_two")})
    until(lambda: defined(reader, "alpha_two"))
    assert listed() == before
    assert {it.name for it in home.iterdir()} == {"cache"}


def test_no_text_of_the_code_is_kept(root: Path) -> None:
    write(
        root,
        {"alpha.py": '"""Doc."""\n\n\ndef alpha():\n    # A remark of some length.\n    return "a literal text"\n'},
    )
    with indexing(root) as indexer:
        indexer.until("ready")
    data = b"".join(it.read_bytes() for it in paths.index_dir(root).iterdir())
    assert b"remark of some" not in data and b"literal text" not in data


# Two at once


def test_one_writes_and_the_other_takes_over_when_it_is_killed(root: Path, reader: Reader) -> None:
    first = Indexer(root)
    first.until("ready")
    with indexing(root) as second:
        second.until("waiting")
        until(lambda: second.said[-1]["writer"] == "ready")
        assert second.said[-1]["files"] == 4
        assert second.said[-1]["process"] == first.process.pid
        resident = [psutil.Process(it.process.pid).memory_info().rss for it in (second, first)]
        assert resident[0] < resident[1]
        first.kill()
        second.until("ready")
        write(root, {"alpha.py": python("alpha_two")})
        until(lambda: defined(reader, "alpha_two"))


def test_one_that_waits_leaves_with_its_client_too(indexer: Indexer, root: Path) -> None:
    with indexing(root) as second:
        second.until("waiting")
    assert second.process.returncode == 0
    assert indexer.process.poll() is None


def test_one_that_waits_has_the_other_rebuild(indexer: Indexer, root: Path, reader: Reader) -> None:
    created = reader.meta("created")
    with indexing(root) as second:
        second.until("waiting")
        second.tell("rebuild")
        until(lambda: reader.meta("created") not in {None, created} and reader.meta("phase") == "ready")
    assert defined(reader, "alpha") == ["alpha.py"]


# What goes wrong


def test_kills_leave_a_sound_index(tmp_path: Path) -> None:
    killed(tmp_path / "ws", 10, seed=3, files=100)


def test_rebuild_begins_with_a_new_file(indexer: Indexer, reader: Reader) -> None:
    before, generation = reader.meta("created"), reader.generation
    indexer.tell("rebuild")
    until(lambda: reader.meta("created") not in {None, before} and reader.meta("phase") == "ready")
    assert defined(reader, "alpha") == ["alpha.py"]
    assert reader.generation > generation


def damaged(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:4096] + b"\xaa" * (len(data) - 4096))


def test_an_index_that_was_damaged_meanwhile_is_built_anew(root: Path, reader: Reader) -> None:
    with indexing(root) as indexer:
        indexer.until("ready")
    file = paths.index_dir(root) / DATABASE
    damaged(file)
    with indexing(root) as indexer:
        indexer.until("ready")
        assert defined(reader, "alpha") == ["alpha.py"]
    assert file.with_name(f"{DATABASE}.corrupt").exists()


def test_damage_that_a_reader_meets_is_mended_while_it_is_in_use(indexer: Indexer, root: Path, reader: Reader) -> None:
    before = reader.meta("created")
    file = paths.index_dir(root) / DATABASE
    # So that nothing of it is in the log.
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    reader.close()
    damaged(file)
    until(lambda: defined(reader, "alpha") == ["alpha.py"] and reader.meta("created") != before)
    write(root, {"alpha.py": python("alpha_two")})
    until(lambda: defined(reader, "alpha_two"))


def test_a_flipped_byte_in_the_log_costs_at_most_work(root: Path, reader: Reader) -> None:
    indexer = Indexer(root)
    indexer.until("ready")
    indexer.kill()
    log = paths.index_dir(root) / f"{DATABASE}-wal"
    data = bytearray(log.read_bytes())
    data[len(data) // 2] ^= 0xFF
    log.write_bytes(data)
    with indexing(root) as indexer:
        indexer.until("ready")
        assert defined(reader, "alpha") == ["alpha.py"]
        assert defined(reader, "gamma") == ["pkg/deep/gamma.py"]


@pytest.mark.parametrize("kept", [0, 5_000])
def test_a_log_that_was_cut_off_costs_at_most_work(root: Path, reader: Reader, kept: int) -> None:
    indexer = Indexer(root)
    indexer.until("ready")
    indexer.kill()
    os.truncate(paths.index_dir(root) / f"{DATABASE}-wal", kept)
    with indexing(root) as indexer:
        indexer.until("ready")
        assert defined(reader, "alpha") == ["alpha.py"]
        assert reader.counts().files == 4


@pytest.mark.parametrize("names", [[DATABASE], [DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm"]])
def test_an_index_that_is_deleted_while_in_use_is_made_again(
    indexer: Indexer, root: Path, reader: Reader, names: list[str]
) -> None:
    before = reader.meta("created")
    for name in names:
        (paths.index_dir(root) / name).unlink()
    until(lambda: reader.meta("created") not in {None, before} and defined(reader, "alpha") == ["alpha.py"])


def test_a_full_disk_is_said_and_passes(root: Path, reader: Reader) -> None:
    """A limit on the size of files stands in for the disk: SQLite can't write on, just as little."""
    with indexing(root) as indexer:
        indexer.until("ready")
        process = psutil.Process(indexer.process.pid)
        process.rlimit(resource.RLIMIT_FSIZE, (16_384, resource.RLIM_INFINITY))
        write(root, {f"m{number}.py": python(f"m_{number}") for number in range(50)})
        indexer.until("failed")
        assert "can't be written" in indexer.said[-1]["notice"]
        assert defined(reader, "alpha") == ["alpha.py"]
        process.rlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        indexer.tell("rebuild")
        until(lambda: defined(reader, "m_49"))


def test_where_folders_cannot_be_watched_changes_are_found_by_looking(root: Path, reader: Reader) -> None:
    """In a user namespace of its own, whose limit of watched folders is one."""
    limited = ("unshare", "-Ur", "sh", "-c", 'echo 1 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh")
    if subprocess.run([*limited, "true"], capture_output=True, check=False).returncode:
        pytest.skip("there are no user namespaces here")
    with indexing(root, wrapper=limited) as indexer:
        indexer.until("polling")
        assert "max_user_watches" in indexer.said[-1]["notice"]
        assert defined(reader, "gamma")
        write(root, {"pkg/deep/gamma.py": python("gamma_two")})
        until(lambda: defined(reader, "gamma_two"))


def test_a_workspace_that_is_gone_keeps_its_index(indexer: Indexer, root: Path, reader: Reader) -> None:
    root.rename(root.with_name("away"))
    indexer.until("failed")
    assert "is not there" in indexer.said[-1]["notice"]
    assert defined(reader, "alpha") == ["alpha.py"]


def test_a_workspace_is_moved_away_and_another_takes_its_place(indexer: Indexer, root: Path, reader: Reader) -> None:
    root.rename(root.with_name("away"))
    write(root, {"pkg/new.py": python("new")})
    until(lambda: defined(reader, "new") == ["pkg/new.py"])
    until(lambda: not defined(reader, "beta"))
    indexer.until("ready")
    write(root, {"pkg/later.py": python("later"), "top.py": python("top")})
    until(lambda: defined(reader, "later") and defined(reader, "top"))
    # What happens elsewhere is of no interest.
    write(root.with_name("away"), {"pkg/beta.py": python("beta_two")})
    write(root, {"last.py": python("last")})
    until(lambda: defined(reader, "last"))
    assert not defined(reader, "beta_two")


def test_the_users_own_rules_change(root: Path, reader: Reader, home: Path) -> None:
    git(root, "init", "-q")
    git(root, "config", "core.excludesFile", str(home / "own" / "ignore"))
    with indexing(root) as indexer:
        indexer.until("ready")
        write(home, {"own/ignore": "beta.py\n"})
        until(lambda: not defined(reader, "beta"))
        write(home, {"own/ignore": "gamma.py\n"})
        until(lambda: defined(reader, "beta") and not defined(reader, "gamma"))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE chunk SET words = x'00112233445566'",
        "UPDATE file SET uses = x'001122'",
        "UPDATE meta SET value = 'many' WHERE key = 'generation'",
    ],
)
def test_damage_that_sqlite_does_not_see_is_mended(root: Path, reader: Reader, change: str) -> None:
    with indexing(root) as indexer:
        indexer.until("ready")
    with sqlite3.connect(paths.index_dir(root) / DATABASE) as database:
        database.execute(change)
    database.close()
    with indexing(root) as indexer:
        indexer.until("ready")
        write(root, {"alpha.py": python("alpha_two")})
        until(lambda: defined(reader, "alpha_two") and not defined(reader, "alpha"))
        indexer.until("ready")
        assert defined(reader, "gamma")
    assert indexer.process.returncode == 0
    assert (paths.index_dir(root) / f"{DATABASE}.corrupt").exists()
