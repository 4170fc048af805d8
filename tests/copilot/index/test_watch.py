"""Real inotify: what is told of changes to files and folders, and that nothing is missed."""

import os
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.index.watch import Watch, files_below, shared_in, upwards
from copilot.safety.gate import Gate
from tests.copilot.index.indexing import until, write

pytestmark = pytest.mark.skipif(not Path("/proc/sys/fs/inotify").is_dir(), reason="inotify is Linux's")


class Watching:
    """A watch of every folder of a workspace, and all it told."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.rung = threading.Event()
        self.watch = Watch(root, self.rung.set)
        self.paths: set[str] = set()
        self.lost = False
        for _ in files_below(Gate(root), "", self.watch.add):
            pass

    def hears(self, *paths: str) -> None:
        """Until all of them were told."""
        until(lambda: self.collect() >= set(paths), f"{paths} among {self.paths}")

    def collect(self) -> set[str]:
        changes = self.watch.collect()
        self.paths |= changes.paths
        self.lost = self.lost or changes.lost
        return self.paths


@pytest.fixture
def watching(tmp_path: Path) -> Iterator[Watching]:
    write(tmp_path, {"a.py": "a\n", "src/b.py": "b\n", "src/deep/c.py": "c\n", "node_modules/x/index.js": "x\n"})
    write(tmp_path, {".gitignore": "node_modules/\n"})
    watching = Watching(tmp_path)
    yield watching
    watching.watch.close()


def test_files_that_come_change_and_go(watching: Watching) -> None:
    root = watching.root
    (root / "src/new.py").write_text("n\n")
    (root / "a.py").write_text("other\n")
    (root / "src/b.py").unlink()
    (root / "src/deep/c.py").rename(root / "moved.py")
    watching.hears("src/new.py", "a.py", "src/b.py", "src/deep/c.py", "moved.py")
    assert watching.rung.is_set()
    assert not watching.lost


def test_a_file_that_replaces_another_at_once(watching: Watching) -> None:
    """So most editors save."""
    (watching.root / "a.tmp").write_text("new\n")
    (watching.root / "a.tmp").replace(watching.root / "a.py")
    watching.hears("a.py")


def test_reading_is_no_change(watching: Watching) -> None:
    (watching.root / "a.py").read_text()
    os.utime(watching.root / "a.py")
    (watching.root / "src/last.py").write_text("l\n")
    watching.hears("src/last.py")
    assert "a.py" not in watching.paths


def test_ignored_folders_are_not_watched(watching: Watching) -> None:
    assert len(watching.watch) == 3
    (watching.root / "node_modules/x/index.js").write_text("y\n")
    (watching.root / "a.py").write_text("other\n")
    watching.hears("a.py")
    assert watching.paths == {"a.py"}


def test_a_new_folder_is_watched_once_it_is_added(watching: Watching) -> None:
    (watching.root / "pkg").mkdir()
    watching.hears("pkg")
    watching.watch.add("pkg")
    (watching.root / "pkg/m.py").write_text("m\n")
    watching.hears("pkg/m.py")


def test_a_folder_that_moved_is_watched_under_its_new_name_only(watching: Watching) -> None:
    (watching.root / "src").rename(watching.root / "lib")
    watching.hears("src", "lib")
    assert len(watching.watch) == 1
    assert sorted(files_below(Gate(watching.root), "lib", watching.watch.add)) == ["lib/b.py", "lib/deep/c.py"]
    watching.paths.clear()
    (watching.root / "lib/deep/c.py").write_text("other\n")
    watching.hears("lib/deep/c.py")
    assert not any(it.startswith("src") for it in watching.paths)


def test_a_folder_that_is_found_before_its_move_is_heard_of(watching: Watching) -> None:
    (watching.root / "src").rename(watching.root / "lib")
    for _ in files_below(Gate(watching.root), "lib", watching.watch.add):
        pass
    watching.hears("src", "lib")
    (watching.root / "lib/b.py").write_text("other\n")
    watching.hears("lib/b.py")


def test_a_folder_that_is_gone_is_no_longer_watched(watching: Watching) -> None:
    shutil.rmtree(watching.root / "src")
    watching.hears("src", "src/b.py", "src/deep")
    until(lambda: watching.collect() and len(watching.watch) == 1)


def test_a_folder_can_be_left_out_later(watching: Watching) -> None:
    watching.watch.keep_only({""})
    (watching.root / "src/b.py").write_text("other\n")
    (watching.root / "a.py").write_text("other\n")
    watching.hears("a.py")
    assert watching.paths == {"a.py"}


def test_links_are_not_followed(tmp_path: Path) -> None:
    write(tmp_path, {"elsewhere/e.py": "e\n", "ws/a.py": "a\n"})
    (tmp_path / "ws/link").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    watching = Watching(tmp_path / "ws")
    watching.watch.add("link")
    assert len(watching.watch) == 1
    (tmp_path / "elsewhere/e.py").write_text("other\n")
    (tmp_path / "ws/a.py").write_text("other\n")
    watching.hears("a.py")
    assert watching.paths == {"a.py"}
    watching.watch.close()


def test_the_workspace_itself_goes(tmp_path: Path) -> None:
    write(tmp_path, {"ws/a.py": "a\n"})
    watching = Watching(tmp_path / "ws")
    shutil.rmtree(tmp_path / "ws")
    until(lambda: watching.collect() and watching.lost)
    watching.watch.close()


def test_an_overflow_of_the_kernels_queue_is_noticed(tmp_path: Path) -> None:
    room = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if room > 100_000:
        pytest.skip("the queue is too long to fill it")
    write(tmp_path, {"a.py": "a\n"})
    watching = Watching(tmp_path)
    first, go_on = threading.Event(), threading.Event()
    put = watching.watch._put

    def slowly(number: int, mask: int, name: str) -> None:
        first.set()
        go_on.wait()
        put(number, mask, name)

    watching.watch._put = slowly  # type: ignore[method-assign]
    (tmp_path / "a.py").write_text("other\n")
    assert first.wait(30)
    for number in range(room // 2 + 100):
        (tmp_path / f"{number}.py").touch()
    go_on.set()
    until(lambda: watching.collect() and watching.lost)
    watching.watch.close()


def test_a_storm_is_waited_out_but_not_for_long(watching: Watching) -> None:
    assert watching.watch.due() is None
    (watching.root / "a.py").write_text("1\n")
    until(lambda: watching.watch.due() is not None)
    until(lambda: watching.watch.due() == 0.0)
    watching.hears("a.py")
    assert watching.watch.due() is None


def test_upwards() -> None:
    assert list(upwards("a/b/c.py")) == ["a/b/c.py", "a/b", "a"]
    assert list(upwards("")) == []


def test_files_below_skips_what_the_gate_refuses(tmp_path: Path) -> None:
    write(tmp_path, {".gitignore": "out/\n", "out/x.py": "x\n", ".git/config": "", "a/b.py": "b\n", "a/c/d.py": "d\n"})
    entered: list[str] = []
    assert sorted(files_below(Gate(tmp_path), "", entered.append)) == [".gitignore", "a/b.py", "a/c/d.py"]
    assert sorted(entered) == ["", "a", "a/c"]
    assert list(files_below(Gate(tmp_path), "never", entered.append)) == []


MOUNTS = r"""27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
31 27 0:28 / /mnt/c rw,noatime shared:3 - 9p drvfs rw,aname=drvfs
32 27 0:29 / /home/u/my\040disk rw - fuse.sshfs host:/ rw
33 27 0:30 / /mnt/c/local rw - tmpfs tmpfs rw
34 27 0:31 / /srv rw - ext4 /dev/vdb rw
35 34 0:32 / /srv rw - nfs4 host:/srv rw
36 27 0:33 / /win rw - fuseblk /dev/sda1 rw
"""


@pytest.mark.parametrize(
    ("root", "kind"),
    [
        ("/home/u/work", ""),
        ("/mnt/c/work", "9p"),
        ("/mnt/c", "9p"),
        ("/mnt/c/local/work", ""),
        ("/mnt/cc", ""),
        ("/home/u/my disk/work", "fuse.sshfs"),
        ("/srv/work", "nfs4"),
        ("/win/work", ""),
    ],
)
def test_file_systems_that_do_not_tell(root: str, kind: str) -> None:
    assert shared_in(MOUNTS, Path(root)) == kind
