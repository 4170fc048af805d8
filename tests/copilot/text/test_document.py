"""The cases that break other document stores, one by one."""

import pytest

from copilot.text.document import Change, Document
from copilot.text.position import Position, PositionEncoding, Range

UTF8, UTF16, UTF32 = PositionEncoding.UTF8, PositionEncoding.UTF16, PositionEncoding.UTF32
FAR = 2**31 - 1


def made(text: str) -> Document:
    return Document.from_text("file:///a.py", "python", 1, text)


def edit(start: tuple[int, int], new: str, end: tuple[int, int] | None = None) -> Change:
    return Change(Range(Position(*start), Position(*(end or start))), new)


def edited(
    text: str,
    start: tuple[int, int],
    new: str,
    end: tuple[int, int] | None = None,
    encoding: PositionEncoding = UTF16,
) -> str:
    return made(text).apply([edit(start, new, end)], encoding).text


@pytest.mark.parametrize("character", ["\x0c", "\x0b", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"])
def test_only_lf_cr_and_crlf_end_a_line(character: str) -> None:
    assert edited(f"a{character}b\nc", (1, 0), "X") == f"a{character}b\nXc"


def test_a_lone_cr_ends_a_line() -> None:
    assert edited("a\rb\rc", (2, 0), "X") == "a\rb\rXc"


@pytest.mark.parametrize(
    ("text", "character", "want"),
    [
        ("ab", 99, "abX"),
        ("ab", FAR, "abX"),
        ("ab\nc", 3, "abX\nc"),
        ("ab\nc", 99, "abX\nc"),
        ("ab\r\nc", 3, "abX\r\nc"),
        ("ab\r\nc", 99, "abX\r\nc"),
        ("ab\rc", 99, "abX\rc"),
        ("é😀\nc", 99, "é😀X\nc"),
    ],
)
def test_a_column_past_the_end_is_the_end_of_its_line(text: str, character: int, want: str) -> None:
    for encoding in PositionEncoding:
        assert edited(text, (0, character), "X", encoding=encoding) == want


def test_a_line_past_the_end_is_the_end_of_the_document() -> None:
    assert edited("ab\ncd", (7, 0), "X") == "ab\ncdX"
    assert edited("ab\n", (FAR, FAR), "X") == "ab\nX"
    assert edited("", (3, 3), "X") == "X"


def test_the_line_behind_the_last_line_end_can_be_edited() -> None:
    assert edited("ab\n", (1, 0), "X") == "ab\nX"


def test_replacing_everything_with_a_huge_column_leaves_nothing_over() -> None:
    assert edited("abc\ndef", (0, 0), "X", (1, FAR)) == "X"
    assert edited("abc\ndef\n", (0, 0), "", (FAR, FAR)) == ""


@pytest.mark.parametrize(
    ("encoding", "character"), [(UTF8, 7), (UTF16, 5), (UTF32, 4)], ids=["utf-8", "utf-16", "utf-32"]
)
def test_each_encoding_counts_in_its_own_units(encoding: PositionEncoding, character: int) -> None:
    assert edited("x='😋'\n", (0, character), "X", encoding=encoding) == "x='😋X'\n"
    assert made("x='😋'\n").position_at(0, 4, encoding) == Position(0, character)


def test_a_place_inside_a_character_is_its_start() -> None:
    assert edited("a😀b", (0, 2), "X") == "aX😀b"
    for inside in (2, 3, 4):
        assert edited("a😀b", (0, inside), "X", encoding=UTF8) == "aX😀b"
    assert edited("aéb", (0, 2), "X", encoding=UTF8) == "aXéb"


def test_a_range_the_wrong_way_round_loses_nothing() -> None:
    assert edited("one\ntwo\nthree", (2, 1), "X", (0, 2)) == "onXhree"


def test_cr_and_lf_that_meet_become_one_line_end_and_part_again() -> None:
    document = made("a\rb\n")
    joined = document.apply([edit((1, 0), "", (1, 1))], UTF16)
    assert tuple(joined.lines) == ("a\r\n", "")
    assert tuple(made("a\rb").apply([edit((1, 0), "\n")], UTF16).lines) == ("a\r\n", "b")
    assert tuple(made("a\nb").apply([edit((0, 1), "\r")], UTF16).lines) == ("a\r\n", "b")
    assert tuple(made("a\r\nb").apply([edit((0, 1), "X\r")], UTF16).lines) == ("aX\r", "\r\n", "b")


def test_two_halves_of_a_character_join_as_the_editor_sees_them() -> None:
    document = made("x = ''")
    first = document.apply([edit((0, 5), "\ud83d")], UTF16)
    assert first.position_at(0, 6, UTF16) == Position(0, 6)
    whole = first.apply([edit((0, 6), "\ude00")], UTF16)
    assert whole.text == "x = '😀'"
    assert whole.text.encode()
    assert made("\ud83dx\ude00").apply([edit((0, 1), "", (0, 2))], UTF16).text == "😀"
    assert made("\ude00").apply([edit((0, 0), "\ud83d")], UTF16).text == "😀"
    assert made("\ud83d\ude00").text == "😀"


def test_a_whole_text_replaces_all() -> None:
    document = made("old\nlines\n").apply([Change(None, "new\r\n"), edit((1, 0), "X")], UTF16, version=7)
    assert tuple(document.lines) == ("new\r\n", "X")
    assert document.version == 7


def test_a_snapshot_keeps_its_text() -> None:
    before = made("a\nb\n")
    after = before.apply([edit((0, 0), "X")], UTF16, version=2)
    assert (before.text, before.version) == ("a\nb\n", 1)
    assert (after.text, after.version) == ("Xa\nb\n", 2)
    assert before.apply([], UTF16).version == 1
