"""Diffs as git reads them."""

import subprocess
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.chat.diff import unified
from copilot.chat.place import Lines
from copilot.chat.proposal import replace_lines, whole_file
from copilot.text.document import Document

_lines = st.lists(st.sampled_from(["a", "b", "", "  c", "@@ -1 +1 @@"]), min_size=1, max_size=30)


def applied(diff: str, before: str | None) -> str:
    """What git makes of ``a.txt``."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.txt")
        if before is not None:
            file.write_bytes(before.encode())
        done = subprocess.run(
            ["git", "apply", "--whitespace=nowarn", "-"],
            cwd=folder,
            input=diff.encode(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode() + diff
        return file.read_bytes().decode()


@settings(max_examples=40, deadline=None)
@given(old=_lines, new=_lines, end=st.sampled_from(["\n", "\r\n"]), whole=st.booleans())
def test_git_makes_the_same_of_it(old: list[str], new: list[str], end: str, whole: bool) -> None:
    text = end.join(old) + (end if whole else "")
    document = Document.from_text("file:///a.txt", "plaintext", 1, text)
    proposal = replace_lines(document, Lines(0, len(old)), "\n".join(new))
    if proposal.hunks and proposal.text:
        assert applied(unified(proposal, "a.txt"), text) == proposal.text


def test_a_new_file() -> None:
    assert applied(unified(whole_file("file:///a.txt", "plaintext", "a\nb\n"), "a.txt"), None) == "a\nb\n"


@pytest.mark.parametrize("path", ["a\nb", "/etc/x", "a\x1b[31m"])
def test_a_path_cannot_break_the_header(path: str) -> None:
    head = unified(whole_file("file:///a.txt", "plaintext", "a\n"), path).split("\n")
    assert head[0] == "--- /dev/null"
    assert head[1].startswith("+++ b/")
    assert head[2].startswith("@@ ")
    assert head[1].isprintable()
