"""Closers right of the caret that close nothing there is: what opens them is missing, and is for the suggestion.

In ``numbers = ‸]`` it opens the bracket and leaves it open, as the rest of the line closes it.
"""

from copilot.completion.brackets import Reading, open_at_caret, strays
from copilot.completion.lexis import CLOSERS, Lexis


def wanted_closers(prefix: str, rest: str, lexis: Lexis) -> str:
    """Those of ``rest``, which stands right of the caret on its line, the first first; ``""`` in strings and comments.

    A bracket that is closed while one inside it is open says that the inner closer is missing, not an opener.
    """
    if CLOSERS.isdisjoint(rest):
        return ""
    caret = open_at_caret(prefix, lexis)
    if not caret.in_code:
        return ""
    there, wanted = [bracket.closer for bracket in caret.brackets], ""
    for closer in strays(rest, Reading(), lexis)[1]:
        if closer not in there:
            wanted += closer
            continue
        while there.pop() != closer:
            pass
    return wanted
