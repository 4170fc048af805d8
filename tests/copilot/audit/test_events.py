"""What a row says, and what it never does."""

import json
import re
from typing import Any

import msgspec
import pytest

from copilot.audit import events
from copilot.audit.events import AuditGap, Content, Ended, Event, SettingsRead, Text, permitted, row

KINDS = [it for it in vars(events).values() if isinstance(it, type) and issubclass(it, Event) and it is not Event]


def as_object(event: Event) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row(event, run="ab12cd34", number=7, wall_ns=NS, monotonic=12.5).json)
    return found


NS = 1_800_000_000_123_456_789


def test_each_row_says_who_when_and_what() -> None:
    event = Ended(tenant="alice", client="neovim", request="r1", lane="inline", reason="stop", total_ms=0.5)
    assert as_object(event) == {
        "seq": 7,
        "run": "ab12cd34",
        "time": "2027-01-15T08:00:00.123Z",
        "mono": 12.5,
        "event": "ended",
        "tenant": "alice",
        "client": "neovim",
        "request": "r1",
        "lane": "inline",
        "reason": "stop",
        "total_ms": 0.5,
    }


def test_kinds_have_names_of_their_own() -> None:
    names = [kind.__struct_config__.tag for kind in KINDS]
    assert len(set(names)) == len(names) == 14
    assert all(re.fullmatch("[a-z_]+", str(name)) for name in names)


def test_only_one_kind_holds_what_was_written() -> None:
    fields = {name for kind in KINDS if kind is not Text for name in kind.__struct_fields__}
    assert fields.isdisjoint({"prompt", "answer", "text", "prefix", "suffix", "content", "message", "path"})


@pytest.mark.parametrize("kind", KINDS)
def test_events_never_change(kind: type[Event]) -> None:
    assert kind.__struct_config__.frozen


def test_gaps_at_the_same_place_are_told_apart() -> None:
    gaps = [AuditGap(count=3, reason="queue"), AuditGap(count=2, reason="sink")]
    found = [row(event, run="r", number=7, wall_ns=NS, monotonic=0) for event in (*gaps, Ended(reason="stop"))]
    assert len({it.id for it in found}) == 3
    assert [it.events for it in found] == [3, 2, 1]


TOKEN = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2dF4hJ6"
"""Made up, and in the form of a real one."""


@pytest.mark.parametrize(
    ("content", "shows_text", "shows_secret"), [("none", False, False), ("redacted", True, False), ("full", True, True)]
)
def test_text_is_recorded_as_far_as_is_allowed(content: Content, shows_text: bool, shows_secret: bool) -> None:
    text = Text(request="r1", prompt=f"password of the cat\n{TOKEN}", answer=f'token = "{TOKEN}"  # of the cat')
    found = json.dumps(as_object(permitted(text, content)))
    assert found.count("of the cat") == (2 if shows_text else 0)
    assert found.count(TOKEN) == (2 if shows_secret else 0)
    assert '"r1"' in found


def test_text_is_cut_and_no_half_of_a_secret_stays() -> None:
    long = "x = 1\n" * 11_000
    text = Text(
        prompt=f"{long}{TOKEN}\n{'y' * (events.MOST_CHARACTERS - 21)}",
        answer=f"{'y' * (events.MOST_CHARACTERS - 20)} {TOKEN}",
    )
    found = permitted(text, "redacted")
    assert isinstance(found, Text)
    assert len(found.prompt) == len(found.answer) == events.MOST_CHARACTERS
    assert TOKEN[-12:] not in found.prompt
    assert TOKEN[:12] not in found.answer


def test_the_longest_text_is_a_row_that_nats_takes() -> None:
    text = permitted(Text(prompt="\x00" * 1_000_000, answer="\x01" * 1_000_000), "full")
    assert len(row(text, run="0" * 8, number=1, wall_ns=NS, monotonic=0).json) < 1_000_000


@pytest.mark.parametrize("content", ["none", "redacted", "full"])
def test_secrets_in_settings_are_always_masked(content: Content) -> None:
    settings = SettingsRead(
        version="1", values={"audit.nats": "nats://audit:Vq7tRw2xLk9@10.0.0.5:4222", "engine.slots": "4"}
    )
    found = as_object(permitted(settings, content))["values"]
    assert "Vq7tRw2xLk9" not in found["audit.nats"]
    assert found["engine.slots"] == "4"


def test_text_that_is_no_unicode_raises() -> None:
    with pytest.raises((UnicodeError, msgspec.MsgspecError)):
        as_object(Ended(tenant="\ud800", reason="stop"))
