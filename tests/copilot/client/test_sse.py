"""The event-stream parser: the format's own rules, with every chunking."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.client import sse
from copilot.client.sse import SseEvent, SseParser
from copilot.errors import SlipstreamError


def parse(*chunks: bytes) -> list[SseEvent]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def test_an_event_with_all_fields() -> None:
    assert parse(b'id: 7\nevent: token\ndata: {"text":"x"}\n\n') == [SseEvent("7", "token", '{"text":"x"}')]


def test_defaults_several_data_lines_comments_and_unknown_fields() -> None:
    text = b": hello\ndata:a\ndata: b\nretry: 5\ncolour: red\n\n\n\ndata\n\n"
    assert parse(text) == [SseEvent("", "message", "a\nb"), SseEvent("", "message", "")]


def test_the_id_stays_and_the_event_name_does_not() -> None:
    assert parse(b"id: 1\nevent: a\ndata: x\n\ndata: y\n\n") == [SseEvent("1", "a", "x"), SseEvent("1", "message", "y")]


def test_a_byte_order_mark_is_skipped_once() -> None:
    assert parse(b"\xef\xbb\xbfdata: a\n\n") == [SseEvent("", "message", "a")]


def test_an_event_cut_off_by_the_end_is_none() -> None:
    assert parse(b"data: a\n") == []


def test_an_event_without_end_is_refused() -> None:
    parser = SseParser()
    chunk = b"data: " + b"x" * 1_000_000 + b"\n"
    with pytest.raises(SlipstreamError):
        for _ in range(sse.MAX_EVENT_BYTES // len(chunk) + 1):
            parser.feed(chunk)


# Characters of one to four bytes, and those that only look like line ends.
texts = st.text(st.sampled_from("a :\u00e9\u2028\x0b\x0c\U0001f600"), min_size=1, max_size=6)
events = st.lists(st.tuples(texts, st.lists(texts, min_size=1, max_size=3)), max_size=5)


@given(events, st.sampled_from([b"\n", b"\r\n", b"\r"]), st.data())
def test_the_chunking_makes_no_difference(script: list[tuple[str, list[str]]], end: bytes, data: st.DataObject) -> None:
    stream = b""
    expected = []
    for number, (name, lines) in enumerate(script):
        fields = [f"id: {number}", f"event: {name}", *[f"data: {line}" for line in lines], ": comment"]
        stream += end.join(field.encode() for field in fields) + end + end
        expected.append(SseEvent(str(number), name, "\n".join(lines)))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=12).map(sorted))
    chunks = [stream[a:b] for a, b in itertools.pairwise([0, *cuts, len(stream)])]
    assert parse(*chunks) == expected
    assert parse(*[bytes([byte]) for byte in stream]) == expected
