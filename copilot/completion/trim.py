"""Cuts what a model streams to the suggestion a person wants, while it streams.

No I/O. The text goes in piece by piece; what comes out is never taken back, so whatever may yet have to be cut is held
back. Models do not stop by themselves: they go on with the next function, copy the suffix, close a Markdown fence and
explain. The rules are in the modules beside this one; here is the order in which they are asked.
"""

from copilot.completion.brackets import Reading, is_closed_below, read, reading_at_caret
from copilot.completion.closers import go_past, only_closers
from copilot.completion.echo import Echo
from copilot.completion.gate import Gate
from copilot.completion.lexis import CLOSERS, lexis_of, opens_block, width
from copilot.completion.midline import Balance, surrounding_closer
from copilot.completion.overlap import cut_at, held_from, is_word
from copilot.completion.refusal import Refusal
from copilot.completion.scope import Scope, goes_on, judge_python_follower
from copilot.completion.verdict import Verdict, all_of
from copilot.context.request import CaretPlace, caret_place
from copilot.syntax.window import Window

_FENCE = "```"
# Beginnings of control tokens spelled out, as a model does that saw them in its training text.
_DEBRIS = ("<|fim_", "<|im_", "<|endoftext", "<|file_sep", "<|repo_name", "<|end", "<fim_", "<file_sep>", "<｜")


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
        self._place = caret_place(prefix, suffix)
        before, _, self._head = prefix.rpartition("\n")
        self._rest, *below = suffix.split("\n")
        self._rest = self._rest.rstrip()
        self._above = before.rstrip().rpartition("\n")[2]
        self._caret = self._reading = reading_at_caret(prefix, suffix, self._lexis)
        if self._place is CaretPlace.MID_LINE:
            elsewhere = tuple(bracket._replace(here=False) for bracket in self._caret.brackets)
            self._caret = self._reading = self._caret._replace(brackets=elsewhere)
        self._balance = Balance(self._caret, self._lexis)
        self._pair = surrounding_closer(self._head, self._rest, self._caret, self._lexis)
        # What ends the suggestion wherever it comes: control tokens, and a delimiter that stands below already.
        closed = is_closed_below(self._caret.inside, suffix, self._lexis)
        self._stops = (*_DEBRIS, self._caret.inside) if closed else _DEBRIS
        above = [line for line in before.split("\n")[-8:] if line.strip()]
        self._echo = Echo(above if self._place is CaretPlace.FRESH_LINE else [*above, self._head], below)
        self._scope = Scope(self._lexis, width(self._head), begun=self._head)
        self._python = language == "python" and self._caret.in_code
        self._before = before
        # Python alone gives indentation after a colon a meaning that a model gets wrong.
        self._must_be_deeper = self._python and self._above.endswith(":")

        self._gate = Gate(Window.of(prefix, suffix, language), self._head, self._caret, self._lexis)
        self._shown = False
        self._reason: Refusal | None = None
        self._line = ""
        self._sent = 0
        self._past: int | None = None
        self._line_end: Reading | None = None
        self._accepted = False
        self._on_caret_line = True
        self._gap = ""
        self._after_blank = False
        self._shift = 0
        self._lines = 0

    @property
    def replaced(self) -> int:
        """How many characters right of the caret, on its line, the text so far replaces. Grows only with the text."""
        return self._gate.replaced

    def feed(self, text: str) -> str:
        """Take the next text; returns what is now sure to stay, often nothing."""
        for char in text:
            if self.done:
                break
            if char == "\n":
                self._end_line()
            elif char != "\r":
                self._line += char
                self._look(whole=False)
        return self._take()

    def finish(self) -> str:
        """The stream ended; returns the rest."""
        if not self.done:
            self._end_line()
            self.done = True
        return self._take()

    def _take(self) -> str:
        if self.done and not self._gate.finish():
            self._reason = Refusal.UNPARSABLE
        text = self._gate.take()
        self._shown = self._shown or bool(text)
        if self.done:
            self.refused = None if self._shown else self._reason or Refusal.EMPTY
        return text

    def _send(self, end: int) -> None:
        """Let go of the line up to ``end``, and of the line ends before it."""
        if end > self._sent:
            self._gate.add(self._balance.held + self._gap + self._line[self._sent : end])
            self._gap = self._balance.held = ""
            self._sent = end

    # The line that is coming

    def _look(self, *, whole: bool) -> None:
        if not self._accepted and not self._accept(whole):
            return
        if self._past is None:
            self._past = None if self._may_be_literal and not whole else self._end_of_suggestion()
        end = self._past
        if end is not None and self._may_go_past(end):
            if not whole:
                return
            if self._go_past():
                return
        if end is not None:
            self.done = whole = True
            if self._ends_pair(end):
                self._end_pair(end)
                return
            self._line = self._line[:end]
        self._send(self._end_of_line() if whole else self._sure_end())

    def _may_go_past(self, end: int) -> bool:
        """Whether the line at ``end`` meets the closers right of the caret, and nothing else stands there."""
        if self._place is not CaretPlace.MID_LINE or not only_closers(self._rest):
            return False
        return self._rest[0] in {*CLOSERS, self._caret.inside} and self._line[end : end + 1] == self._rest[0]

    def _go_past(self) -> bool:
        """Go on in place of the closers right of the caret, if the line does."""
        line = self._line[: min((at for at in map(self._line.find, self._stops) if at >= 0), default=None)]
        past = go_past(line, self._rest, self._reading, self._lexis)
        if past is None:
            return False
        on_caret_line = self._on_caret_line and past.replaced == len(self._rest)
        if self._balance.is_open(past.reading) and not on_caret_line:
            return False
        text = self._balance.held + self._gap + line[self._sent : past.end]
        if not self._gate.would_take(text, past.replaced):
            return False
        self._gate.add(text, past.replaced)
        self._gap = self._balance.held = ""
        if on_caret_line:
            # Nothing stands right of the caret any more.
            self._place, self._rest, self._pair = CaretPlace.LINE_END, "", ""
        else:
            self.done = True
        self._line, self._sent, self._line_end = line[: past.end], past.end, past.reading
        return True

    def _ends_pair(self, end: int) -> bool:
        """Whether at ``end`` of a later line the pair that the caret stands in is closed, with nothing else open."""
        if not self._pair or self._on_caret_line or self._line[end : end + 1] != self._pair:
            return False
        return not self._balance.is_open(read(self._line[:end], self._reading, self._lexis)[0])

    def _end_pair(self, end: int) -> None:
        """Let go of everything before the closer of the pair, of the white space too: the closer comes after it."""
        before = self._line[:end]
        if before.strip():
            end = len(before.rstrip())
        elif not self._lines:
            return
        self._gate.add(self._balance.held + self._gap + self._line[:end])

    def _accept(self, whole: bool) -> bool:
        if not self._line.strip():
            return False
        verdicts = self._judge(whole)
        verdict = all_of(*verdicts.values())
        blanks = max(0, self._gap.count("\n") - 1)
        if verdict is Verdict.END or self._lines + blanks >= self._max_lines:
            self._reason = next((reason for reason, verdict in verdicts.items() if verdict is Verdict.END), None)
            self.done = True
            return False
        if verdict is Verdict.WAIT:
            return False
        self._accepted = True
        self._lines += blanks
        self._place_line()
        return True

    def _judge(self, whole: bool) -> dict[Refusal, Verdict]:
        """What each rule says about the line, by the reason it gives for an end."""
        text = self._line.lstrip()
        fence = self._judge_fence(text, whole)
        if self._goes_on_caret_line:
            return {Refusal.DEBRIS: fence, Refusal.ECHO: self._echo.judge_rest_of_line(self._head, text, whole)}
        if text[0] == self._pair and not self._balance.is_open(self._reading):
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
            verdicts[Refusal.OUT_OF_PLACE] = self._scope.judge(
                text, column, self._reading, after_blank=self._after_blank, whole=whole
            )
        return verdicts

    def _judge_fence(self, text: str, whole: bool) -> Verdict:
        if not self._lexis.fences:
            return Verdict.KEEP
        if text.startswith(_FENCE):
            # One that opens the answer is passed over when its line is whole.
            return Verdict.WAIT if self._may_open_with_fence and not whole else Verdict.END
        return Verdict.WAIT if not whole and _FENCE.startswith(text) else Verdict.KEEP

    @property
    def _may_open_with_fence(self) -> bool:
        return self._on_caret_line and self._place is CaretPlace.FRESH_LINE

    @property
    def _goes_on_caret_line(self) -> bool:
        return self._on_caret_line and self._place is not CaretPlace.FRESH_LINE

    def _column(self) -> int:
        """The indentation that the line is to have in the document."""
        space = self._line[: len(self._line) - len(self._line.lstrip())]
        indent = width(space)
        if not self._on_caret_line:
            # A model that began one space too far to the right goes on like that.
            return indent - self._shift if (indent - self._scope.column) % 2 else indent
        head, above = width(self._head), width(self._above)
        if self._after_blank:
            return indent  # It left the caret's line, so this is no longer relative to the caret.
        if space == " ":
            return head
        if opens_block(self._above, self._lexis):
            return head + indent if head <= above else head
        return max(head, min(head + indent, above))

    def _place_line(self) -> None:
        """Give an accepted line the white space that it is to begin with."""
        text = self._line.lstrip()
        space = self._line[: len(self._line) - len(text)]
        if self._goes_on_caret_line:
            if not self._head or self._head[-1].isspace():
                self._line = text
            return
        column = self._column()
        if not self._on_caret_line:
            self._line = space[width(space) - column :] + text if column < width(space) else self._line
            self._scope.keep(text, column)
            return
        missing = column - width(self._head)
        dropped = width(space) - missing
        if not self._after_blank and dropped % 2 and "\t" not in space:
            self._shift = dropped
        while width(space) > max(0, missing):
            space = space[1:]
        self._line = space + text
        if text[0] not in CLOSERS:
            paragraphs = column > 0
            self._scope = Scope(self._lexis, column, paragraphs=paragraphs, begun=text)

    @property
    def _may_be_literal(self) -> bool:
        """Whether a bracket just came that is a character when a quote follows, as in ``')'``."""
        return self._lexis.char_literals and self._line[-1] in CLOSERS and self._line[-2:-1] == "'"

    def _end_of_suggestion(self) -> int | None:
        """Where on the line the suggestion is over, once that shows; what repeats the rest of the line included."""
        line = self._line
        stops = [at for at in map(line.find, self._stops) if at >= 0]
        if stops:
            return min(stops)
        if not CLOSERS.isdisjoint(line[-2:]):
            return read(line, self._reading, self._lexis)[1]
        if self._place is not CaretPlace.MID_LINE:
            return None
        if line[-1] == self._caret.inside and self._rest.startswith(line[-1]):
            # The closing quote is there already.
            reading, _ = read(line, self._reading, self._lexis)
            return len(line) - 1 if reading.in_code else None
        if len(self._rest) > 2 and line.endswith(self._rest) and not is_word(line[-1]):
            return len(line) if self._cut_overlap() < len(line) else None
        return None

    def _sure_end(self) -> int:
        """How much of a growing line no rule can cut any more."""
        line = self._line
        end = len(line) - 1 if self._may_be_literal else len(line)
        for stop in self._stops:
            end = min(end, held_from(line, stop))
        if self._place is CaretPlace.MID_LINE:
            end = held_from(line[: min(end, self._balanced_end())], self._rest)
        return len(line[:end].rstrip())

    def _end_of_line(self) -> int:
        """How much of a line that grows no more is kept."""
        if self._place is not CaretPlace.MID_LINE:
            return len(self._line.rstrip())
        end = min(self._balanced_end(), self._cut_overlap())
        kept = self._line[:end].rstrip()
        # White space before a word of the rest belongs to what stands before it.
        return end if kept and is_word(self._rest[0]) else len(kept)

    def _balanced_end(self) -> int:
        """How much of the line leaves no bracket open; nothing while lines wait for the end of the caret's pair."""
        if self._pair and not self._on_caret_line:
            return 0
        return self._balance.end(self._line, self._reading)

    def _cut_overlap(self) -> int:
        line, floor = self._line[: self._balanced_end()], len(self._caret.brackets)
        head = self._head if self._on_caret_line else ""
        return cut_at(line, self._rest, head, self._reading, self._lexis, floor=floor)

    # The end of a line

    def _end_line(self) -> None:
        if not self._line.strip():
            self._end_blank_line()
        elif self._may_open_with_fence and self._line.lstrip().startswith(_FENCE) and self._lexis.fences:
            self._after_blank = True
        else:
            self._look(whole=True)
            if not self.done:
                self._end_kept_line()
            if not self.done and not self._gate.end_line():
                self._reason = Refusal.UNPARSABLE
                self.done = True
            self._on_caret_line = self._after_blank = False
        self._line, self._sent, self._accepted = "", 0, False
        self._past = self._line_end = None
        self._balance.next_line()

    def _end_blank_line(self) -> None:
        if not self._goes_on_caret_line:
            self._after_blank = True
            # What ended with the line before does not go on after a blank one.
            self.done = self._scope.ended
            if self._lines:
                self._gap += "\n"
        elif self._place is CaretPlace.MID_LINE and not self._pair:
            self.done = True
        else:
            # The caret's line was whole: the answer is what comes below it.
            self._scope.inside = bool(self._pair) or self._begins_block(self._head, self._caret)
            self._reading = self._caret.next_line()
            self._on_caret_line = False
            self._gap = "\n"

    def _end_kept_line(self) -> None:
        self._lines += 1
        reading = self._line_end or read(self._line, self._reading, self._lexis)[0]
        line = self._line
        if self._goes_on_caret_line:
            line = self._head + line
            begins = self._begins_block(line, reading) or goes_on(line, self._lexis)
            if self._place is CaretPlace.MID_LINE or begins or self._lexis.layout:
                self._scope.inside = True
            elif not self._goes_on_to_terminator(line, reading):
                self._scope.ended = True
        elif self._place is CaretPlace.LINE_END and self._lexis.terminator and reading.in_code:
            self._scope.ended = line.rstrip().endswith(self._lexis.terminator)
        self._echo.keep(line)
        self._reading = reading.next_line()
        over = self._place is CaretPlace.MID_LINE and not (self._pair or self._balance.is_open(reading))
        if self._place is CaretPlace.MID_LINE:
            tail = self._line[self._sent :].rstrip()
            self._balance.held += self._gap + tail
        self._gap = "\n"
        self.done = (
            over
            or self._lines >= self._max_lines
            or (self._scope.ended and not (self._lexis.chains and reading.in_code))
        )

    def _goes_on_to_terminator(self, line: str, reading: Reading) -> bool:
        terminator = self._lexis.terminator
        return bool(terminator) and reading.in_code and not line.rstrip().endswith(terminator)

    def _begins_block(self, line: str, reading: Reading) -> bool:
        """Whether what begins on the caret's line goes on below it; ``reading``: what is open at its end."""
        if reading.open_here or reading.next_line().inside:
            return True
        return reading.in_code and opens_block(line, self._lexis)
