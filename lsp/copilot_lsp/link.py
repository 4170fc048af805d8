"""The completers' way to the engine host, which shows in the status that the engine works for someone."""

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TYPE_CHECKING

from copilot.client.stats import StreamStats
from copilot.completion.framing import ModelFacts
from copilot.errors import SlipstreamError
from copilot.serve.api import InfillBody, InfillEvent, Lane
from copilot_lsp.host import HostLink
from copilot_lsp.status import StatusBoard

if TYPE_CHECKING:
    from copilot.client.host import HostClient


class _Watched:
    """A host whose streams are seen on the board, those excepted that nobody waits for."""

    def __init__(self, client: "HostClient", board: StatusBoard) -> None:
        self._client = client
        self._board = board

    @contextlib.asynccontextmanager
    async def infill(self, body: InfillBody) -> AsyncGenerator[AsyncIterator[InfillEvent]]:
        if body.lane is Lane.BACKGROUND:
            async with self._client.infill(body) as events:
                yield events
            return
        stats = StreamStats()
        self._board.measured(stats)
        with self._board.working():
            async with self._client.infill(body) as events, contextlib.aclosing(_counted(events, stats)) as counted:
                yield counted


async def _counted(events: AsyncIterator[InfillEvent], stats: StreamStats) -> AsyncGenerator[InfillEvent]:
    async for event in events:
        stats.add(event)
        yield event


class CompletionLink:
    """``copilot.completion.completer.Link``."""

    def __init__(self, link: HostLink, board: StatusBoard) -> None:
        self._link = link
        self._board = board

    @property
    def model(self) -> ModelFacts:
        return self._link.model

    async def host(self, *, invoked: bool) -> _Watched | None:
        client = await self._link.host(invoked=invoked)
        return None if client is None else _Watched(client, self._board)

    def failed(self, error: SlipstreamError) -> None:
        self._link.failed(error)

    def answered(self, model: str | None = None) -> None:
        self._link.answered(model)
