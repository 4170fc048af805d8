"""Commit messages: read from what small models write, and of long diffs something of each file."""

import pytest

from copilot.chat.committing import SUBJECT, read_message, shortened


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ("Add a parser", "Add a parser"),
        ("Commit message: Add a parser.", "Add a parser"),
        ("```\nAdd a parser\n\nIt was missing.\n```", "Add a parser\n\nIt was missing."),
        ("Here is the commit message:\n\n**Add a parser**", "Add a parser"),
        ("# Add a parser\nIt was\nmissing.", "Add a parser\n\nIt was missing."),
        ("Add a parser\n\n- one\n- two", "Add a parser\n\n- one\n- two"),
        ("", ""),
    ],
)
def test_the_message_is_found(answer: str, message: str) -> None:
    assert read_message(answer) == message


def test_a_long_subject_is_cut_and_nothing_is_lost() -> None:
    words = " ".join(f"word{n}" for n in range(30))
    subject, empty, *body = read_message(words).split("\n")
    assert len(subject) <= SUBJECT
    assert subject.endswith("…")
    assert empty == ""
    assert " ".join(body) == words
    assert all(len(line) <= SUBJECT for line in body)


def test_a_long_file_does_not_hide_the_others() -> None:
    diff = "1 file\n" + "".join(
        f"diff --git a/{n} b/{n}\n+{n}{n * size}\n" for n, size in (("x", 9000), ("y", 5), ("z", 5))
    )
    short = shortened(diff, 1000)
    assert len(short) <= 1000
    assert "+yyyyyy\n" in short
    assert "+zzzzzz\n" in short
    assert "diff --git a/x b/x" in short
