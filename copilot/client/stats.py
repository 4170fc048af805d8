"""How one stream went, as its reader saw it."""

import time

from copilot.serve.api import DoneData, ProgressData, TokenData


class StreamStats:
    """Add each event of a stream as it comes. Made when the request is about to be sent.

    A stream that was left early has no counts of its own; what was seen of it stands in.
    """

    def __init__(self) -> None:
        self.prompt_tokens = 0
        self.reused_tokens = 0
        self.generated_tokens = 0
        self._asked = time.monotonic()
        self._first: float | None = None
        self._last = 0.0
        self._decode_ms = 0.0

    def add(self, event: object) -> None:
        if isinstance(event, TokenData):
            self._last = time.monotonic()
            self._first = self._first or self._last
            self.generated_tokens += 1
        elif isinstance(event, ProgressData):
            self.prompt_tokens, self.reused_tokens = event.total, event.reused
        elif isinstance(event, DoneData):
            self.prompt_tokens, self.reused_tokens = event.prompt_tokens, event.reused_tokens
            self.generated_tokens, self._decode_ms = event.generated_tokens, event.decode_ms

    @property
    def ttft_ms(self) -> float | None:
        """Milliseconds until the first token; None where there was none."""
        return None if self._first is None else 1000 * (self._first - self._asked)

    @property
    def tokens_per_second(self) -> float | None:
        """Speed of decoding, as the engine measured it where it told."""
        if self._decode_ms:
            return 1000 * self.generated_tokens / self._decode_ms
        # The first token ends the prefill, the others were decoded in between.
        if self._first is None or self._last <= self._first:
            return None
        return (self.generated_tokens - 1) / (self._last - self._first)
