"""``slipstream/stream``: an answer as it grows, for clients that show it. One begin, then text, one end."""

from copilot_lsp.companion import Mirror
from copilot_lsp.messages import Json
from copilot_lsp.protocol import Protocol

STREAM = "slipstream/stream"


class StreamNotes:
    """The notifications of one answer, numbered from 0. ``wanted``: whether the client asked for them; ``mirror`` shows
    the answer in companion windows."""

    def __init__(
        self, protocol: Protocol, name: str, *, command: str, uri: str | None, wanted: bool, mirror: Mirror
    ) -> None:
        self.name = name
        self._protocol = protocol
        self._command = command
        self._uri = uri
        self._wanted = wanted
        self.mirror = mirror
        self._sequence = 0
        self._over = False

    def begin(self, title: str) -> None:
        """Only the first call counts."""
        if self._sequence == 0:
            self.mirror.begin(title)
            self._send({"kind": "begin", "command": self._command, "title": title, "uri": self._uri})

    def text(self, text: str) -> None:
        if text and not self._over:
            self.mirror.text(text)
            self._send({"kind": "text", "text": text})

    def end(self, reason: str, message: str = "", hint: str = "") -> None:
        """Only the first call counts."""
        if not self._over:
            self.mirror.end(reason, message)
            self._send({"kind": "end", "reason": reason, "message": message, "hint": hint})
            self._over = True

    def _send(self, value: Json) -> None:
        if self._over:
            return
        if self._wanted:
            # None may be dropped: text that is missing in the middle is worse than text that comes late.
            self._protocol.notify_plain(STREAM, {"stream": self.name, "sequence": self._sequence, **value})
        self._sequence += 1
