import pytest

from copilot.text.position import Position, PositionEncoding, to_code_points, to_units

LINE = "aé中😀\ud83d!\ude00"
# Units before each code point of LINE and at its end.
UNITS = {
    PositionEncoding.UTF8: [0, 1, 3, 6, 10, 13, 14, 17],
    PositionEncoding.UTF16: [0, 1, 2, 3, 5, 6, 7, 8],
    PositionEncoding.UTF32: [0, 1, 2, 3, 4, 5, 6, 7],
}


@pytest.mark.parametrize("encoding", list(PositionEncoding))
def test_columns_are_counted_in_the_units_of_the_encoding(encoding: PositionEncoding) -> None:
    units = UNITS[encoding]
    assert [to_units(LINE, column, encoding) for column in range(len(LINE) + 1)] == units
    for place in range(units[-1] + 1):
        # A place inside a character is the start of the character.
        want = max(column for column, start in enumerate(units) if start <= place)
        assert to_code_points(LINE, place, encoding) == want


@pytest.mark.parametrize("encoding", list(PositionEncoding))
def test_places_outside_the_line_are_its_ends(encoding: PositionEncoding) -> None:
    for line in ("", "abc", LINE):
        assert to_code_points(line, 2**31 - 1, encoding) == len(line)
        assert to_code_points(line, -1, encoding) == 0
        assert to_units(line, -1, encoding) == 0


def test_encodings_have_the_names_of_the_protocol() -> None:
    assert PositionEncoding("utf-8") is PositionEncoding.UTF8
    assert [str(encoding) for encoding in PositionEncoding] == ["utf-8", "utf-16", "utf-32"]


def test_positions_are_ordered_as_in_the_text() -> None:
    assert Position(1, 9) < Position(2, 0) < Position(2, 1)
