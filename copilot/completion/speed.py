"""How fast the engine was lately, as this end of the stream saw it, and what the next prompt will therefore cost."""

import math
from collections import deque

_WEIGHT = 0.25
_MANY_TOKENS = 48
_FEW_TOKENS = 12

_OVERHEADS = 9
_DENSITIES = (1.0, 6.0)

FIRST_LINE_TOKENS = 6
"""A line of code has 19 characters at the median (GitHub Copilot's client says so), and part of it is often there."""


class Speed:
    """Running means. Before anything was measured it believes in a small machine.

    ``prefill`` and ``decode`` are in tokens a second; ``overhead`` is what a prompt costs that is all in the KV cache,
    in seconds. ``density``: characters of a prompt for each of its tokens, which depends on the language and on how
    deep it indents.
    """

    def __init__(
        self, prefill: float = 150.0, decode: float = 30.0, overhead: float = 0.05, density: float = 3.2
    ) -> None:
        self.prefill = prefill
        self.decode = decode
        self._overheads = deque([overhead], maxlen=_OVERHEADS)
        self.density = density
        self._measured: set[str] = set()

    @property
    def overhead(self) -> float:
        """The lower quartile of the last ones: a prompt behind one that was just cancelled waits for its last step too,
        which says nothing about the next."""
        return sorted(self._overheads)[len(self._overheads) // 4]

    def believe(self, prefill: float) -> None:
        """The engine says that it prefills so many tokens a second; what is measured here says more."""
        if prefill > 0 and "prefill" not in self._measured:
            self.prefill = prefill

    def first_token(self, new_tokens: int, seconds: float) -> None:
        """A first token came ``seconds`` after its request, whose prompt had ``new_tokens`` not in the KV cache."""
        if new_tokens <= _FEW_TOKENS:
            if 0 < seconds < math.inf:
                self._overheads.append(seconds)
        elif new_tokens >= _MANY_TOKENS and seconds > self.overhead:
            self._take("prefill", new_tokens / max(1e-3, seconds - self.overhead))

    def tokens(self, count: int, seconds: float) -> None:
        """``count`` more tokens took ``seconds``."""
        if count >= 3 and seconds > 0:
            self._take("decode", count / seconds)

    def tokenized(self, characters: int, count: int) -> None:
        """A prompt of so many characters had ``count`` tokens."""
        if count >= _MANY_TOKENS:
            self._take("density", min(_DENSITIES[1], max(_DENSITIES[0], characters / count)))

    def longest(self, seconds: float, most: int) -> int:
        """How many tokens can be decoded in ``seconds``, at most ``most``; all of them before it was measured."""
        return min(most, int(self.decode * seconds)) if "decode" in self._measured else most

    def first_line(self, new_tokens: float) -> float:
        """Seconds until the first line of a suggestion is due."""
        return self.overhead + new_tokens / self.prefill + FIRST_LINE_TOKENS / self.decode

    def affordable(self, seconds: float) -> float:
        """How many tokens of a prompt may be new for its first line to be due in time; not below zero."""
        return max(0.0, seconds - self.first_line(0)) * self.prefill

    def _take(self, name: str, value: float) -> None:
        if not math.isfinite(value) or value <= 0:
            return
        known = getattr(self, name)
        # The first measurement says more than any belief.
        setattr(self, name, known + _WEIGHT * (value - known) if name in self._measured else value)
        self._measured.add(name)
