"""What a model folder takes of a GPU's memory, before it is loaded. Pure but for reading the headers."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from copilot.errors import SlipstreamError
from copilot.weights import safetensors

BYTES_PER_VALUE: Mapping[str, float] = {"fp16": 2.0, "q8": 1.0625, "q6": 0.8125, "q4": 0.5625}
"""Of the KV cache: quantised values, and a 16-bit scale for 32 of them (``exllamav2/cache.py``)."""

SMALL_PARAMETERS = 2.0e9
"""Up to so many the KV cache is kept in fp16: it is small, and there is nothing to unpack at each step."""

CONTEXT_BYTES = 512 * 1024**2
"""What CUDA itself takes of a GPU once something runs on it; between 300 and 600 MiB by card and driver."""

LEAST_CACHE = 2048
"""Tokens. A cache smaller than that is of no use to completions."""


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What ``config.json`` says, and the bytes of the weights that go to a GPU (the embeddings stay in memory)."""

    layers: int
    kv_heads: int
    head_size: int
    hidden: int
    vocabulary: int
    parameters: float
    weight_bytes: int
    embedding_bytes: int


class Needs(msgspec.Struct, frozen=True, kw_only=True):
    """Bytes on the GPU."""

    weights: int
    cache: int
    scratch: int

    @property
    def total(self) -> int:
        return self.weights + self.cache + self.scratch + CONTEXT_BYTES


def shape(folder: Path) -> Shape:
    """Read a model folder. Raises :class:`SlipstreamError` with code ``bad_model_file``."""
    try:
        config = json.loads((folder / "config.json").read_bytes())
        heads = int(config["num_attention_heads"])
        sizes = safetensors.tensor_bytes(folder)
        if not sizes:
            raise ValueError("no tensors")
        hidden, layers = int(config["hidden_size"]), int(config["num_hidden_layers"])
        embedding = sum(size for name, size in sizes.items() if "embed_tokens" in name)
        tied = not any(name.startswith("lm_head") for name in sizes)
        return Shape(
            layers=layers,
            kv_heads=int(config.get("num_key_value_heads") or heads),
            head_size=int(config.get("head_dim") or hidden // heads),
            hidden=hidden,
            vocabulary=int(config["vocab_size"]),
            parameters=_parameters(config),
            # Tied to the embeddings the output layer is a second copy, on the GPU.
            weight_bytes=sum(sizes.values()) - (0 if tied else embedding),
            embedding_bytes=embedding,
        )
    except (OSError, ValueError, KeyError, TypeError, struct.error) as error:
        raise SlipstreamError(
            f"{folder} is no model folder that can be read ({type(error).__name__}).",
            hint="Get it again from its publisher.",
            code="bad_model_file",
        ) from error


def cache_type(wanted: str, parameters: float) -> str:
    """``wanted``, or what suits the size."""
    if wanted != "auto":
        return wanted
    return "fp16" if parameters <= SMALL_PARAMETERS else "q8"


def needs(of: Shape, *, cache_tokens: int, cache: str, chunk: int) -> Needs:
    """``chunk``: tokens of one prefill step, by which the intermediate states grow."""
    values = 2 * of.layers * of.kv_heads * of.head_size
    # A quantised cache is unpacked for one layer at a time, which takes a layer's keys and values in fp16.
    unpacked = 0 if cache == "fp16" else 2 * 2 * of.kv_heads * of.head_size * cache_tokens
    # States of a chunk, the widest of which is the feed-forward layer's, some four times the hidden size; and logits
    # of a batch in 16 bits.
    scratch = chunk * of.hidden * 2 * 16 + 64 * of.vocabulary * 2
    return Needs(
        weights=of.weight_bytes,
        cache=int(values * BYTES_PER_VALUE[cache] * cache_tokens),
        scratch=scratch + unpacked + 192 * 1024**2,
    )


def fitting_cache(of: Shape, *, free: int, cache_tokens: int, cache: str, chunk: int) -> int:
    """The most tokens of KV cache, whole pages up to ``cache_tokens``, for which ``free`` bytes are enough; 0 if they
    are not for ``LEAST_CACHE``, or for all of it where that is less."""
    tokens, least = cache_tokens, min(LEAST_CACHE, cache_tokens)
    while tokens >= least:
        if needs(of, cache_tokens=tokens, cache=cache, chunk=chunk).total <= free:
            return tokens
        tokens = tokens // 2 // 256 * 256
    return 0


def _parameters(config: Mapping[str, Any]) -> float:
    """Roughly, from the shape: attention, feed-forward (three matrices) and embeddings of a decoder layer."""
    hidden, layers = int(config["hidden_size"]), int(config["num_hidden_layers"])
    inner = int(config.get("intermediate_size") or 4 * hidden)
    experts = int(config.get("num_experts") or 1)
    if experts > 1:
        inner = int(config.get("moe_intermediate_size") or inner) * experts
    heads = int(config["num_attention_heads"])
    shared = int(config.get("num_key_value_heads") or heads) / heads
    attention = hidden * hidden * (2 + 2 * shared)
    return float(layers * (attention + 3 * hidden * inner) + int(config["vocab_size"]) * hidden)
