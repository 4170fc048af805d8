"""Nothing but what lies inside is opened."""

import os
import socket
from pathlib import Path

import pytest

from copilot.safety.inside import LinkError, NotRegularError, begin_of, is_name, normal, open_file, open_folder


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a/b.py", "a/b.py"),
        ("./a//b/", "a/b"),
        ("", ""),
        (".", ""),
        ("..a/b..", "..a/b.."),
        ("a b/é", "a b/é"),
        ("..", None),
        ("a/../b", None),
        ("a/../../b", None),
        ("/a", None),
        ("//a", None),
        ("a\0b", None),
        ("a\nb", None),
        ("a\udcffb", None),
    ],
)
def test_normal(path: str, expected: str | None) -> None:
    assert normal(path) == expected


def test_names() -> None:
    assert all(is_name(name) for name in ("a", ".b", "c d", "日本", "é", "👩‍💻", "a\u3000b"))
    assert not any(is_name(name) for name in ("a\n", "\x1b[2J", "a\x85", "a\u2028", "\ud800"))


def _descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs Linux")
def test_descriptors_are_closed(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "c").write_text("x")
    before = _descriptors()
    os.close(open_file(tmp_path, "a/b/c"))
    os.close(open_folder(tmp_path, "a/b"))
    for path in ("a/b/c/d", "a/x/c", "a/b", "x"):
        with pytest.raises(OSError):
            open_file(tmp_path, path)
    assert begin_of(tmp_path / "a" / "b" / "c", 5) == b"x"
    for place in (tmp_path / "a", tmp_path / "x"):
        with pytest.raises(OSError):
            begin_of(place, 5)
    assert _descriptors() == before


def test_links_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "folder").mkdir(parents=True)
    (root / "folder" / "file").write_text("x")
    (root / "etc").symlink_to("/etc")
    (root / "inner").symlink_to("folder")
    (root / "file").symlink_to("folder/file")
    (root / "loop").symlink_to("loop")
    for path in ("etc/passwd", "inner/file", "file", "loop", "loop/x"):
        with pytest.raises(LinkError):
            open_file(root, path)
    # The root itself may be named over a link.
    (tmp_path / "link").symlink_to("root")
    os.close(open_file(tmp_path / "link", "folder/file"))


def test_what_is_no_file_does_not_wait(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        for path in ("pipe", "s"):
            with pytest.raises(NotRegularError):
                open_file(tmp_path, path)
    with pytest.raises(NotRegularError):
        open_file(Path("/dev"), "null")


def test_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    for name in ("a\0b", "a\ud800"):
        with pytest.raises(FileNotFoundError):
            begin_of(tmp_path / name, 10)
