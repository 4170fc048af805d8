"""Lets the lines of a suggestion out, one by one, when the text around the caret still parses with them.

Text that went out is never taken back, so a line waits until it is whole, and one that can't be judged without those
below it until they are there.
"""

import re
from collections.abc import Iterable
from functools import cached_property
from itertools import chain

from copilot.completion.brackets import Reading
from copilot.completion.closers import only_closers
from copilot.completion.lexis import Lexis, width
from copilot.completion.unfinished import makeshift_ends, reading_after, visibly_goes_on
from copilot.syntax.window import Window

# A window cut out of a file, or a statement half typed, has a fault or two. With more of them the grammar does not
# know all of this code, for macros or a dialect: then the lines of the suggestion are looked at alone.
_UNDERSTOOD = 2
# What is left out at the end of a line that fits without.
_LEFT_OVER = (",", ";")
# With one of these in front of it, what stands right of the caret goes on with most that may stand left of it.
_STAND_INS = ("x", "(", "[", "{", "x(", "x[", ")", ".", ", ", "= ", "== ", "+ ", "x = ", "x: ")
# What may stand right of the caret and can't follow a value.
_OPERAND = re.compile(r"\s*[\w\"'`]")


class Gate:
    """Between the rules of trimming and the caller. ``caret``: what is open at the caret.

    ``hangs``: where a colon begins a block, the indentation of the line below the caret.
    """

    def __init__(self, window: Window | None, head: str, caret: Reading, lexis: Lexis, *, hangs: int | None) -> None:
        self._window = window
        # What stands right of the caret may open a block that is not closed yet.
        self._opened = max(0, window.rest.count("{") - window.rest.count("}")) if window else 0
        self._hangs = hangs
        self._head = head
        self._caret = caret
        self._lexis = lexis
        self._waiting = ""
        self._begun = False
        self._instead = ""
        self._out = ""
        self._shown = ""
        self._replaced = 0
        self.replaced = 0
        """For the text that went out."""
        self.whole = 0
        """How many characters of the text that went out are whole lines."""

    def add(self, text: str, replaced: int = 0, *, instead: str = "") -> None:
        """``replaced``: characters right of the caret that the text so far takes the place of.

        ``instead``: what else may come, without replacing anything, when this is dropped.
        """
        self._waiting += text
        self._replaced = max(self._replaced, replaced)
        self._instead = instead

    def would_take(self, text: str, replaced: int) -> bool:
        """Whether ``text`` more, to be added so, would fit."""
        kept = self._waiting, self._replaced
        self._waiting, self._replaced = self._waiting + text, replaced
        fits = self._fits() or self._fits_finished(self._shown + self._waiting)
        self._waiting, self._replaced = kept
        return fits

    def end_line(self) -> bool:
        """A line is whole. False when the text must not go on: what waits is dropped."""
        if not self._waiting.strip():
            self.whole = len(self._shown)
            return True
        if self._fits():
            self._let_out()
            return True
        text = self._shown + self._waiting
        self._begun = self._fits_finished(text)
        line = (self._head + text).rpartition("\n")[2]
        if self._begun or visibly_goes_on(line, reading_after(text, self._caret, self._lexis), self._lexis):
            return True
        self._drop()
        return False

    def next_line(self) -> None:
        """There will be a next line: one that begins a block may go out."""
        if self._begun:
            self._let_out()

    def finish(self, *, ended: bool) -> bool:
        """Nothing more comes. False when what waited is dropped.

        ``ended``: by the rules, so that what is begun has no end to come. Otherwise the model has stopped: what went
        out may be unfinished, and a first line too, but not the last of several, which is of no use by itself.
        """
        if self._waiting.strip() and not self._fits():
            begun = self._shown if ended or self._shown else self._waiting
            if self._hanging() or not self._fits_finished(begun):
                self._drop()
                return False
        self._let_out()
        return True

    def _drop(self) -> None:
        """Let out what waits without a mark too many at its end, or what may come instead, if that fits."""
        text = self._waiting.rstrip()
        self._waiting = text[:-1] if text.endswith(_LEFT_OVER) else ""
        if self._waiting.strip() and self._fits():
            self._let_out()
            return
        self._waiting = ""
        if self._instead and not self._shown:
            self._waiting, self._replaced = self._instead, 0
            if self._fits():
                self._let_out()
        self._waiting = ""

    def take(self) -> str:
        text, self._out = self._out, ""
        return text

    def _let_out(self) -> None:
        self._out += self._waiting
        self._shown += self._waiting
        self._waiting, self._begun = "", False
        self.replaced = self._replaced
        self.whole = len(self._shown)

    def _fits(self) -> bool:
        """Whether the text is right as it is."""
        return not self._hanging() and self._is_right([""])

    def _fits_finished(self, begun: str) -> bool:
        """Whether it is when ``begun``, the part that may be unfinished, gets some end or other."""
        end = reading_after(begun, self._caret, self._lexis)
        ends = makeshift_ends(self._head + begun, end, self._lexis, words=bool(self._lexis.heads))
        if self._window and _OPERAND.match(self._window.rest, self._replaced):
            # Of the same statement: an end before it would make two.
            ends = (end for end in ends if not end.endswith(";"))
        return self._is_right(chain([""], ends))

    def _hanging(self) -> bool:
        """Whether the last line begins a block of which nothing is there."""
        if self._hangs is None or not self._waiting.rstrip().endswith(":"):
            return False
        text = self._shown + self._waiting
        end = reading_after(text, self._caret, self._lexis)
        column = min(width(line) for line in (self._head + text).split("\n") if line.strip())
        return end.in_code and not end.open_here and self._hangs <= column

    def _faults_before(self, window: Window) -> int:
        """How many there may be. A line half typed is a fault that should be gone, and may have hidden others.

        What stands right of the caret may be half typed too, and will still be; but a bracket that is opened and not
        closed is not to pass for that, nor anything where the line would be whole with something else.
        """
        if not window.faults:
            return 0
        text = self._shown + self._waiting
        elsewhere = window.faults_elsewhere + self._opened
        if not window.rest.strip() or reading_after(text, self._caret, self._lexis).open_here:
            return elsewhere
        return elsewhere if self._rest_is_whole else max(window.faults, window.faults_elsewhere)

    @cached_property
    def _rest_is_whole(self) -> bool:
        window = self._window
        if window is None:
            return False
        return any(window.faults_with(text) <= window.faults_elsewhere + self._opened for text in _STAND_INS)

    def _is_right(self, ends: Iterable[str]) -> bool:
        """Whether the text with one of ``ends`` has no more of them than there were."""
        window = self._window
        if window is None:
            return True
        if window.faults <= _UNDERSTOOD:
            # A line half typed is a fault that should be gone, and may have hidden others.
            before = self._faults_before(window)
            faults_with = window.faults_with
        elif window.faults_here == 0:
            before, faults_with = 0, window.faults_here_with
        else:
            return True
        text = self._shown + self._waiting
        if before and only_closers(text.rpartition("\n")[2].strip()):
            # Brackets have been counted; in a window that is not whole a parser counts others.
            return True
        return any(faults_with(text + tail, self._replaced) <= before for tail in ends)
