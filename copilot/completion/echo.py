"""Lines that say again what is there already: in the suffix, above the caret, or in the suggestion itself."""

import re
from itertools import takewhile
from typing import NamedTuple

from copilot.completion.lexis import CLOSERS, width
from copilot.completion.verdict import Verdict, all_of, once_equal

# Copies of a later line of the suffix, not the next, are usually wrong too, but only lines that say enough to be
# recognised count; code repeats its `return False`.
_LATER_LINES = 8
_LATER_LENGTH = 12
# Of a line that someone began the nearest ones only: what they mean is more often the same again.
_LATER_AT_LINE_END = 2
_COMMON_WORDS = ("return", "raise", "throw", "break", "continue", "pass", "else", "import", "from", "@", "#", "//")

_LONGEST_LOOP = 4
_ROUNDS = 2
# A line that says so much is not said twice in a row.
_TELLING = 20


# The same six times in a row within a line, and words in it: a rule of dashes is no loop.
_STUCK = re.compile(r"(.{4,40}?)\1{5}")


def is_stuck(line: str) -> bool:
    """Whether a model goes round in a circle within ``line``."""
    found = _STUCK.search(line)
    return found is not None and any(char.isalpha() for char in found.group(1))


def is_trivial(text: str) -> bool:
    """A line such as ``end``, ``});`` or ``x++`` says too little to be taken for a copy by its text alone."""
    return text.isalpha() or sum(char.isalnum() for char in text) < 4


class _Line(NamedTuple):
    text: str
    column: int


class Echo:
    """Judges each line of a suggestion against what is there, and remembers those that were kept."""

    def __init__(self, above: list[str], below: list[str], column: int = 0) -> None:
        following = [_Line(line.strip(), width(line)) for line in below if line.strip()]
        self._next = following[:1]
        # Behind the end of the block that the caret stands in the same may well be said again.
        block = list(takewhile(lambda line: line.column >= column, following[:_LATER_LINES]))
        self._later = [line for line in block[1:] if _recognisable(line.text)]
        last, second = ([""] * 2 + [line.strip() for line in above])[-1:-3:-1]
        self._above = "" if is_trivial(last) else last
        # A short line may well stand twice; three times it is a loop.
        self._may_repeat_above = len(last) < _LATER_LENGTH and last != second
        self._kept: list[str] = []

    def judge(self, text: str, column: int, whole: bool) -> Verdict:
        """Whether it copies the suffix. ``text``: the line so far, stripped; ``whole``: nothing more comes."""
        if text[0] in CLOSERS:
            return Verdict.KEEP  # Whether it closes something of the suggestion decides, not its looks.
        return all_of(
            *(once_equal(text, line.text, whole) for line in self._next if not is_trivial(line.text)),
            *(once_equal(text, line.text, whole) for line in self._next if line.column == column),
            *(once_equal(text, line.text, whole) for line in self._later if line.column == column),
        )

    def judge_repetition(self, text: str, whole: bool) -> Verdict:
        """Whether it copies the line above, or the suggestion goes round in a circle."""
        if text[0] in CLOSERS:
            return Verdict.KEEP
        return all_of(
            once_equal(text, self._above, whole) if self._repeats_above() else Verdict.KEEP,
            *(once_equal(text, line, whole) for line in self._due()),
        )

    def judge_rest_of_line(self, head: str, text: str, whole: bool) -> Verdict:
        """The same for what goes on after ``head`` on the caret's line."""
        return all_of(
            *(
                once_equal(candidate, line.text, whole)
                for line in self._next
                for candidate in (text, (head + text).strip())
                if not is_trivial(line.text)
            ),
            *(once_equal((head + text).strip(), line.text, whole) for line in self._later[:_LATER_AT_LINE_END]),
        )

    def keep(self, line: str) -> None:
        self._kept.append(line.strip())

    def _repeats_above(self) -> bool:
        if not self._above or not self._may_repeat_above:
            return bool(self._above) and not self._kept
        return self._kept == [self._above]

    def _due(self) -> list[str]:
        """What the next line would be if the lines kept so far went round in a circle."""
        kept = self._kept
        if kept and len(kept[-1]) >= _TELLING and not is_trivial(kept[-1]):
            return [kept[-1]]
        return [
            kept[-period]
            for period in range(1, _LONGEST_LOOP + 1)
            if len(kept) >= period * _ROUNDS
            and kept[-period:] * _ROUNDS == kept[-period * _ROUNDS :]
            and not all(is_trivial(line) for line in kept[-period:])
        ]


def _recognisable(text: str) -> bool:
    return len(text) >= _LATER_LENGTH and not is_trivial(text) and not text.startswith(_COMMON_WORDS)
