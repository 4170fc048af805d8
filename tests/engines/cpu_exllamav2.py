"""ExLlamaV2 0.3.2 on a processor: its own Python code throughout, generator, page table, model and cache, with the few
functions of its compiled part that fp16 models use written in torch, and CUDA replaced by the processor.

``install()`` comes before the first import of exllamav2. Nothing of this is for use: it is slow.
"""

# ruff: noqa: PLR0917 - the functions have the parameters of those that they stand in for

import os
import sys
import types
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

GIGABYTES = 8
"""Of memory that the pretended GPU has free, unless the environment says otherwise."""


def install() -> None:
    extension = types.ModuleType("exllamav2_ext")
    for function in (
        *(count_match, partial_strings_match, sample_basic, rms_norm, rope_, stloader_read),
        *(fast_fill_cpu_ones_bool, logit_filter_exclusive, cache_rotate),
    ):
        setattr(extension, function.__name__, function)
    sys.modules["exllamav2_ext"] = extension
    _pretend_cuda()
    from copilot.engine.exllama import flash

    flash.install()
    from exllamav2 import device

    device.global_streams[0] = None
    replaced = {
        "_torch_device": lambda _index: "cpu",
        "safe_move_tensor": lambda tensor, _device, **_options: tensor,
        "set_device_streams": lambda: None,
        "cuda_sync_active": lambda: None,
    }
    for name, module in list(sys.modules.items()):
        if name.split(".")[0] == "exllamav2":
            for attribute, replacement in replaced.items():
                if hasattr(module, attribute):
                    setattr(module, attribute, replacement)
    _accumulate_in_single_precision()


def _pretend_cuda() -> None:
    free = int(os.environ.get("SLIPSTREAM_TEST_FREE_BYTES", GIGABYTES * 1024**3))
    cuda: Any = torch.cuda
    cuda.is_available = lambda: True
    cuda.device_count = lambda: 1
    cuda.mem_get_info = lambda _device=None: (free, GIGABYTES * 1024**3)
    cuda.memory_reserved = lambda _device=None: 300 * 1024**2
    cuda.synchronize = lambda *_arguments: None
    cuda.empty_cache = lambda: None
    cuda.get_device_properties = lambda _device=None: types.SimpleNamespace(major=9, minor=0)


def _accumulate_in_single_precision() -> None:
    """Half-precision products are slow on most processors; kept in single precision the weights are as exact."""
    from exllamav2.linear import ExLlamaV2Linear

    def forward(self: Any, hidden_states: Any, *_arguments: Any, intermediates: bool = False, **_options: Any) -> Any:
        if getattr(self, "single", None) is None or self.single[0] is not self.linear.weight:
            bias = self.linear.bias
            self.single = (self.linear.weight, self.linear.weight.float(), None if bias is None else bias.float())
        out = torch.nn.functional.linear(hidden_states.float(), self.single[1], self.single[2]).half()
        return {"hidden_states": out} if intermediates else out

    ExLlamaV2Linear.forward = forward


def count_match(a: Any, b: Any, limit: int) -> int:
    """Leading tokens that two rows share."""
    count = min(a.shape[-1], b.shape[-1], int(limit))
    different = (a[0, :count] != b[0, :count]).nonzero()
    return int(different[0]) if len(different) else count


def partial_strings_match(_text: Any, offsets: Any, _strings: Any) -> int:
    """No stop strings are ever given to the library; -1 is 'nothing of it'."""
    assert len(np.frombuffer(bytes(offsets), np.int32)) <= 1 if offsets is not None else True
    return -1


def sample_basic(logits: Any, temperature: float, top_k: int, top_p: float, *rest: Any) -> list[float]:
    """Temperature, top-k, top-p and a draw, with ``random`` as the place in the sorted, summed probabilities."""
    _top_a, _min_p, _tfs, _typical, random, tokens, probabilities, top_probabilities, top_tokens, allowed = rest[:10]
    row = logits[0, 0].float()
    if allowed.device.type != "meta":
        row = row.masked_fill(~allowed[0, : len(row)], float("-inf"))
    if top_k == 1:
        tokens[0, 0], probabilities[0, 0] = int(row.argmax()), 1.0
        return []
    chances, order = (row / max(temperature, 1e-6)).softmax(-1).sort(descending=True, stable=True)
    keep = len(order)
    if top_k > 0:
        keep = min(keep, top_k)
    if 0 < top_p < 1:
        keep = min(keep, int((chances.cumsum(-1) < top_p).sum()) + 1)
    chances = chances[:keep] / chances[:keep].sum()
    at = min(int((chances.cumsum(-1) <= random).sum()), keep - 1)
    tokens[0, 0], probabilities[0, 0] = int(order[at]), float(chances[at])
    if top_tokens.device.type != "meta":
        count = min(top_tokens.shape[-1], keep)
        top_tokens[0, 0, :count], top_probabilities[0, 0, :count] = order[:count], chances[:count]
    return []


def rms_norm(x: Any, weight: Any, out: Any, epsilon: float) -> None:
    wide = x.float()
    normal = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + epsilon)
    out.copy_(normal * weight.float())


def rope_(x: Any, sin: Any, cos: Any, past: int, heads: int, head_size: int, offsets: Any, neox: bool) -> None:
    """In place, x (batch, tokens, heads, head size); ``offsets``: where each sequence begins."""
    assert neox
    batch, count = x.shape[0], x.shape[1]
    start = offsets.view(-1).long() + past if offsets.device.type != "meta" else torch.full((batch,), past)
    at = start[:, None] + torch.arange(count)[None]
    wide = x.float()
    half = head_size // 2
    turned = torch.cat((-wide[..., half:], wide[..., :half]), dim=-1)
    s, c = (table[0, 0].float()[at][:, :, None, :] for table in (sin, cos))
    x.copy_(wide * c + turned * s)


def stloader_read(file: str, offset: int, size: int, target: Any) -> None:
    with Path(file).open("rb") as opened:
        opened.seek(offset)
        data = bytearray(opened.read(size))
    target.copy_(torch.frombuffer(data, dtype=target.dtype).view(target.shape))


def fast_fill_cpu_ones_bool(target: Any) -> None:
    target.fill_(True)


def logit_filter_exclusive(mask: Any, allowed: list[list[int]]) -> None:
    for row, tokens in enumerate(allowed):
        only = torch.zeros(mask.shape[-1], dtype=torch.bool)
        only[tokens] = True
        mask[row] &= only


def cache_rotate(cache: Any, order: Any, buffer: Any) -> None:
    """Pages of ``cache`` (pages, values): each place in ``order`` gets the page of the next place."""
    first = cache[int(order[0])].clone()
    places = order.tolist()
    for target, source in pairwise(places):
        cache[target] = cache[source]
    cache[places[-1]] = first
    del buffer
