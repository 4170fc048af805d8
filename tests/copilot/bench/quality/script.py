"""A host that does what it was told, for tests of what stands in front of it."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence

from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, InfillBody, InfillEvent, StartData, TokenData


class Script:
    """A host that writes ``texts`` and then ends, or fails; by order of the prompt where ``texts`` is a mapping."""

    def __init__(
        self, texts: Sequence[str] | Mapping[str, Sequence[str]], failure: SlipstreamError | None = None
    ) -> None:
        self.texts = texts
        self.bodies: list[InfillBody] = []
        self.failure = failure
        self.sent = 0
        self.open = 0
        self.most_open = 0

    @contextlib.asynccontextmanager
    async def infill(self, body: InfillBody, /) -> AsyncGenerator[AsyncIterator[InfillEvent]]:
        self.bodies.append(body)
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            yield self._events(body)
        finally:
            self.open -= 1

    async def _events(self, body: InfillBody) -> AsyncIterator[InfillEvent]:
        layout = body.layout or "spm"
        yield StartData(stream="s", model="m", layout=layout)
        texts = self.texts[layout] if isinstance(self.texts, Mapping) else self.texts
        for text in texts[: body.max_tokens]:
            await asyncio.sleep(0)
            self.sent += 1
            yield TokenData(text=text)
        if self.failure is not None:
            raise self.failure
        yield DoneData(reason="stop", prompt_tokens=7)
