"""Messages in and out of a byte stream: the base protocol of LSP 3.18, "Header Part" and "Content Part". No I/O.

A reader that believes every length it is told can be stopped for good by one wrong one. This one relies on what JSON
guarantees: a raw line end never stands inside a JSON string, so an empty line after a ``Content-Length`` header is
never part of a message. Wherever one is found a new message begins, whatever was said about the length before it.
"""

import re
from typing import NamedTuple

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
MAX_HEADER_BYTES = 8 * 1024

# A length of more digits than this is a lie, and Python refuses to convert one of thousands.
_MAX_DIGITS = 15
_END_OF_HEADERS = b"\r\n\r\n"
# Searched for anywhere, not at the start of a line: what is left of a broken message may come before it.
_LENGTH = re.compile(rb"(?<!-)content-length[ \t]*:[ \t]*(\d+)[ \t]*\r\n", re.IGNORECASE)
# What a length that is too long takes from the next header, when the rest of that has not come yet.
_HEADER_IN_TAIL = re.compile(rb"\}[ \t\r\n]*(c[a-z-]*[ \t]*:?[ \t\d]*(?:\r\n?)?\r?)\Z", re.IGNORECASE)
_TAIL_BYTES = 64
_OTHER_HEADERS = re.compile(rb"(?:[!-9;-~]+[ \t]*:[^\r\n]*\r\n)*")


class Message(NamedTuple):
    """One message's content, undecoded."""

    body: bytes


class Broken(NamedTuple):
    """Bytes that are no message. ``reason`` is for the log and for the client; it never holds what came."""

    reason: str
    oversize: bool = False


Event = Message | Broken


class FrameReader:
    """Takes bytes as they come, gives back what is whole.

    Headers are matched without regard to case, spaces around the colon are allowed, other headers are ignored. A
    message larger than ``limit`` bytes is reported once and skipped without being kept in memory.
    """

    def __init__(self, limit: int = MAX_MESSAGE_BYTES) -> None:
        self._limit = limit
        self._buffer = bytearray()
        self._body: int | None = None  # length of the body that is awaited
        self._searched = 0  # the buffer holds no end of headers before this
        self._skipping = False  # a broken stretch was reported; stay silent until the next message

    def feed(self, data: bytes) -> list[Event]:
        """Messages completed by ``data``, and reports of what was broken before them."""
        self._buffer += data
        events: list[Event] = []
        while self._step(events):
            pass
        return events

    def _step(self, events: list[Event]) -> bool:
        """Take one message or one header block off the buffer; False when more bytes are needed."""
        if self._body is not None and self._take_body(events):
            return True
        found = self._find_header()
        if found is None:
            if self._body is None:
                self._drop_garbage(events)
            return False
        start, end, digits = found
        if self._body is not None:
            self._report(events, "a message ended before the length that its header gave")
        elif _OTHER_HEADERS.fullmatch(self._buffer, 0, start) is None:
            self._report(events, "there were bytes between two messages")
        del self._buffer[:end]
        self._searched = 0
        self._body = None
        self._skipping = False
        if len(digits) > _MAX_DIGITS or int(digits) > self._limit:
            size = digits.decode() if len(digits) <= _MAX_DIGITS else f"10^{len(digits) - 1} or more"
            reason = f"a message of {size} bytes is larger than the {self._limit} that are accepted"
            events.append(Broken(reason, oversize=True))
            self._skipping = True
        else:
            self._body = int(digits)
        return True

    def _take_body(self, events: list[Event]) -> bool:
        assert self._body is not None
        if len(self._buffer) < self._body:
            return False
        found = self._find_header(before=self._body + MAX_HEADER_BYTES)
        if found is not None and found[0] < self._body:
            return False
        with memoryview(self._buffer) as view:
            body = bytes(view[: self._body])
        taken = _HEADER_IN_TAIL.search(body, max(0, len(body) - _TAIL_BYTES))
        if taken is not None:
            events.append(Broken("a message ended before the length that its header gave"))
            body = body[: taken.start(1)]
        else:
            events.append(Message(body))
        del self._buffer[: len(body)]
        self._body = None
        self._searched = 0
        return True

    def _find_header(self, before: int | None = None) -> tuple[int, int, bytes] | None:
        """First header block in the buffer: where it starts and ends, and the digits of its length."""
        position = self._searched
        while (at := self._buffer.find(_END_OF_HEADERS, position, before)) != -1:
            end = at + len(_END_OF_HEADERS)
            start = max(0, at - MAX_HEADER_BYTES)
            block = bytes(self._buffer[start:end])
            for match in _LENGTH.finditer(block):
                # Only header lines may stand between the length and the empty line.
                if _OTHER_HEADERS.fullmatch(block, match.end(), len(block) - 2):
                    return start + match.start(), end, match[1]
            position = end
        if before is None:
            self._searched = max(position, len(self._buffer) - len(_END_OF_HEADERS) + 1)
        return None

    def _drop_garbage(self, events: list[Event]) -> None:
        """Forget bytes that can no longer become a header, so that a stream without one costs no memory."""
        block_end = self._buffer.rfind(_END_OF_HEADERS, 0, self._searched)
        after_block = block_end + len(_END_OF_HEADERS) if block_end != -1 else 0
        keep_from = max(after_block, len(self._buffer) - MAX_HEADER_BYTES)
        if keep_from <= 0:
            return
        self._report(events, "there was no Content-Length header where a message should begin")
        del self._buffer[:keep_from]
        self._searched = max(0, self._searched - keep_from)

    def _report(self, events: list[Event], reason: str) -> None:
        if not self._skipping:
            events.append(Broken(reason))
        self._skipping = True


def frame(body: bytes) -> bytes:
    """``body`` with its header."""
    return b"Content-Length: %d\r\n\r\n" % len(body) + body
