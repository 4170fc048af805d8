"""Cuts what a model streams to the suggestion a person wants, while it streams.

No I/O. The text goes in piece by piece; whole lines come out and are never taken back, so a line waits for its end.
Models do not stop by themselves: they go on with the next function, copy the suffix, close a Markdown fence and
explain. The rules are in the modules beside this one; here is the order in which they are asked.
"""

from copilot.completion.brackets import Reading, code_of, is_closed_below, read, reading_at_caret
from copilot.completion.closers import go_past
from copilot.completion.debris import TOKENS, is_fence, judge_fence
from copilot.completion.echo import Echo, is_stuck
from copilot.completion.gate import Gate
from copilot.completion.head import restated, wants_rest
from copilot.completion.lexis import CLOSERS, lexis_of, opens_block, width
from copilot.completion.midline import Middle
from copilot.completion.placing import Placing
from copilot.completion.refusal import Refusal
from copilot.completion.scope import Scope, goes_on, judge_python_follower
from copilot.completion.verdict import Verdict, all_of
from copilot.completion.wanted import wanted_closers
from copilot.context.request import CaretPlace, caret_place
from copilot.syntax.window import Window

# Whether a line that grows has got stuck is looked at each time it is so much longer.
_LOOK_BACK = 32


class Trimmer:
    """One suggestion. The concatenation of what ``feed`` and ``finish`` return does not depend on the chunking.

    ``prefix`` and ``suffix`` have ``\n`` line ends; ``language`` is the editor's language id.
    """

    def __init__(self, prefix: str, suffix: str, language: str | None = None, max_lines: int = 12) -> None:
        self.done = False
        """Nothing more can come: the caller closes the stream, so that the engine stops."""
        self.refused: Refusal | None = None
        """Why nothing is shown; set when ``done`` is, and only where no text came out."""
        self._lexis = lexis_of(language)
        self._max_lines = max_lines
        place = caret_place(prefix, suffix)
        before, _, self._head = prefix.rpartition("\n")
        rest, *below = suffix.split("\n")
        rest = rest.rstrip()
        self._fresh = place is CaretPlace.FRESH_LINE
        window = Window.of(code_of(prefix, self._lexis), suffix, language)
        self._caret = self._reading = reading_at_caret(prefix, suffix, self._lexis)
        sound = window is not None and not window.faults
        if sound:
            # Whatever is open here is closed below.
            self._caret = self._reading = self._caret._replace(brackets=())
        self._middle: Middle | None = None
        if place is CaretPlace.MID_LINE:
            elsewhere = tuple(bracket._replace(here=False) for bracket in self._caret.brackets)
            self._caret = self._reading = self._caret._replace(brackets=elsewhere)
            wanted = "" if sound else wanted_closers(prefix, rest, self._lexis)
            self._middle = Middle(self._head, rest, self._caret, self._lexis, wanted)
        # What ends the suggestion wherever it comes: control tokens, and a delimiter that stands below already.
        closed = is_closed_below(self._caret.inside, suffix, self._lexis)
        self._stops = (*TOKENS, self._caret.inside) if closed else TOKENS
        above = [line for line in before.split("\n")[-8:] if line.strip()]
        self._echo = Echo(above if self._fresh else [*above, self._head], below, width(self._head))
        self._scope = Scope(self._lexis, width(self._head), begun=self._head)
        self._placing = Placing(prefix, suffix, self._lexis, fresh=self._fresh)
        self._python = language == "python" and self._caret.in_code
        self._before = before
        self._above = before.rstrip().rpartition("\n")[2]
        # Python alone gives indentation after a colon a meaning that a model gets wrong.
        self._must_be_deeper = self._python and self._above.endswith(":")
        following = next((width(line) for line in below if line.strip()), 0)
        hangs = following if self._python else None
        self._gate = Gate(window, self._head, self._caret, self._lexis, hangs=hangs)
        # A line below that is deeper than the caret's own may lack the header of its block.
        self._hangs = hangs or 0

        self._line = ""
        self._accepted = False
        self._on_caret_line = True
        self._gap = ""
        self._after_blank = False
        self._lines = 0
        self._past: int | None = None
        self._shown = False
        self._reason: Refusal | None = None

    @property
    def replaced(self) -> int:
        """How many characters right of the caret, on its line, the text so far replaces. Grows only with the text."""
        return self._gate.replaced

    @property
    def whole(self) -> int:
        """How many characters of the text so far are whole lines, to the end of the last one."""
        return self._gate.whole

    def feed(self, text: str) -> str:
        """Take the next text; returns the lines that are now sure, often nothing."""
        for char in text:
            if self.done:
                break
            if char == "\n":
                self._end_line()
            elif char != "\r":
                self._line += char
                self._look()
        return self._take()

    def finish(self, *, cut: bool = False) -> str:
        """The stream ended; returns the rest. ``cut``: the model was stopped, so that its last line is a piece."""
        if self.done:
            return ""
        if not (cut and self._line.strip() and self._lines):
            self._end_line()
        ended, self.done = self.done, True
        return self._take(ended=ended)

    def _take(self, *, ended: bool = True) -> str:
        if self.done and not self._gate.finish(ended=ended):
            self._reason = Refusal.UNPARSABLE
        text = self._gate.take()
        self._shown = self._shown or bool(text)
        if self.done:
            self.refused = None if self._shown else self._reason or Refusal.EMPTY
        return text

    def _end(self, reason: Refusal | None = None) -> None:
        self.done = True
        self._reason = reason

    def _send(self, text: str, replaced: int = 0, *, instead: str = "") -> None:
        """Give ``text`` to the gate, with the line ends and lines before it."""
        held = self._middle.held if self._middle else ""
        self._gate.add(held + self._gap + text, replaced, instead=instead)
        self._gap = ""
        if self._middle:
            self._middle.held = ""

    # The line that is coming

    def _look(self) -> None:
        """Whether the growing line shows already that the suggestion is over."""
        if not self._accepted and not self._accept(whole=False):
            return
        if len(self._line) % _LOOK_BACK == 0 and is_stuck(self._line):
            self._end(Refusal.REPETITION)
            return
        # A bracket is a character when a quote follows, as in `')'`.
        if self._lexis.char_literals and self._line[-1] in CLOSERS and self._line[-2:-1] == "'":
            return
        if self._past is None:
            self._past = self._end_of_suggestion()
        if self._past is not None and not self._may_go_past(self._past):
            self._end_at(self._past)

    def _accept(self, whole: bool) -> bool:
        if not self._line.strip():
            return False
        if self._goes_on_caret_line:
            left = restated(self._head, self._line.lstrip(), whole)
            if left is None:
                return False
            self._line = left or self._line
        verdicts = self._judge(whole)
        verdict = all_of(*verdicts.values())
        blanks = max(0, self._gap.count("\n") - 1)
        if verdict is Verdict.END or self._lines + blanks >= self._max_lines:
            self._end(next((reason for reason, verdict in verdicts.items() if verdict is Verdict.END), None))
            return False
        if verdict is Verdict.WAIT:
            return False
        self._accepted = True
        self._gate.next_line()
        self._lines += blanks
        self._place_line()
        return True

    def _judge(self, whole: bool) -> dict[Refusal, Verdict]:
        """What each rule says about the line, by the reason it gives for an end."""
        text = self._line.lstrip()
        fence = judge_fence(text, self._lexis, may_open=self._may_open_with_fence, whole=whole)
        if self._goes_on_caret_line:
            return {Refusal.DEBRIS: fence, Refusal.ECHO: self._echo.judge_rest_of_line(self._head, text, whole)}
        if self._middle and text[0] == self._middle.pair and not self._middle.is_open(self._reading):
            return {}  # The suggestion ends right before it.
        column = self._column()
        verdicts = {
            Refusal.DEBRIS: fence,
            Refusal.ECHO: self._echo.judge(text, column, whole),
            Refusal.REPETITION: self._echo.judge_repetition(text, whole),
        }
        if self._on_caret_line and text[0] not in CLOSERS:
            too_shallow = column < width(self._head) or (self._must_be_deeper and column <= width(self._above))
            verdicts[Refusal.NOT_DEEPER] = Verdict.END if too_shallow else Verdict.KEEP
            if self._python:
                verdicts[Refusal.OUT_OF_PLACE] = judge_python_follower(text, column, self._before, whole)
        else:
            verdict = self._scope.judge(text, column, self._reading, after_blank=self._after_blank, whole=whole)
            if verdict is Verdict.END and not self._lines and column < self._hangs:
                verdict = self._judge_header(text, column, whole)
            verdicts[Refusal.OUT_OF_PLACE] = verdict
        return verdicts

    def _judge_header(self, text: str, column: int, whole: bool) -> Verdict:
        """Whether a first line that leaves the caret's block begins the one that stands below without a beginning."""
        if not whole:
            return Verdict.WAIT
        begins = self._reading.in_code and text.rstrip().endswith(":")
        above = f"{self._before}\n{self._head}"
        return judge_python_follower(text, column, above, whole) if begins else Verdict.END

    @property
    def _may_open_with_fence(self) -> bool:
        return self._on_caret_line and self._fresh

    @property
    def _goes_on_caret_line(self) -> bool:
        return self._on_caret_line and not self._fresh

    def _column(self) -> int:
        return self._placing.column(self._line, first=self._on_caret_line, after_blank=self._after_blank)

    def _place_line(self) -> None:
        """Give an accepted line the white space that it is to begin with."""
        text = self._line.lstrip()
        if self._goes_on_caret_line:
            if not self._head or self._head[-1].isspace():
                self._line = text
            return
        column = self._column()
        self._line = self._placing.place(self._line, first=self._on_caret_line, after_blank=self._after_blank)
        if self._on_caret_line and text[0] not in CLOSERS:
            self._scope = Scope(self._lexis, column, paragraphs=column > 0)

    def _end_of_suggestion(self) -> int | None:
        """Where on the line the suggestion is over, once that shows; what repeats the rest of the line included."""
        line = self._line
        stops = [at for at in map(line.find, self._stops) if at >= 0]
        if stops:
            return min(stops)
        if not CLOSERS.isdisjoint(line[-2:]):
            stray = read(line, self._reading, self._lexis)[1]
            if stray is not None:
                return stray
        return self._middle.meets_rest(line, self._reading) if self._middle else None

    def _may_go_past(self, end: int) -> bool:
        return self._middle is not None and self._middle.may_go_past(self._line, end)

    # The end of a line

    def _end_line(self) -> None:
        if not self._line.strip():
            self._end_blank_line()
        elif self._may_open_with_fence and is_fence(self._line, self._lexis):
            self._after_blank = True
        else:
            if self._accepted or self._accept(whole=True):
                self._end_accepted_line()
            self._on_caret_line = self._after_blank = False
        self._line, self._accepted, self._past = "", False, None

    def _end_accepted_line(self) -> None:
        if is_stuck(self._line):
            self._end(Refusal.REPETITION)
            return
        end = self._end_of_suggestion() if self._past is None else self._past
        if end is None:
            self._keep_line()
        elif not (self._may_go_past(end) and self._go_past(end)):
            self._end_at(end)
        if not self.done and not self._gate.end_line():
            self._end(Refusal.UNPARSABLE)

    def _end_at(self, end: int) -> None:
        """The suggestion is over at ``end`` of this line."""
        line = self._line[:end]
        self._end(Refusal.DEBRIS if self._line.startswith(TOKENS, end) else Refusal.OUT_OF_PLACE)
        middle = self._middle
        if middle and self._closes_pair(end):
            # The white space too: the closer comes after it.
            text = line.rstrip() if line.strip() else line
            if line.strip() or self._lines:
                self._send(text)
            return
        text = line[: middle.end(line, self._reading, on_caret_line=self._on_caret_line)] if middle else line.rstrip()
        if text and not (middle and self._on_caret_line and middle.misses_rest(text)):
            self._send(text)

    def _closes_pair(self, end: int) -> bool:
        """Whether at ``end`` of a later line the pair that the caret stands in is closed, with nothing else open."""
        if not self._middle or not self._middle.pair or self._on_caret_line:
            return False
        if self._line[end : end + 1] != self._middle.pair:
            return False
        return not self._middle.is_open(read(self._line[:end], self._reading, self._lexis)[0])

    def _go_past(self, end: int) -> bool:
        """Go on in place of the closers right of the caret, which are at ``end`` of the line, if it does."""
        middle = self._middle
        if middle is None:
            return False
        line = self._line[: min((at for at in map(self._line.find, self._stops) if at >= 0), default=None)]
        past = go_past(line, middle.rest, self._reading, self._lexis)
        if past is None:
            return False
        takes_all = self._on_caret_line and past.replaced == len(middle.rest)
        if middle.is_open(past.reading) and not takes_all:
            return False
        text = line[: past.end]
        if not self._gate.would_take(middle.held + self._gap + text, past.replaced):
            return False
        short = middle.end(self._line[:end], self._reading, on_caret_line=self._on_caret_line)
        self._send(text, past.replaced, instead=self._line[:short])
        if takes_all:
            # Nothing stands right of the caret any more.
            self._middle = None
            self._end_kept_line(text, past.reading)
        else:
            self._end()
        return True

    def _keep_line(self) -> None:
        line, middle = self._line, self._middle
        reading = read(line, self._reading, self._lexis)[0]
        if not middle:
            self._send(line.rstrip())
            self._end_kept_line(line, reading)
            return
        end = middle.end(line, self._reading, on_caret_line=self._on_caret_line)
        if self._on_caret_line and middle.misses_rest(line[:end]):
            self._end(Refusal.OUT_OF_PLACE)
            return
        if end:
            self._send(line[:end])
        middle.held += self._gap + line[end:].rstrip()
        self._end_kept_line(line, reading)
        if not (middle.pair or middle.is_open(reading)):
            self._end()

    def _end_kept_line(self, line: str, reading: Reading) -> None:
        """``reading``: what is open at the end of ``line``."""
        self._lines += 1
        if self._goes_on_caret_line:
            line = self._head + line
            begins = self._begins_block(line, reading) or goes_on(line, self._lexis)
            if self._middle or begins or self._lexis.layout:
                self._scope.inside = True
            elif not self._goes_on_to_terminator(line, reading):
                self._scope.ended = True
        elif not self._fresh and not self._middle and self._lexis.terminator and reading.in_code:
            self._scope.ended = line.rstrip().endswith(self._lexis.terminator)
        self._echo.keep(line)
        self._placing.keep(line)
        on_fresh_line = self._fresh and self._on_caret_line
        self._scope.keep(line, width(line) + (width(self._head) if on_fresh_line else 0))
        self._reading = reading.next_line()
        self._gap = "\n"
        column = width(line) + (width(self._head) if on_fresh_line else 0)
        if self._lines == 1 and column < self._hangs and reading.in_code and line.rstrip().endswith(":"):
            self._end()  # Its body is there already.
            return
        if self._lines >= self._max_lines or (self._scope.ended and not (self._lexis.chains and reading.in_code)):
            self._end()

    def _end_blank_line(self) -> None:
        if not self._goes_on_caret_line:
            self._after_blank = True
            if self._lines:
                self._gap += "\n"
            if self._scope.ended:
                # What ended with the line before does not go on after a blank one.
                self._end()
        elif self._middle and not self._middle.pair:
            self._end()
        elif not self._middle and wants_rest(self._head, self._caret, self._lexis):
            return  # The rest of the line comes a line late.
        else:
            # The caret's line was whole: the answer is what comes below it.
            pair = self._middle is not None and bool(self._middle.pair)
            self._scope.inside = pair or self._begins_block(self._head, self._caret)
            self._reading = self._caret.next_line()
            self._on_caret_line = False
            self._gap = "\n"

    def _goes_on_to_terminator(self, line: str, reading: Reading) -> bool:
        terminator = self._lexis.terminator
        return bool(terminator) and reading.in_code and not line.rstrip().endswith(terminator)

    def _begins_block(self, line: str, reading: Reading) -> bool:
        """Whether what begins on the caret's line goes on below it; ``reading``: what is open at its end."""
        if reading.open_here or reading.next_line().inside:
            return True
        return reading.in_code and opens_block(line, self._lexis)
