"""On real folders and real repositories."""

import os
import subprocess
from pathlib import Path

import pytest

from copilot.chat.workspace import MOST_BYTES, Workspace
from copilot.errors import SlipstreamError

FILES = {
    "src/app.py": "class App:\n    def run(self) -> None:\n        pass\n\n\ndef runner() -> None:\n    pass\n",
    "src/util.py": "def helper():\n    return 1\n",
    "docs/read.md": "# Read\n",
    "build/out.py": "def run(): pass\n",
}


@pytest.fixture
def root(home: Path) -> Path:
    folder = home / "project"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def git(root: Path, *arguments: str) -> None:
    names = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *names, "-C", str(root), *arguments], check=True, capture_output=True)


@pytest.fixture
def repository(root: Path) -> Path:
    git(root, "init", "-q")
    (root / ".gitignore").write_text("build/\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "first")
    return root


def test_in_a_repository_what_git_ignores_is_no_file(repository: Path) -> None:
    (repository / "new.py").write_text("")
    assert Workspace(repository).files() == [".gitignore", "docs/read.md", "new.py", "src/app.py", "src/util.py"]


def test_elsewhere_hidden_and_built_folders_are_left_out(root: Path) -> None:
    (root / ".secret").mkdir()
    (root / ".secret" / "x.py").write_text("")
    assert Workspace(root).files() == ["docs/read.md", "src/app.py", "src/util.py"]


def test_a_file_is_attached_with_its_place(root: Path) -> None:
    found = Workspace(root).file("src/app.py")
    assert (found.path, found.language, found.text) == ("src/app.py", "python", FILES["src/app.py"])
    assert found.uri == (root.resolve() / "src/app.py").as_uri()


def test_symbols_are_found_by_the_beginning_of_their_names(root: Path) -> None:
    workspace = Workspace(root)
    found = workspace.symbols(workspace.files(), "run")
    assert [(it.name, it.path, it.first, it.last) for it in found] == [
        ("run", "src/app.py", 2, 3),
        ("runner", "src/app.py", 6, 7),
    ]
    attachment = workspace.symbol(found[1])
    assert attachment.text == "def runner() -> None:\n    pass"
    assert attachment.origin == "src/app.py:6-7"


def test_a_folder_is_its_list_and_its_texts(root: Path) -> None:
    workspace = Workspace(root)
    (root / "src" / "data.bin").write_bytes(b"\0\1")
    found = workspace.folder("src", workspace.files())
    assert found.label == "src/"
    assert "src/data.bin" in found.text
    assert "def helper" in found.text
    assert workspace.folders(workspace.files()) == ["docs", "src"]
    with pytest.raises(SlipstreamError):
        workspace.folder("nothing", workspace.files())


def test_a_diff_is_what_is_not_committed(repository: Path) -> None:
    workspace = Workspace(repository)
    with pytest.raises(SlipstreamError) as caught:
        workspace.diff()
    assert caught.value.code == "nothing_changed"
    (repository / "src" / "util.py").write_text("def helper():\n    return 2\n")
    assert "+    return 2" in workspace.diff().text


def test_a_diff_runs_nothing_that_the_repository_names(repository: Path, home: Path) -> None:
    trap = home / "trap"
    for name in ("diff.external", "core.fsmonitor", "core.pager"):
        git(repository, "config", name, f"touch {trap}")
    (repository / "src" / "util.py").write_text("changed\n")
    Workspace(repository).diff()
    Workspace(repository).files()
    assert not trap.exists()


def test_what_leads_out_or_is_no_text_is_refused(root: Path, home: Path) -> None:
    (home / "outside.txt").write_text("secret")
    (root / "link.txt").symlink_to(home / "outside.txt")
    (root / "binary").write_bytes(b"a\0b")
    (root / "latin").write_bytes(b"\xe9")
    (root / "large.txt").write_text("x" * (MOST_BYTES + 1))
    os.mkfifo(root / "pipe")
    for name in ("link.txt", "../outside.txt", "binary", "latin", "large.txt", "pipe", "src", "missing"):
        with pytest.raises(SlipstreamError) as caught:
            Workspace(root).file(name)
        assert caught.value.code in {"no_file", "no_text"}
