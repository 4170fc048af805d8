"""Edits of every kind, in every encoding, against a plain reference document."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.text.document import Change, Document
from copilot.text.lines import Lines
from copilot.text.position import Position, PositionEncoding, Range
from tests.copilot.text.reference import ReferenceDocument, units_of

PIECES = (
    *"ab \t",
    *("é", "ß", "中", "\uffff", "😀", "𝒳", "👩‍👩‍👧", "e\u0301", "\ufeff"),
    *("\n", "\r", "\r\n", "\n", "\r"),
    *("\x0c", "\x0b", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\0"),
    *("\ud83d", "\ude00", "\ud83d", "\ude00"),
)
FAR = 2**31 - 1

texts = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
positions = st.builds(
    Position,
    st.integers(0, 9) | st.sampled_from((10_000, FAR)),
    st.integers(0, 12) | st.sampled_from((1_000_000, FAR)),
)
changes = st.builds(Change, st.builds(Range, positions, positions), texts) | st.builds(Change, st.none(), texts)
# Mostly edits in place: a whole new text would wipe out what they left too often.
edits = st.lists(st.builds(Change, st.builds(Range, positions, positions), texts) | changes, min_size=1, max_size=12)
encodings = pytest.mark.parametrize("encoding", list(PositionEncoding))


@pytest.fixture(autouse=True, scope="module", params=[2, 256])
def chunk(request: pytest.FixtureRequest) -> Iterator[int]:
    """Small chunks bring the seams between them into short documents."""
    size: int = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lines, "CHUNK", size)
        yield size


def assert_same(document: Document, reference: ReferenceDocument) -> None:
    assert units_of(document.text) == reference.units
    spans = list(reference.line_spans())
    ends = [start for start, _end in spans[1:]] + [len(reference.units)]
    assert [units_of(line) for line in document.lines] == [
        reference.units[start:end] for (start, _), end in zip(spans, ends, strict=True)
    ]
    for first, second in pairwise(document.text):
        assert not ("\ud800" <= first <= "\udbff" and "\udc00" <= second <= "\udfff"), "a pair is one character"


def offset(document: Document, line: int, column: int) -> int:
    return len(units_of("".join(document.lines[:line]) + document.lines[line][:column]))


@encodings
@settings(max_examples=300, deadline=None)
@given(text=texts, sequence=edits)
def test_edits_leave_the_text_the_editor_has(encoding: PositionEncoding, text: str, sequence: list[Change]) -> None:
    document = Document.from_text("file:///a.py", "python", 0, text)
    reference = ReferenceDocument(text, encoding)
    assert_same(document, reference)
    for change in sequence:
        document = document.apply([change], encoding)
        reference.apply(change)
        assert_same(document, reference)


@encodings
@settings(max_examples=100, deadline=None)
@given(text=texts, sequence=edits)
def test_changes_of_one_message_are_applied_in_order(
    encoding: PositionEncoding, text: str, sequence: list[Change]
) -> None:
    document = Document.from_text("file:///a.py", "python", 0, text)
    one_by_one = document
    for change in sequence:
        one_by_one = one_by_one.apply([change], encoding)
    assert document.apply(sequence, encoding) == one_by_one


@encodings
@settings(max_examples=200, deadline=None)
@given(text=texts, position=positions)
def test_a_position_means_what_the_editor_means(encoding: PositionEncoding, text: str, position: Position) -> None:
    document = Document.from_text("file:///a.py", "python", 0, text)
    reference = ReferenceDocument(text, encoding)
    line, column = document.split_at(position, encoding)
    assert offset(document, line, column) == reference.offset(position)
    back = document.position_at(line, column, encoding)
    assert reference.offset(back) == reference.offset(position)
    if position.line < len(document.lines):
        assert back.line == position.line
        assert back.character <= position.character
