"""An engine of fixed cost: every token takes its milliseconds, whatever the machine does. It computes nothing.

A part of the benchmark, for comparing policies; no figure of it says how fast a machine or a model is.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import msgspec

from copilot.bench.replay.meter import Reading
from copilot.bench.replay.virtual.oracle import Oracle
from copilot.bench.replay.virtual.tokens import ids, pieces
from copilot.engine import planning
from copilot.engine.protocol import (
    EngineCapabilities,
    Finish,
    FinishReason,
    ModelInfo,
    Part,
    Progress,
    PromptPlan,
    SamplingParams,
    TokenEvent,
    Totals,
)
from copilot.engine.slots import Slots, shared_tokens
from copilot.errors import SlipstreamError


class Costs(msgspec.Struct, frozen=True, kw_only=True):
    """Milliseconds. The defaults are about what a 0.5B model takes on two CPU cores."""

    prompt_token: float = 7.0
    step: float = 1.0
    token: float = 25.0
    """A generated one."""


class Core:
    """What computes, one step at a time; who comes while it is busy waits. Counts the work."""

    def __init__(self, costs: Costs) -> None:
        self._costs = costs
        self._busy = asyncio.Lock()
        self.oracle: Oracle | None = None
        self.prompt_tokens = 0
        self.evaluated_tokens = 0
        self.generated_tokens = 0

    async def prefill(self, tokens: int) -> None:
        self.evaluated_tokens += tokens
        await self._work(self._costs.step + tokens * self._costs.prompt_token)

    async def decode(self) -> None:
        self.generated_tokens += 1
        await self._work(self._costs.step + self._costs.token)

    def answer(self, before: str) -> list[str]:
        """The pieces that come behind ``before``."""
        return pieces(self.oracle.answer(before)) if self.oracle is not None else []

    async def read(self) -> Reading:
        """As a :class:`~copilot.bench.replay.meter.Meter`."""
        return Reading(self.prompt_tokens, self.evaluated_tokens, self.generated_tokens, counted=True)

    async def _work(self, milliseconds: float) -> None:
        async with self._busy:
            await asyncio.sleep(milliseconds / 1000)


class FixedCostEngine:
    """An :class:`~copilot.engine.protocol.Engine` on ``core``, with the slots of the real one."""

    def __init__(
        self, core: Core, family: str, *, slots: int = 4, context_tokens: int = 8192, batch_tokens: int = 64
    ) -> None:
        self.restarts = 0
        self.totals = Totals()
        self.restarting = False
        self.failure: SlipstreamError | None = None
        self.model = ModelInfo(id="fixed-cost", family=family, context_length=context_tokens)
        self.capabilities = EngineCapabilities(backend="fixed-cost", slots=slots, kv_reuse="leading")
        self._core = core
        self._batch = batch_tokens
        self._slots = Slots(slots, context_tokens)
        self._cached: dict[int, list[int]] = {}

    async def count(self, text: str) -> int:
        return len(ids(text))

    async def generate(self, plan: PromptPlan, params: SamplingParams) -> AsyncGenerator[TokenEvent]:
        """See ``Engine.generate``. The answer follows the text before the caret, wherever that stands in ``plan``."""
        parts = [(part, [-1 - number] if part.control else ids(part.text)) for number, part in enumerate(plan.parts)]
        fitted = planning.fit(
            parts,
            context_length=self.model.context_length,
            max_tokens=max(1, params.max_tokens),
            recent=self._slots.recent(),
        )
        slot, reused = self._take(fitted.ids, params.max_tokens)
        processed = reused
        try:
            total = len(fitted.ids)
            self._core.prompt_tokens += total
            loop = asyncio.get_running_loop()
            while processed < total:
                size = min(self._batch, total - processed)
                await self._core.prefill(size)
                processed += size
                progress = Progress(processed=processed, total=total, reused=reused)
                yield TokenEvent(at=loop.time(), progress=progress)
            sent, reason = 0, FinishReason.STOP
            for piece in self._core.answer(_before(plan.parts)):
                if sent >= params.max_tokens:
                    reason = FinishReason.LENGTH
                    break
                await self._core.decode()
                sent += 1
                yield TokenEvent(text=piece, at=loop.time())
            yield TokenEvent(
                at=loop.time(),
                finish=Finish(reason=reason, prompt_tokens=total, reused_tokens=reused, generated_tokens=sent),
            )
        finally:
            self._cached[slot] = fitted.ids[:processed]
            self._slots.release(slot, processed)

    async def close(self) -> None:
        """Nothing to close."""

    def _take(self, prompt: list[int], max_tokens: int) -> tuple[int, int]:
        """A slot, and how much of the prompt its KV cache has; the last token is always computed."""
        place = self._slots.acquire(prompt, min(len(prompt) + max_tokens, self.model.context_length), lambda: False)
        assert place is not None
        return place.slot, min(shared_tokens(self._cached.get(place.slot, ()), prompt), len(prompt) - 1)


def _before(parts: Sequence[Part]) -> str:
    """The text before the caret: the prefix, and what of the middle is there already."""
    return "".join(part.text for part in parts if part.name in {"prefix", "begun", "middle"})
