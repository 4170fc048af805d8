"""What stands before the caret on its line, when a model does not simply go on with it."""

import re

from copilot.completion.brackets import Reading
from copilot.completion.lexis import Lexis

# A shorter one may well be said again, as in `fib(n - 1) + fib(n - 2)`.
_TELLING = 6
_WANTS_REST = re.compile(r"(?:[-+*/%=<>&|.]|(?<!\w)(?:return|and|or|not|in|is|await|new|import|from|throw|raise))\s*$")


def restated(head: str, text: str, whole: bool) -> str | None:
    """What ``text``, the line so far, says behind ``head`` when it begins with it; ``""`` when it does not.

    None as long as that is open. A model that says the line again from its start means the whole line.
    """
    head = head.strip()
    if len(head) < _TELLING or not any(char.isalnum() for char in head):
        return ""
    if text.startswith(head):
        left = text[len(head) :]
        return left if left or whole else None
    return None if not whole and head.startswith(text) else ""


def wants_rest(head: str, caret: Reading, lexis: Lexis) -> bool:
    """Whether the line can't end where the caret is, so that a line end there is a slip of the model."""
    return caret.in_code and not lexis.layout and _WANTS_REST.search(head) is not None
