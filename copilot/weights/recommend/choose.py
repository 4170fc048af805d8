"""From numbers to a recommendation. Pure.

Every token reads the weights once, so memory bandwidth is the limit: tokens a second <= bandwidth / bytes read for it.
What a GPU reaches of it was fitted to the published figures of ExLlamaV2 (its README, batch size 1): the time of a
token is that reading plus some 0.04 ms a layer for launching its work. docs/models.md derives it.
"""

import math
from collections.abc import Iterable, Sequence

import msgspec

from copilot.weights.recommend.candidates import CANDIDATES, Candidate
from copilot.weights.recommend.machine import Machine

LAYER_MS = 0.04
"""Milliseconds a layer and token, on a GPU."""

CPU_LAYER_MS = 1.1
"""The same on a processor, with llama.cpp: measured on one with two cores, for two models; docs/models.md."""

GGUF_BITS = 4.85
"""A weight, of Q4_K_M."""

COMPLETION_RATE = 100.0
CHAT_RATE = 20.0
CPU_COMPLETION_RATE = 20.0
CPU_CHAT_RATE = 6.0
"""Tokens a second below which it is no use: a line of some 16 tokens within a quarter of a second, with the prompt;
reading speed. On a processor one is content with less."""

ENOUGH_TO_COMPLETE = 8.0
"""Billions of parameters beyond which a completion of a few lines is hardly better, only later."""

_LOSS = {4.0: 0.15, 5.0: 0.03}
"""Of quantisation, in doublings of a model's size (EXL2's own measurements of perplexity, roughly)."""

_GPU_BITS = (6.0, 5.0, 4.0)
_KEPT_FREE = 0.9
"""Of a GPU's free memory; the rest is for what else draws on the screen."""
_OVERHEAD = 1.2e9
"""Bytes a loaded model takes besides weights and cache: CUDA itself and scratch space."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """``billions`` of parameters, of a mixture of experts what it is worth;
    ``gigabytes``: what it takes, KV cache included; ``rate``: expected tokens a second; ``limit``: by bandwidth
    alone."""

    name: str
    license: str
    bits: float
    billions: float
    format: str
    gigabytes: float
    rate: float
    limit: float
    gguf: str = ""


class Recommendation(msgspec.Struct, frozen=True, kw_only=True):
    """``chat`` is None where the model that completes had best do both. ``where``: ``gpu`` or ``cpu``."""

    where: str
    completion: Choice
    chat: Choice | None
    reasons: tuple[str, ...]


def gpu_rate(candidate: Candidate, bits: float, bandwidth: float) -> tuple[float, float]:
    """Tokens a second on a GPU with so many GB/s: expected, and the limit."""
    reading = candidate.bytes_per_token(bits) / (bandwidth * 1e9)
    return 1 / (reading + LAYER_MS / 1000 * candidate.layers), 1 / reading


def cpu_rate(candidate: Candidate, bandwidth: float) -> tuple[float, float]:
    """The same on a processor, for Q4_K_M."""
    reading = candidate.bytes_per_token(GGUF_BITS) / (bandwidth * 1e9)
    return 1 / (reading + CPU_LAYER_MS / 1000 * candidate.layers), 1 / reading


def recommend(
    machine: Machine, *, context_tokens: int, candidates: Sequence[Candidate] = CANDIDATES
) -> Recommendation | None:
    """None when not even the smallest is of use here."""
    if machine.gpus:
        found = _on_gpu(machine, context_tokens, candidates)
        if found is not None:
            return found
    return _on_cpu(machine, context_tokens, candidates)


def _on_gpu(machine: Machine, context_tokens: int, candidates: Sequence[Candidate]) -> Recommendation | None:
    room = sum(gpu.free for gpu in machine.gpus) * _KEPT_FREE
    # Layers lie on one GPU after the other; each token waits for all of them.
    bandwidth = min(gpu.bandwidth for gpu in machine.gpus)
    choices = [
        _gpu_choice(candidate, bits, bandwidth, context_tokens) for candidate in candidates for bits in _GPU_BITS
    ]
    pair = _best_pair(choices, room / 1e9, COMPLETION_RATE, CHAT_RATE)
    if pair is None:
        return None
    completion, chat = pair
    guessed = [gpu.name for gpu in machine.gpus if not gpu.known]
    reasons = [
        f"{room / 1e9:.1f} GB of GPU memory may be used, read with {bandwidth:.0f} GB/s.",
        f"Completion needs {COMPLETION_RATE:.0f} tokens a second to be there while one types, chat {CHAT_RATE:.0f}.",
    ]
    if guessed:
        reasons.append(f"The bandwidth of {', '.join(guessed)} is a guess: give --bandwidth.")
    return Recommendation(where="gpu", completion=completion, chat=chat, reasons=tuple(reasons))


def _on_cpu(machine: Machine, context_tokens: int, candidates: Sequence[Candidate]) -> Recommendation | None:
    choices = [_cpu_choice(each, machine.bandwidth, context_tokens) for each in candidates if each.gguf]
    # Half of it, for editors and compilers want memory too.
    pair = _best_pair(choices, machine.memory / 2e9, CPU_COMPLETION_RATE, CPU_CHAT_RATE)
    if pair is None:
        return None
    reasons = [
        *([machine.why] if machine.why else []),
        f"Memory is read with {machine.bandwidth:.1f} GB/s (measured); {machine.memory / 1e9:.1f} GB are available.",
        f"Completion needs {CPU_COMPLETION_RATE:.0f} tokens a second, chat {CPU_CHAT_RATE:.0f}.",
    ]
    return Recommendation(where="cpu", completion=pair[0], chat=pair[1], reasons=tuple(reasons))


def _gpu_choice(candidate: Candidate, bits: float, bandwidth: float, context_tokens: int) -> Choice:
    cache = "fp16" if candidate.billions <= 2 else "q8"
    size = candidate.weight_bytes(bits) + candidate.cache_bytes(context_tokens, cache) + _OVERHEAD
    rate, limit = gpu_rate(candidate, bits, bandwidth)
    return Choice(
        name=candidate.name,
        license=candidate.license,
        bits=bits,
        billions=_size(candidate),
        format="EXL2",
        gigabytes=size / 1e9,
        rate=rate,
        limit=limit,
    )


def _cpu_choice(candidate: Candidate, bandwidth: float, context_tokens: int) -> Choice:
    size = candidate.billions * 1e9 * GGUF_BITS / 8 + candidate.cache_bytes(context_tokens, "fp16")
    rate, limit = cpu_rate(candidate, bandwidth)
    return Choice(
        name=candidate.name,
        license=candidate.license,
        bits=GGUF_BITS,
        billions=_size(candidate),
        format="GGUF Q4_K_M",
        gigabytes=size / 1e9,
        rate=rate,
        limit=limit,
        gguf=candidate.gguf,
    )


def _best_pair(
    choices: Iterable[Choice], room: float, completion_rate: float, chat_rate: float
) -> tuple[Choice, Choice | None] | None:
    """The pair with the most in it that fits into ``room`` GB; None in the second place where one does both."""
    usable = [choice for choice in choices if choice.gigabytes <= room]
    completing = [choice for choice in usable if choice.rate >= completion_rate]
    best: tuple[float, Choice, Choice | None] | None = None
    for completion in completing:
        pairs: list[tuple[float, Choice | None]] = [(_to_complete(completion) + _to_chat(completion), None)]
        pairs += [
            (_to_complete(completion) + _to_chat(chat), chat)
            for chat in usable
            if chat.billions > completion.billions
            and chat.rate >= chat_rate
            and chat.gigabytes + completion.gigabytes <= room
        ]
        for worth, chat in pairs:
            if best is None or worth > best[0]:
                best = worth, completion, chat
    return None if best is None else best[1:]


def _to_chat(choice: Choice) -> float:
    """What it is worth, in doublings of its size."""
    return math.log2(choice.billions) - _LOSS.get(choice.bits, 0.0)


def _to_complete(choice: Choice) -> float:
    return min(_to_chat(choice), math.log2(ENOUGH_TO_COMPLETE))


def _size(candidate: Candidate) -> float:
    """A mixture of experts is worth a dense model of the geometric mean of all and of the active parameters (a rule of
    thumb)."""
    return math.sqrt(candidate.billions * (candidate.active or candidate.billions))
