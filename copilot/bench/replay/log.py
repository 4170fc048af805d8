"""What happened while a trace was played, in order. Values only; every measure is read off these."""

from typing import TypeAlias

import msgspec


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag=str.lower, omit_defaults=True):
    """``at``: milliseconds since the first key's time began to run."""

    at: float


class Pressed(_Event, frozen=True, kw_only=True):
    """A key, and what it put left of the caret or went past.

    ``line`` counts the lines that the caret has been on, so that a wait ends with its line. ``kept``: valid ghost text
    stood on the screen right after it. ``open``: the caret's line still lacks something, so that ghost text is of use
    there. ``accepted``: characters that a suggestion typed with this key; ``ends_line``: up to a line's end.
    """

    key: str
    typed: str = ""
    line: int
    kept: bool = False
    open: bool = True
    accepted: int = 0
    ends_line: bool = False


class Shown(_Event, frozen=True, kw_only=True):
    """New ghost text. ``fresh``: there was none. ``flicker``: it replaced another and does not continue it.
    ``right``: its first line is what will be typed. ``doubled``: see ``hand.Verdict``.
    """

    text: str
    fresh: bool
    flicker: bool = False
    right: bool = False
    doubled: bool = False


class Hidden(_Event, frozen=True, kw_only=True):
    """The ghost text went. ``typed``: the user had typed all of it."""

    typed: bool = False


class Answered(_Event, frozen=True, kw_only=True):
    """The pipeline answered the request of the newest key for the first time, ``ms`` after it.

    ``through``: that key had typed the next character of the ghost text.
    """

    ms: float
    through: bool


Event: TypeAlias = Pressed | Shown | Hidden | Answered


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What the pipeline did. ``counted``: its tokens are known. ``cpu_seconds`` are user and system time."""

    counted: bool = False
    prompt_tokens: int = 0
    evaluated_tokens: int = 0
    generated_tokens: int = 0
    later_prompt_tokens: int = 0
    """Of the requests that ended after the second key."""
    later_evaluated_tokens: int = 0
    requests: int = 0
    cancels: int = 0
    cpu_seconds: float | None = None


class Log(msgspec.Struct, frozen=True, kw_only=True):
    """One trace on one pipeline. ``characters`` were missing; ``keys_alone`` it takes without any completion."""

    trace: str
    pipeline: str
    characters: int
    lines: int
    keys_alone: int
    seconds: float
    events: tuple[Event, ...]
    work: Work = Work()
