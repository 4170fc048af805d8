"""Cuts what a model streams to the suggestion a person wants, while it streams.

No I/O. The text goes in piece by piece; what comes out is never taken back, so whatever may yet have to be cut is held
back. Models do not stop by themselves: they go on with the next function, copy the suffix, close a Markdown fence and
explain. The rules are in the modules beside this one; here is the order in which they are asked.
"""

from copilot.completion.brackets import Reading, read, reading_at_caret
from copilot.completion.echo import Echo
from copilot.completion.lexis import CLOSERS, lexis_of, opens_block, width
from copilot.completion.overlap import cut_at, held_from
from copilot.completion.scope import Scope, goes_on
from copilot.completion.verdict import Verdict, all_of
from copilot.context.request import CaretPlace, caret_place

_FENCE = "```"
# Beginnings of control tokens spelled out, as a model does that saw them in its training text.
_DEBRIS = ("<|fim_", "<|im_", "<|endoftext", "<|file_sep", "<|repo_name", "<|end", "<fim_", "<file_sep>", "<｜")
_LONGEST_DEBRIS = max(map(len, _DEBRIS))


class Trimmer:
    """One suggestion. The concatenation of what ``feed`` and ``finish`` return does not depend on the chunking.

    ``prefix`` and ``suffix`` have ``\\n`` line ends; ``language`` is the editor's language id.
    """

    def __init__(self, prefix: str, suffix: str, language: str | None = None, max_lines: int = 12) -> None:
        self.done = False
        """Nothing more can come: the caller closes the stream, so that the engine stops."""
        self._lexis = lexis_of(language)
        self._max_lines = max_lines
        self._place = caret_place(prefix, suffix)
        above, _, self._head = prefix.rpartition("\n")
        self._rest, *below = suffix.rstrip().split("\n") if suffix.strip() else [""]
        self._above = above.rstrip().rpartition("\n")[2]
        self._caret = self._reading = reading_at_caret(prefix, suffix, self._lexis)
        fresh = self._place is CaretPlace.FRESH_LINE
        self._echo = Echo(self._above if fresh else self._head, below)
        self._scope = Scope(self._lexis, width(self._head), inside=False, begun=self._head)
        self._python = language == "python"

        self._out: list[str] = []
        self._line = ""
        self._sent = 0
        self._accepted = False
        self._on_caret_line = True
        self._gap = ""
        self._blank_dropped = False
        self._shift = 0
        self._lines = 0

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
        text = "".join(self._out)
        self._out.clear()
        return text

    # One line

    def _look(self, *, whole: bool) -> None:
        if not self._accepted:
            if not self._line.strip():
                return
            verdict = self._judge(whole)
            if verdict is Verdict.END:
                self.done = True
            if verdict is not Verdict.KEEP:
                return
            self._accepted = True
            self._line = self._placed(self._line)
            if not self._on_caret_line:
                self._lines += self._gap.count("\n")
                if self._lines >= self._max_lines:
                    self.done = True
                    return
        cut = self._cut(whole)
        if cut is not None:
            self._line = self._line[:cut]
            self._send(self._end_on_line())
            self.done = True
        else:
            self._send(self._end_on_line() if whole else min(self._held_from(), len(self._line.rstrip())))

    def _judge(self, whole: bool) -> Verdict:
        text = self._line.strip() if whole else self._line.lstrip()
        text_so_far = text.rstrip() if whole else text
        if self._on_caret_line and self._place is not CaretPlace.FRESH_LINE:
            return all_of(self._judge_fence(text_so_far), self._echo.judge_rest_of_line(self._head, text_so_far, whole))
        column = self._column(self._line)
        first = self._on_caret_line
        if first and column < width(self._head):
            return Verdict.END
        if first and self._python and opens_block(self._above, self._lexis) and column <= width(self._above):
            return Verdict.END
        scope = Verdict.KEEP
        if first and text[0] not in CLOSERS:
            self._begin_fresh(column)
        else:
            scope = self._scope.judge(
                text, column, self._reading, after_blank=self._gap.count("\n") > 1 or self._blank_dropped, whole=whole
            )
        return all_of(self._judge_fence(text_so_far), self._echo.judge(text_so_far, column, whole), scope)
