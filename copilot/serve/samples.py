"""How the generations of the last hour went. Numbers only; the clock is the caller's."""

from collections import deque

from copilot.serve.api import DoneData, Lane, Sample

KEEP_SECONDS = 3600.0
MOST_SAMPLES = 20_000


class Samples:
    def __init__(self) -> None:
        self._samples: deque[tuple[str, Sample]] = deque(maxlen=MOST_SAMPLES)

    def add(self, lane: Lane, done: DoneData, now: float, tenant: str = "") -> None:
        """Generations that came to no token tell nothing of latency."""
        if lane is Lane.BACKGROUND or done.ttft_ms is None:
            return
        sample = Sample(
            at=now,
            lane=lane,
            ttft_ms=done.ttft_ms,
            queue_ms=done.queue_ms,
            total_ms=done.total_ms,
            prompt_tokens=done.prompt_tokens,
            reused_tokens=done.reused_tokens,
            generated_tokens=done.generated_tokens,
            decode_ms=done.decode_ms,
        )
        self._samples.append((tenant, sample))

    def since(self, moment: float, tenant: str | None = None) -> tuple[Sample, ...]:
        """Of one tenant, or of all."""
        return tuple(it for whose, it in self._samples if it.at > moment and tenant in {None, whose})
