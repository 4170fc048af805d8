"""Where a suggestion goes: from an editor's position to ours and back. No I/O."""

from collections.abc import Sequence
from typing import NamedTuple

from copilot.completion.suggestion import Suggestion
from copilot.text.document import Change, Document
from copilot.text.position import PositionEncoding, Range, to_units
from copilot_lsp.messages import InlineCompletionParams, Json

ACCEPT = "slipstream.didAcceptCompletion"


class Caret(NamedTuple):
    """The document as a suggestion sees it, and line and column (code points) where it begins.

    ``range`` is what the answer replaces, in the client's units, on one line; ``lead`` is text that is not in the
    client's document yet and that the answer begins with.
    """

    document: Document
    line: int
    column: int
    range: Range
    encoding: PositionEncoding
    lead: str = ""

    def answer(self, suggestions: Sequence[Suggestion]) -> Json:
        """An ``InlineCompletionList``; an empty one hides what was shown before, which null does not."""
        return {"items": [self._item(suggestion) for suggestion in suggestions]}

    def _item(self, suggestion: Suggestion) -> Json:
        start, end = self.range.start, self.range.end
        # What is replaced stands right of the caret in the client's document as well.
        right = self.document.lines[self.line][self.column : self.column + suggestion.replaced]
        span = {
            "start": {"line": start.line, "character": start.character},
            "end": {"line": end.line, "character": end.character + to_units(right, len(right), self.encoding)},
        }
        text = self.lead + suggestion.text.replace("\n", self._line_end)
        return {"insertText": text, "range": span, "command": accept_command(suggestion.id)}

    @property
    def _line_end(self) -> str:
        """As the document has it near the caret."""
        for line in self.document.lines[max(0, self.line - 1) : self.line + 1]:
            if line.endswith("\r\n"):
                return "\r\n"
        return "\n"


def accept_command(suggestion: str) -> Json:
    """What a client runs when it has accepted the suggestion of this id."""
    return {"title": "Accept completion", "command": ACCEPT, "arguments": [{"id": suggestion}]}


def locate(document: Document, params: InlineCompletionParams, encoding: PositionEncoding) -> Caret | None:
    """The caret of a request; None where the entry selected in the editor's popup does not end there.

    With an entry selected the suggestion goes on behind it, as if it were in the text already: an editor shows only
    suggestions that begin with it.
    """
    line, column = document.split_at(params.position, encoding)
    selected = params.context.selected_completion_info if params.context is not None else None
    if selected is None:
        here = document.position_at(line, column, encoding)
        return Caret(document, line, column, Range(here, here), encoding)
    start_line, start = document.split_at(selected.range.start, encoding)
    end = document.split_at(selected.range.end, encoding)
    if start_line != line or start > column or end != (line, column) or set("\r\n") & set(selected.text):
        return None
    after = document.apply([Change(selected.range, selected.text)], encoding)
    return Caret(after, line, start + len(selected.text), selected.range, encoding, selected.text)
