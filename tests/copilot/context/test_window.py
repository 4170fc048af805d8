"""What the model gets to see of a document, and that it starts in the same place while someone types."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.context import window
from copilot.context.request import InfillRequest, Snippet
from copilot.text.document import Change, Document
from copilot.text.position import Position, PositionEncoding, Range

UTF16 = PositionEncoding.UTF16


def made(text: str) -> Document:
    return Document.from_text("file:///a.py", "python", 1, text)


def numbered(count: int, width: int = 40) -> str:
    """``count`` lines of ``width`` characters with their line end, all different."""
    return "".join(f"line {number}".ljust(width - 1, ".") + "\n" for number in range(count))


def typed(document: Document, line: int, column: int, text: str) -> Document:
    place = Position(line, column)
    return document.apply([Change(Range(place, place), text)], UTF16)


def start_of(request: InfillRequest, text: str) -> int:
    """Where in ``text`` the prefix starts; ``text`` has no stretch of 50 characters twice."""
    return text.index(request.prefix[:50])


def test_a_small_document_is_seen_whole() -> None:
    snippet = Snippet(path="b.py", text="x = 1\n")
    request = window.infill_request(made("one\ntwo\nthree"), 1, 2, path="a.py", snippets=[snippet])
    assert request == InfillRequest(
        prefix="one\ntw", suffix="o\nthree", snippets=(snippet,), path="a.py", language="python"
    )
    assert window.infill_request(made(""), 0, 0) == InfillRequest(prefix="", suffix="", language="python")


def test_line_ends_are_newlines_and_everything_can_be_encoded() -> None:
    request = window.infill_request(made("a\r\n\ud83d\rb\r\nc\ude00\r\n"), 2, 1)
    assert request.prefix == "a\n\ufffd\nb"
    assert request.suffix == "\nc\ufffd\n"
    assert (request.prefix + request.suffix).encode()


def test_other_separators_are_no_line_ends() -> None:
    request = window.infill_request(made("a\x0cb\u2028c\x85d\ne"), 0, 3)
    assert (request.prefix, request.suffix) == ("a\x0cb", "\u2028c\x85d\ne")


@pytest.mark.parametrize("line", [0, 63, 398, 399, 400, 401, 463, 464, 4_000, 4_999])
def test_a_long_document_is_seen_around_the_caret(line: int) -> None:
    text = numbered(5_000)
    request = window.infill_request(made(text), line, 7)
    caret = line * 40 + 7
    assert text[:caret].endswith(request.prefix)
    assert text[caret:].startswith(request.suffix)
    start = caret - len(request.prefix)
    assert start % (64 * 40) == 0, "starts with a line that is a multiple of 64"
    assert start == 0 or len(request.prefix) >= 336 * 40
    assert request.prefix.count("\n") < window.PREFIX_LINES
    assert request.suffix.count("\n") <= window.SUFFIX_LINES
    assert len(request.suffix) in {window.SUFFIX_CHARACTERS - 7, len(text) - caret}


@pytest.mark.parametrize("width", [40, 100, 250, 3_000, 15_000, 30_000])
def test_dense_text_is_bounded_by_characters(width: int) -> None:
    text = numbered(700, width)
    for line, column in ((500, 0), (501, 30), (502, width - 1)):
        request = window.infill_request(made(text), line, column)
        caret = line * width + column
        assert text[:caret].endswith(request.prefix)
        assert window.PREFIX_CHARACTERS // 2 <= len(request.prefix) <= window.PREFIX_CHARACTERS
        assert text[caret:].startswith(request.suffix)
        assert window.SUFFIX_CHARACTERS // 2 <= len(request.suffix) <= window.SUFFIX_CHARACTERS
        if width <= window.ANCHOR_CHARACTERS:
            assert (caret - len(request.prefix)) % width == 0, "starts with a whole line"


def test_the_prefix_starts_where_it_did_while_someone_types_lines() -> None:
    """256 lines typed at the end: the start moves once every 64 lines or 4,000 characters, not with each key."""
    text = numbered(1_000, 30)
    document, starts = made(text), []
    for line in range(1_000, 1_256):
        for column, character in enumerate("value = compute(other)\n"):
            document = typed(document, line, column, character)
            at = (line + 1, 0) if character == "\n" else (line, column + 1)
            starts.append(start_of(window.infill_request(document, *at), text))
    moves = sum(before != after for before, after in pairwise(starts))
    assert starts == sorted(starts), "it never goes back"
    assert 3 <= moves <= 5


@pytest.mark.parametrize(("line", "column"), [(300, 10), (900, 99), (5, 0)])
def test_the_suffix_is_the_same_while_someone_types_before_it(line: int, column: int) -> None:
    document = made(numbered(1_000, 100))
    first = window.infill_request(document, line, column).suffix
    for character in "if x:\n":
        document = typed(document, line, column, character)
        line, column = (line + 1, 0) if character == "\n" else (line, column + 1)
        assert window.infill_request(document, line, column).suffix == first


def test_typing_in_one_huge_line_moves_the_start_by_big_steps() -> None:
    text = "".join(f"{number:06d}" for number in range(100_000))
    document, column = made(text), 300_000
    starts = set()
    for _ in range(200):
        document = typed(document, 0, column, "x")
        column += 1
        request = window.infill_request(document, 0, column)
        assert len(request.prefix) <= window.PREFIX_CHARACTERS
        starts.add(start_of(request, text))
    assert len(starts) <= 2


def test_a_huge_line_before_the_caret_is_seen_in_part() -> None:
    huge = "".join(f"{number:06d}" for number in range(100_000))
    request = window.infill_request(made(f"first\n{huge}\nlast"), 2, 4)
    assert request.prefix.endswith(huge[-8_000:] + "\nlast")
    assert len(request.prefix) <= window.PREFIX_CHARACTERS


def test_a_suffix_ends_with_a_line_unless_that_leaves_little() -> None:
    document = made("x\n" + "y" * 3_000 + "\n" + "z" * 3_000 + "\n")
    assert window.infill_request(document, 0, 0).suffix == "x\n" + "y" * 3_000 + "\n"
    document = made("x\n" + "z" * 9_000 + "\n")
    assert window.infill_request(document, 0, 0).suffix == "x\n" + "z" * 3_998


def test_a_suffix_of_short_lines_is_bounded_by_lines() -> None:
    request = window.infill_request(made("a\n" * 1_000), 500, 1)
    assert request.suffix == "\n" + "a\n" * 99


def test_a_prefix_that_is_cut_between_two_lines_keeps_both_whole() -> None:
    """4,000 characters are left out: exactly the first line."""
    text = numbered(6, 4_000)
    for caret, start in ((4 * 4_000 + 1, 4_000), (5 * 4_000, 4_000), (5 * 4_000 + 1, 8_000)):
        line, column = divmod(caret, 4_000)
        assert window.infill_request(made(text), line, column).prefix == text[start:caret]


def test_the_whole_text_is_never_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Document) -> str:
        raise AssertionError("built the whole text")

    monkeypatch.setattr(Document, "text", property(refuse))
    assert window.infill_request(made(numbered(50_000)), 49_999, 3).prefix.endswith("\nlin")


rows_of_text = st.lists(
    st.tuples(st.sampled_from(["", "a", "é b", "😀", "\x0c\u2028"]), st.sampled_from([1, 9, 90, 1_100, 7_000])),
    min_size=1,
    max_size=30,
).map(lambda rows: [piece * times for piece, times in rows])


@settings(max_examples=150, deadline=None)
@given(rows=rows_of_text, ending=st.sampled_from(["\n", "\r\n", "\r"]), place=st.tuples(*[st.floats(0, 1)] * 2))
def test_prefix_and_suffix_are_what_stands_around_the_caret(
    rows: list[str], ending: str, place: tuple[float, float]
) -> None:
    line = round(place[0] * (len(rows) - 1))
    column = round(place[1] * len(rows[line]))
    request = window.infill_request(made(ending.join(rows)), line, column)
    before = "\n".join([*rows[:line], rows[line][:column]])
    after = "\n".join([rows[line][column:], *rows[line + 1 :]])
    assert before.endswith(request.prefix)
    assert after.startswith(request.suffix)
    # Line ends are counted before CRLF becomes one character.
    assert min(len(before), window.PREFIX_CHARACTERS // 2 - 60) <= len(request.prefix) <= window.PREFIX_CHARACTERS
    assert min(len(after), window.SUFFIX_CHARACTERS // 2) <= len(request.suffix) <= window.SUFFIX_CHARACTERS
