"""The engine host without its process and socket: the real planner and scheduler in front of a fixed-cost engine."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator

from copilot_models import families

from copilot.bench.replay.virtual.engine import FixedCostEngine
from copilot.completion.framing import ModelFacts
from copilot.config.settings import Settings
from copilot.engine import planning
from copilot.engine.protocol import SamplingParams
from copilot.errors import SlipstreamError
from copilot.serve.api import ErrorData, InfillBody, InfillEvent
from copilot.serve.generations import Generations
from copilot.serve.streams import Stream

_FOREVER_SECONDS = 3600.0


class VirtualHost:
    """What ``HostClient`` and the language server's link to it offer a completer."""

    def __init__(self, engine: FixedCostEngine, settings: Settings) -> None:
        self._family = families.load(engine.model.family)
        self._limits = planning.PromptLimits(
            prefix_tokens=settings.completion.prefix_tokens, suffix_tokens=settings.completion.suffix_tokens
        )
        self._generations = Generations(
            engine, max_queue=settings.host.max_queue, clock=asyncio.get_running_loop().time
        )
        self.model = ModelFacts(self._family.order)

    async def host(self, *, invoked: bool) -> "VirtualHost":
        return self

    def failed(self, error: SlipstreamError) -> None:
        raise error

    def answered(self, model: str | None = None) -> None:
        """Nothing was wrong."""

    @contextlib.asynccontextmanager
    async def infill(self, body: InfillBody, /) -> AsyncGenerator[AsyncIterator[InfillEvent]]:
        """As ``POST /v1/infill``: leaving the block cancels."""
        stream = self._generations.submit(
            planning.plan_infill(body.request(), self._family, self._limits),
            SamplingParams(max_tokens=body.max_tokens, temperature=body.temperature, stop=body.stop, seed=body.seed),
            lane=body.lane,
            session=body.session,
            deadline_seconds=None if body.deadline_ms is None else body.deadline_ms / 1000,
        )
        try:
            yield _events(stream)
        finally:
            self._generations.cancel(stream.id)


async def _events(stream: Stream) -> AsyncIterator[InfillEvent]:
    position = 0
    while events := await stream.after(position, _FOREVER_SECONDS):
        position += len(events)
        for event in events:
            if isinstance(event, ErrorData):
                raise SlipstreamError(event.message, hint=event.hint, code=event.code, retryable=event.retryable)
            yield event
