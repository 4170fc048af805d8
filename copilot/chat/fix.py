"""Correct a piece of code, given what is wrong with it. No I/O."""

import re
from collections.abc import Sequence
from functools import cached_property

from copilot.chat.fences import candidates
from copilot.chat.indentation import reindented
from copilot.chat.place import Lines, Place
from copilot.chat.proposal import Proposal, replace_lines
from copilot.chat.question import Outcome, Turn
from copilot.chat.withheld import revealed
from copilot.chat.wording import clipped, conversation, fenced, surroundings, where, wish
from copilot.errors import SlipstreamError
from copilot.safety.invisible import without_invisible
from copilot.syntax.source import Source
from copilot.text.line_ends import to_newlines

_MOST_LINES = 120
_PARAGRAPH = 30
_PIECE = 0.6
_CHARS_PER_TOKEN = 3
# What a model writes where it leaves code out.
_ELISION = re.compile(
    r"^\s*(?:#|//|/\*|--|<!--)?\s*(?:\.{3}|…)|"
    r"(?:rest|remainder) of (?:the|your) |existing code|unchanged|same as before",
    re.IGNORECASE | re.MULTILINE,
)
INVISIBLE = "Invisible characters in the answer were left out of the proposal."


class Fix:
    """``problems``: line in the document, and what was said of it."""

    def __init__(self, place: Place, problems: Sequence[tuple[int, str]] = (), wish: str = "") -> None:
        self._place = place
        self._problems = problems
        self._wish = wish

    @property
    def title(self) -> str:
        symbol = self._place.symbol
        return f"Fix {symbol.name}" if symbol is not None else "Fix"

    @property
    def most_tokens(self) -> int:
        return 160 + len(self._target.piece) * 2 // _CHARS_PER_TOKEN

    @cached_property
    def _target(self) -> Place:
        """What was selected; else the symbol around, or the paragraph where there is none or a very long one."""
        place = self._place
        lines = place.lines
        if place.selected and lines.after - lines.first > 1:
            return place
        if not place.selected and place.symbol is not None and lines.after - lines.first <= _MOST_LINES:
            return place
        symbol = place.symbol
        if symbol is not None:
            around = place.lines_of(symbol)
            if around.after - around.first <= _MOST_LINES:
                return place.at(around)
        return place.at(_paragraph(place))

    def turns(self, room: int) -> list[Turn]:
        target = self._target
        piece = target.piece
        if len(piece) > room * _PIECE:
            raise SlipstreamError(
                "This piece of code is too long to be corrected at once.",
                hint="Select the lines that matter.",
                code="context_too_long",
            )
        problems = [clipped(self._problem(line, message), 600) for line, message in self._problems[:8]]
        said = "Problems:\n" + "\n".join(problems) if problems else "Look for the mistake."
        return conversation(
            f"Correct this {target.language} code. Change only what is needed.\n{where(target)}\n"
            f"{fenced(piece, target.language)}\n{said}\n{surroundings(target, (room - len(piece)) // 2)}"
            f"{wish(self._wish)}\n"
            "Reply with the whole corrected piece of code in one fenced block and nothing else."
        )

    def _problem(self, line: int, message: str) -> str:
        place = self._place
        known = 0 <= line < len(place.document.lines)
        code = place.text_of(Lines(line, line + 1)).strip() if known else ""
        return f"- {message} (at `{code}`)" if code else f"- {message}"

    def read(self, answer: str, *, whole: bool) -> Outcome:
        if not whole:
            return Outcome(note="The answer broke off, so nothing is proposed.")
        note = "The answer holds no code that could be put in place."
        for block in candidates(answer):
            code = without_invisible(block.code, code=True)
            proposal, why = self._judged(code)
            if proposal is not None:
                return Outcome(proposal, note=INVISIBLE if code != block.code else "")
            note = why
        return Outcome(note=note)

    def _judged(self, code: str) -> tuple[Proposal | None, str]:
        target = self._target
        piece = target.piece
        if _elisions(code) > _elisions(piece):
            return None, "The answer leaves code out, so nothing is proposed."
        proposal = replace_lines(target.shown, target.lines, reindented(code, piece))
        if not proposal.hunks:
            return None, "The answer is the code as it was."
        after = Source.of(to_newlines(proposal.text), target.language)
        if after is not None and target.source is not None:
            if after.faults > target.source.faults:
                return None, "With the answer in place the file would no longer parse, so nothing is proposed."
            kept = {it.name for it in after.definitions}
            lost = [it.name for it in target.source.definitions if it.name not in kept]
            if lost:
                return None, f"The answer drops {', '.join(lost[:3])}, so nothing is proposed."
        try:
            return revealed(proposal, target.document, target.lines), ""
        except SlipstreamError as error:
            return None, error.message


def _elisions(text: str) -> int:
    return len(_ELISION.findall(text))


def _paragraph(place: Place) -> Lines:
    """The lines around that no blank line parts, up to a limit."""
    lines = place.document.lines
    first, after = place.lines
    while first > 0 and lines[first - 1].strip() and after - first < _PARAGRAPH:
        first -= 1
    while after < len(lines) and lines[after].strip() and after - first < _PARAGRAPH:
        after += 1
    return Lines(first, after)
