"""Where the user of the editor is: the file, the caret, what is selected. No I/O.

No client tells all of it. It is put together from what each says anyway: a caret that moves, a request at a place, an
edit.
"""

from collections.abc import Callable, Sequence
from typing import Any

from copilot.text.document import Change
from copilot.text.position import Position, PositionEncoding, Range, to_units


class Attention:
    """``moved`` is called whenever something changed. Positions are the client's."""

    def __init__(self, moved: Callable[[], None]) -> None:
        self.uri: str | None = None
        self.caret: Position | None = None
        self.selection: Range | None = None
        self.problems: tuple[Any, ...] = ()
        """LSP diagnostics at the place that was last asked about."""
        self._moved = moved

    def at(self, uri: str, caret: Position | None = None) -> None:
        """Someone looks at a file; with a caret nothing is selected."""
        if uri != self.uri:
            self.uri, self.caret, self.selection, self.problems = uri, None, None, ()
        if caret is not None and caret != self.caret:
            self.caret, self.selection = caret, None
        self._moved()

    def on(self, uri: str, span: Range, problems: Sequence[Any] = ()) -> None:
        """A place was asked about: what is selected, or the caret."""
        self.at(uri)
        self.caret = span.end
        self.selection = span if span.start != span.end else None
        self.problems = tuple(problems)
        self._moved()

    def found(self, problems: Sequence[Any]) -> None:
        """What is wrong in the file that is looked at."""
        self.problems = tuple(problems)
        self._moved()

    def edited(self, uri: str, changes: Sequence[Change], encoding: PositionEncoding) -> None:
        """The caret is behind what was written last."""
        caret = None
        for change in changes:
            if change.range is not None:
                caret = _behind(change.range.start, change.text, encoding)
        self.at(uri, caret)

    def closed(self, uri: str) -> None:
        if uri == self.uri:
            self.uri, self.caret, self.selection, self.problems = None, None, None, ()
            self._moved()


def _behind(start: Position, text: str, encoding: PositionEncoding) -> Position:
    lines = text.replace("\r\n", "\n").split("\n")
    last = to_units(lines[-1], len(lines[-1]), encoding)
    return Position(start.line + len(lines) - 1, last + (start.character if len(lines) == 1 else 0))
