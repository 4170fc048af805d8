"""Whether a loaded ExLlamaV2 attends as it should: pages against the plain path, on a few hundred tokens."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from copilot.engine.exllama.adapter import PAGE
from copilot.errors import SlipstreamError

TOKENS = PAGE + 60
"""A whole page, a part of the next one, and single steps after it. No more than one prefill step, which the plain path
computes at once."""

_STEPS = 4
_TOLERANCE = {"fp16": 0.05, "q8": 0.08, "q6": 0.15, "q4": 0.3}
"""Largest relative difference of the logits, by precision of the KV cache. Without a causal mask it is above 0.5."""


class Verdict(NamedTuple):
    """``difference``: of the logits of all positions, relative to their size. ``agreement``: share of positions with
    the same likeliest token."""

    difference: float
    agreement: float
    right: bool


def sample_ids(vocabulary: int, count: int = TOKENS) -> list[int]:
    """Ids without a pattern, the same every time (a linear congruential generator; Knuth, TAOCP 2, 3.3.4)."""
    state, found = 20_251_127, []
    for _ in range(count):
        state = (state * 6_364_136_223_846_793_005 + 1_442_695_040_888_963_407) % 2**64
        found.append((state >> 33) % max(1, min(vocabulary, 30_000)))
    return found


def judge(expected: Any, got: Any, cache: str) -> Verdict:
    """Compare logits (positions, vocabulary)."""
    expected, got = (part - part.mean(-1, keepdim=True) for part in (expected.float(), got.float()))
    difference = float((expected - got).norm() / expected.norm().clamp(min=1e-6))
    agreement = float((expected.argmax(-1) == got.argmax(-1)).float().mean())
    # What is no number compares as false.
    return Verdict(difference, agreement, right=difference <= _TOLERANCE[cache])


class Ways(NamedTuple):
    """Ways of computing the same, best first: their names, which one is taken now, and a step to the next (false at the
    end)."""

    names: Sequence[str]
    current: Callable[[], int]
    lower: Callable[[], bool]


def choose(check: Callable[[], Verdict], ways: Ways) -> str:
    """Take the best way that is right; returns a sentence about it.

    Raises :class:`SlipstreamError` with code ``wrong_attention`` when none is: its output would look fine and be wrong.
    """
    wrong: list[str] = []
    while True:
        name = ways.names[ways.current()]
        try:
            verdict = check()
        except (RuntimeError, NotImplementedError) as error:
            # A kernel that this GPU or this torch lacks.
            wrong.append(f"{name} can't be used here ({type(error).__name__})")
        else:
            if verdict.right:
                before = f"; before it, {'; '.join(wrong)}" if wrong else ""
                return (
                    f"Attention: {name}, checked against the plain path "
                    f"(difference {verdict.difference:.3f}, {verdict.agreement:.0%} of tokens the same){before}."
                )
            wrong.append(f"{name} is wrong (difference {verdict.difference:.2f})")
        while (more := ways.lower()) and ways.names[ways.current()] == name:
            pass
        if not more:
            raise SlipstreamError(
                f"No way of computing attention is right on this machine: {'; '.join(wrong)}.",
                hint="Install flash-attn, or another version of torch, or use a GGUF model.",
                code="wrong_attention",
            )


def check(model: Any, cache: Any, cache_type: str) -> Verdict:
    """Run the sample through the plain path of ExLlamaV2 (matrix products with a mask, no cache) and through pages that
    lie out of order, as the generator uses them: prefill, prefill that continues, single steps."""
    import torch
    from exllamav2.attn import ExLlamaV2Attention

    config = model.config
    ids = torch.tensor([sample_ids(config.vocab_size)])
    expected = _plain(model, ids)[0]
    table = torch.tensor([[1, 0]], dtype=torch.int32)
    got, at = [], 0
    for count in (PAGE, TOKENS - PAGE - _STEPS, *[1] * _STEPS):
        params = ExLlamaV2Attention.PagedParams(
            batch_size=1,
            block_index=table.clone(),
            cache_seqlens=torch.tensor([at], dtype=torch.int32),
            max_cache_seqlen=at,
            page_size=PAGE,
            q_len=count,
        )
        with torch.inference_mode():
            logits = model.forward_chunk(input_ids=ids[:, at : at + count], attn_params=params, cache=cache)["logits"]
        got.append(logits[0].float().cpu())
        at += count
    cache.current_seq_len = 0
    return judge(expected, torch.cat(got), cache_type)


def _plain(model: Any, ids: Any) -> Any:
    """Logits by the path that is right without flash-attn: what ``no_sdpa`` leaves."""
    config = model.config
    names = ("no_flash_attn", "no_xformers", "no_sdpa")
    before = [getattr(config, name) for name in names]
    for name in names:
        setattr(config, name, True)
    try:
        return model.forward(ids, cache=None).float().cpu()
    finally:
        for name, value in zip(names, before, strict=True):
            setattr(config, name, value)
