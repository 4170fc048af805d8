"""Pieces of the editor's documents, as a question may be asked with them. No I/O."""

from collections.abc import Sequence
from typing import Any

import msgspec

from copilot.chat.attachments import Attachment, AttachmentKind, file_attachment, text_digest
from copilot.chat.masking import Masking
from copilot.chat.place import Place, shown_document
from copilot.text.document import Document
from copilot.text.line_ends import to_newlines
from copilot.text.position import PositionEncoding, Range
from copilot_lsp.questions import Diagnostic


def whole(document: Document, path: str | None) -> Attachment:
    """``path``: as a model may see it. Secrets are masked, here as in all that follows."""
    text = _whole_characters(to_newlines(shown_document(document).text))
    return file_attachment(path or document.uri, document.uri, document.language, text)


def selected(document: Document, path: str | None, span: Range, encoding: PositionEncoding) -> Attachment:
    place = Place(document, document.split_at(span.start, encoding), document.split_at(span.end, encoding), path=path)
    return piece_of(place)


def piece_of(place: Place) -> Attachment:
    lines, symbol = place.lines, place.symbol
    path = place.path or place.document.uri
    first, last = lines.first + 1, lines.after
    name = path.rpartition("/")[2]
    text = _whole_characters(place.text)
    start = place.offset((lines.first, 0))
    whole_symbol = symbol is not None and place.lines_of(symbol) == lines
    return Attachment(
        kind=AttachmentKind.SYMBOL if whole_symbol and symbol is not None else AttachmentKind.SELECTION,
        label=symbol.name if whole_symbol and symbol is not None else f"{name}:{first}-{last}",
        text=text[start : start + len(place.piece)],
        path=path,
        uri=place.document.uri,
        language=place.language,
        first=first,
        last=last,
        digest=text_digest(text),
    )


def problems_at(document: Document, path: str | None, diagnostics: Sequence[Any]) -> Attachment | None:
    """None where there are none that can be read."""
    said = []
    for given in diagnostics:
        try:
            problem = msgspec.convert(given, Diagnostic)
        except msgspec.ValidationError:
            continue
        if problem.words.strip():
            said.append(f"line {problem.range.start.line + 1}: {' '.join(problem.words.split())}")
    if not said:
        return None
    # What is wrong with a value is said with the value.
    text = Masking(document.text).shown(_whole_characters("\n".join(said)))
    shown = path or document.uri
    return Attachment(
        kind=AttachmentKind.PROBLEMS,
        label=f"{len(said)} problem{'s' if len(said) > 1 else ''}",
        text=text,
        path=shown,
        uri=document.uri,
    )


def _whole_characters(text: str) -> str:
    """Half a surrogate pair, which editors written in JavaScript may send, goes into no letter."""
    return text.encode("utf-8", "replace").decode()
