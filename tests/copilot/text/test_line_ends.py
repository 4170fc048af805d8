import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.text.line_ends import content_length, split_lines, to_newlines


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a\n", ["a\n", ""]),
        ("a\r\nb\rc\nd", ["a\r\n", "b\r", "c\n", "d"]),
        ("\r\r\n\n", ["\r", "\r\n", "\n", ""]),
        ("a\r", ["a\r", ""]),
        ("a\x0cb\u2028c\x85", ["a\x0cb\u2028c\x85"]),
    ],
)
def test_lines_keep_their_terminators(text: str, lines: list[str]) -> None:
    assert split_lines(text) == lines


@given(st.text(st.sampled_from("a\r\n\x0c\u2028")))
def test_no_character_is_lost(text: str) -> None:
    lines = split_lines(text)
    assert "".join(lines) == text
    for line in lines:
        content, terminator = line[: content_length(line)], line[content_length(line) :]
        assert not {"\r", "\n"} & set(content)
        assert terminator in ("", "\n", "\r", "\r\n")


def test_a_huge_last_line_is_no_trouble() -> None:
    """Takes hours where the cost grows with the square of the line."""
    huge = "x" * 5_000_000
    assert split_lines(f"a\r\n{huge}") == ["a\r\n", huge]


def test_line_ends_go_to_the_model_as_newlines() -> None:
    assert to_newlines("a\r\nb\rc\nd\r\r\n") == "a\nb\nc\nd\n\n"
