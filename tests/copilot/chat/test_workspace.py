"""On real folders and real repositories."""

import os
import subprocess
from pathlib import Path

import pytest

from copilot.chat.workspace import Symbol, Workspace
from copilot.context.steering import steering_file
from copilot.errors import SlipstreamError
from copilot.safety.gate import Gate, Refused
from copilot.safety.kinds import LARGEST

FILES = {
    "src/app.py": "class App:\n    def run(self) -> None:\n        pass\n\n\ndef runner() -> None:\n    pass\n",
    "src/util.py": "def helper():\n    return 1\n",
    "docs/read.md": "# Read\n",
    "build/out.py": "def run(): pass\n",
}


PASSWORD = "hunter2xKf93" + "jdkA!"
CANARY = "canary7391"


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
    assert Workspace(Gate(repository)).files() == [".gitignore", "docs/read.md", "new.py", "src/app.py", "src/util.py"]


def test_a_file_is_attached_with_its_place(root: Path) -> None:
    found = Workspace(Gate(root)).file("src/app.py")
    assert (found.path, found.language, found.text) == ("src/app.py", "python", FILES["src/app.py"])
    assert found.uri == (root.resolve() / "src/app.py").as_uri()


def test_symbols_are_found_by_the_beginning_of_their_names(root: Path) -> None:
    workspace = Workspace(Gate(root))
    found = workspace.symbols("run")
    assert [(it.name, it.path, it.first, it.last) for it in found] == [
        ("run", "build/out.py", 1, 1),
        ("run", "src/app.py", 2, 3),
        ("runner", "src/app.py", 6, 7),
    ]
    attachment = workspace.symbol(found[2])
    assert attachment.text == "def runner() -> None:\n    pass"
    assert attachment.origin == "src/app.py:6-7"


def test_a_folder_is_its_list_and_its_texts(root: Path) -> None:
    workspace = Workspace(Gate(root))
    (root / "src" / "data.bin").write_bytes(b"\0\1")
    found = workspace.folder("src")
    assert found.label == "src/"
    assert "src/data.bin" in found.text
    assert "def helper" in found.text
    assert workspace.folders(workspace.files()) == ["build", "docs", "src"]
    with pytest.raises(SlipstreamError):
        workspace.folder("nothing")


def test_a_diff_is_what_is_not_committed(repository: Path) -> None:
    workspace = Workspace(Gate(repository))
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
    Workspace(Gate(repository)).diff()
    Workspace(Gate(repository)).files()
    assert not trap.exists()


def test_what_leads_out_or_is_no_text_is_refused(root: Path, home: Path) -> None:
    (home / "outside.txt").write_text("secret")
    (root / "link.txt").symlink_to(home / "outside.txt")
    (root / "binary").write_bytes(b"a\0b")
    (root / "latin").write_bytes(b"\xe9")
    (root / "large.txt").write_text("x\n" * LARGEST)
    os.mkfifo(root / "pipe")
    for name in ("link.txt", "../outside.txt", "binary", "latin", "large.txt", "pipe", "src", "missing"):
        with pytest.raises(Refused) as caught:
            Workspace(Gate(root)).file(name)
        assert caught.value.hint


def test_what_an_editor_shows_wins_over_the_disk(root: Path) -> None:
    shown = {"src/app.py": f"x = 1\r\npassword = '{PASSWORD}'\r\n", "src/.env": "A=1\n"}
    workspace = Workspace(Gate(root), shown=shown.get)
    text = workspace.file("src/app.py").text
    assert text.startswith("x = 1\npassword = '")
    assert PASSWORD not in text
    with pytest.raises(Refused):
        workspace.file("src/.env")


def test_a_symbol_is_found_where_it_is_now(root: Path) -> None:
    (root / "src" / "app.py").write_text(f"# new\n# lines\n{FILES['src/app.py']}")
    found = Workspace(Gate(root)).symbol(Symbol("runner", "src/app.py", 6, 7))
    assert (found.text, found.origin) == ("def runner() -> None:\n    pass", "src/app.py:8-9")


# ---------------------------------------------------------------------------------------------------- canaries

CANARY = "canary7391"
HIDDEN = {
    "ignored/code.py": f"def {CANARY}(): pass\n",
    "left_out.py": f"def {CANARY}(): pass\n",
    "src/.env": f"{CANARY}=1\n",
    "id_rsa": f"{CANARY}\n",
    "src/keys.py": f"password = '{PASSWORD}'\ndef {CANARY[:6]}_ok(): pass\n",
}


@pytest.fixture
def hiding(repository: Path) -> Path:
    """Everything that must not be seen is tracked, and then changed."""
    (repository / ".gitignore").write_text("build/\nignored/\n")
    (repository / ".copilotignore").write_text("left_out.py\n")
    for name in HIDDEN:
        path = repository / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("old\n")
    git(repository, "add", "-f", ".")
    git(repository, "commit", "-qm", "second")
    for name, text in HIDDEN.items():
        (repository / name).write_text(text)
    return repository


def test_nothing_hidden_is_offered_or_attached(hiding: Path) -> None:
    workspace = Workspace(Gate(hiding))
    files = workspace.files()
    assert not set(files) & (HIDDEN.keys() - {"src/keys.py"})
    said = [*files, *(it.name for it in workspace.symbols("canary")), workspace.diff().text]
    said += [workspace.folder("src").text, workspace.file("src/keys.py").text]
    assert "canary_ok" in said
    assert CANARY not in "\n".join(said)
    assert PASSWORD not in "\n".join(said)
    for name in HIDDEN.keys() - {"src/keys.py"}:
        with pytest.raises(Refused):
            workspace.file(name)
        with pytest.raises(Refused):
            workspace.symbol(Symbol(CANARY, name, 1, 1))
        with pytest.raises(Refused):
            workspace.lines(name, 1, 1)


def test_what_the_settings_exclude_is_hidden_too(root: Path) -> None:
    workspace = Workspace(Gate(root, exclude=["docs/"]))
    assert "docs/read.md" not in workspace.files()
    with pytest.raises(Refused):
        workspace.file("docs/read.md")


def test_a_diff_says_that_something_is_left_out(hiding: Path) -> None:
    text = workspace_diff(hiding)
    assert "src/keys.py" in text
    assert "4 files are left out" in text
    assert ".env" not in text


def test_a_diff_of_nothing_that_may_be_read_says_so(hiding: Path) -> None:
    (hiding / "src" / "keys.py").write_text("old\n")
    with pytest.raises(SlipstreamError) as caught:
        workspace_diff(hiding)
    assert caught.value.code == "all_refused"


def workspace_diff(root: Path) -> str:
    return Workspace(Gate(root)).diff().text


def test_what_is_never_to_be_shown_is_not_attached(repository: Path) -> None:
    (repository / "src" / "util.py").write_text(f"def helper():\n    return '{CANARY}'\n")
    (repository / "src" / "other.py").write_text("x = 1\n")
    git(repository, "add", ".")
    steering_file().change(repository, lambda it: it.with_never("src/util.py"))
    workspace = Workspace.of(repository)
    folder = workspace.folder("src").text
    assert "other.py" in folder
    diff = workspace.diff().text
    assert "+x = 1" in diff
    assert "one file are left out" in diff
    for text in (folder, diff):
        assert CANARY not in text
        assert "util.py" not in text
    assert workspace.symbols("helper") == []
    for name in ("src/util.py", "src/./util.py"):
        with pytest.raises(SlipstreamError) as caught:
            workspace.file(name)
        assert caught.value.code == "hidden"


def test_before_the_first_commit_all_is_new(root: Path) -> None:
    subprocess.run(["git", "-C", str(root), "init", "-q"], check=True)
    workspace = Workspace(Gate(root))
    with pytest.raises(SlipstreamError) as caught:
        workspace.diff()
    assert "no commit yet" in caught.value.message
    subprocess.run(["git", "-C", str(root), "add", "src/util.py"], check=True)
    diff = workspace.diff().text
    assert "+++ b/src/util.py" in diff
    assert "+def helper" in diff
