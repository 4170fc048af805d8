"""The workspace that a question is asked in, as it is at that moment."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from copilot.text.document import Document
from copilot.text.line_ends import to_newlines
from copilot_lsp.folders import Folder

if TYPE_CHECKING:
    from copilot.chat.workspace import Workspace
    from copilot_lsp.server import Server


class Within(NamedTuple):
    """``documents``: those of the folder that are open, by path; ``near``: what someone works on; ``hides``: what
    the user wants never to be shown."""

    folder: Folder
    documents: Mapping[str, Document]
    near: tuple[str, ...]
    hides: Callable[[str], bool]

    @contextlib.contextmanager
    def workspace(self) -> "Iterator[Workspace]":
        """In a thread: it reads the disk and the index."""
        from copilot.chat.workspace import Workspace
        from copilot.index.reader import Reader

        gate = self.folder.gate
        index = Reader.of(self.folder.root, gate)
        try:
            yield Workspace(gate, index, self._shown, self.hides)
        finally:
            index.close()

    def texts(self, paths: Iterable[str]) -> dict[str, str | None]:
        """Of files as they are now, None for those that are not there any more; not of what can't be said. In a
        thread."""
        from copilot.safety.gate import Refusal, Refused

        gate = self.folder.gate
        found: dict[str, str | None] = {}
        for path in paths:
            shown = self._shown(path)
            try:
                found[path] = gate.read(path).text if shown is None else to_newlines(gate.shown(path, shown))
            except Refused as refused:
                if refused.reason is Refusal.NO_FILE:
                    found[path] = None
        return found

    def _shown(self, path: str) -> str | None:
        document = self.documents.get(path)
        return document.text if document is not None else None


def within(server: "Server", uri: str | None) -> Within | None:
    """The folder of ``uri``, or else that of what is looked at, or the first; None where none is open."""
    folders = server.folders
    named = (folders.of(it) for it in (uri, server.companion.attention.uri) if it is not None)
    found = next((it for it in named if it is not None), None)
    folder = found[0] if found is not None else next(iter(folders), None)
    if folder is None:
        return None
    documents: dict[str, Document] = {}
    for it in list(server.documents):
        place, document = folders.of(it), server.documents.find(it)
        if place is not None and place[0] is folder and document is not None:
            documents[place[1]] = document
    near = (*([found[1]] if found is not None else []), *documents)
    return Within(folder, documents, tuple(dict.fromkeys(near)), server.feed.steering.of(folder.root).hides)
