"""How far a suggestion in the middle of a line may be shown: never to where a bracket of its own is open.

What follows the caret on its line can't close such a bracket, so the file would be left unbalanced.
"""

from copilot.completion.brackets import Reading, read
from copilot.completion.lexis import CLOSER_OF, Lexis


def surrounding_closer(head: str, rest: str, caret: Reading, lexis: Lexis) -> str:
    """The closer of the pair that the caret stands directly in, as editors insert it; ``""`` when in none."""
    opener, closer = head.rstrip()[-1:], rest.lstrip()[:1]
    return closer if caret.in_code and opener in lexis.brackets and closer == CLOSER_OF.get(opener) else ""


class Balance:
    """Finds the last balanced place of a growing line, and remembers the lines that wait for one."""

    def __init__(self, caret: Reading, lexis: Lexis) -> None:
        self._caret = caret
        self._lexis = lexis
        self._checked = 0
        self._end = 0
        self.held = ""
        """Whole lines, or their tails, that are shown when the brackets opened in them have closed."""

    def is_open(self, reading: Reading) -> bool:
        """Whether the suggestion opened what is open here. The caret's own brackets are not ``here``."""
        inside = reading.next_line().inside
        return reading.open_here or (bool(inside) and inside != self._caret.inside)

    def end(self, line: str, start: Reading) -> int:
        """Where ``line``, which begins at ``start`` and grew since the last call, is balanced for the last time."""
        while self._checked < len(line):
            self._checked += 1
            reading, stray = read(line[: self._checked], start, self._lexis)
            if stray is None and not self.is_open(reading):
                self._end = self._checked
        return min(self._end, len(line))

    def next_line(self) -> None:
        self._checked = self._end = 0
