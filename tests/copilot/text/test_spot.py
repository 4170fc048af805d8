"""A caret's place and the text around it, whatever the line ends are."""

import pytest

from copilot.text.document import Document
from copilot.text.spot import Spot
from tests.spots import CARET, spot_in


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_is_split_at_the_caret_without_its_end(end: str) -> None:
    spot = spot_in(f"one{end}tw{CARET}o{end}three")
    assert (spot.line, spot.column) == (1, 2)
    assert (spot.head, spot.rest) == ("tw", "o")
    assert spot.lines(0, 99) == ("one", "two", "three")


@pytest.mark.parametrize(("first", "after"), [(-5, 1), (0, 1)])
def test_lines_are_those_that_there_are(first: int, after: int) -> None:
    assert spot_in("one\ntwo‸").lines(first, after) == ("one",)


def test_blank_lines_below_are_passed_over() -> None:
    assert spot_in("‸\n\n  \nx\n\t\n  y\nz").below(2) == ("x", "  y")
    assert spot_in("‸\n" + "\n" * 30 + "x").below(1) == ()
    assert spot_in("x‸").below(3) == ()


@pytest.mark.parametrize(
    ("before", "text", "replaced", "after"),
    [
        ("f(‸)\n", "a, b", 0, "f(a, b‸)\n"),
        ("f(‸)\n", "a, b)", 1, "f(a, b)‸\n"),
        ("if a:‸\nx\n", "\n    b()", 0, "if a:\n    b()‸\nx\n"),
        ("‸", "one\ntwo\n", 0, "one\ntwo\n‸"),
        ("größe🦀 = ‸)", "1)", 1, "größe🦀 = 1)‸"),
    ],
)
def test_the_caret_behind_a_text(before: str, text: str, replaced: int, after: str) -> None:
    there, expected = spot_in(before).after(text, replaced), spot_in(after)
    assert there.document.text == expected.document.text
    assert (there.line, there.column) == (expected.line, expected.column)


def test_a_document_stays_as_it_is() -> None:
    document = Document.from_text("file:///a.py", "python", 1, "x")
    Spot(document, 0, 1).after("y\nz")
    assert document.text == "x"
