"""A suggestion in the middle of a line: how far it may go before what stands right of the caret.

Never to where a bracket of its own is open that what follows the caret on its line doesn't close: the file would be
left unbalanced. Where that closes more than there is, to where the suggestion has opened it. Never into a copy of what
follows. In the pair of brackets that an editor inserts it may be several lines; those wait until the pair is to be
closed.
"""

from copilot.completion.brackets import Reading, read
from copilot.completion.closers import only_closers
from copilot.completion.lexis import CLOSER_OF, CLOSERS, Lexis
from copilot.completion.overlap import cut_at, is_word

# A line that says this itself does not go on with the rest that has its own.
_STATEMENT_ENDS = (";", "{")
# An apostrophe is none.
_QUOTES = {'"', "`"}


def surrounding_closer(head: str, rest: str, caret: Reading, lexis: Lexis) -> str:
    """The closer of the pair that the caret stands directly in, as editors insert it; ``""`` when in none."""
    opener, closer = head.rstrip()[-1:], rest.lstrip()[:1]
    return closer if caret.in_code and opener in lexis.brackets and closer == CLOSER_OF.get(opener) else ""


def closer_in_text(head: str, rest: str, caret: Reading) -> str:
    """The same in a string or comment, where the pair may have begun anywhere before: ``{`` of a template, a quote."""
    closer = rest.lstrip()[:1]
    if closer in _QUOTES and closer != caret.inside and not caret.in_code:
        return closer if head.count(closer) % 2 else ""
    if caret.in_code or closer not in CLOSERS:
        return ""
    (opener,) = (opener for opener, end in CLOSER_OF.items() if end == closer)
    return closer if head.count(opener) > head.count(closer) else ""


class Middle:
    """``head`` and ``rest``: the caret's line before and after the caret; ``caret``: what is open there.

    ``wanted``: the closers of ``rest`` that close nothing there is (``wanted.wanted_closers``).
    """

    def __init__(self, head: str, rest: str, caret: Reading, lexis: Lexis, wanted: str = "") -> None:
        self._head = head
        self._caret = caret
        self._lexis = lexis
        self._wanted = wanted
        self._in_text = closer_in_text(head, rest, caret)
        self.rest = rest
        self.pair = surrounding_closer(head, rest, caret, lexis)
        self.held = ""
        """Whole lines, or their tails, that are shown when the brackets opened in them have closed."""

    def is_open(self, reading: Reading) -> bool:
        """Whether the suggestion opened what is open here and the rest of the line does not close.

        The caret's own brackets are not ``here``.
        """
        inside = reading.next_line().inside
        return not self._wanted.startswith(_closers_of(reading)) or (bool(inside) and inside != self._caret.inside)

    def meets_rest(self, line: str, start: Reading) -> int | None:
        """Where the growing ``line`` says what stands right of the caret already, once that shows.

        A bracket that closes nothing is for the caller to find.
        """
        if not line:
            return None
        if self._in_text and line[-1] == self._in_text:
            opener = next((opener for opener, closer in CLOSER_OF.items() if closer == self._in_text), None)
            return len(line) - 1 if opener is None or line.count(self._in_text) > line.count(opener) else None
        if line[-1] == self._caret.inside and self.rest.startswith(line[-1]):
            return len(line) - 1 if read(line, start, self._lexis)[0].in_code else None
        if len(self.rest) > 2 and line.endswith(self.rest) and not is_word(line[-1]):
            return len(line) if self._cut(line, start, on_caret_line=True) < len(line) else None
        return None

    def may_go_past(self, line: str, end: int) -> bool:
        """Whether ``line`` at ``end`` meets the closers right of the caret, and nothing else stands there."""
        if not only_closers(self.rest) or self._in_text or self._wanted:
            return False
        return self.rest[0] in {*CLOSERS, self._caret.inside} and line[end : end + 1] == self.rest[0]

    def end(self, line: str, start: Reading, *, on_caret_line: bool) -> int:
        """How much of a whole line is kept; nothing while lines wait for the end of the caret's pair."""
        end = min(self._balanced(line, start, on_caret_line), self._cut(line, start, on_caret_line=on_caret_line))
        kept = line[:end].rstrip()
        # White space before a word or a string of the rest belongs to what stands before it.
        begins = is_word(self.rest[0]) or (self._caret.in_code and self.rest[0] in self._lexis.quotes)
        return end if kept and begins else len(kept)

    def misses_rest(self, text: str) -> bool:
        """Whether ``text`` does not go on to the rest of the line, but says its end or ends the statement."""
        if self.rest.endswith(text.strip()) and not any(char.isalnum() for char in text):
            return True
        ends = _STATEMENT_ENDS if "}" not in self._wanted else _STATEMENT_ENDS[:1]
        return not only_closers(self.rest) and text.rstrip().endswith(ends)

    def _balanced(self, line: str, start: Reading, on_caret_line: bool) -> int:
        if self.pair and not on_caret_line:
            return 0
        best, opened = 0, -1
        for end in range(len(line), 0, -1):
            reading, stray = read(line[:end], start, self._lexis)
            if stray is not None or self.is_open(reading):
                continue
            count = len(_closers_of(reading))
            if count > opened:
                best, opened = end, count
            if count == len(self._wanted):
                break
        return best

    def _cut(self, line: str, start: Reading, *, on_caret_line: bool) -> int:
        line = line[: self._balanced(line, start, on_caret_line)]
        head = self._head if on_caret_line else ""
        floor = len(self._caret.brackets) + len(self._wanted)
        return cut_at(line, self.rest, head, start, self._lexis, floor=floor)


def _closers_of(reading: Reading) -> str:
    """Of what the suggestion has opened, the innermost first."""
    return "".join(bracket.closer for bracket in reversed(reading.brackets) if bracket.here)
