"""The seam between what wants text and what makes it. Values and one Protocol; no I/O."""

from collections.abc import AsyncGenerator
from enum import StrEnum
from typing import Protocol

import msgspec

from copilot.errors import SlipstreamError


class Layout(StrEnum):
    """Order of the parts of a fill-in-the-middle prompt (Bavarian et al., arXiv 2207.14255)."""

    PSM = "psm"
    """Prefix, suffix, middle."""
    SPM = "spm"
    """Suffix, prefix, middle: typing only appends."""
    PREFIX = "prefix"
    """No suffix at all, for models without FIM tokens."""
    CHAT = "chat"
    RAW = "raw"
    """A prompt that came whole from a client."""


class Keep(StrEnum):
    """Which end of a part survives when it is longer than its limit."""

    START = "start"
    END = "end"


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One stretch of the prompt.

    ``control``: ``text`` is the spelling of exactly one control token, looked up by name and put in by id.
    Otherwise ``text`` is content and is tokenized as plain text, whatever it spells.
    ``limit`` is in tokens; 0 means none.
    """

    text: str
    name: str
    control: bool = False
    keep: Keep = Keep.START
    limit: int = 0


class PromptPlan(msgspec.Struct, frozen=True, kw_only=True):
    """The token sequence to be, with the boundary of each part, so that what stays identical is known.

    ``stop``: strings that end the answer and are never shown. ``controls``: spellings of the family's control
    tokens, each of which also ends the answer when the model emits it. ``held``: white space at the end of the user's
    text that the prompt leaves out, so that the model writes it; an answer that begins with it is told without it.
    ``owner``: whose prompt it is. What was computed for one owner is never used again for another.
    """

    parts: tuple[Part, ...]
    layout: Layout
    stop: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    bos: bool = True
    held: str = ""
    owner: str = ""


class SamplingParams(msgspec.Struct, frozen=True, kw_only=True):
    """How to choose tokens. ``temperature`` 0 is greedy; ``seed`` None is the engine's choice.

    ``max_tokens`` 0 only prefills: the prompt gets into the KV cache, and the generation ends with ``length``.
    ``json_schema``: the answer is JSON of that schema (a JSON text; https://json-schema.org), where the engine says
    that it has ``grammar``.
    """

    max_tokens: int = 96
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: bool = False
    json_schema: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Prefill so far, in tokens. ``reused`` of them came from the KV cache and cost nothing."""

    processed: int
    total: int
    reused: int


class FinishReason(StrEnum):
    STOP = "stop"
    """The model ended, or a stop string came."""
    LENGTH = "length"
    """``max_tokens`` or the end of the context."""
    CANCELLED = "cancelled"


class Finish(msgspec.Struct, frozen=True, kw_only=True):
    """The end of a generation and its counts (tokens; milliseconds measured by the engine)."""

    reason: FinishReason
    prompt_tokens: int
    reused_tokens: int
    generated_tokens: int
    prefill_ms: float = 0.0
    decode_ms: float = 0.0


class TokenEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One step of a generation.

    ``at`` is ``time.monotonic()`` seconds at the engine. A prefill step has ``progress`` and no text; the last
    event has ``finish``. ``text`` is always whole characters and never contains a stop string, nor part of one.
    ``token_id`` and ``logprob`` (natural logarithm) are there when asked for and known.
    """

    text: str = ""
    at: float = 0.0
    token_id: int | None = None
    logprob: float | None = None
    progress: Progress | None = None
    finish: Finish | None = None


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The model an engine has loaded. ``context_length`` in tokens, per request."""

    id: str
    family: str
    context_length: int
    sha256: str = ""
    quantization: str = ""


class EngineCapabilities(msgspec.Struct, frozen=True, kw_only=True):
    """What callers may count on. ``slots``: generations that run side by side.

    ``patient_tokens``: what prompt and answer of a chat may have together, where that is less than the context; else 0.
    """

    backend: str
    version: str = ""
    slots: int = 1
    patient_tokens: int = 0
    kv_reuse: str = "none"
    """``leading`` (any leading tokens), ``pages`` (whole 256-token pages of leading tokens) or ``none``."""
    logprobs: bool = False
    grammar: bool = False
    speculative: bool = False
    prefill_tokens_per_second: float = 0.0
    """Measured when the model was loaded; 0 where it was not."""
    notes: tuple[str, ...] = ()
    """Sentences for the user: what was chosen, and what is less than was asked for."""
    gpu_bytes: int = 0
    """Of the GPUs' memory, held by the model, its KV cache and its scratch space; 0 for none."""


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens of all generations so far, cancelled ones included up to where they were stopped.

    ``prompt_tokens`` are those that were prefilled or found in the KV cache; the latter are the ``reused_tokens``.
    """

    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0

    def plus(self, progress: Progress | None, finish: Finish | None) -> "Totals":
        """With one more generation, of which this is the last progress and the end, as far as it had them."""
        prompt, reused = (progress.processed, progress.reused) if progress else (0, 0)
        if progress is None and finish is not None and finish.generated_tokens:
            prompt, reused = finish.prompt_tokens, finish.reused_tokens
        return Totals(
            prompt_tokens=self.prompt_tokens + prompt,
            reused_tokens=self.reused_tokens + reused,
            generated_tokens=self.generated_tokens + (finish.generated_tokens if finish else 0),
        )


class Engine(Protocol):
    """A loaded model.

    ``generate`` yields events in strict order and exactly one with ``finish``, the last. Closing the iterator
    (``aclose``) cancels: the engine stops within one step, in prefill too, and its KV cache stays reusable.
    Raises :class:`copilot.errors.SlipstreamError` with code ``engine_restarted`` when the worker died,
    ``context_too_long`` when the plan does not fit. ``restarts`` counts how often it had to be started again.
    ``restarting``: the worker is gone and being started. ``failure``: it is gone and won't be started for now; this is
    what requests get.
    """

    restarts: int
    totals: Totals

    @property
    def restarting(self) -> bool: ...
    @property
    def failure(self) -> SlipstreamError | None: ...
    @property
    def model(self) -> ModelInfo: ...
    @property
    def capabilities(self) -> EngineCapabilities: ...
    async def count(self, text: str) -> int: ...
    def generate(self, plan: PromptPlan, params: SamplingParams) -> AsyncGenerator[TokenEvent]: ...
    async def close(self) -> None: ...
