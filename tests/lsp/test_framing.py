"""Framing: whole messages, however the bytes are cut and whatever stands between them."""

import itertools
import json

import pytest
from copilot_lsp.framing import MAX_HEADER_BYTES, Broken, Event, FrameReader, Message, frame
from hypothesis import given
from hypothesis import strategies as st

PING = b'{"jsonrpc": "2.0", "id": 1, "method": "ping"}'
PONG = b'{"jsonrpc": "2.0", "id": 2, "method": "pong"}'


def read(*pieces: bytes, limit: int = 1024) -> list[Event]:
    reader = FrameReader(limit)
    return [event for piece in pieces for event in reader.feed(piece)]


def bodies(events: list[Event]) -> list[bytes]:
    return [event.body for event in events if isinstance(event, Message)]


def broken(events: list[Event]) -> list[Broken]:
    return [event for event in events if isinstance(event, Broken)]


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: %d\r\n\r\n",
        b"content-length: %d\r\n\r\n",
        b"CONTENT-LENGTH:%d\r\n\r\n",
        b"Content-Length:   %d  \r\n\r\n",
        b"Content-Length : %d\r\n\r\n",
        b"Content-Length: 00%d\r\n\r\n",
        b"Content-Length: %d\r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
        b"X-Trace: a:b\r\ncontent-length: %d\r\nX-More:\r\n\r\n",
    ],
)
def test_headers_may_be_written_in_every_allowed_way(header: bytes) -> None:
    assert read(header % len(PING) + PING + frame(PONG)) == [Message(PING), Message(PONG)]


@given(
    messages=st.lists(st.one_of(st.text(), st.text(alphabet="\r\n:{}Content-Length 123")), max_size=4),
    cuts=st.lists(st.integers(0, 400), max_size=8),
)
def test_messages_come_out_whole_however_the_bytes_are_cut(messages: list[str], cuts: list[int]) -> None:
    contents = [json.dumps({"text": text}, ensure_ascii=False).encode() for text in messages]
    stream = b"".join(map(frame, contents))
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    pieces = [stream[start:end] for start, end in itertools.pairwise(places)]
    assert read(*pieces, limit=1 << 20) == [Message(content) for content in contents]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"hello\r\n\r\n",
        b"\r\n\r\n",
        b"Content-Length:\r\n\r\n",
        b"Content-Length: abc\r\n\r\n",
        b"Content-Length: -5\r\n\r\n",
        b"Content-Length: 5, 6\r\n\r\n",
        b"X-Content-Length: 5\r\n\r\n",
        b"\x00\xff\xfe" * 100,
        b"x" * (3 * MAX_HEADER_BYTES),
        b"\r\n" * MAX_HEADER_BYTES,
    ],
)
def test_what_is_no_message_is_reported_once_and_skipped(nonsense: bytes) -> None:
    for size in (1, 7, 4096):
        stream = nonsense + frame(PING)
        events = read(*(stream[at : at + size] for at in range(0, len(stream), size)))
        assert bodies(events) == [PING]
        assert len(broken(events)) == 1


@pytest.mark.parametrize("digits", [b"1025", b"1000000000000", b"9" * 30, b"9" * 6000])
def test_a_message_that_is_too_large_is_skipped_whatever_its_length(digits: bytes) -> None:
    events = read(b"Content-Length: " + digits + b"\r\n\r\n" + b"y" * 5000 + frame(PING) + frame(PONG))
    assert bodies(events) == [PING, PONG]
    assert [event.oversize for event in broken(events)] == [True]


def test_a_skipped_message_is_not_kept_in_memory() -> None:
    reader = FrameReader(limit=10)
    reader.feed(b"Content-Length: 100000000\r\n\r\n")
    for _ in range(100):
        reader.feed(b"y" * 65536)
    assert len(reader._buffer) <= MAX_HEADER_BYTES + 65536


@pytest.mark.parametrize("wrong_by", [-20, -1, 1, 2, 15, 40, 500])
def test_a_length_that_is_a_little_wrong_costs_only_its_own_message(wrong_by: int) -> None:
    stream = b"Content-Length: %d\r\n\r\n%s" % (len(PING) + wrong_by, PING) + frame(PONG) + frame(PING)
    for size in (1, 10, len(stream)):
        events = read(*(stream[at : at + size] for at in range(0, len(stream), size)))
        assert bodies(events)[-2:] == [PONG, PING]
        assert len(events) <= 4


def test_text_that_looks_like_a_header_is_only_text() -> None:
    content = json.dumps({"text": "Content-Length: 2\r\n\r\n{}"}).encode()
    assert read(frame(content)) == [Message(content)]


def test_an_empty_message_is_a_message() -> None:
    assert read(b"Content-Length: 0\r\n\r\n" + frame(PING)) == [Message(b""), Message(PING)]
