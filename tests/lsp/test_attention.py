from copilot_lsp.attention import Attention

from copilot.text.document import Change
from copilot.text.position import Position, PositionEncoding, Range

UTF16 = PositionEncoding.UTF16


def attention() -> tuple[Attention, list[int]]:
    moved: list[int] = []
    return Attention(lambda: moved.append(1)), moved


def span(*numbers: int) -> Range:
    a, b, c, d = numbers
    return Range(Position(a, b), Position(c, d))


def test_a_place_that_was_asked_about_is_where_the_user_is() -> None:
    looks, moved = attention()
    looks.on("file:///a", span(1, 0, 3, 0), [{"message": "x"}])
    assert (looks.uri, looks.caret, looks.selection) == ("file:///a", Position(3, 0), span(1, 0, 3, 0))
    assert looks.problems == ({"message": "x"},)
    assert moved


def test_a_caret_that_moves_ends_the_selection_and_one_that_rests_does_not() -> None:
    looks, _ = attention()
    looks.on("file:///a", span(1, 0, 3, 0))
    looks.at("file:///a", Position(3, 0))
    assert looks.selection is not None
    looks.at("file:///a", Position(4, 0))
    assert looks.selection is None


def test_another_file_has_nothing_of_the_last_one() -> None:
    looks, _ = attention()
    looks.on("file:///a", span(1, 0, 3, 0), [{}])
    looks.at("file:///b")
    assert (looks.uri, looks.caret, looks.selection, looks.problems) == ("file:///b", None, None, ())


def test_the_caret_is_behind_what_was_written() -> None:
    looks, _ = attention()
    looks.edited("file:///a", [Change(span(2, 4, 2, 6), "x🦀")], UTF16)
    assert looks.caret == Position(2, 7)
    looks.edited("file:///a", [Change(span(2, 4, 2, 6), "a\r\nbc\n  d")], UTF16)
    assert looks.caret == Position(4, 3)
    looks.edited("file:///a", [Change(None, "all of it")], UTF16)
    assert looks.caret == Position(4, 3)


def test_a_file_that_is_closed_is_not_looked_at() -> None:
    looks, _ = attention()
    looks.at("file:///a", Position(1, 1))
    looks.closed("file:///b")
    assert looks.uri == "file:///a"
    looks.closed("file:///a")
    assert looks.uri is None
