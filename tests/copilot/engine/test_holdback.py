"""Whole characters, and never a stop string: the same text out however the text came in."""

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import AnyStr

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from copilot.engine.holdback import Lead, StopHoldback, Utf8Decoder

# Few letters, so that stops overlap, contain and begin one another; one of each width in UTF-8.
letters = st.sampled_from("aabbcé€🎈\n")
texts = st.text(letters, max_size=40)
stop_lists = st.lists(st.text(letters, min_size=1, max_size=5), max_size=4)
cuts = st.lists(st.integers(0, 200), max_size=30)


def pieces(whole: AnyStr, at: Sequence[int]) -> list[AnyStr]:
    """``whole`` cut at these places; places beyond its end and places named twice give empty pieces."""
    places = [0, *sorted(at), len(whole)]
    return [whole[start:end] for start, end in pairwise(places)]


def until_first_stop(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    """The plain meaning: cut where the first stop begins; of those that begin there, the shortest."""
    found = sorted((text.find(stop), len(stop), stop) for stop in stops if stop in text)
    return (text[: found[0][0]], found[0][2]) if found else (text, None)


@given(st.binary(max_size=60) | texts.map(str.encode), cuts)
@example(b"\xed\xa0\x80", [1, 2])
@example(b"\xf0\x9f\x8e\x88"[:3], [1, 2])
@example(b"\xc3(", [1])
def test_bytes_come_out_as_the_whole_would_be_decoded(data: bytes, at: list[int]) -> None:
    decoder = Utf8Decoder()
    shown = "".join([*(decoder.feed(piece) for piece in pieces(data, at)), decoder.finish()])
    assert shown == data.decode("utf-8", "replace")


@given(texts, cuts)
def test_no_replacement_character_is_made_of_good_text(text: str, at: list[int]) -> None:
    decoder = Utf8Decoder()
    for piece in pieces(text.encode(), at):
        assert "\ufffd" not in decoder.feed(piece)
    assert decoder.finish() == ""


def test_an_unfinished_character_waits_and_its_text_before_does_not() -> None:
    decoder = Utf8Decoder()
    assert decoder.feed(b"x = '\xf0\x9f") == "x = '"
    assert decoder.feed(b"\x8e") == ""
    assert decoder.feed(b"\x88'") == "🎈'"
    assert decoder.finish() == ""


def test_bytes_that_cannot_become_a_character_are_replaced_at_once() -> None:
    decoder = Utf8Decoder()
    assert decoder.feed(b"a\xff") == "a\ufffd"
    assert decoder.feed(b"\xe2\x82") == ""
    assert decoder.feed(b"b") == "\ufffdb"
    assert decoder.feed(b"\xe2\x82") == ""
    assert decoder.finish() == "\ufffd"


@given(texts, stop_lists, cuts)
@example("abcd", ["bcd", "c"], [1, 2, 3])
@example("abcx", ["bcd", "c"], [1, 2, 3])
@example("aaaab", ["aab"], [1, 2, 3, 4])
@example("abab", ["ab", "aba"], [1, 2, 3])
@example("ab", ["abc", "b"], [1])
def test_every_chunking_shows_what_comes_before_the_first_stop(text: str, stops: list[str], at: list[int]) -> None:
    holdback = StopHoldback(stops)
    shown = "".join([*(holdback.feed(piece) for piece in pieces(text, at)), holdback.finish()])
    assert (shown, holdback.stopped) == until_first_stop(text, stops)


@given(texts, stop_lists)
def test_each_character_is_shown_as_soon_as_no_stop_can_begin_before_it(text: str, stops: list[str]) -> None:
    holdback = StopHoldback(stops)
    shown = ""
    for end in range(1, len(text) + 1):
        shown += holdback.feed(text[end - 1])
        if holdback.stopped:
            break
        sure, _ = until_first_stop(text[:end], stops)
        could_begin = [at for at in range(end) for stop in stops if stop.startswith(text[at:end])]
        assert shown == sure[: min([*could_begin, len(sure)])]


@given(texts, stop_lists, cuts)
def test_bytes_through_both_give_the_text_before_the_first_stop(text: str, stops: list[str], at: list[int]) -> None:
    decoder, holdback = Utf8Decoder(), StopHoldback(stops)
    shown = [holdback.feed(decoder.feed(piece)) for piece in pieces(text.encode(), at)]
    shown += [holdback.feed(decoder.finish()), holdback.finish()]
    assert "".join(shown) == until_first_stop(text, stops)[0]


def test_a_stop_is_held_back_and_released_when_it_is_none() -> None:
    holdback = StopHoldback(["<|im_end|>", "```"])
    assert holdback.feed("if a <") == "if a "
    assert holdback.feed("|") == ""
    assert holdback.feed("= b:") == "<|= b:"
    assert holdback.feed("``") == ""
    assert holdback.stopped is None
    assert holdback.finish() == "``"
    assert holdback.stopped is None


def test_nothing_is_shown_after_a_stop() -> None:
    holdback = StopHoldback(["END"])
    assert holdback.feed("one END two") == "one "
    assert holdback.stopped == "END"
    assert holdback.feed("three") == ""
    assert holdback.finish() == ""
    assert holdback.stopped == "END"


@pytest.mark.parametrize("stops", [[], [""]])
def test_without_stops_everything_passes(stops: list[str]) -> None:
    holdback = StopHoldback(stops)
    assert holdback.feed("a<b") == "a<b"
    assert holdback.finish() == ""
    assert holdback.stopped is None


def test_stops_are_strings_and_not_patterns() -> None:
    holdback = StopHoldback(["a.c", "[^]", "\\", "-"])
    assert holdback.feed("abc]^[") == "abc]^"
    assert holdback.feed("^]") == ""
    assert holdback.stopped == "[^]"


def test_the_work_does_not_grow_with_what_was_said_before() -> None:
    """Counted, not timed: what is searched is the held tail and the new piece, never the whole answer."""
    holdback = StopHoldback(["<|im_end|>"])
    searched = 0

    class Counting:
        def __init__(self, pattern: re.Pattern[str]) -> None:
            self.pattern = pattern

        def search(self, text: str) -> re.Match[str] | None:
            nonlocal searched
            searched += len(text)
            return self.pattern.search(text)

    holdback._complete = Counting(holdback._complete)  # type: ignore[assignment]
    for _ in range(1000):
        holdback.feed("a <")
    assert searched < 1000 * (3 + len("<|im_end|>"))


@pytest.mark.parametrize(
    ("lead", "pieces", "told"),
    [
        (" ", [" if", " x"], "if x"),
        (" ", ["", " ", " x"], " x"),
        (" ", ["if", " x"], "if x"),
        ("\t", [" if", "\tx"], " if\tx"),
        ("", [" if", " x"], " if x"),
        (" ", [], ""),
    ],
)
def test_a_lead_is_taken_off_once_and_only_at_the_beginning(lead: str, pieces: list[str], told: str) -> None:
    taking = Lead(lead)
    assert "".join(taking.feed(piece) for piece in pieces) == told
