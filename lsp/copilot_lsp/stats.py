"""Facts about one completion, for clients that show them."""

import time

from copilot.serve.api import DoneData, ProgressData, TokenData
from copilot_lsp.messages import Json, RequestId


class Stats:
    """Collects from the host's events. Counts are complete after ``done``; a stream that was cut short has none of
    its own, and what was seen of it stands in.
    """

    def __init__(self) -> None:
        self._asked = time.monotonic()
        self._first: float | None = None
        self._last = 0.0
        self._prompt = 0
        self._reused = 0
        self._generated = 0
        self._decode_ms: float | None = None

    def add(self, event: object) -> None:
        if isinstance(event, ProgressData):
            self._prompt, self._reused = event.total, event.reused
        elif isinstance(event, TokenData):
            self._last = time.monotonic()
            self._first = self._first or self._last
            self._generated += 1
        elif isinstance(event, DoneData):
            self._prompt, self._reused = event.prompt_tokens, event.reused_tokens
            self._generated, self._decode_ms = event.generated_tokens, event.decode_ms

    def report(self, request_id: RequestId) -> Json:
        """The parameters of ``slipstream/completionStats``. Times in milliseconds; null where there was no token."""
        tokens_per_second = None
        if self._decode_ms:
            tokens_per_second = 1000 * self._generated / self._decode_ms
        elif self._first is not None and self._last > self._first:
            # The first token ends the prefill; what came after it was decoded in between.
            tokens_per_second = (self._generated - 1) / (self._last - self._first)
        return {
            "requestId": request_id,
            "ttftMs": None if self._first is None else 1000 * (self._first - self._asked),
            "tokensPerSecond": tokens_per_second,
            "promptTokens": self._prompt,
            "reusedTokens": self._reused,
            "generatedTokens": self._generated,
        }
