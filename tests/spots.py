"""Places in documents, written as text with a mark where the caret is."""

from copilot.text.document import Document
from copilot.text.spot import Spot

CARET = "‸"


def spot_in(text: str, language: str = "python", version: int = 1) -> Spot:
    before, after = text.split(CARET)
    document = Document.from_text("file:///a.py", language, version, before + after)
    return Spot(document, before.count("\n"), len(before) - before.rfind("\n") - 1)
