"""llama.cpp's ``/infill`` on the engine of fixed cost, as llama.vim recommends to run it: one slot, first come first
served, batches of 1,024 tokens, chunks of 256 that moved are used again.

What matters to a client, from reading llama.cpp's server: the prompt is prefix, suffix, middle, of which the prefix
gets three quarters of a batch and the suffix one; ``t_max_predict_ms`` and ``n_indent`` end an answer only after its
first line end; a request that was sent is computed to its end.
"""

import asyncio
from collections.abc import Sequence

from copilot.bench.replay.llama_vim import Fields
from copilot.bench.replay.virtual.engine import Core
from copilot.bench.replay.virtual.tokens import ids, pieces
from copilot.engine.slots import shared_tokens

_BATCH = 1024
_MOVED_CHUNK = 256
_PREFIX, _SUFFIX, _MIDDLE = -1, -2, -3


class VirtualInfill:
    """An :class:`~copilot.bench.replay.llama_vim.InfillServer`."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._slot = asyncio.Lock()
        self._cached: Sequence[int] = ()

    async def infill(self, fields: Fields) -> str:
        prefix, suffix, middle = (str(fields[name]) for name in ("input_prefix", "input_suffix", "prompt"))
        async with self._slot:
            prompt = _prompt(prefix, suffix, middle)
            reused = min(len(prompt) - 1, _reused(self._cached, prompt))
            self._core.prompt_tokens += len(prompt)
            for at in range(reused, len(prompt), _BATCH):
                await self._core.prefill(min(_BATCH, len(prompt) - at))
            self._cached = prompt
            return await self._decode(prefix + middle, fields)

    async def _decode(self, before: str, fields: Fields) -> str:
        loop = asyncio.get_running_loop()
        until = loop.time() + float(str(fields["t_max_predict_ms"])) / 1000
        text = ""
        for piece in self._core.answer(before)[: int(str(fields["n_predict"]))]:
            await self._core.decode()
            text += piece
            if "\n" in text and (loop.time() > until or _dedented(text, int(str(fields["n_indent"])))):
                break
        return _without_dedent(text, int(str(fields["n_indent"])))


def _prompt(prefix: str, suffix: str, middle: str) -> list[int]:
    first = [*ids(prefix), *ids(middle)][-3 * _BATCH // 4 :]
    last = ids(suffix)[: max(0, _BATCH // 4 - 2 - len(pieces(middle)))]
    return [_PREFIX, *first, _SUFFIX, *last, _MIDDLE]


def _reused(cached: Sequence[int], prompt: Sequence[int]) -> int:
    """Leading tokens, and chunks of at least 256 that stand further on in the cache (``--cache-reuse``)."""
    reused = shared_tokens(cached, prompt)
    at = reused
    while at < len(cached) and reused < len(prompt):
        chunk = shared_tokens(cached[at:], prompt[reused:]) if cached[at] == prompt[reused] else 0
        if chunk >= _MOVED_CHUNK:
            at, reused = at + chunk, reused + chunk
        else:
            at += 1
    return reused


def _dedented(text: str, indent: int) -> bool:
    return _without_dedent(text, indent) != text


def _without_dedent(text: str, indent: int) -> str:
    """Up to the first later line that is indented by less than ``indent``."""
    if not indent:
        return text
    first, *lines = text.split("\n")
    kept = [first]
    for line in lines:
        if line.strip() and len(line) - len(line.lstrip()) < indent:
            return "\n".join(kept) + "\n"
        kept.append(line)
    return text
