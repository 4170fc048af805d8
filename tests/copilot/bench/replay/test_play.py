"""The player, the simulated user and the screen, in virtual time."""

import asyncio

from copilot.bench.replay.editor import Buffer, Edit
from copilot.bench.replay.hand import Verdict
from copilot.bench.replay.log import Hidden, Log, Pressed, Shown
from copilot.bench.replay.pipeline import Ghost, Screen
from copilot.bench.replay.play import keys_alone, play
from copilot.bench.replay.screen import GhostText, after_key
from copilot.bench.replay.user import User, decide
from copilot.bench.replay.virtual import clock
from tests.copilot.bench.replay.scripted import NoMeter, Scripted, right_line
from tests.copilot.bench.replay.traces import one_place

GOAL = "def total(items):\n    return sum(items) / len(items)\n\n\nprint(total([1, 2]))\n"
BODY = "return sum(items) / len(items)"
TRACE = one_place(GOAL, 17, 17 + 5 + len(BODY), closing=False)


def played(pipeline: Scripted, user: User | None = None) -> Log:
    return clock.run(play(TRACE, pipeline, user or User(), NoMeter()))


def pressed(log: Log) -> list[Pressed]:
    return [event for event in log.events if isinstance(event, Pressed)]


def test_without_completions_every_key_is_pressed_at_its_time() -> None:
    keys = pressed(played(Scripted()))
    assert len(keys) == keys_alone(TRACE) == 1 + len(BODY)
    assert [round(key.at) for key in keys] == [100 * number for number in range(1, 2 + len(BODY))]
    assert not any(key.kept for key in keys)


def test_a_right_line_is_accepted_once_it_was_visible_for_a_while() -> None:
    log = played(Scripted(right_line(GOAL)))
    keys = pressed(log)
    # Visible from the first key on; the keys typed meanwhile are what it says.
    assert [(key.key, round(key.at)) for key in keys] == [
        ("enter", 100),
        ("character", 200),
        ("character", 300),
        ("accept", 400),
    ]
    assert (keys[-1].accepted, keys[-1].ends_line) == (len(BODY) - 2, True)
    assert [event.right for event in log.events if isinstance(event, Shown)] == [True]
    assert [event.typed for event in log.events if isinstance(event, Hidden)] == [True]


def test_a_user_who_only_types_accepts_nothing() -> None:
    keys = pressed(played(Scripted(right_line(GOAL)), User(accepts=False)))
    assert len(keys) == 1 + len(BODY)
    assert sum(key.kept for key in keys) == len(BODY), "all but the last key, after which nothing is left to show"


def test_a_wrong_line_is_typed_over() -> None:
    def wrong(screen: Screen, buffer: Buffer) -> None:
        screen.show(Ghost("retour 1"))

    log = played(Scripted(wrong))
    assert len(pressed(log)) == 1 + len(BODY)
    assert not any(event.right for event in log.events if isinstance(event, Shown))


def test_what_comes_between_two_keys_is_seen() -> None:
    def later(screen: Screen, buffer: Buffer) -> None:
        if buffer.before.endswith("ret"):
            asyncio.get_running_loop().call_later(0.05, screen.show, Ghost("urn sum(items) / len(items)"))

    log = played(Scripted(later))
    (shown,) = [event for event in log.events if isinstance(event, Shown)]
    assert round(shown.at) == 450
    assert pressed(log)[-1].key == "accept"
    assert round(pressed(log)[-1].at) == 750


def test_after_accepting_the_rest_keeps_its_gaps() -> None:
    goal = "first = 1\nsecond = 2\n"
    trace = one_place(goal, 0, 20)

    def first(screen: Screen, buffer: Buffer) -> None:
        screen.show(Ghost("irst = 1") if buffer.before == "f" else None if "\n" in buffer.before else screen.ghost)

    log = clock.run(play(trace, Scripted(first), User(), NoMeter()))
    keys = pressed(log)
    accept = next(at for at, key in enumerate(keys) if key.key == "accept")
    assert [round(later.at - key.at) for key, later in zip(keys[accept:], keys[accept + 1 :], strict=False)] == [
        100
    ] * 11


def verdict(line: int, *, whole: bool = False) -> "object":
    return lambda ghost: Verdict(line, whole, False)


def test_a_user_who_waits_presses_the_next_key_when_all_has_come() -> None:
    class Slow(Scripted):
        until = 0.0

        @property
        def busy(self) -> bool:
            return asyncio.get_running_loop().time() < self.until

    def later(screen: Screen, buffer: Buffer) -> None:
        loop = asyncio.get_running_loop()
        slow.until = loop.time() + 1.0
        rest = GOAL[len(buffer.before) :].partition("\n")[0]
        loop.call_later(0.9, screen.show, Ghost(rest) if buffer.before.endswith("    r") else None)

    slow = Slow(later)
    keys = pressed(played(slow, User(waits=True)))
    assert [(key.key, round(key.at / 1000)) for key in keys] == [("enter", 0), ("character", 1), ("accept", 2)]


def test_short_or_wrong_suggestions_convince_nobody() -> None:
    screen = GhostText()
    screen.put(Ghost("abcdef"), 1000.0)
    assert decide(User(), screen, verdict(3)) is None  # type: ignore[arg-type]
    assert decide(User(accepts=False), screen, verdict(6)) is None  # type: ignore[arg-type]
    decision = decide(User(), screen, verdict(6, whole=True))  # type: ignore[arg-type]
    assert decision is not None
    assert decision == (1300.0, Ghost("abcdef"))


def test_of_several_lines_the_first_is_taken_unless_all_are_right() -> None:
    screen = GhostText()
    screen.put(Ghost("abcd\nefgh", 2), 0.0)
    partly = decide(User(), screen, verdict(4))  # type: ignore[arg-type]
    assert partly is not None
    assert partly.ghost == Ghost("abcd", 2)
    wholly = decide(User(), screen, verdict(4, whole=True))  # type: ignore[arg-type]
    assert wholly is not None
    assert wholly.ghost == Ghost("abcd\nefgh", 2)


def test_lines_that_grow_do_not_restart_the_reading_of_the_first() -> None:
    screen = GhostText()
    screen.put(Ghost("abcd"), 0.0)
    screen.put(Ghost("abcd\nefgh"), 200.0)
    assert (screen.since, screen.whole_since) == (0.0, 200.0)
    screen.put(Ghost("abxx"), 250.0)
    assert screen.since == 250.0


def test_typing_what_the_ghost_says_leaves_the_rest() -> None:
    assert after_key(Ghost("foo(a)"), Edit(typed="f"), "f") == Ghost("oo(a)")
    assert after_key(Ghost("foo(a)"), Edit(typed="x"), "x") is None
    assert after_key(Ghost("f"), Edit(typed="f"), "f") is None
    assert after_key(Ghost("foo"), Edit(removed=1), "") is None
    # The editor closes the bracket that the suggestion closes too.
    assert after_key(Ghost("(a)"), Edit(typed="(", added=")"), "(") == Ghost("a)", 1)
    assert after_key(Ghost(") + 1", 1), Edit(over=1), ")") == Ghost(" + 1", 0)
    assert after_key(Ghost(") + 1", 0), Edit(over=1), ")") is None
