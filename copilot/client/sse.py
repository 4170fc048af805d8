"""Server-sent events, read from bytes that come in any pieces. No I/O.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
"""

from typing import NamedTuple

from copilot.errors import SlipstreamError

MAX_EVENT_BYTES = 4 * 1024 * 1024


class SseEvent(NamedTuple):
    """``id`` is the last one that was sent, as the format has it; "" before any."""

    id: str
    event: str
    data: str


class SseParser:
    """``feed`` bytes, get the events that they complete. Comments, such as heartbeats, are swallowed.

    An event that the end of the stream cuts off is none; there is nothing to finish.
    """

    def __init__(self) -> None:
        self._line = bytearray()
        self._after_cr = False
        self._first_line = True
        self._id = ""
        self._event = ""
        self._data: list[str] = []
        self._size = 0

    def feed(self, data: bytes) -> list[SseEvent]:
        """Raises :class:`SlipstreamError` ``stream_broken`` for an event larger than ``MAX_EVENT_BYTES``."""
        if self._after_cr and data:
            # The second half of a CRLF that was cut in two.
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if not data:
            return []
        self._after_cr = data.endswith(b"\r")
        self._line += data
        # Every byte of a longer UTF-8 sequence is above 0x7F, so a line end is never part of a character.
        *lines, rest = bytes(self._line).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        self._line = bytearray(rest)
        events: list[SseEvent] = []
        for line in lines:
            self._take(line, events)
        if self._size + len(self._line) > MAX_EVENT_BYTES:
            raise SlipstreamError("An event of the stream is too large.", code="stream_broken", retryable=True)
        return events

    def _take(self, line: bytes, events: list[SseEvent]) -> None:
        if self._first_line:
            self._first_line = False
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line:
            if self._data:
                events.append(SseEvent(self._id, self._event or "message", "\n".join(self._data)))
            self._event, self._data, self._size = "", [], 0
            return
        name, _, value = line.decode("utf-8", "replace").partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
            self._size += len(line)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._id = value
