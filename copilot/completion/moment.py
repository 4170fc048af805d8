"""Moments in the life of a suggestion, as they are recorded. Values only; they hold no code."""

from enum import StrEnum

import msgspec

from copilot.context.request import CaretPlace


class Outcome(StrEnum):
    SHOWN = "shown"
    ACCEPTED = "accepted"
    PARTIALLY_ACCEPTED = "partially_accepted"
    REJECTED = "rejected"
    KEPT = "kept"


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """``suggestion`` numbers it within its document. ``characters`` and ``lines``: of what was shown, or accepted.

    ``waited_ms``: from the request to the first text (shown). ``share``: words of it still there, 0 to 1, ``after_s``
    seconds after acceptance (kept). ``visible_ms``: how long it was on screen (rejected).
    """

    outcome: Outcome
    suggestion: int
    language: str
    place: CaretPlace
    characters: int
    lines: int
    waited_ms: float | None = None
    share: float | None = None
    after_s: float | None = None
    visible_ms: float | None = None
