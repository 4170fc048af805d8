"""A hole in a text, and what belongs there. Values only."""

from enum import StrEnum

import msgspec

from copilot.context.request import CaretPlace, Snippet, caret_place


class Stratum(StrEnum):
    """Where the caret stands and what is missing; every figure is given for each of these by itself.

    In the order of the report.
    """

    FRESH_LINE = "fresh-line"
    """A whole line, the caret at the very start of the empty line."""
    INDENTED = "indented"
    """The same after an editor has put in the indentation."""
    LINE_END = "line-end"
    """The next line is missing, the caret at the end of the one above."""
    BEGUN = "begun"
    """The rest of a line, with nothing right of the caret."""
    MID_LINE = "mid-line"
    """A few tokens; more of the line stands right of the caret."""
    BEFORE_CLOSER = "before-closer"
    """What is missing up to a closing bracket, which stands right of the caret."""
    BLOCK = "block"
    """Several whole lines, the caret at the very start of an empty line."""
    SPAN = "span"
    """Any stretch of text, from and to the middle of a line as it may be."""
    PUBLISHED = "published"
    """A whole line as the HumanEval-infilling sets have it: no line end is left where the line was, so that the text
    below begins at the caret. For comparison with published figures; no editor shows a text like this."""


DEFAULT_STRATA = tuple(stratum for stratum in Stratum if stratum is not Stratum.PUBLISHED)


class Check(msgspec.Struct, frozen=True):
    """How to find out by execution: ``test`` defines ``check``, which is called with ``entry_point``."""

    test: str
    entry_point: str


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """``prefix + gold + suffix`` is the original text, with ``\\n`` line ends.

    ``one_line``: the gold is one line or less, and so only the first line of an answer is compared with it.
    ``path`` names the text for the model and gives the language.
    """

    id: str
    stratum: Stratum
    prefix: str
    gold: str
    suffix: str
    one_line: bool
    language: str
    path: str | None = None
    check: Check | None = None
    snippets: tuple[Snippet, ...] = ()

    @property
    def place(self) -> CaretPlace:
        """Of the caret; a published hole is taken for the fresh line that it is meant to be."""
        if self.stratum is Stratum.PUBLISHED:
            return CaretPlace.FRESH_LINE
        return caret_place(self.prefix, self.suffix)

    @property
    def key(self) -> str:
        return f"{self.id}#{self.stratum}"
