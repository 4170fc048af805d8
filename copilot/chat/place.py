"""The piece of a document that a question is about. No I/O."""

from functools import cached_property
from itertools import accumulate
from typing import NamedTuple, Self

from copilot.safety.secrets import masked
from copilot.syntax.source import Definition, Source
from copilot.text.document import Document
from copilot.text.line_ends import content_length, to_newlines

Point = tuple[int, int]
"""Line and column in code points, both from 0."""

_MOST_PARSED = 2_000_000
"""Characters; a file beyond that is data."""


class Lines(NamedTuple):
    """From line ``first`` up to line ``after``, which is not one of them."""

    first: int
    after: int


def shown_document(document: Document) -> Document:
    """``document`` with its secrets masked, each line as long as it was."""
    # All at once: whether a line is part of a secret may stand far above it.
    shown = masked(to_newlines(document.text))[0].split("\n")
    ends = (line[content_length(line) :] for line in document.lines)
    text = "".join(line + end for line, end in zip(shown, ends, strict=True))
    return Document.from_text(document.uri, document.language, document.version, text)


class Place:
    """``start`` to ``end`` in ``document``; where both are the same, the symbol around it, or its line.

    ``path``: the document's name as a model may see it. Text is given as a model may see it: secrets are masked, by as
    many characters, and ``\\n`` is the only line end, so lines and columns are those of the document.
    """

    def __init__(self, document: Document, start: Point, end: Point, *, path: str | None = None) -> None:
        self.document = document
        self.path = path
        self.start, self.end = sorted((self._inside(document, start), self._inside(document, end)))
        self.selected = self.start != self.end

    @staticmethod
    def _inside(document: Document, point: Point) -> Point:
        line = max(0, min(point[0], len(document.lines) - 1))
        return line, max(0, min(point[1], content_length(document.lines[line])))

    @property
    def language(self) -> str:
        return self.document.language

    @cached_property
    def shown(self) -> Document:
        """The document as a model sees it."""
        return shown_document(self.document)

    @cached_property
    def text(self) -> str:
        """All of it."""
        return to_newlines(self.shown.text)

    @cached_property
    def source(self) -> Source | None:
        """None where there is no grammar, or where the file is too large to be code."""
        return Source.of(self.text, self.language) if len(self.text) <= _MOST_PARSED else None

    @cached_property
    def scopes(self) -> tuple[Definition, ...]:
        """The definitions that hold the place, outermost first."""
        if self.source is None:
            return ()
        start, end = self._stripped
        return self.source.around(start, end)

    @property
    def symbol(self) -> Definition | None:
        """The innermost of them; with a selection, the first definition in it where it holds one."""
        if self.selected and self.source is not None:
            start, end = self._stripped
            for definition in self.source.definitions:
                if start <= definition.start and definition.end <= end:
                    return definition
        return self.scopes[-1] if self.scopes else None

    @cached_property
    def lines(self) -> Lines:
        """What was selected, in whole lines; without a selection those of the symbol around, or the line."""
        if not self.selected:
            symbol = self.symbol
            return Lines(self.start[0], self.start[0] + 1) if symbol is None else self.lines_of(symbol)
        last, column = self.end
        # A selection of whole lines ends at the start of the line below.
        return Lines(self.start[0], last if column == 0 and last > self.start[0] else last + 1)

    def lines_of(self, definition: Definition) -> Lines:
        return Lines(self.line_at(definition.start), self.line_at(max(definition.start, definition.end - 1)) + 1)

    @property
    def piece(self) -> str:
        """The text of ``lines``, without the last line end."""
        return self.text_of(self.lines)

    @property
    def exact(self) -> str:
        """What was selected to the letter."""
        return self.text[self.offset(self.start) : self.offset(self.end)]

    def text_of(self, lines: Lines) -> str:
        return self.text[self._starts[lines.first] : self._starts[lines.after] - 1]

    def offset(self, point: Point) -> int:
        return self._starts[point[0]] + point[1]

    def line_at(self, offset: int) -> int:
        """The line of an offset in ``text``."""
        return self.text.count("\n", 0, offset)

    def at(self, lines: Lines) -> Self:
        """The same document with another place in it, given in whole lines."""
        last = lines.after - 1
        end = content_length(self.document.lines[last])
        other = type(self)(self.document, (lines.first, 0), (last, end), path=self.path)
        # An empty line is a place too.
        other.selected = True
        other.shown = self.shown
        return other

    @cached_property
    def _stripped(self) -> tuple[int, int]:
        """Start and end in ``text``; white space at both ends of a selection says nothing of what was meant."""
        start, end = self.offset(self.start), self.offset(self.end)
        if not self.selected:
            # On the indentation of a line its code is meant.
            line = self.text[start : self._starts[self.start[0] + 1] - 1]
            head = self.text[self._starts[self.start[0]] : start]
            start += len(line) - len(line.lstrip()) if not head.strip() and line.strip() else 0
            return start, start
        chosen = self.text[start:end]
        return start + len(chosen) - len(chosen.lstrip()), max(start, end - (len(chosen) - len(chosen.rstrip())))

    @cached_property
    def _starts(self) -> tuple[int, ...]:
        """Where each line begins, and one past the end of the last as if it had a line end too."""
        return tuple(accumulate((content_length(line) + 1 for line in self.document.lines), initial=0))
