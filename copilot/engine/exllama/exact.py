"""Attention as it is defined, in single precision, in place of ExLlamaV2's plain path.

Its own (``attn.py`` of 0.3.2, ``_attn_torch``) lacks the causal mask where it goes through torch's
scaled_dot_product_attention, and otherwise multiplies queries by keys in half precision before it scales them, which
overflows with the weights of Qwen2.5 7B, for one.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

_QUERIES = 256
"""Computed at once: the scores of all of them would be a gigabyte for a long text."""


@contextlib.contextmanager
def attention() -> Iterator[None]:
    """While it lasts, layers that take the plain path compute :func:`attend`."""
    from exllamav2.attn import ExLlamaV2Attention

    own = ExLlamaV2Attention._attn_torch
    ExLlamaV2Attention._attn_torch = attend
    try:
        yield
    finally:
        ExLlamaV2Attention._attn_torch = own


def attend(  # noqa: PLR0917 - the parameters of what it stands in for
    layer: Any, batch: int, count: int, q: Any, k: Any, v: Any, _params: Any, config: Any, causal: bool = True
) -> Any:
    """softmax(q k^T * scale + mask) v (Vaswani et al. 2017, section 3.2.1) of sequences without a past.

    q, k and v: (batch, tokens, heads, head size), of k and v fewer heads where groups share them. Returns (batch,
    tokens, heads * head size).
    """
    import torch

    groups = q.shape[2] // k.shape[2]
    keys, values = (each.float().repeat_interleave(groups, dim=2).transpose(1, 2) for each in (k, v))
    places = torch.arange(count, device=q.device)
    parts = []
    for at in range(0, count, _QUERIES):
        queries = q[:, at : at + _QUERIES].float().transpose(1, 2)
        scores = queries @ keys.transpose(-1, -2) * layer.scaling
        if cap := config.attn_logit_softcapping:
            scores = cap * torch.tanh(scores / cap)
        behind = places[at : at + _QUERIES, None] - places[None]
        unseen = behind < 0 if causal else torch.zeros_like(behind, dtype=torch.bool)
        if layer.sliding_window:
            unseen = unseen | (behind > layer.sliding_window)
        parts.append(scores.masked_fill(unseen, float("-inf")).softmax(-1) @ values)
    return torch.cat(parts, dim=2).transpose(1, 2).reshape(batch, count, -1).to(q.dtype)
