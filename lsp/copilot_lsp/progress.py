"""Work-done progress that the server begins by itself (LSP 3.18, "Server Initiated Progress")."""

import itertools
import logging

from lsprotocol import types

from copilot_lsp.messages import Json
from copilot_lsp.protocol import ClientError, Protocol

log = logging.getLogger(__name__)

_CREATE_SECONDS = 5.0
_tokens = itertools.count(1)


class WorkDone:
    """One piece of work, shown from its first :meth:`report` until :meth:`end`, where the client can show it."""

    def __init__(self, protocol: Protocol, title: str, *, supported: bool) -> None:
        self._protocol = protocol
        self._title = title
        self._supported = supported
        self._token: str | None = None
        self._last: Json = {}

    async def report(self, message: str, share: float | None) -> None:
        """Show ``message`` and, where known, the ``share`` from 0 to 1 that is done. Never raises."""
        if not self._supported:
            return
        value: Json = {"message": message}
        if share is not None:
            value["percentage"] = max(0, min(100, int(share * 100)))
        if self._token is None and not await self._create():
            return
        if value == self._last:
            return
        if self._last:
            self._send({"kind": "report", **value})
        else:
            self._send({"kind": "begin", "title": self._title, "cancellable": False, **value})
        self._last = value

    def end(self) -> None:
        if self._last:
            self._send({"kind": "end"})
            self._last = {}
            self._token = None

    async def _create(self) -> bool:
        token = f"slipstream-work-{next(_tokens)}"
        try:
            await self._protocol.ask(types.WINDOW_WORK_DONE_PROGRESS_CREATE, {"token": token}, _CREATE_SECONDS)
        except ClientError as error:
            log.warning("no progress is shown: %s", error)
            self._supported = False
            return False
        self._token = token
        return True

    def _send(self, value: Json) -> None:
        self._protocol.notify_plain(types.PROGRESS, {"token": self._token, "value": value})
