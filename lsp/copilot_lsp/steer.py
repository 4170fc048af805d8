"""``slipstream.context.*``: the user says what the model is shown of a workspace, from the next prompt on."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec
from pygls.exceptions import JsonRpcInvalidParams

from copilot.errors import SlipstreamError
from copilot.safety.inside import normal
from copilot.text.line_ends import to_newlines
from copilot.text.position import Range
from copilot_lsp.commands import Commands
from copilot_lsp.folders import Folder
from copilot_lsp.messages import Json, ProgressToken, RequestId, Wire
from copilot_lsp.trouble import RequestFailed

if TYPE_CHECKING:
    from copilot.context.steering import Steering
    from copilot_lsp.server import Server

PREFIX = "slipstream.context."


class SteerParams(Wire, frozen=True):
    """The one argument of each command. ``uri``: a document of the workspace that is meant. ``path``: of the file that
    it is about, below the workspace's folder; without it that document's own. ``range``: the lines to pin. ``text``:
    the piece to ban or to pin, as ``slipstream/why`` gave it; without it those lines of the open document.
    """

    uri: str
    path: str | None = None
    range: Range | None = None
    text: str | None = None


class Steer:
    def __init__(self, server: "Server") -> None:
        self._server = server

    def register(self, commands: Commands) -> None:
        for name, how in (
            ("pin", self._pin),
            ("ban", self._ban),
            ("never", self._never),
            ("reset", self._reset),
            ("list", None),
        ):
            commands[f"{PREFIX}{name}"] = partial(self._run, how)

    def _run(
        self,
        how: "Callable[[Folder, SteerParams, str], Callable[[Steering], Steering]] | None",
        request_id: RequestId,
        arguments: Sequence[Any],
        token: ProgressToken | None,
    ) -> Awaitable[Json]:
        """Take what it is about before the next message can change it; answer later."""
        params = msgspec.convert(arguments[0] if arguments else {}, SteerParams)
        found = self._server.folders.of(params.uri)
        if found is None:
            raise JsonRpcInvalidParams("This document lies in no folder that the editor has open.")
        folder, own = found
        path = normal(params.path.rstrip("/")) if params.path is not None else own
        if not path:
            raise JsonRpcInvalidParams("The path leads out of the folder.")
        try:
            change = None if how is None else how(folder, params, path)
        except SlipstreamError as error:
            raise RequestFailed(str(error)) from error
        return self._changed(folder, change)

    async def _changed(self, folder: Folder, change: "Callable[[Steering], Steering] | None") -> Json:
        feed = self._server.feed
        if change is None:
            steering = feed.steering.of(folder.root)
        else:
            try:
                steering = await asyncio.to_thread(feed.steering.change, folder.root, change)
            except SlipstreamError as error:
                raise RequestFailed(str(error)) from error
            feed.steered()
        answer: Json = msgspec.to_builtins(steering)
        return answer

    def _pin(self, folder: Folder, params: SteerParams, path: str) -> "Callable[[Steering], Steering]":
        from copilot.context.steering import Pin, head_of

        if params.range is None:
            raise JsonRpcInvalidParams("Pinning needs a range.")
        if params.text is not None:
            first, last = params.range.start.line, params.range.end.line
            lines: Sequence[str] = params.text.split("\n")
        else:
            document = self._server.documents.get(params.uri) if params.path is None else None
            if document is None:
                raise JsonRpcInvalidParams("Pinning needs the uri of an open document, or path, range and text.")
            encoding = self._server.documents.encoding
            ends = (document.split_at(it, encoding) for it in (params.range.start, params.range.end))
            (first, _), (last, column) = ends
            if column == 0 and last > first:
                # A selection of whole lines ends at the start of the line below.
                last -= 1
            # As the model would see it, and by which it is found again.
            lines = folder.gate.shown(path, to_newlines(document.text)).split("\n")[first : last + 1]
        blank = next((at for at, line in enumerate(lines) if line.strip()), None)
        if blank is None:
            raise JsonRpcInvalidParams("There is nothing in these lines.")
        head = head_of("\n".join(lines))
        return lambda it: it.with_pin(
            Pin(path=path, first=first + blank + 1, last=max(first + blank, last) + 1, head=head)
        )

    def _ban(self, folder: Folder, params: SteerParams, path: str) -> "Callable[[Steering], Steering]":
        from copilot.context.steering import Ban, head_of, lines_of

        text = params.text or ""
        head = head_of(text)
        if not head:
            raise JsonRpcInvalidParams("Banning needs the text of the piece.")
        return lambda it: it.with_ban(Ban(path=path, head=head, lines=lines_of(text)))

    def _never(self, folder: Folder, params: SteerParams, path: str) -> "Callable[[Steering], Steering]":
        return lambda it: it.with_never(path)

    def _reset(self, folder: Folder, params: SteerParams, path: str) -> "Callable[[Steering], Steering]":
        from copilot.context.steering import Steering

        # Without a path everything that was said for this workspace.
        return (lambda it: it.without(path)) if params.path is not None else (lambda it: Steering())
