"""The folders that the editor has open: what may be seen of each, and the index that is kept of it."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pygls.uris import to_fs_path

from copilot_lsp.progress import WorkDone

# The gate takes longer to import than an editor should wait for, and is needed only once a document is open.
if TYPE_CHECKING:
    from copilot.index.handle import Handle
    from copilot.index.status import Status
    from copilot_lsp.server import Server

log = logging.getLogger(__name__)

_IGNORE_FILES = frozenset({".gitignore", ".copilotignore"})
_MOST_KNOWN = 1000
_WORDS = {
    "excluded": "a .copilotignore or the setting context.exclude leaves it out",
    "sensitive": "files of this name hold secrets",
}
"""By :class:`copilot.safety.gate.Refusal`."""


class Folder:
    """``root``: resolved. ``handle``: None where no index is kept."""

    def __init__(self, root: Path, exclude: tuple[str, ...]) -> None:
        from copilot.safety.gate import Gate

        self.root = root
        self.exclude = exclude
        self.gate = Gate(root, exclude=exclude)
        self.handle: Handle | None = None
        self.told: Status | None = None
        self.beginning = False
        self.closing = False

    def path_of(self, path: Path) -> str | None:
        """As the index and the model have it; None for what is not below the folder."""
        return path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) and path != self.root else None


class Folders:
    """``changed`` is called when the set of folders is another."""

    def __init__(self, server: "Server", work_done: Callable[[str], WorkDone]) -> None:
        self._server = server
        self._work_done = work_done
        self._folders: dict[Path, Folder] = {}
        self._resolved: dict[str, Path | None] = {}
        self._refused: dict[str, str] = {}
        """Looked up with each key, and looks at the disk."""
        self._uris: tuple[str, ...] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: set[str] = set()
        self._indexing = False

    def __iter__(self) -> Iterator[Folder]:
        self._sync()
        return iter(self._folders.values())

    def start(self) -> None:
        """Keep an index of each folder from here on, where the settings want one."""
        self._indexing = True
        self._uris = None
        self._sync()

    async def close(self) -> None:
        folders, self._folders = list(self._folders.values()), {}
        for task in list(self._tasks):
            task.cancel()
        for folder in folders:
            await self._leave(folder)

    def reconfigured(self) -> None:
        """The settings may exclude something else."""
        self._uris = None
        if self._indexing:
            self._sync()
            self._server.feed.narrowed()

    def of(self, uri: str) -> tuple[Folder, str] | None:
        """The innermost folder that a document lies in, and its path there."""
        path = self._path(uri)
        if path is None:
            return None
        self._sync()
        best = None
        for folder in self._folders.values():
            below = folder.path_of(path)
            if below is not None and (best is None or len(folder.root.parts) > len(best[0].root.parts)):
                best = folder, below
        return best

    def refuses(self, uri: str) -> str:
        """Why a model must not see this document, in words; empty where it may.

        What Git ignores may be completed, though no other document is shown it.
        """
        if uri not in self._refused:
            self._refused[uri] = self._refusal(uri)
        return self._refused[uri]

    def may_show(self, uri: str) -> tuple[Folder, str] | None:
        """As :meth:`of`, for a document that others may be shown."""
        found = self.of(uri)
        return found if found is not None and found[0].gate.refusal(found[1]) is None else None

    def saved(self, uri: str) -> None:
        found = self.of(uri)
        if found is None:
            return
        folder, path = found
        if path.rpartition("/")[2] in _IGNORE_FILES:
            self._forget(folder)
        if folder.handle is not None:
            folder.handle.saved(path)

    # ------------------------------------------------------------------------------------------------------- details

    def _refusal(self, uri: str) -> str:
        from copilot.safety.gate import Gate, Refused

        found, path = self.of(uri), self._path(uri)
        if path is None:
            return ""
        # Outside every folder its own one counts.
        gate = found[0].gate if found is not None else Gate(path.parent, exclude=self._server.context.exclude)
        try:
            gate.shown(found[1] if found is not None else path.name, "")
        except Refused as refused:
            return _WORDS.get(refused.reason, "")
        return ""

    def _path(self, uri: str) -> Path | None:
        if uri not in self._resolved:
            if len(self._resolved) > _MOST_KNOWN:
                self._resolved.clear()
                self._refused.clear()
            name = to_fs_path(uri) if uri.startswith("file:") else None
            # The folder is resolved, the file is not: a link in a workspace is a file of its own, which is not read.
            self._resolved[uri] = Path(name).parent.resolve() / Path(name).name if name else None
        return self._resolved[uri]

    def _sync(self) -> None:
        """Follow what the editor has open."""
        workspace = self._server.workspace
        uris = tuple(workspace.folders) or ((workspace.root_uri,) if workspace.root_uri else ())
        if uris == self._uris:
            return
        self._uris = uris
        exclude = self._server.context.exclude
        names = [to_fs_path(uri) for uri in uris if uri.startswith("file:")]
        roots = {Path(name).resolve() for name in names if name}
        for root in list(self._folders):
            if root not in roots or self._folders[root].exclude != exclude:
                self._in_background(self._leave(self._folders.pop(root)))
        for root in roots - self._folders.keys():
            self._folders[root] = Folder(root, exclude)
        if self._indexing:
            for folder in self._folders.values():
                self._keep_index_or_not(folder)
        self._resolved.clear()
        self._refused.clear()

    def _forget(self, folder: Folder) -> None:
        """What may be seen of it may be something else now."""

        async def renewed() -> None:
            # It asks Git and reads the disk.
            await asyncio.to_thread(folder.gate.renew)
            self._refused.clear()
            self._server.feed.narrowed()

        self._in_background(renewed())

    def _keep_index_or_not(self, folder: Folder) -> None:
        if self._server.context.index and folder.handle is None and not folder.beginning:
            folder.beginning = True
            self._in_background(self._begin_index(folder))
        elif not self._server.context.index and folder.handle is not None:
            handle, folder.handle = folder.handle, None
            self._in_background(handle.close())

    async def _begin_index(self, folder: Folder) -> None:
        # What may be seen is asked for the first time here: that runs Git and reads the disk.
        await asyncio.to_thread(folder.gate.refusal, "", is_folder=True)
        folder.beginning = False
        if self._server.context.index and not folder.closing:
            self._keep_index(folder)

    def _keep_index(self, folder: Folder) -> None:
        if not folder.root.is_dir():
            return
        if folder.gate.refusal("", is_folder=True) is not None:
            self._say_once(
                f"Slipstream keeps no index of {folder.root}: Git, or a .copilotignore, leaves out the whole folder. "
                "`git check-ignore -v .` in it says by which rule."
            )
            return
        from copilot.index.handle import Handle
        from copilot.index.roots import why_not

        if why := why_not(folder.root):
            self._say_once(f"Slipstream keeps no index of {folder.root}: {why} Open the project's own folder.")
            return

        work_done = self._work_done("Slipstream: index")

        def told(status: "Status") -> None:
            if folder.closing:
                return
            if folder.told is None or (folder.told.state, folder.told.writer) != (status.state, status.writer):
                # Which files may be seen is read anew whenever the index looks at all of them again.
                self._forget(folder)
            folder.told = status
            if status.state in {"scanning", "waiting"} and status.done < status.total:
                work_done.report(f"{status.done} of {status.total} files", status.done / status.total)
            else:
                work_done.end()
            if status.notice:
                self._say_once(f"Slipstream's index of {folder.root.name}: {status.notice}")

        folder.handle = Handle()
        folder.handle.start(folder.root, folder.exclude, told)

    async def _leave(self, folder: Folder) -> None:
        folder.closing = True
        if folder.handle is not None:
            await folder.handle.close()

    def _say_once(self, message: str) -> None:
        """In the client's log: nothing to be done about it at once."""
        if message not in self._told:
            self._told.add(message)
            self._server.log_message(message)

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
