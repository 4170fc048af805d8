"""Whether an automatic request deserves an answer, and how long to wait for a pause first. No I/O, no clock."""

import re
from enum import StrEnum
from statistics import median

from copilot.completion.brackets import reading_at_caret
from copilot.completion.lexis import lexis_of
from copilot.config.settings import CompletionSettings
from copilot.context.window import infill_request
from copilot.text.spot import Spot

_GAPS = 12
_LONGEST_GAP = 1.0
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.08, 0.45
_PATIENCE = 2
"""Rejections in a row, at one place, after which the next suggestion there waits for a pause."""

_LATE = 2
_WORD = re.compile(r"\w")


class Quiet(StrEnum):
    """Why nothing is suggested by itself; who asks explicitly gets an answer anyway."""

    IN_WORD = "in_word"
    AFTER_CLOSER = "after_closer"
    IN_COMMENT = "in_comment"


def quiet_at(spot: Spot, settings: CompletionSettings) -> Quiet | None:
    """The reason to stay quiet at ``spot``, judged by the text alone."""
    head, rest = spot.head, spot.rest
    if _WORD.match(rest):
        return Quiet.IN_WORD
    if head.rstrip() == head and head[-1:] in {")", "]", "}"} and not rest.strip(")]}\"'`;,: \t"):
        return Quiet.AFTER_CLOSER
    if not settings.comments and _in_comment(spot):
        return Quiet.IN_COMMENT
    return None


def _in_comment(spot: Spot) -> bool:
    document = spot.document
    lexis = lexis_of(document.language)
    request = infill_request(document, spot.line, spot.column)
    inside = reading_at_caret(request.prefix, request.suffix, lexis).inside
    return inside == "\n" or inside in {"*/", "-->"}


class Pace:
    """How fast someone types, and how welcome suggestions were at this line lately."""

    def __init__(self) -> None:
        self._gaps: list[float] = []
        self._last: float | None = None
        self._line = -1
        self._rejected = 0

    def key(self, now: float) -> None:
        """Something was typed at ``now`` (seconds)."""
        if self._last is not None and 0 < now - self._last < _LONGEST_GAP:
            self._gaps = [*self._gaps, now - self._last][-_GAPS:]
        self._last = now

    def rejected(self, line: int) -> None:
        self._rejected = self._rejected + 1 if line == self._line else 1
        self._line = line

    def accepted(self) -> None:
        self._rejected = 0

    @property
    def pause(self) -> float:
        """Seconds without a key after which someone is taken to have stopped."""
        usual = median(self._gaps) if self._gaps else 0.16
        return min(_LONGEST_PAUSE, max(_SHORTEST_PAUSE, 1.5 * usual))

    def wait(self, line: int, first_line: float, budget: float) -> float:
        """Seconds to wait for a pause before the engine is asked for a first line that takes ``first_line``.

        Nothing while it takes no longer than twice the budget. Beyond that the wait grows with the lateness, up to a
        pause: what comes so late is seldom seen by someone who types on, and costs as much as what is.
        """
        if line == self._line and self._rejected >= _PATIENCE:
            return self.pause
        return min(self.pause, max(0.0, first_line - _LATE * budget))
