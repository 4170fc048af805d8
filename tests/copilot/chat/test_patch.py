"""Diffs of a real Git, masked and narrowed down; what comes of one still applies."""

import random
import subprocess
from pathlib import Path

import pytest

from copilot.chat.patch import masked_and_narrowed

WHOLE = "--unified=1000000"


def git(root: Path, *arguments: str, given: str = "") -> str:
    names = ("-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(
        ["git", *names, "-C", str(root), *arguments], check=True, capture_output=True, text=True, input=given
    )
    return done.stdout


def stars(text: str) -> tuple[str, int]:
    """Everything between BEGIN and END is secret."""
    start, end = text.find("BEGIN"), text.find("END")
    if start < 0 or end < 0:
        return text, 0
    inside = "".join("\n" if it == "\n" else "*" for it in text[start + 5 : end])
    return text[: start + 5] + inside + text[end:], 1


def nothing(text: str) -> tuple[str, int]:
    return text, 0


@pytest.fixture
def root(home: Path) -> Path:
    folder = home / "r"
    folder.mkdir()
    git(folder, "init", "-q")
    return folder


def test_a_narrowed_diff_is_one_that_git_accepts(root: Path) -> None:
    """For files changed in any way, what is left applies to the old and gives the new."""
    chance = random.Random(3)
    file = root / "a.py"
    file.write_text("first\n")
    git(root, "add", ".")
    git(root, "commit", "-qm", "1")
    for turn in range(25):
        lines = [f"line {chance.randrange(9)}" for _ in range(chance.randrange(30))]
        old = "\n".join(lines) + "\n" * chance.randrange(2) if lines else ""
        for _ in range(chance.randrange(1, 5)):
            at = chance.randrange(len(lines) + 1)
            lines[at : at + chance.randrange(2)] = [f"new {chance.randrange(9)}"]
        new = "\n".join(lines) + "\n" * chance.randrange(2)
        if old == new:
            continue
        file.write_text(old)
        git(root, "add", ".")
        git(root, "commit", "-qm", f"{turn}", "--allow-empty")
        file.write_text(new)
        diff, _ = masked_and_narrowed(git(root, "diff", WHOLE), 2, nothing)
        file.write_text(old)
        git(root, "apply", given=diff)
        assert file.read_text() == new


def test_only_what_is_near_a_change_stays_with_the_name_of_what_it_is_in(root: Path) -> None:
    body = "".join(f"    x{at} = {at}\n" for at in range(20))
    (root / "a.py").write_text(f"def f():\n{body}")
    git(root, "add", ".")
    git(root, "commit", "-qm", "1")
    (root / "a.py").write_text(f"def f():\n{body}".replace("x15 = 15", "x15 = 16"))
    diff, _ = masked_and_narrowed(git(root, "diff", WHOLE), 2, nothing)
    assert diff.split("\n")[4:-1] == [
        "@@ -15,5 +15,5 @@ def f():",
        "     x13 = 13",
        "     x14 = 14",
        "-    x15 = 15",
        "+    x15 = 16",
        "     x16 = 16",
        "     x17 = 17",
    ]


def test_a_secret_is_masked_though_its_beginning_is_far_above(root: Path) -> None:
    key = [f"secret{at}" for at in range(40)]
    (root / "a.txt").write_text("\n".join(["BEGIN", *key, "END", ""]))
    git(root, "add", ".")
    git(root, "commit", "-qm", "1")
    key[20] = "fresh20"
    (root / "a.txt").write_text("\n".join(["BEGIN", *key, "END", ""]))
    diff, count = masked_and_narrowed(git(root, "diff", WHOLE), 2, stars)
    assert count == 1
    assert "secret" not in diff
    assert "fresh" not in diff
    assert "-********\n+*******\n" in diff


def test_several_files_and_those_without_lines_stay_in_order(root: Path) -> None:
    (root / "a").write_text("a\n")
    (root / "b").write_bytes(b"\0")
    (root / "c").write_text("c\n")
    git(root, "add", ".")
    diff, _ = masked_and_narrowed(git(root, "diff", "--cached", WHOLE), 2, nothing)
    assert [line for line in diff.split("\n") if line.startswith(("diff", "Binary", "+a", "+c", "@@"))] == [
        "diff --git a/a b/a",
        "@@ -0,0 +1,1 @@",
        "+a",
        "diff --git a/b b/b",
        "Binary files /dev/null and b/b differ",
        "diff --git a/c b/c",
        "@@ -0,0 +1,1 @@",
        "+c",
    ]
