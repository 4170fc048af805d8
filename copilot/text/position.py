"""Positions as editors count them, and the way between their units and code points.

The encoding is negotiated once per client (LSP 3.17, ``general.positionEncodings``): it says what ``character``
counts. Columns inside the server are code points, which index a Python string.
"""

from enum import StrEnum

import msgspec


class PositionEncoding(StrEnum):
    """What ``Position.character`` counts."""

    UTF8 = "utf-8"
    """Bytes of UTF-8."""
    UTF16 = "utf-16"
    """16-bit units of UTF-16; what every client knows."""
    UTF32 = "utf-32"
    """Code points."""


class Position(msgspec.Struct, frozen=True, order=True):
    """A place between two characters. Both count from 0; ``character`` in units of the negotiated encoding."""

    line: int
    character: int


class Range(msgspec.Struct, frozen=True):
    """The text from ``start`` up to ``end``, which is not part of it."""

    start: Position
    end: Position


def to_code_points(line: str, units: int, encoding: PositionEncoding) -> int:
    """How many whole code points of ``line`` lie in its first ``units`` units.

    A place inside a character rounds down to its start; one past the end gives the length of ``line``. ``line``
    holds no surrogate pair as two code points (see ``surrogates.join_pairs``); a lone surrogate counts as one unit of
    UTF-16 and three bytes of UTF-8. Cost grows with ``units``, not with the line.
    """
    # No encoding has fewer units than code points, so the place is in this piece.
    head = line[: max(units, 0)]
    if encoding is PositionEncoding.UTF32 or head.isascii():
        return len(head)
    if encoding is PositionEncoding.UTF16:
        raw, cut = head.encode("utf-16-le", "surrogatepass"), 2 * units
        if len(raw) <= cut:
            return len(head)
        if raw[cut + 1] & 0xFC == 0xDC and raw[cut - 1] & 0xFC == 0xD8:
            cut -= 2
        return len(raw[:cut].decode("utf-16-le", "surrogatepass"))
    raw, cut = head.encode("utf-8", "surrogatepass"), units
    if len(raw) <= cut:
        return len(head)
    while raw[cut] & 0xC0 == 0x80:
        cut -= 1
    return len(raw[:cut].decode("utf-8", "surrogatepass"))


def to_units(line: str, column: int, encoding: PositionEncoding) -> int:
    """Units of the first ``column`` code points of ``line``; the inverse of :func:`to_code_points`."""
    head = line[: max(column, 0)]
    if encoding is PositionEncoding.UTF32 or head.isascii():
        return len(head)
    if encoding is PositionEncoding.UTF16:
        return len(head.encode("utf-16-le", "surrogatepass")) // 2
    return len(head.encode("utf-8", "surrogatepass"))
