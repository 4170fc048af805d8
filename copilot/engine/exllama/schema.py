"""Answers that must be JSON of a given schema: which tokens may come next, by ``llguidance``."""

from typing import Any

from copilot.engine import json_schema
from copilot.engine.exllama.vocabulary import Vocabulary


class Schemas:
    """Makes matchers for one vocabulary. ``rows``: how many the output layer has, padding included."""

    def __init__(self, vocabulary: Vocabulary, rows: int) -> None:
        self._vocabulary = vocabulary
        self._rows = rows
        self._tokenizer: Any = None

    def matcher(self, schema: str) -> "Matcher":
        """Raises :class:`SlipstreamError` with code ``bad_schema``, or ``engine_failed`` without the library."""
        grammar = json_schema.grammar(schema, extra="gpu")
        import llguidance

        if self._tokenizer is None:
            ends = sorted(self._vocabulary.ends)
            self._tokenizer = llguidance.LLTokenizer(self._vocabulary.file, n_vocab=self._rows, eos_token=ends)
        matcher = llguidance.LLMatcher(self._tokenizer, grammar)
        if matcher.is_error():
            raise json_schema.bad(matcher.get_error())
        return Matcher(matcher)


class Matcher:
    """Where one answer is in its grammar."""

    def __init__(self, matcher: Any) -> None:
        self._matcher = matcher

    def reset(self) -> None:
        self._matcher.reset()

    def take(self, token: int) -> None:
        """Go on by a token that was chosen."""
        self._matcher.consume_token(token)

    def forbidden(self) -> Any:
        """A tensor of bool, one for each token: true for those that can't come next."""
        import torch

        # One bit a token, the lowest first.
        packed = torch.frombuffer(bytearray(self._matcher.compute_bitmask()), dtype=torch.uint8)
        bits = packed[:, None] >> torch.arange(8, dtype=torch.uint8)[None]
        return (bits & 1).flatten() == 0
