"""Attention over KV pages with torch alone, in the place where ExLlamaV2 0.3.2 looks for flash-attn.

ExLlamaV2 batches and reuses pages only with flash-attn (``attn.py``, ``assert_paged_attn``), which has to be compiled
for hours; and without it, its path through torch's scaled_dot_product_attention prefills without a causal mask
(``attn.py`` line 889), which is silently wrong. :func:`install` registers what it imports, before it does.

Three ways of the same, best first; :data:`WAYS` names them. Shapes are flash-attn's: q (batch, queries, heads, head
size), the caches (pages, page size, KV heads, head size), block_table (batch, pages of a sequence) and cache_seqlens
(batch,) of int32. Not covered, and refused: logit soft-capping (Gemma 2).
"""

import importlib.machinery
import importlib.util
import sys
import types
from typing import Any

import torch

# ruff: noqa: PLR0917 - the functions have the parameters of those that they stand in for

WAYS = ("torch's flash attention over pages", "torch's flash attention over gathered pages", "masked attention")
VERSION = "2.8.3"
"""Of flash-attn, whose functions these stand in for."""

_schema = str(torch.ops.aten._flash_attention_forward.default._schema)


class _Chosen:
    """The best way that may be taken. Lowered when one proves wrong."""

    way = 0


def way(device: Any, dtype: Any) -> int:
    """Which of :data:`WAYS` is taken for tensors like that."""
    best = 2
    if torch.device(device).type == "cuda" and dtype in (torch.float16, torch.bfloat16) and "seqused_k" in _schema:
        best = 0 if "block_table" in _schema else 1
    return max(best, _Chosen.way)


def lower() -> bool:
    """Take the next way from now on; False when there is none."""
    if _Chosen.way == len(WAYS) - 1:
        return False
    _Chosen.way += 1
    return True


def installed() -> bool:
    """Whether these functions are what ExLlamaV2 uses, and not flash-attn itself."""
    return getattr(sys.modules.get("flash_attn"), "flash_attn_with_kvcache", None) is flash_attn_with_kvcache


def install() -> None:
    """Register the functions, unless flash-attn itself is there. Before ``exllamav2`` is imported."""
    if installed() or importlib.util.find_spec("flash_attn") is not None:
        return
    if "exllamav2" in sys.modules:
        raise RuntimeError("too late: exllamav2 has looked for flash-attn already")
    for name in ("flash_attn", "flash_attn_2_cuda"):
        module = types.ModuleType(name)
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        vars(module).update(
            __version__=VERSION,
            flash_attn_func=flash_attn_func,
            flash_attn_varlen_func=flash_attn_varlen_func,
            flash_attn_with_kvcache=flash_attn_with_kvcache,
        )
        sys.modules[name] = module


def flash_attn_func(
    q: Any,
    k: Any,
    v: Any,
    dropout_p: float = 0.0,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    **_other: Any,
) -> Any:
    """Attention without pages; a causal mask is aligned to the last key."""
    _refuse_softcap(softcap)
    batch, queries, keys = q.shape[0], q.shape[1], k.shape[1]
    mask = None
    if causal or window_size[0] >= 0:
        total = torch.full((batch,), keys, device=q.device)
        mask = _mask(total, queries, keys, causal=causal, window=window_size[0])
    return _attend(q, k, v, mask, softmax_scale)


def flash_attn_varlen_func(*_arguments: Any, **_named: Any) -> Any:
    """ExLlamaV2 calls it for images only."""
    raise NotImplementedError("images are not supported")


def flash_attn_with_kvcache(
    q: Any,
    k_cache: Any,
    v_cache: Any,
    k: Any = None,
    v: Any = None,
    cache_seqlens: Any = None,
    block_table: Any = None,
    softmax_scale: float | None = None,
    causal: bool = False,
    window_size: tuple[int, int] = (-1, -1),
    softcap: float = 0.0,
    **_other: Any,
) -> Any:
    """Append ``k`` and ``v`` to the pages, where given, and attend to all that is in them."""
    _refuse_softcap(softcap)
    page = k_cache.shape[1]
    total = cache_seqlens.long()
    if k is not None:
        total = _append(k_cache, v_cache, k, v, total, block_table.long())
    chosen = way(q.device, q.dtype) if causal else 2
    if chosen == 0:
        return _flash(q, k_cache, v_cache, total, block_table.shape[1] * page, softmax_scale, window_size, block_table)
    # One copy of the keys and values of the sequences, for each layer and step.
    keys, values = (cache[block_table.long()].flatten(1, 2) for cache in (k_cache, v_cache))
    if chosen == 1:
        return _flash(q, keys, values, total, keys.shape[1], softmax_scale, window_size, None)
    mask = _mask(total, q.shape[1], keys.shape[1], causal=causal, window=window_size[0])
    return _attend(q, keys, values, mask, softmax_scale)


def _append(k_cache: Any, v_cache: Any, k: Any, v: Any, before: Any, table: Any) -> Any:
    """Write into the pages; return how many keys each sequence has then."""
    page, count = k_cache.shape[1], k.shape[1]
    at = before[:, None] + torch.arange(count, device=k.device)[None]
    pages = table.gather(1, at // page)
    k_cache[pages, at % page] = k
    v_cache[pages, at % page] = v
    return before + count


def _flash(
    q: Any, keys: Any, values: Any, total: Any, longest: int, scale: float | None, window: tuple[int, int], table: Any
) -> Any:
    batch, queries = q.shape[:2]
    options: dict[str, Any] = {"scale": scale, "seqused_k": total.int()}
    if window[0] >= 0:
        options |= {"window_size_left": window[0], "window_size_right": 0}
    starts_q = torch.arange(batch + 1, device=q.device, dtype=torch.int32) * queries
    starts_k = None
    if table is not None:
        options["block_table"] = table.int()
    else:
        starts_k = torch.arange(batch + 1, device=q.device, dtype=torch.int32) * longest
        keys, values = keys.flatten(0, 1), values.flatten(0, 1)
    out = torch.ops.aten._flash_attention_forward(
        q.flatten(0, 1), keys, values, starts_q, starts_k, queries, longest, 0.0, True, False, **options
    )[0]
    return out.view(q.shape)


def _mask(total: Any, queries: int, keys: int, *, causal: bool, window: int) -> Any:
    """(batch, 1, queries, keys), true where a query sees a key. ``total``: keys of each sequence."""
    at_key = torch.arange(keys, device=total.device)[None, None, None, :]
    at_query = (total[:, None] - queries + torch.arange(queries, device=total.device)[None, :])[:, None, :, None]
    mask = at_key < total[:, None, None, None]
    if causal:
        mask = mask & (at_key <= at_query)
    if window >= 0:
        mask = mask & (at_key >= at_query - window)
    return mask


def _attend(q: Any, k: Any, v: Any, mask: Any, scale: float | None) -> Any:
    groups = q.shape[2] // k.shape[2]
    if groups > 1:
        k, v = k.repeat_interleave(groups, dim=2), v.repeat_interleave(groups, dim=2)
    out = torch.nn.functional.scaled_dot_product_attention(
        q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), attn_mask=mask, scale=scale
    )
    # ExLlamaV2 takes a view of it.
    return out.transpose(1, 2).contiguous()


def _refuse_softcap(softcap: float) -> None:
    if softcap:
        raise NotImplementedError("logit soft-capping needs flash-attn itself")
