"""The immutable question that a completion asks: text around the caret, and what may help.

Values only. How text becomes tokens is the engine's business, how it was gathered the caller's.
"""

from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta


class CaretPlace(StrEnum):
    """Where on its line the caret stands; decides the order of the prompt (see ``engine.planning``)."""

    FRESH_LINE = "fresh_line"
    """Only white space before the caret on its line, nothing after it."""
    LINE_END = "line_end"
    """Text before the caret on its line, only white space after it."""
    MID_LINE = "mid_line"
    """Text after the caret on its line."""


LineNumber = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Snippet(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Context from elsewhere. Lines are counted from 1, ``end_line`` included.

    ``source``: which retriever found it, ``score``: how well it fits, higher is better; both for people who wonder.
    """

    path: str
    text: str
    start_line: LineNumber = 1
    end_line: LineNumber = 1
    reason: str = ""
    source: str = ""
    score: float = 0.0


class InfillRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One completion to be made at the end of ``prefix + begun``.

    ``begun`` is what was typed since ``prefix`` was frozen: the beginning of the middle that is asked for. A caller who
    freezes ``prefix`` and ``suffix`` and lets only ``begun`` grow has each prompt begin with the last one, in every
    order. ``place`` and ``layout`` are frozen with them. ``place`` is where the caret stood at the end of ``prefix``,
    and chooses the order of the prompt; without it the place is read off the text. ``layout`` names the order itself.
    """

    prefix: str
    begun: str = ""
    suffix: str = ""
    snippets: tuple[Snippet, ...] = ()
    path: str | None = None
    language: str | None = None
    place: CaretPlace | None = None
    layout: str | None = None


def caret_place(prefix: str, suffix: str) -> CaretPlace:
    """Read the place of the caret off the text around it."""
    before = prefix[max(prefix.rfind("\n"), prefix.rfind("\r")) + 1 :]
    after = suffix.partition("\n")[0].partition("\r")[0]
    if after.strip():
        return CaretPlace.MID_LINE
    return CaretPlace.LINE_END if before.strip() else CaretPlace.FRESH_LINE
