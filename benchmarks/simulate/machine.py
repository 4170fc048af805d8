"""How long an engine takes for what: the only thing that is known of a machine here."""

import bisect
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Machine:
    """One engine. ``prefill``: tokens a second. ``decode``: pairs of a number of answers at once and the tokens a
    second of all of them together. ``chunk``: tokens of one prompt in a step."""

    slots: int
    prefill: float
    decode: tuple[tuple[int, float], ...]
    chunk: int

    def step(self, prefilling: int, decoding: int) -> float:
        """Seconds of a step that computes so many tokens of prompts and one more for each of so many answers.

        In a step each prompt gets one chunk and each answer one token, one after the other (as ExLlamaV2's dynamic
        generator does it; a batch that mixes them takes about as long where prefill is limited by computing).
        """
        return prefilling / self.prefill + self._decode_seconds(decoding)

    def _decode_seconds(self, batch: int) -> float:
        """In between what was given the time of a step grows evenly, beyond it the rate stays."""
        if not batch:
            return 0.0
        at = bisect.bisect_left(self.decode, (batch, 0.0))
        if at == len(self.decode):
            return batch / self.decode[-1][1]
        size, rate = self.decode[at]
        if size == batch or at == 0:
            return batch / rate
        below, below_rate = self.decode[at - 1]
        shorter, longer = below / below_rate, size / rate
        return shorter + (longer - shorter) * (batch - below) / (size - below)


MACHINES = {
    # No GPU was measured. Assumed for a 7B model of 4 bits on a card with 24 GB: the batch of one is what ExLlamaV2's
    # README says of an RTX 4090 (211 tokens/s), prefill is computed from the card's arithmetic (512 tokens in 60 to
    # 80 ms), and that 32 at once come to eight times of one is our goal, not a result.
    "gpu": Machine(slots=16, prefill=7000.0, decode=((1, 211.0), (8, 1000.0), (32, 1690.0)), chunk=512),
    # Measured: docs/measurements.md, "An engine beside the bare library", two cores, a model of 0.5B, 2026-11-30.
    "cpu": Machine(slots=4, prefill=48.0, decode=((1, 15.7), (2, 16.7), (4, 21.3), (8, 24.1)), chunk=32),
}
