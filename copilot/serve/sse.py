"""The wire form of a stream: server-sent events with sequence numbers.

Format: https://html.spec.whatwg.org/multipage/server-sent-events.html. JSON escapes line ends, so an event's data
is always one line.
"""

import msgspec

from copilot.serve.api import (
    DoneData,
    ErrorData,
    LetterData,
    PeersData,
    ProgressData,
    QueuedData,
    StartData,
    TokenData,
)
from copilot.serve.streams import Event

HEARTBEAT = b": still here\n\n"

_NAMES: dict[type, bytes] = {
    QueuedData: b"queued",
    StartData: b"start",
    ProgressData: b"progress",
    TokenData: b"token",
    DoneData: b"done",
    ErrorData: b"error",
}
_encoder = msgspec.json.Encoder()


class InfillFrames:
    """Encodes the events of one stream, in order, numbering them from 0."""

    def __init__(self) -> None:
        self._sequence = 0

    def feed(self, event: Event) -> bytes:
        frame = b"id: %d\nevent: %s\ndata: %s\n\n" % (self._sequence, _NAMES[type(event)], _encoder.encode(event))
        self._sequence += 1
        return frame


class PeerFrames:
    """As :class:`InfillFrames`, for what a peer is sent."""

    def __init__(self) -> None:
        self._sequence = 0

    def feed(self, post: PeersData | LetterData) -> bytes:
        name = b"peers" if isinstance(post, PeersData) else b"letter"
        frame = b"id: %d\nevent: %s\ndata: %s\n\n" % (self._sequence, name, _encoder.encode(post))
        self._sequence += 1
        return frame
