"""Closers right of the caret that close nothing there is: what opens them is missing, and is for the suggestion.

In ``numbers = ‸]`` it opens the bracket and leaves it open, as the rest of the line closes it.
"""

from itertools import takewhile

from copilot.completion.brackets import Reading, open_at_caret, strays
from copilot.completion.lexis import CLOSERS, Lexis


def wanted_closers(prefix: str, rest: str, lexis: Lexis) -> str:
    """Those of ``rest``, which stands right of the caret on its line, the first first; ``""`` in strings and comments.

    Behind a closer of what was open before the caret there is nothing more for the suggestion: in ``(‸)]`` it opens
    nothing that the ``]`` could close.
    """
    if CLOSERS.isdisjoint(rest):
        return ""
    caret = open_at_caret(prefix, lexis)
    if not caret.in_code:
        return ""
    there = {bracket.closer for bracket in caret.brackets}
    return "".join(takewhile(lambda closer: closer not in there, strays(rest, Reading(), lexis)[1]))
