"""The hand on the keyboard: knows what is still to be typed and which key comes next, whatever a completion typed.

It only ever decides from the text that is there. So a trace can be played with any number of accepted suggestions,
and its end is always the goal.
"""

from enum import StrEnum
from typing import NamedTuple

from copilot.bench.replay.editor import CLOSERS, Buffer, Edit, character, new_line
from copilot.bench.replay.pipeline import Ghost
from copilot.bench.replay.trace import Step, Trace

_OPENERS = {closer: opener for opener, closer in CLOSERS.items()}
_CLOSING = frozenset(_OPENERS)


class Key(StrEnum):
    """What is pressed."""

    CHARACTER = "character"
    ENTER = "enter"
    TAB = "tab"
    BACKSPACE = "backspace"
    DELETE = "delete"
    MOVE = "move"
    """Over what the editor has put there."""
    JUMP = "jump"
    """To another place of the file, with the mouse or a search."""
    ACCEPT = "accept"


class Press(NamedTuple):
    """The next key. ``gap``: milliseconds after the one before. ``wrong``: it belongs to a typo."""

    key: Key
    gap: float
    edit: Edit = Edit()
    place: int | None = None
    """Where a jump leads."""
    wrong: bool = False


class Verdict(NamedTuple):
    """How a suggestion compares with what is to be typed.

    ``line``: so many characters of it that its first line is right with, 0 where it is wrong. ``whole``: all of it is
    right. ``doubled``: it repeats what stands right of the caret, or the next line.
    """

    line: int
    whole: bool
    doubled: bool


class Hand:
    """Types ``trace``. ``buffer`` is the document, with the caret."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._texts = [trace.text_of(number) for number in range(len(trace.places))]
        self._offsets = [trace.offset_of(number) for number in range(len(trace.places))]
        self._progress = [0 for _ in trace.places]
        self._closers = [0 for _ in trace.places]
        self._next = 0
        self._place = trace.steps[0].place if trace.steps else 0
        # Blanks left of the caret that are not wanted: the editor indented too far.
        self._spare = 0
        # Keys of the next step's typo that were pressed, and how many of its characters are there.
        self._typo_keys = 0
        self._wrong = 0
        self._jumped = False
        self.buffer = self._at(self._place, trace.start)

    @property
    def rest(self) -> str:
        """What is still to be typed here."""
        return self._texts[self._place][self._progress[self._place] :]

    @property
    def closers(self) -> int:
        """Characters right of the caret that the editor put there."""
        return self._closers[self._place]

    def upcoming(self) -> Press | None:
        """The next key; None when all is typed."""
        step = self._step()
        if not self.rest and (tidying := self._tidying()) is not None:
            return tidying
        if step is None:
            return None
        if step.place != self._place:
            # The editor takes back the blanks of a line that was left empty.
            return Press(Key.JUMP, step.gaps[0], Edit(removed=self._spare), step.place)
        gap = self._trace.key_ms if self._jumped else step.gaps[self._typo_keys]
        if self._typo_keys < 2 * len(step.typo) and not self._spare:
            if self._typo_keys < len(step.typo):
                return Press(Key.CHARACTER, gap, Edit(typed=step.typo[self._typo_keys]), wrong=True)
            return Press(Key.BACKSPACE, gap, Edit(removed=1), wrong=True)
        return self._right_key(gap)

    def press(self, press: Press) -> None:
        """Carry out what :meth:`upcoming` gave."""
        edit = press.edit
        self.buffer = edit.apply(self.buffer)
        self._jumped = press.key is Key.JUMP
        if press.place is not None:
            self._spare, self._place = 0, press.place
            self.buffer = self._at(press.place, self.buffer.text)
        elif press.wrong:
            self._typo_keys += 1
            self._wrong += len(edit.typed) - edit.removed
        else:
            self._closers[self._place] += len(edit.added) - edit.over - edit.taken
            self._spare -= edit.removed
            self._typed(self.buffer.before[len(self.buffer.before) - edit.over :] if edit.over else edit.typed)

    def _typed(self, text: str) -> None:
        right = _common(self.rest, text)
        self._progress[self._place] += right
        # Only an indentation can be other than what was wanted.
        self._spare += len(text) - right

    def judge(self, ghost: Ghost) -> Verdict:
        """Compare a suggestion with what is to be typed here."""
        doubled = self._doubles(ghost.text, ghost.replaced)
        progress = self._progress[self._place] - (ghost.left - self._spare)
        if self._wrong or ghost.left < self._spare or progress < 0:
            return Verdict(0, False, doubled)
        rest = self._texts[self._place][progress:]
        first = ghost.first_line
        whole = bool(ghost.text.strip()) and self._is_right(ghost.text.rstrip(), ghost.replaced, rest)
        line = len(first.text) if first.text and self._is_right(first.text, first.replaced, rest) else 0
        # What puts there again the text that it replaces doubles nothing.
        beyond = ghost.replaced > self.closers
        return Verdict(line, whole, doubled and not (beyond and whole))

    def _is_right(self, text: str, replaced: int, rest: str) -> bool:
        if replaced <= self.closers:
            return rest.startswith(text)
        return text == rest + self.buffer.after[self.closers : replaced]

    def accept(self, ghost: Ghost) -> Edit:
        """Take a suggestion that is right."""
        edit = Edit(typed=ghost.text, removed=ghost.left, taken=ghost.replaced)
        self._progress[self._place] -= ghost.left - self._spare
        self._progress[self._place] += min(len(ghost.text), len(self.rest))
        self._closers[self._place] = max(0, self.closers - ghost.replaced)
        self._spare = 0
        self._jumped = False
        self.buffer = edit.apply(self.buffer)
        return edit

    def _at(self, place: int, text: str) -> Buffer:
        caret = self._offsets[place] + self._progress[place]
        caret += sum(self._progress[before] + self._closers[before] for before in range(place))
        return Buffer(text[:caret], text[caret:])

    def _step(self) -> Step | None:
        """The step whose turn it is; those that a completion or the editor has done are passed over."""
        steps = self._trace.steps
        while self._next < len(steps) and steps[self._next].at < self._progress[steps[self._next].place]:
            self._next += 1
            self._typo_keys = 0
        return steps[self._next] if self._next < len(steps) else None

    def _tidying(self) -> Press | None:
        """All is typed here, but the editor or a completion has put too much."""
        gap = self._trace.key_ms
        if self._spare:
            return Press(Key.BACKSPACE, gap, Edit(removed=self._spare))
        if self.closers:
            return Press(Key.DELETE, gap, Edit(taken=len(self._closing())))
        return None

    def _right_key(self, gap: float) -> Press:
        rest, trace = self.rest, self._trace
        if self._spare and rest[0] not in _CLOSING and rest[0] != "\n":
            return Press(Key.BACKSPACE, trace.key_ms, Edit(removed=min(self._spare, len(trace.indent))))
        closing = self._closing()
        if closing and rest.startswith(closing) and not self._spare:
            return Press(Key.CHARACTER if len(closing) == 1 else Key.MOVE, gap, Edit(over=len(closing)))
        if rest[0] == "\n" and closing and not _closes(rest, closing[-1]):
            # A suggestion has closed what the editor had closed already.
            return Press(Key.DELETE, trace.key_ms, Edit(taken=len(closing)))
        if rest[0] == "\n":
            edit = new_line(self.buffer, trace.language, trace.indent, self.closers, self._spare)
            return Press(Key.ENTER, gap, edit)
        if rest.startswith(trace.indent) and not self.buffer.line_before.strip():
            return Press(Key.TAB, gap, Edit(typed=trace.indent))
        edit = character(self.buffer, rest[0], closing=trace.closing)
        # A closing bracket at the start of a line takes its indentation back by itself.
        return Press(Key.CHARACTER, gap, edit._replace(removed=self._spare))

    def _closing(self) -> str:
        """The first closing character that the editor put right of the caret, and the line end before it."""
        ours = self.buffer.after[: self.closers]
        blanks = len(ours) - len(ours.lstrip())
        return ours[: blanks + 1]

    def _doubles(self, text: str, replaced: int) -> bool:
        text = text.rstrip()
        goal = self.rest + self.buffer.after[self.closers :]
        right = self.buffer.line_after[replaced:].strip()
        last = text.rpartition("\n")[2]
        if right and replaced <= len(self.buffer.line_after):
            copied = last.endswith(right) and not goal.startswith(text + right)
            # What it opened itself it may close.
            return copied and not (_CLOSING.issuperset(right) and _balanced(text))
        following = self.buffer.after[replaced:].lstrip()
        below = following.partition("\n")[0].strip()
        # A lone bracket is below most blocks, and one more of them is no copy.
        return len(below) >= _LEAST_COPY and last.strip() == below and not goal.startswith(text)


_LEAST_COPY = 4


def _closes(text: str, closer: str) -> bool:
    """Whether ``text`` holds this closing character for an opening one in front of it."""
    opener = _OPENERS[closer]
    if opener == closer:
        return closer in text.partition("\n")[0]
    depth = 0
    for letter in text:
        depth += (letter == opener) - (letter == closer)
        if depth < 0:
            return True
    return False


def _balanced(text: str) -> bool:
    """Whether every closing bracket in ``text`` has its opening one in front of it, and quotes come in pairs."""
    depth = 0
    for letter in text:
        depth += (letter in "([{") - (letter in ")]}")
        if depth < 0:
            return False
    return all(text.count(quote) % 2 == 0 for quote in "\"'`")


def _common(one: str, other: str) -> int:
    """How many leading characters are the same."""
    for at, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return at
    return min(len(one), len(other))
