"""Attention over pages, on a processor, against attention written out; and ExLlamaV2's own path that is wrong."""

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from copilot.engine.exllama import flash  # noqa: E402

pytestmark = pytest.mark.torch

PAGE = 16


def expected(q: Any, k: Any, v: Any, *, causal: bool = True, window: int = -1) -> Any:
    """(queries, heads, size) over (keys, KV heads, size), written out."""
    queries, heads, size = q.shape
    keys = k.shape[0]
    out = torch.zeros_like(q)
    for head in range(heads):
        shared = head // (heads // k.shape[1])
        for at in range(queries):
            last = keys - queries + at
            first = max(0, last - window) if window >= 0 else 0
            seen = slice(first, last + 1) if causal else slice(0, keys)
            weights = (k[seen, shared] @ q[at, head] * size**-0.5).softmax(0)
            out[at, head] = weights @ v[seen, shared]
    return out


def random(*shape: int, seed: int) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("queries", [1, 7, 40])
@pytest.mark.parametrize("heads", [(4, 4), (4, 2), (6, 1)])
@pytest.mark.parametrize("window", [-1, 5])
def test_what_is_appended_and_attended_to_lies_in_any_pages(queries: int, heads: tuple[int, int], window: int) -> None:
    """Two sequences of different length, their pages out of order among those of others."""
    before, size = (21, 3), 8
    caches = [random(12, PAGE, heads[1], size, seed=1), random(12, PAGE, heads[1], size, seed=2)]
    table = torch.tensor([[7, 2, 9, 0], [4, 11, 1, 5]], dtype=torch.int32)
    q = random(2, queries, heads[0], size, seed=3)
    k, v = random(2, queries, heads[1], size, seed=4), random(2, queries, heads[1], size, seed=5)
    others = [cache.clone() for cache in caches]
    out = flash.flash_attn_with_kvcache(
        q,
        caches[0],
        caches[1],
        k,
        v,
        cache_seqlens=torch.tensor(before, dtype=torch.int32),
        block_table=table,
        causal=True,
        window_size=(window, window),
    )
    for row, length in enumerate(before):
        keys, values = (
            torch.cat([cache[table[row].long()].flatten(0, 1)[:length], new[row]])
            for cache, new in ((others[0], k), (others[1], v))
        )
        assert torch.allclose(out[row], expected(q[row], keys, values, window=window), atol=1e-5)
        stored = caches[0][table[row].long()].flatten(0, 1)[length : length + queries]
        assert torch.equal(stored, k[row])
    unused = [3, 6, 8, 10]
    assert torch.equal(caches[0][unused], others[0][unused])


@pytest.mark.parametrize("queries", [1, 6, 9])
@pytest.mark.parametrize("causal", [True, False])
def test_without_pages(queries: int, causal: bool) -> None:
    q, k, v = random(1, queries, 4, 8, seed=1), random(1, 9, 2, 8, seed=2), random(1, 9, 2, 8, seed=3)
    out = flash.flash_attn_func(q, k, v, causal=causal)
    assert torch.allclose(out[0], expected(q[0], k[0], v[0], causal=causal), atol=1e-5)


def test_soft_capping_is_refused_rather_than_left_out() -> None:
    q = random(1, 1, 2, 8, seed=1)
    with pytest.raises(NotImplementedError, match="soft-capping"):
        flash.flash_attn_func(q, q, q, softcap=50.0)


def test_exllamav2s_own_path_without_flash_attn_is_wrong() -> None:
    """Why the functions exist, and why a model is checked when it is loaded: in 0.3.2 a prompt sees its future. When
    this fails the library was mended, and the words about it can go."""
    from tests.engines import cpu_exllamav2

    cpu_exllamav2.install()
    from exllamav2.attn import ExLlamaV2Attention
    from exllamav2.attn_params import Params

    class Config:
        no_sdpa = False
        attn_logit_softcapping = None

    class Layer:
        num_key_value_groups, sliding_window, layer_idx, scaling = 1, 0, 0, 8**-0.5

        def repeat_kv(self, states: Any, _groups: int) -> Any:
            return states

    q, k, v = random(1, 6, 2, 8, seed=1), random(1, 9, 2, 8, seed=2), random(1, 9, 2, 8, seed=3)
    right, future = (expected(q[0], k[0], v[0], causal=causal).reshape(1, 6, 16) for causal in (True, False))
    theirs = ExLlamaV2Attention._attn_torch(Layer(), 1, 6, q, k, v, Params(1, 6, 3), Config())
    assert torch.allclose(theirs, future, atol=1e-5)
    assert not torch.allclose(theirs, right, atol=0.1)
