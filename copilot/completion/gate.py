"""Lets the lines of a suggestion out, one by one, when the text around the caret still parses with them.

Text that went out is never taken back, so a line waits until it is whole, and one that can't be judged without those
below it until they are there.
"""

from copilot.completion.brackets import Reading
from copilot.completion.closers import only_closers
from copilot.completion.lexis import Lexis
from copilot.completion.unfinished import makeshift_ends, reading_after, visibly_goes_on
from copilot.syntax.window import Window

# A window cut out of a file, or a statement half typed, has a fault or two. With more of them the grammar does not
# know all of this code, for macros or a dialect: then the lines of the suggestion are looked at alone.
_UNDERSTOOD = 2
# What is left out at the end of a line that fits without.
_LEFT_OVER = (",", ";")


class Gate:
    """Between the rules of trimming and the caller. ``caret``: what is open at the caret."""

    def __init__(self, window: Window | None, head: str, caret: Reading, lexis: Lexis) -> None:
        self._window = window
        self._head = head
        self._caret = caret
        self._lexis = lexis
        self._waiting = ""
        self._out = ""
        self._shown = ""
        self._replaced = 0
        self.replaced = 0
        """For the text that went out."""
        self.whole = 0
        """How many characters of the text that went out are whole lines."""

    def add(self, text: str, replaced: int = 0) -> None:
        """``replaced``: characters right of the caret that the text so far takes the place of."""
        self._waiting += text
        self._replaced = max(self._replaced, replaced)

    def would_take(self, text: str, replaced: int) -> bool:
        """Whether ``text`` more, to be added so, would fit."""
        kept = self._waiting, self._replaced
        self._waiting, self._replaced = self._waiting + text, replaced
        fits = self._fits(self._shown + self._waiting)
        self._waiting, self._replaced = kept
        return fits

    def end_line(self) -> bool:
        """A line is whole. False when the text must not go on: what waits is dropped."""
        if not self._waiting.strip() or self._fits(self._shown + self._waiting):
            if self._waiting.strip():
                self._let_out()
            self.whole = len(self._shown)
            return True
        text = self._shown + self._waiting
        line = (self._head + text).rpartition("\n")[2]
        if visibly_goes_on(line, reading_after(text, self._caret, self._lexis), self._lexis):
            return True
        self._waiting = self._waiting.rstrip()
        if self._waiting.endswith(_LEFT_OVER):
            self._waiting = self._waiting[:-1]
            if self._fits(self._shown + self._waiting):
                self._let_out()
                self.whole = len(self._shown)
        self._waiting = ""
        return False

    def finish(self) -> bool:
        """Nothing more comes. False when what waited is dropped."""
        # What went out already may be unfinished. What is the last of several lines may not: it has no use by itself.
        if not self._waiting.strip() or self._fits(self._shown or self._waiting):
            self._let_out()
            self.whole = len(self._shown)
            return True
        self._waiting = ""
        return False

    def take(self) -> str:
        text, self._out = self._out, ""
        return text

    def _let_out(self) -> None:
        self._out += self._waiting
        self._shown += self._waiting
        self._waiting = ""
        self.replaced = self._replaced

    def _fits(self, begun: str) -> bool:
        """``begun``: the part of the text that may be unfinished."""
        window = self._window
        if window is None:
            return True
        if window.faults <= _UNDERSTOOD:
            before = max(window.faults, window.faults_elsewhere) if window.faults else 0
            faults_with = window.faults_with
        elif window.faults_here == 0:
            before, faults_with = 0, window.faults_here_with
        else:
            return True
        text = self._shown + self._waiting
        if faults_with(text, self._replaced) <= before:
            return True
        if before and only_closers(text.rpartition("\n")[2].strip()):
            # Brackets have been counted; in a window that is not whole a parser counts others.
            return True
        end = reading_after(begun, self._caret, self._lexis)
        ends = makeshift_ends(self._head + begun, end, self._lexis, words=bool(self._lexis.heads))
        return any(faults_with(text + tail, self._replaced) <= before for tail in ends)
