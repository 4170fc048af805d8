"""How much of accepted text is still there a while later. No I/O."""

import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import NamedTuple

import msgspec

from copilot.completion.moment import Moment, Outcome
from copilot.text.document import Document
from copilot.text.line_ends import to_newlines

KEPT_AFTER = (30.0, 180.0)
"""Seconds after acceptance at which it is looked up."""

_AROUND_LINES = 40
_MOST_AROUND = 40_000
"""Characters: far more than so many lines of code have."""

_WORDS = re.compile(r"\w+|[^\w\s]")


class _Accepted(NamedTuple):
    due: float
    after: float
    text: str
    line: int
    moment: Moment


class Kept:
    """The accepted texts of one document that are still to be looked up."""

    def __init__(self) -> None:
        self._accepted: list[_Accepted] = []

    @property
    def next_due(self) -> float | None:
        return min((item.due for item in self._accepted), default=None)

    def accepted(self, text: str, line: int, moment: Moment, now: float) -> None:
        """``text`` was put at ``line``, as ``moment`` says."""
        self._accepted += [_Accepted(now + after, after, text, line, moment) for after in KEPT_AFTER]

    def due(self, document: Document, now: float) -> Iterator[Moment]:
        """What is due at ``now``: how much of each is still there."""
        due = [item for item in self._accepted if item.due <= now]
        self._accepted = [item for item in self._accepted if item.due > now]
        for item in due:
            share = kept_share(item.text, document, item.line)
            yield msgspec.structs.replace(item.moment, outcome=Outcome.KEPT, share=share, after_s=item.after)


def kept_share(text: str, document: Document, line: int) -> float:
    """The share of the words and signs of ``text`` that still stand, in order, around ``line``."""
    words = _WORDS.findall(text)
    if not words:
        return 1.0
    first = max(0, line - _AROUND_LINES)
    around = "".join(document.lines[first : line + text.count("\n") + _AROUND_LINES])
    if to_newlines(text) in to_newlines(around):
        return 1.0
    if len(around) > _MOST_AROUND:
        # Comparing so much word by word would take longer than a key may wait.
        return 0.0
    blocks = SequenceMatcher(None, words, _WORDS.findall(around), autojunk=False).get_matching_blocks()
    # A lone bracket or name is found anywhere; a run of words is what was written.
    least = min(4, len(words))
    return sum(block.size for block in blocks if block.size >= least) / len(words)
