"""Where names near the caret are defined, as the editor's other language servers say, for clients that ask them.

A client offers it with ``"definitions": true`` in its ``initializationOptions`` and answers the request
``slipstream/definitions``: for each position a list of LSP locations.
"""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec

from copilot.text.position import Range
from copilot.text.spot import Spot
from copilot_lsp.messages import Wire
from copilot_lsp.protocol import ClientError

if TYPE_CHECKING:
    from copilot_lsp.server import Server

REQUEST = "slipstream/definitions"

_SECONDS = 0.25
"""A language server that is busy is not waited for."""

_LINES = 6
_MOST_NAMES = 8
_NAME = re.compile(r"[^\W\d]\w{2,}")


class _Location(Wire, frozen=True):
    """LSP 3.17, ``Location`` or ``LocationLink``."""

    uri: str = ""
    range: Range | None = None
    target_uri: str = ""
    target_range: Range | None = None


class Definitions:
    def __init__(self, server: "Server") -> None:
        self._server = server

    async def near(self, spot: Spot) -> Sequence[tuple[str, int, str]]:
        """URI, line (from 1) and name of definitions in other documents; none where the client doesn't offer them, or
        not soon."""
        if not self._server.options.definitions:
            return ()
        names = dict(_names(spot))
        encoding = self._server.documents.encoding
        positions = [
            {"line": line, "character": spot.document.position_at(line, column, encoding).character}
            for line, column in names.values()
        ]
        if not positions:
            return ()
        params = {"textDocument": {"uri": spot.document.uri}, "positions": positions}
        try:
            answer = await self._server.protocol.ask(REQUEST, params, _SECONDS)
        except ClientError:
            return ()
        return tuple(_read(answer, list(names), spot.document.uri))


def _names(spot: Spot) -> Iterator[tuple[str, tuple[int, int]]]:
    """Names on the caret's line and above, nearest first, each with a place where it stands."""
    seen: set[str] = set()
    for line in range(spot.line, max(-1, spot.line - _LINES), -1):
        text = spot.head if line == spot.line else spot.document.lines[line]
        for match in reversed(list(_NAME.finditer(text))):
            if match.group() not in seen:
                seen.add(match.group())
                yield match.group(), (line, match.start())
                if len(seen) == _MOST_NAMES:
                    return


def _read(answer: object, names: Sequence[str], own: str) -> Iterator[tuple[str, int, str]]:
    if not isinstance(answer, list):
        return
    for name, given in zip(names, answer, strict=False):
        for item in given if isinstance(given, list) else ():
            try:
                location = msgspec.convert(item, _Location)
            except msgspec.ValidationError:
                continue
            uri, place = location.uri or location.target_uri, location.range or location.target_range
            if uri and uri != own and place is not None and place.start.line >= 0:
                yield uri, place.start.line + 1, name
                break
