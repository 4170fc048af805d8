"""What is staged, without what may not be seen."""

import subprocess
from pathlib import Path

import pytest

from copilot.chat.staged import staged_diff
from copilot.errors import SlipstreamError

PASSWORD = "hunter2xKf93" + "jdkA!"
CANARY = "canary7391"


def git(root: Path, *arguments: str) -> None:
    names = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *names, "-C", str(root), *arguments], check=True, capture_output=True)


@pytest.fixture
def root(home: Path) -> Path:
    folder = home / "repository"
    for name, text in {
        "app/main.py": f"password = '{PASSWORD}'\nx = 1\n",
        "app/.env": f"{CANARY}=1\n",
        "notes/private.md": f"{CANARY}\n",
        "with space é.py": "y = 2\n",
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git(folder, "init", "-q")
    git(folder, "add", "-f", ".")
    return folder


def test_what_is_staged_has_no_secrets_and_says_what_is_left_out(root: Path) -> None:
    diff = staged_diff(root / "app" / "main.py", exclude=["notes/"])
    assert "+x = 1" in diff
    assert "+y = 2" in diff
    assert diff.startswith(" app/main.py")
    assert "2 files are left out" in diff
    for hidden in (CANARY, PASSWORD, ".env", "private"):
        assert hidden not in diff


def test_patterns_count_from_the_workspace_where_that_is_a_part_of_the_repository(root: Path) -> None:
    assert "+x = 1" in staged_diff(root, exclude=["/main.py"])
    assert "+x = 1" not in staged_diff(root, exclude=["/main.py"], workspace=root / "app")


def test_where_nothing_may_be_read_it_says_so(root: Path) -> None:
    with pytest.raises(SlipstreamError) as caught:
        staged_diff(root, exclude=["*"])
    assert caught.value.code == "all_refused"


def test_where_nothing_is_staged_it_says_so(root: Path) -> None:
    git(root, "commit", "-qm", "1")
    with pytest.raises(SlipstreamError) as caught:
        staged_diff(root)
    assert caught.value.code == "nothing_staged"
