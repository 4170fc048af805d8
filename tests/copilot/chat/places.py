"""Documents with a place marked in them."""

from copilot.chat.place import Place
from copilot.text.document import Document

_FIRST, _LAST = "\u00ab", "\u00bb"


def place(text: str, language: str = "python", *, end: str = "\n") -> Place:
    """Guillemets stand around a selection, or side by side for a bare caret. Line ends become ``end``."""
    start = text.index(_FIRST)
    text = text.replace(_FIRST, "", 1)
    after = text.find(_LAST)
    after = start if after < 0 else after
    text = text.replace(_LAST, "", 1)
    document = Document.from_text("file:///project/a", language, 3, text.replace("\n", end))
    points = ((text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1) for at in (start, after))
    return Place(document, *points, path="src/a")
