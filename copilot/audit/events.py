"""What is recorded: one Struct for each kind of event, and how it becomes a row. No I/O.

Events hold numbers, names and codes. Only :class:`Text` holds what was written, and the bus takes it only where the
settings say so.
"""

import datetime
from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec

from copilot.safety.secrets import masked

Content = Literal["none", "redacted", "full"]
Missing = Literal["queue", "sink", "event"]

MOST_CHARACTERS = 65_536
"""Of a text that is recorded; a prompt's beginning and an answer's end are cut. So a row fits what NATS takes, 1 MB."""

# Searched for secrets beyond the cut, so that none is recorded whose other half told what it is.
_MARGIN = 8192


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """``tenant``: the user it is about. ``client``: the editor or address it came from. ``request``: the id of the
    stream. ``lane``: as in ``copilot.serve.api``. Each is empty where there is none."""

    tenant: str = ""
    client: str = ""
    request: str = ""
    lane: str = ""


class Admitted(Event, frozen=True, kw_only=True, tag="admitted"):
    """A request may wait for the engine."""


class Refused(Event, frozen=True, kw_only=True, tag="refused"):
    """``code``: of the error that it was answered with. ``count``: so many of the kind, since the last row of it."""

    code: str
    count: int = 1


class Started(Event, frozen=True, kw_only=True, tag="started"):
    """The engine took it up."""

    model: str = ""
    queue_ms: float = 0.0


class FirstToken(Event, frozen=True, kw_only=True, tag="first_token"):
    ttft_ms: float


class Ended(Event, frozen=True, kw_only=True, tag="ended"):
    """``reason``: ``stop``, ``length``, ``cancelled``, or the code of the error. Times in milliseconds from the
    request's arrival; ``ttft_ms`` is None where no token came. ``model_sha256``: of the model's file, in hex."""

    reason: str
    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0
    queue_ms: float = 0.0
    ttft_ms: float | None = None
    total_ms: float = 0.0
    model: str = ""
    model_sha256: str = ""


class LoginRefused(Event, frozen=True, kw_only=True, tag="login_refused"):
    """``code``: why. The token itself is never recorded. ``count``: so many of the kind, since the last row of it."""

    code: str
    count: int = 1


class UserAdded(Event, frozen=True, kw_only=True, tag="user_added"):
    """``tenant`` may come in from now on. ``by``: who did it."""

    by: str = ""
    scopes: tuple[str, ...] = ()


class UserRotated(Event, frozen=True, kw_only=True, tag="user_rotated"):
    """``tenant`` has a new token, the old one is void."""

    by: str = ""


class UserRevoked(Event, frozen=True, kw_only=True, tag="user_revoked"):
    by: str = ""


class SettingsRead(Event, frozen=True, kw_only=True, tag="settings"):
    """What the host runs with. ``values``: by name, as in ``engine.threads``; secrets in them are always masked."""

    version: str = ""
    values: Mapping[str, str] = {}


class Text(Event, frozen=True, kw_only=True, tag="text"):
    """What was asked and answered, where ``audit.content`` is not ``none``."""

    prompt: str = ""
    answer: str = ""


class AuditGap(Event, frozen=True, kw_only=True, tag="audit_gap"):
    """``count`` events before this place are missing. ``reason``: ``queue`` (they came faster than they could be
    written), ``sink`` (it failed for long) or ``event`` (it could not be written as JSON)."""

    count: int
    reason: Missing


class AuditBreak(Event, frozen=True, kw_only=True, tag="audit_break"):
    """A write was cut off here, by a crash or a loss of power: ``bytes`` were set aside as ``file``."""

    file: str
    bytes: int
    sha256: str


class AuditForgot(Event, frozen=True, kw_only=True, tag="audit_forgot"):
    """``rows`` were made tombstones that bear ``mark``. Whose they were is not said."""

    mark: str
    rows: int


class Row(NamedTuple):
    """An event as the sinks take it. ``id``: no other row has it. ``name``: of the kind of event.

    ``json``: one object on one line, without the line's end. ``events``: that it stands for, more than 1 where it
    tells of a gap.
    """

    id: str
    number: int
    name: str
    json: bytes
    events: int = 1


def row(event: Event, *, run: str, number: int, wall_ns: int, monotonic: float) -> Row:
    """``run``: of whoever numbers the events, hex. ``wall_ns``: nanoseconds since 1970. ``monotonic``: seconds on a
    clock that is never set, the same for all rows of a run.

    Raises what ``msgspec`` raises for text that is no Unicode.
    """
    moment = datetime.datetime.fromtimestamp(wall_ns / 1e9, datetime.UTC).isoformat(timespec="milliseconds")
    head = f'{{"seq":{number},"run":"{run}","time":"{moment.removesuffix("+00:00")}Z","mono":{monotonic:.6f},'
    name = str(event.__struct_config__.tag)
    line = head.encode() + msgspec.json.encode(event)[1:]
    if isinstance(event, AuditGap):
        # It has the number of the last event that is missing, as another gap may have.
        return Row(f"{run}-{number}-{event.reason}", number, name, line, event.count)
    return Row(f"{run}-{number}", number, name, line)


def permitted(event: Event, content: Content) -> Event:
    """The event with no more of what was written than ``content`` allows."""
    if isinstance(event, SettingsRead):
        values = {name: masked(value)[0] for name, value in event.values.items()}
        return msgspec.structs.replace(event, values=values)
    if not isinstance(event, Text):
        return event
    if content == "none":
        return msgspec.structs.replace(event, prompt="", answer="")
    prompt, answer = event.prompt[-MOST_CHARACTERS - _MARGIN :], event.answer[: MOST_CHARACTERS + _MARGIN]
    if content == "redacted":
        prompt, answer = masked(prompt)[0], masked(answer)[0]
    return msgspec.structs.replace(event, prompt=prompt[-MOST_CHARACTERS:], answer=answer[:MOST_CHARACTERS])
