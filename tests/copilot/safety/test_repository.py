"""Where Git keeps its rules."""

import errno
import os
import subprocess
from pathlib import Path

import pytest

from copilot.safety.gate import Gate
from copilot.safety.repository import exclude_file, git_settings, top_of
from tests.copilot.safety.conftest import initialised


def _git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "protocol.file.allow=always")
    command = ["git", "-C", str(folder), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_top_and_its_own_rules(tmp_path: Path, user: Path) -> None:
    top = initialised(tmp_path / "top")
    below = top / "a" / "b"
    below.mkdir(parents=True)
    assert top_of(below) == top_of(top) == top
    assert exclude_file(top) == top / ".git" / "info" / "exclude"
    # An empty folder of that name makes no repository.
    (below / ".git").mkdir()
    assert top_of(below) == top
    assert top_of(tmp_path) is None
    assert exclude_file(tmp_path) is None


def test_worktrees_and_submodules(tmp_path: Path, user: Path) -> None:
    top = initialised(tmp_path / "top")
    _git(top, "commit", "-q", "--allow-empty", "-m", "first")
    _git(top, "worktree", "add", "-q", str(tmp_path / "tree"))
    _git(top, "submodule", "add", "-q", str(top), "sub")
    for place in (tmp_path / "tree", top / "sub"):
        said = Path(_git(place, "rev-parse", "--git-path", "info/exclude"))
        found = exclude_file(place)
        assert top_of(place) == place
        assert found is not None
        assert found.resolve() == (place / said).resolve()


def test_the_users_own_file(tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = initialised(tmp_path / "top")
    assert git_settings(top).excludes == user / ".config" / "git" / "ignore"
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    assert git_settings(top).excludes == tmp_path / "xdg" / "git" / "ignore"
    (user / ".gitconfig").write_text("[core]\n\texcludesFile = ~/mine\n")
    assert git_settings(top).excludes == user / "mine"
    _git(top, "config", "core.excludesFile", "relative")
    assert git_settings(top).excludes == top / "relative"
    _git(top, "config", "core.excludesFile", "")
    assert git_settings(top).excludes is None


def test_case(tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = initialised(tmp_path / "top")
    assert not git_settings(top).ignores_case
    _git(top, "config", "core.ignoreCase", "yes")
    assert git_settings(top).ignores_case
    # Another repository that a hook speaks of is not this one.
    other = initialised(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert git_settings(top).ignores_case


def test_without_git(tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_settings(tmp_path) == (user / ".config" / "git" / "ignore", False)


def test_a_pipe_in_place_of_a_file(tmp_path: Path, user: Path) -> None:
    os.mkfifo(tmp_path / ".git")
    assert top_of(tmp_path) is None


@pytest.mark.parametrize("named", [b"gitdir: x\0y\n", b"gitdir: \0\n", b"\0"])
def test_a_file_that_names_no_place(tmp_path: Path, user: Path, named: bytes) -> None:
    (tmp_path / "m.py").touch()
    (tmp_path / "in").mkdir()
    for folder in (tmp_path, tmp_path / "in"):
        (folder / ".git").write_bytes(named)
    assert Gate(tmp_path).refusal("in/m.py") is None
    assert "m.py" in [it.path for it in Gate(tmp_path).walk()]


def test_a_common_folder_that_is_no_place(tmp_path: Path, user: Path) -> None:
    top = initialised(tmp_path / "top")
    (top / ".git" / "commondir").write_bytes(b"\0")
    assert Gate(top).refusal("m.py") is None


def test_a_repository_that_may_not_be_entered(tmp_path: Path, user: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = initialised(tmp_path / "top")
    inner = initialised(top / "in")
    really = os.lstat

    def lstat(path: str | Path) -> os.stat_result:
        if Path(path).parent == inner / ".git":
            raise PermissionError(errno.EACCES, "no", str(path))
        return really(path)

    # Whoever runs the tests as root may enter everything.
    for method in ("lstat", "stat"):
        monkeypatch.setattr(Path, method, lambda path, **_: lstat(path))
    assert top_of(inner) == top
    assert exclude_file(inner) is None


def test_a_repository_that_is_a_loop_of_links(tmp_path: Path, user: Path) -> None:
    (tmp_path / ".git").symlink_to(".git")
    assert top_of(tmp_path) is None
    assert Gate(tmp_path).refusal("m.py") is None
