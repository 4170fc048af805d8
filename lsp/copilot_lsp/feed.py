"""What of other files the model is shown in each document: gathered in a thread, for the document that is worked in.

Nobody waits for it. It is gathered when the caret comes to another line or to rest, not with every key, and what it
comes to is taken up by the document's completer when that is cheap.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from copilot.context.regions import Regions
from copilot.context.request import Snippet
from copilot.context.snapshot import Place, Snapshot
from copilot.text.document import Change, Document
from copilot.text.spot import Spot
from copilot_lsp.definitions import Definitions
from copilot_lsp.folders import Folder

if TYPE_CHECKING:
    from copilot.context.gathering import Gatherer
    from copilot.context.steering import SteeringFile
    from copilot_lsp.server import Server

log = logging.getLogger(__name__)

PAUSE = 0.15
"""Seconds without an edit after which the caret is taken to rest."""

_DENSITY = 2.6
"""Characters of a snippet for each of its tokens; most code has more, but what is left out is left out whole."""

_MOST_OTHERS = 24
_RENEW_SECONDS = 5.0


class _Wanted(NamedTuple):
    folder: Folder
    path: str
    spot: Spot
    at_once: bool


class Feed:
    """``show`` is given the snippets for a document."""

    def __init__(self, server: "Server", show: Callable[[str, Sequence[Snippet], bool], None]) -> None:
        self._server = server
        self._show = show
        self._definitions = Definitions(server)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="context")
        self._gatherers: dict[Path, Gatherer] = {}
        """Used in the thread only."""
        self._file: SteeringFile | None = None
        self._regions: dict[Path, Regions] = {}
        self._kept: dict[str, tuple[Snippet, ...]] = {}
        self._looked: dict[str, None] = {}
        """Documents, those that were looked at last at the end."""
        self._spots: dict[str, Spot] = {}
        self._lines: dict[str, int] = {}
        self._wanted: _Wanted | None = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._renewed: dict[Path, float] = {}
        self._closed = False
        self._epoch = 0
        """Grows when something may not be shown any more: what was being gathered then is out of date."""

    # ------------------------------------------------------------------------------------------------ from the editor

    def moved(self, spot: Spot) -> None:
        """The caret rests there."""
        uri = spot.document.uri
        self._look_at(uri)
        found = self._server.folders.may_show(uri)
        if found is not None:
            self._of(found[0]).viewed(found[1], spot.line + 1, self._now())
        self._want(spot)

    def edited(self, document: Document, changes: Sequence[Change], spot: Spot | None) -> None:
        """``spot``: where the caret probably is now."""
        self._look_at(document.uri)
        found = self._server.folders.may_show(document.uri)
        if found is not None:
            regions, now = self._of(found[0]), self._now()
            for change in changes:
                if change.range is not None:
                    first, last = change.range.start.line, change.range.end.line
                    regions.edited(found[1], first + 1, last - first, change.text.count("\n"), now)
        if spot is None:
            return
        self._stop_timer()
        if self._lines.get(document.uri) != spot.line:
            self._want(spot)
        else:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._want, spot)

    def closed(self, uri: str) -> None:
        self._stop_timer()
        for known in (self._kept, self._looked, self._spots, self._lines):
            known.pop(uri, None)

    def steered(self) -> None:
        """Someone said what is to be shown: nothing else is, from now on."""
        self.narrowed()
        last = next(reversed(self._looked), None)
        if last is not None and (spot := self._spots.get(last)) is not None:
            self._want(spot, at_once=True)

    def narrowed(self) -> None:
        """What may be seen may be less now: nothing else is in any prompt, nor what was made of it on any screen."""
        self._epoch += 1
        for uri in list(self._server.documents):
            found = self._server.folders.of(uri)
            allowed = self._allowed(found[0] if found is not None else None)
            if uri in self._kept:
                self._kept[uri] = tuple(filter(allowed, self._kept[uri]))
            self._server.inline.withdraw(uri, allowed)

    def _allowed(self, folder: Folder | None) -> Callable[[Snippet], bool]:
        if folder is None or self._characters <= 0:
            return lambda it: False
        gate, steering = folder.gate, self.steering.of(folder.root)
        return lambda it: steering.allows(it.path, it.text) and gate.refusal(it.path) is None

    @property
    def steering(self) -> "SteeringFile":
        if self._file is None:
            from copilot.context.steering import steering_file

            self._file = steering_file()
        return self._file

    async def close(self) -> None:
        self._closed = True
        self._stop_timer()
        if self._task is not None:
            self._task.cancel()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # ------------------------------------------------------------------------------------------------------- details

    def _want(self, spot: Spot, *, at_once: bool = False) -> None:
        self._timer = None
        uri = spot.document.uri
        self._spots[uri], self._lines[uri] = spot, spot.line
        found = self._server.folders.of(uri)
        if self._closed or found is None or self._characters <= 0 or self._server.inline.document(uri) is None:
            return
        pending = self._wanted is not None and self._wanted.at_once
        self._wanted = _Wanted(*found, spot, at_once or pending)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._gather_all(), name="gather context")

    async def _gather_all(self) -> None:
        while (wanted := self._wanted) is not None:
            self._wanted = None
            try:
                await self._gather(wanted)
            except Exception as error:
                # Completions go on without; a text of the user's must not get into the log.
                log.error("no context could be gathered: %s", type(error).__name__, exc_info=log.isEnabledFor(10))

    async def _gather(self, wanted: _Wanted) -> None:
        places = await self._definitions.near(wanted.spot)
        folder, uri = wanted.folder, wanted.spot.document.uri
        if folder.handle is None and self._now() - self._renewed.get(folder.root, 0.0) > _RENEW_SECONDS:
            # No indexer says that files of rules have changed.
            self._renewed[folder.root] = self._now()
            await asyncio.to_thread(folder.gate.renew)
            self.narrowed()
        epoch = self._epoch
        snapshot = Snapshot(
            path=wanted.path,
            document=wanted.spot.document,
            line=wanted.spot.line,
            column=wanted.spot.column,
            others=self._others(folder, uri),
            regions=self._of(folder).newest_first,
            places=self._places(folder, places),
            kept=self._kept.get(uri, ()),
            characters=self._characters,
            now=self._now(),
        )
        loop = asyncio.get_running_loop()
        snippets = await loop.run_in_executor(self._pool, self._gathered, folder, snapshot)
        if self._closed or self._server.documents.find(uri) is None:
            return
        if epoch != self._epoch:
            self._want(wanted.spot, at_once=wanted.at_once)
            return
        self._kept[uri] = snippets
        self._show(uri, snippets, wanted.at_once)

    def _gathered(self, folder: Folder, snapshot: Snapshot) -> tuple[Snippet, ...]:
        """In the thread."""
        from copilot.context.gathering import Gatherer
        from copilot.index.reader import Reader

        indexed = folder.handle is not None
        gatherer = self._gatherers.get(folder.root)
        if gatherer is None or gatherer.gate is not folder.gate or gatherer.indexed != indexed:
            if gatherer is not None:
                gatherer.close()
            reader = None if indexed else Reader.of_nothing(folder.root)
            gatherer = self._gatherers[folder.root] = Gatherer(folder.gate, self.steering, reader)
        return gatherer.gather(snapshot)

    def _others(self, folder: Folder, uri: str) -> tuple[tuple[str, Document], ...]:
        """The other open documents of the folder, the one looked at last first."""
        server, found = self._server, []
        open_ones = [*reversed(self._looked), *(it for it in server.documents if it not in self._looked)]
        for other in open_ones[:_MOST_OTHERS]:
            document = server.documents.find(other)
            place = server.folders.of(other) if document is not None and other != uri else None
            if document is not None and place is not None and place[0] is folder:
                found.append((place[1], document))
        return tuple(found)

    def _places(self, folder: Folder, named: Sequence[tuple[str, int, str]]) -> tuple[Place, ...]:
        found = []
        for uri, line, name in named:
            place = self._server.folders.may_show(uri)
            if place is not None and place[0] is folder:
                found.append(Place(place[1], line, name))
        return tuple(found)

    @property
    def _characters(self) -> int:
        return int(self._server.completion.snippet_tokens * _DENSITY)

    def _of(self, folder: Folder) -> Regions:
        return self._regions.setdefault(folder.root, Regions())

    def _look_at(self, uri: str) -> None:
        self._looked.pop(uri, None)
        self._looked[uri] = None

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _now(self) -> float:
        return asyncio.get_running_loop().time()
