"""Whether a loaded ExLlamaV2 attends as it should: pages against the plain path, on a few hundred tokens."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from copilot.engine.exllama import exact
from copilot.engine.exllama.adapter import PAGE
from copilot.errors import SlipstreamError

TOKENS = PAGE + 60
"""No more than one prefill step, which the plain path computes at once."""

_STEPS = 4
_FIRST = 200
"""The first prefill ends within a page, so that the next one crosses its border."""
_SECOND = 100
"""Tokens of the sequence beside it, of another text: with the same one the wrong pages would do as well."""
_TOLERANCE = {"fp16": 0.1, "q8": 0.15, "q6": 0.25, "q4": 0.4}
"""Largest relative difference of the logits, by precision of the KV cache. What is computed wrongly is off by more than
0.5: without a causal mask as well as with the wrong pages."""


class Verdict(NamedTuple):
    """``difference``: of the logits, relative to their size, in the part where it is largest. ``agreement``: share of
    all positions with the same likeliest token."""

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


def judge(parts: Sequence[tuple[Any, Any]], cache: str) -> Verdict:
    """Compare logits (positions, vocabulary), expected and got. Each part is judged alone, because another kernel may
    compute it, and many right positions would hide a few wrong ones."""
    differences, same, positions = [], 0, 0
    for expected, got in parts:
        one, other = (logits - logits.mean(-1, keepdim=True) for logits in (expected.float(), got.float()))
        differences.append(float((one - other).norm() / one.norm().clamp(min=1e-6)))
        same += int((one.argmax(-1) == other.argmax(-1)).sum())
        positions += len(one)
    # What is no number compares as false, but `max` may pass over it.
    right = all(difference <= _TOLERANCE[cache] for difference in differences)
    worst = next((difference for difference in differences if math.isnan(difference)), max(differences))
    return Verdict(worst, same / positions, right)


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
            if type(error).__name__ == "OutOfMemoryError":
                # Says nothing about the way.
                raise
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
    """Run the sample through the plain path and through pages that lie out of order, as the generator uses them:
    prefill within a page, prefill over its border, then single steps, where there is room of two sequences at once."""
    import torch

    sample = sample_ids(model.config.vocab_size, TOKENS + _SECOND + _STEPS)
    ids, beside = sample[:TOKENS], sample[TOKENS:]
    expected = _plain(model, torch.tensor([ids]))[0]
    paged = _Pages(model, cache)
    begun = TOKENS - _STEPS
    parts = [
        (expected[:_FIRST], paged.run([ids[:_FIRST]], [0], [[1, 0]])[0]),
        (expected[_FIRST:begun], paged.run([ids[_FIRST:begun]], [_FIRST], [[1, 0]])[0]),
    ]
    rows = [(ids, begun, [1, 0], expected[begun:])]
    if cache.max_seq_len >= 3 * PAGE:
        paged.run([beside[:_SECOND]], [0], [[2, 0]])
        rows.append((beside, _SECOND, [2, 0], _plain(model, torch.tensor([beside]))[0][_SECOND:]))
    steps = []
    for step in range(_STEPS):
        at = [start + step for _, start, _, _ in rows]
        tokens = [[text[place]] for (text, _, _, _), place in zip(rows, at, strict=True)]
        steps.append(paged.run(tokens, at, [table for _, _, table, _ in rows]))
    parts += [(right, got) for (*_, right), got in zip(rows, torch.cat(steps, dim=1), strict=True)]
    cache.current_seq_len = 0
    return judge(parts, cache_type)


class _Pages:
    """The model over a cache whose pages are given out by hand."""

    def __init__(self, model: Any, cache: Any) -> None:
        self._model = model
        self._cache = cache

    def run(self, ids: Sequence[Sequence[int]], at: Sequence[int], tables: Sequence[Sequence[int]]) -> Any:
        """Logits (sequences, tokens, vocabulary) of ``ids``, which go on ``at`` so many tokens of their sequences."""
        import torch
        from exllamav2.attn import ExLlamaV2Attention

        params = ExLlamaV2Attention.PagedParams(
            batch_size=len(ids),
            block_index=torch.tensor(tables, dtype=torch.int32),
            cache_seqlens=torch.tensor(at, dtype=torch.int32),
            max_cache_seqlen=max(at),
            page_size=PAGE,
            q_len=len(ids[0]),
        )
        with torch.inference_mode():
            out = self._model.forward_chunk(input_ids=torch.tensor(ids), attn_params=params, cache=self._cache)
        return out["logits"].float().cpu()


def _plain(model: Any, ids: Any) -> Any:
    """Logits by the plain path: no pages, no cache, and the attention of :mod:`exact`."""
    config = model.config
    before = config.no_flash_attn, config.no_xformers
    config.no_flash_attn = config.no_xformers = True
    try:
        with exact.attention():
            return model.forward(ids, cache=None).float().cpu()
    finally:
        config.no_flash_attn, config.no_xformers = before
