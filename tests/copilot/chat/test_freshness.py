"""Lines that were read, and the file as it is now."""

import random

import pytest

from copilot.chat.attachments import Attachment, AttachmentKind, citations, text_digest
from copilot.chat.freshness import CHANGED, Standing, State, stale, standing

LINES = ["import os", "", "def a():", "    return 1", "", "def b():", "    return 2", ""]
TEXT = "\n".join(LINES)


def file(text: str = TEXT) -> Attachment:
    return Attachment(
        kind=AttachmentKind.FILE, label="a.py", text=text, path="a.py", uri="file:///a.py", digest=text_digest(text)
    )


def piece(first: int, last: int) -> Attachment:
    return Attachment(
        kind=AttachmentKind.SYMBOL,
        label="b",
        text="\n".join(LINES[first - 1 : last]),
        path="a.py",
        uri="file:///a.py",
        first=first,
        last=last,
        digest=text_digest(TEXT),
    )


def with_line(at: int, line: str) -> str:
    return "\n".join([*LINES[: at - 1], line, *LINES[at:]])


ABOVE = f"# a comment\n{TEXT}"


@pytest.mark.parametrize(
    ("attachment", "now", "first", "last", "standing_now"),
    [
        (file(), TEXT, 6, 7, (State.SAME, 6)),
        (file(), ABOVE, 6, 7, (State.MOVED, 7)),
        (file(), with_line(7, "    return 3"), 3, 4, (State.SAME, 3)),
        (file(), with_line(7, "    return 3"), 6, 7, (State.CHANGED, 6)),
        (file(), with_line(7, "    return 3"), 6, 6, (State.SAME, 6)),
        (file(), f"# x\n{with_line(4, '    return 9')}", 6, 7, (State.MOVED, 7)),
        (file(), with_line(7, "    return 3"), 0, 0, (State.CHANGED, 0)),
        (file(), "", 3, 3, (State.CHANGED, 3)),
        (file(), None, 3, 3, (State.GONE, 3)),
        (file(), TEXT, 900, 900, (State.SAME, 900)),
        (file(), ABOVE, 900, 900, (State.CHANGED, 900)),
        (piece(6, 7), ABOVE, 0, 0, (State.MOVED, 7)),
        (piece(6, 7), ABOVE, 7, 7, (State.MOVED, 8)),
        (piece(6, 7), with_line(7, "    return 3"), 0, 0, (State.CHANGED, 6)),
        (piece(6, 7), with_line(7, "    return 3"), 6, 6, (State.SAME, 6)),
        (piece(6, 7), with_line(7, "    return 3"), 3, 4, (State.CHANGED, 3)),
        (piece(6, 7), f"{TEXT}\n{TEXT}", 0, 0, (State.SAME, 6)),
        (piece(6, 7), f"x\n{TEXT}\n{TEXT}", 0, 0, (State.CHANGED, 6)),
    ],
)
def test_lines_are_the_same_or_moved_or_said_to_have_changed(
    attachment: Attachment, now: str | None, first: int, last: int, standing_now: tuple[State, int]
) -> None:
    assert standing(attachment, now, first, last) == Standing(*standing_now)


def test_what_is_linked_to_is_always_what_was_read() -> None:
    """Whatever is done to a file, lines that are not said to have changed are to the letter what was cited."""
    chance = random.Random(7)
    words = ["a", "b", "c", "", "    return 1"]
    told = set()
    for _ in range(3_000):
        old = [chance.choice(words) + str(chance.randrange(4)) * chance.randrange(2) for _ in range(12)]
        now = list(old)
        for _ in range(chance.randrange(4)):
            at = chance.randrange(len(now) + 1)
            if chance.random() < 0.5:
                now.insert(at, chance.choice(words))
            else:
                del now[at : at + chance.randrange(3)]
        first = chance.randrange(1, 13)
        last = min(12, first + chance.randrange(3))
        whole = file("\n".join(old))
        some = Attachment(
            kind=AttachmentKind.SELECTION,
            label="x",
            text="\n".join(old[first - 1 : last]),
            path="a.py",
            uri="u",
            first=first,
            last=last,
            digest=whole.digest,
        )
        for attachment in (whole, some):
            found = standing(attachment, "\n".join(now), first, last)
            told.add(found.state)
            if found.state in {State.SAME, State.MOVED}:
                assert now[found.line - 1 : found.line + last - first] == old[first - 1 : last]
    assert told == {State.SAME, State.MOVED, State.CHANGED}


def test_what_is_no_copy_of_lines_is_not_judged() -> None:
    problems = Attachment(kind=AttachmentKind.PROBLEMS, label="p", text="line 1: x", path="a.py", uri="u")
    assert standing(problems, "other").state is State.SAME
    assert standing(Attachment(kind=AttachmentKind.TEXT, label="t", text="x"), None).state is State.SAME


def test_places_that_are_not_what_they_were_are_named_once() -> None:
    found = citations("See a.py:6-7, a.py:6-7, a.py:3 and a.py:1.", [file()])
    assert stale(found, {"a.py": with_line(7, "    return 3")}) == [f"a.py:6: {CHANGED}."]
    assert stale(found, {"a.py": ABOVE})[0] == "a.py:6: now at line 7."
    assert stale(found, {}) == []
