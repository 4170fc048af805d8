"""Work-done progress, on the client's token or on one of the server's own (LSP 3.18, "Work Done Progress")."""

import asyncio
import itertools
import logging

from lsprotocol import types

from copilot_lsp.messages import Json, ProgressToken
from copilot_lsp.protocol import ClientError, Protocol

log = logging.getLogger(__name__)

_CREATE_SECONDS = 5.0
_tokens = itertools.count(1)


class WorkDone:
    """One piece of work, shown from its first :meth:`report` until :meth:`end`, where the client can show it.

    ``token``: the one that came with a request; without it the client is asked for its leave to use one of ours, in the
    background, and the work goes on without. ``supported`` counts only then. ``cancellable``: someone looks out for
    ``window/workDoneProgress/cancel``.
    """

    def __init__(
        self,
        protocol: Protocol,
        title: str,
        *,
        supported: bool,
        token: ProgressToken | None = None,
        cancellable: bool = False,
    ) -> None:
        self._protocol = protocol
        self._title = title
        self._supported = supported or token is not None
        self._given = token is not None
        self._cancellable = cancellable
        self.token: ProgressToken = f"slipstream-work-{next(_tokens)}" if token is None else token
        self._value: Json = {}
        self._asking: asyncio.Task[None] | None = None
        self._begun = False

    def report(self, message: str, share: float | None) -> None:
        """Show ``message`` and, where known, the ``share`` from 0 to 1 that is done."""
        value: Json = {"message": message}
        if share is not None:
            value["percentage"] = max(0, min(100, int(share * 100)))
        if not self._supported or value == self._value:
            return
        self._value = value
        if self._begun:
            self._send({"kind": "report", **value})
        elif self._given:
            self._show()
        elif self._asking is None:
            self._asking = asyncio.create_task(self._begin())

    def end(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        if self._begun:
            self._send({"kind": "end"})
            self._begun = False

    async def _begin(self) -> None:
        try:
            await self._protocol.ask(types.WINDOW_WORK_DONE_PROGRESS_CREATE, {"token": self.token}, _CREATE_SECONDS)
        except ClientError as error:
            log.warning("no progress is shown: %s", error)
            return
        self._show()

    def _show(self) -> None:
        self._begun = True
        self._send({"kind": "begin", "title": self._title, "cancellable": self._cancellable, **self._value})

    def _send(self, value: Json) -> None:
        self._protocol.notify_plain(types.PROGRESS, {"token": self.token, "value": value})
