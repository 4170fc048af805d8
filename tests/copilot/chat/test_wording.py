"""Pieces of prompts: code stays inside its fence, and cut text keeps its ends."""

import pytest

from copilot.chat.wording import clipped, fenced, surroundings
from tests.copilot.chat.places import place


@pytest.mark.parametrize("code", ["a", "```\na\n```", "x ````` y"])
def test_code_cannot_end_its_fence(code: str) -> None:
    first, *middle, last = fenced(code, "py").split("\n")
    fence = first.removesuffix("py")
    assert (last, set(fence)) == (fence, {"`"})
    assert not any(fence in line for line in middle)


def test_a_long_text_is_cut_in_its_middle() -> None:
    text = "\n".join(f"line {n}" for n in range(1000))
    cut = clipped(text, 300)
    assert len(cut) <= 300
    assert cut.startswith("line 0\n")
    assert cut.endswith("\nline 999")
    assert clipped("x" * 500, 100).startswith("x" * 90)
    assert clipped("short", 100) == "short"


def test_surroundings_leave_the_piece_out() -> None:
    around = surroundings(place("above()\n«piece()»\nbelow()\n"), 1000)
    assert "above()" in around
    assert "below()" in around
    assert "piece()" not in around
    assert surroundings(place("«piece()»"), 1000) == ""
