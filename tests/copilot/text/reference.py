"""A second, slow document, so plain that it can be checked by reading: a list of UTF-16 units, as many editors have.

It shares no code with ``copilot.text`` except the value types.
"""

from collections.abc import Iterator

from copilot.text.document import Change
from copilot.text.position import Position, PositionEncoding

LF, CR = 0x0A, 0x0D


def units_of(text: str) -> list[int]:
    raw = text.encode("utf-16-le", "surrogatepass")
    return [raw[at] | raw[at + 1] << 8 for at in range(0, len(raw), 2)]


class ReferenceDocument:
    def __init__(self, text: str, encoding: PositionEncoding) -> None:
        self.encoding = encoding
        self.units = units_of(text)

    def apply(self, change: Change) -> None:
        if change.range is None:
            self.units = units_of(change.text)
            return
        here, there = self.offset(change.range.start), self.offset(change.range.end)
        self.units[min(here, there) : max(here, there)] = units_of(change.text)

    def offset(self, position: Position) -> int:
        """UTF-16 units before ``position``."""
        spans = list(self.line_spans())
        if position.line >= len(spans):
            return len(self.units)
        at, end = spans[position.line]
        left = position.character
        while at < end:
            length, size = self._character(at)
            if size > left:
                break
            at, left = at + length, left - size
        return at

    def line_spans(self) -> Iterator[tuple[int, int]]:
        """Start and end of each line, without its terminator."""
        start = at = 0
        while at < len(self.units):
            if self.units[at] in (LF, CR):
                yield start, at
                if self.units[at : at + 2] == [CR, LF]:
                    at += 1
                start = at + 1
            at += 1
        yield start, at

    def _character(self, at: int) -> tuple[int, int]:
        """UTF-16 units of the character that starts at ``at``, and its size in units of the encoding."""
        unit = self.units[at]
        following = self.units[at + 1] if at + 1 < len(self.units) else 0
        pair = 0xD800 <= unit <= 0xDBFF and 0xDC00 <= following <= 0xDFFF
        length = 2 if pair else 1
        if self.encoding is PositionEncoding.UTF16:
            return length, length
        if self.encoding is PositionEncoding.UTF32:
            return length, 1
        if pair:
            return length, 4
        return length, 1 if unit < 0x80 else 2 if unit < 0x800 else 3
