"""The companion windows of this user: they see what is asked here, and ask for what the editor can do.

Letters go through the engine host (``copilot.chat.exchange``). Without a host there is no window, and nothing is lost
but the view: this never starts one.
"""

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from lsprotocol import types
from pygls.uris import from_fs_path, to_fs_path

from copilot import paths
from copilot.chat import exchange
from copilot.errors import SlipstreamError
from copilot.serve.api import Peer, PeerBody, PeerRole, PeersData
from copilot_lsp.attention import Attention
from copilot_lsp.messages import Json
from copilot_lsp.protocol import ClientError

if TYPE_CHECKING:
    from copilot.chat.attachments import Attachment
    from copilot.chat.proposal import Proposal
    from copilot.client.host import HostClient
    from copilot_lsp.server import Server

log = logging.getLogger(__name__)

_POLL_SECONDS = 1.0
_FRAME_SECONDS = 0.033
"""Text goes to a window at most so often: nobody sees it sooner."""

_MOST_REVIEWS = 32
_MOST_OPEN = 20
_SETTLE_SECONDS = 0.3
# An editor tells of an edit of its own within a few hundred milliseconds.
_SEEN_SECONDS = 0.05
_SEEN_TRIES = 40


class Mirror:
    """One answer of the editor as windows see it. Everything may be called in any state; what comes late is dropped."""

    def __init__(self, send: Callable[[exchange.FromEditor], None], stream: str, task: str) -> None:
        self.model = ""
        self.review: exchange.Review | None = None
        self.question = ""
        self.attachments: tuple[Attachment, ...] = ()
        self._send = send
        self._stream = stream
        self._task = task
        self._waiting: list[str] = []
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, title: str) -> None:
        self._send(
            exchange.Asked(
                stream=self._stream,
                task=self._task,
                title=title,
                question=self.question or title,
                attachments=self.attachments,
            )
        )

    def text(self, text: str) -> None:
        self._waiting.append(text)
        if self._timer is None:
            # The first piece at once, what follows within a frame together.
            self._flush()
            self._timer = asyncio.get_running_loop().call_later(_FRAME_SECONDS, self._frame)

    def end(self, reason: str, message: str) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._flush()
        self._send(
            exchange.Ended(stream=self._stream, reason=reason, message=message, model=self.model, review=self.review)
        )

    def _frame(self) -> None:
        self._timer = None
        if self._waiting:
            self._flush()
            self._timer = asyncio.get_running_loop().call_later(_FRAME_SECONDS, self._frame)

    def _flush(self) -> None:
        if self._waiting:
            self._send(exchange.Wrote(stream=self._stream, text="".join(self._waiting)))
            self._waiting.clear()


class Companion:
    """``client`` makes a connection to the host; called in a thread, and only where a host is there."""

    def __init__(self, server: "Server", client: "Callable[[], HostClient]") -> None:
        self.attention = Attention(self._look_again)
        self._server = server
        self._make_client = client
        self._client: HostClient | None = None
        self._me = ""
        self._windows: tuple[Peer, ...] = ()
        self._letters: asyncio.Queue[tuple[str, exchange.FromEditor]] = asyncio.Queue()
        self._reviews: dict[str, Proposal] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._told = exchange.Now()
        self._looking: asyncio.TimerHandle | None = None

    @property
    def watched(self) -> bool:
        """Whether a window is open."""
        return bool(self._windows)

    def start(self, socket: Path | None) -> None:
        self._in_background(self._stay(socket or paths.host_socket()))
        self._in_background(self._deliver())

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        if self._client is not None:
            await self._client.aclose()

    def mirror(self, stream: str, task: str) -> Mirror:
        return Mirror(self._to_all, stream, task)

    def offer(self, proposal: "Proposal", title: str) -> exchange.Review:
        """Have windows choose of its hunks."""
        from copilot.chat.reviewing import review_of

        name = secrets.token_hex(8)
        self._reviews[name] = proposal
        while len(self._reviews) > _MOST_REVIEWS:
            del self._reviews[next(iter(self._reviews))]
        uri = proposal.document.uri
        return review_of(proposal, name, title, self._server.shown_path(uri) or uri)

    # -------------------------------------------------------------------------------------------- the connection

    async def _stay(self, socket: Path) -> None:
        """Be a peer wherever there is a host."""
        while True:
            if await asyncio.to_thread(socket.exists):
                try:
                    await self._joined()
                except SlipstreamError as error:
                    if error.code == "not_found":
                        # A host of an older version; it leaves some time.
                        await asyncio.sleep(30 * _POLL_SECONDS)
                except Exception as error:
                    log.error("the connection to the companion window ended: %s", type(error).__name__)
                    await asyncio.sleep(30 * _POLL_SECONDS)
                self._windows = ()
            await asyncio.sleep(_POLL_SECONDS)

    async def _joined(self) -> None:
        server = self._server
        if self._client is None:
            self._client = await asyncio.to_thread(self._make_client)
        body = PeerBody(
            role=PeerRole.EDITOR, name=(server.client_name or "Editor")[:200], workspace=server.workspace.root_path
        )
        async with contextlib.aclosing(self._client.join(body)) as posts:
            async for post in posts:
                if isinstance(post, PeersData):
                    self._peers(post)
                else:
                    self._in_background(self._answer(post.sender, bytes(post.body)))

    def _peers(self, post: PeersData) -> None:
        known = {it.id for it in self._windows}
        self._me = post.you
        self._windows = tuple(it for it in post.peers if it.role is PeerRole.WINDOW)
        if any(it.id not in known for it in self._windows):
            self._told = exchange.Now()
            self._look()

    async def _deliver(self) -> None:
        """One after the other: letters arrive in the order in which they were written."""
        while True:
            to, letter = await self._letters.get()
            if self._client is None:
                continue
            with contextlib.suppress(SlipstreamError):
                await self._client.send(self._me, to, letter)

    def _to_all(self, letter: exchange.FromEditor) -> None:
        for window in self._windows:
            self._letters.put_nowait((window.id, letter))

    def _in_background(self, work: "Awaitable[None]") -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --------------------------------------------------------------------------------------- what the user looks at

    def _look_again(self) -> None:
        if self._windows and self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(2 * _FRAME_SECONDS, self._look)

    def _look(self) -> None:
        self._looking = None
        attention, server = self.attention, self._server
        here = attention.uri if attention.uri is not None and attention.uri in server.documents else None
        span = attention.selection
        selection = None
        if here is not None and span is not None:
            last = span.end.line + (1 if span.end.character else 0)
            selection = (span.start.line + 1, max(span.start.line + 1, last))
        now = exchange.Now(
            file=self._open_file(here) if here is not None else None,
            selection=selection,
            problems=len(attention.problems) if here is not None else 0,
            open=tuple(map(self._open_file, list(server.documents)[:_MOST_OPEN])),
        )
        if now != self._told:
            self._told = now
            self._to_all(now)

    def _open_file(self, uri: str) -> exchange.OpenFile:
        return exchange.OpenFile(uri=uri, path=self._server.shown_path(uri) or uri)

    # ------------------------------------------------------------------------------------------ what windows ask for

    async def _answer(self, sender: str, body: bytes) -> None:
        try:
            letter = msgspec.json.decode(body, type=exchange.FromWindow)
        except msgspec.MsgspecError as error:
            log.warning("a letter of a window was not understood: %s", type(error).__name__)
            return
        if isinstance(letter, exchange.Stop):
            self._server.tasks.stop(letter.stream)
            return
        try:
            answer = await self._done(letter)
        except SlipstreamError as error:
            answer = exchange.Failed(request=letter.request, message=error.message, hint=error.hint)
        except ClientError as error:
            answer = exchange.Failed(request=letter.request, message=f"The editor did not do it: {error}.")
        self._letters.put_nowait((sender, answer))

    async def _done(
        self,
        letter: exchange.Look | exchange.Insert | exchange.Propose | exchange.Apply | exchange.Open,
    ) -> exchange.FromEditor:
        match letter:
            case exchange.Look():
                refused = self._refused()
                found = await asyncio.to_thread(self._looked, letter, refused)
                return exchange.Looked(request=letter.request, attachments=found)
            case exchange.Propose():
                return exchange.Proposed(request=letter.request, review=await self._proposed(letter))
            case exchange.Insert():
                await self._insert(letter.text)
            case exchange.Apply():
                await self._apply(letter)
            case exchange.Open():
                await self._show(letter)
        return exchange.Done(request=letter.request)

    def _refused(self) -> dict[str, str]:
        """Open documents that a model is not shown, and why."""
        folders = self._server.folders
        return {uri: why for uri in self._server.documents if (why := folders.refuses(uri))}

    def _looked(self, letter: exchange.Look, refused: Mapping[str, str]) -> "tuple[Attachment, ...]":
        from copilot_lsp.looking import problems_at, selected, whole

        documents = self._server.documents
        if letter.what == "open":
            shown = [uri for uri in documents if uri not in refused]
            found = [documents.find(uri) for uri in shown[:_MOST_OPEN]]
            return tuple(whole(it, self._server.shown_path(it.uri)) for it in found if it is not None)
        document = documents.get(letter.uri or self._here())
        if why := refused.get(document.uri):
            raise SlipstreamError(f"The model is not shown this file: {why}.", code="refused")
        path = self._server.shown_path(document.uri)
        attention = self.attention
        if letter.what == "selection":
            if attention.selection is None or document.uri != attention.uri:
                raise SlipstreamError("Nothing is selected in the editor.", code="nothing_selected")
            return (selected(document, path, attention.selection, documents.encoding),)
        if letter.what == "problems":
            found_problems = problems_at(document, path, attention.problems)
            return (found_problems,) if found_problems is not None else ()
        return (whole(document, path),)

    def _here(self) -> str:
        if self.attention.uri is None:
            raise SlipstreamError(
                "The editor shows no file.", hint="Open one, and move its caret.", code="no_file_open"
            )
        return self.attention.uri

    async def _insert(self, code: str) -> None:
        from copilot.chat.applying import inserted

        await self._settled()
        uri, caret = self._here(), self.attention.caret
        document = self._server.documents.get(uri)
        if caret is None:
            raise SlipstreamError(
                "The editor has not said where its caret is.", hint="Move the caret in it.", code="no_caret"
            )
        encoding = self._server.documents.encoding
        line, column = document.split_at(caret, encoding)
        here = document.position_at(line, column, encoding)
        position = {"line": here.line, "character": here.character}
        text = await asyncio.to_thread(inserted, document, line, column, code)
        edit = {"range": {"start": position, "end": position}, "newText": text}
        if self._server.tasks.abilities.versions:
            identifier = {"uri": uri, "version": document.version}
            await self._edit({"documentChanges": [{"textDocument": identifier, "edits": [edit]}]}, "Insert code")
        else:
            await self._edit({"changes": {uri: [edit]}}, "Insert code")

    async def _proposed(self, letter: exchange.Propose) -> exchange.Review:
        from copilot.chat.applying import applied
        from copilot.chat.place import Place

        document = self._server.documents.get(letter.uri or self._here())
        span = self.attention.selection if document.uri == self.attention.uri else None
        selection = None
        if span is not None:
            encoding = self._server.documents.encoding
            place = Place(document, document.split_at(span.start, encoding), document.split_at(span.end, encoding))
            selection = place.lines
        proposal = await asyncio.to_thread(applied, document, letter.code, selection)
        return self.offer(proposal, f"Change {(self._server.shown_path(document.uri) or '').rpartition('/')[2]}")

    async def _apply(self, letter: exchange.Apply) -> None:
        from copilot_lsp.edits import workspace_edit
        from copilot_lsp.proposals import CHANGED, fitted

        if not letter.chosen:
            self._reviews.pop(letter.review, None)
            return
        # It stays until it is made: what does not fit now may fit after an undo.
        proposal = self._reviews.get(letter.review)
        await self._settled()
        if proposal is None:
            raise SlipstreamError("This change is not waiting any more.", hint="Ask for it again.", code="no_review")
        fitting = fitted(proposal.only(letter.chosen), self._server.documents)
        if fitting is None:
            raise SlipstreamError(CHANGED, code="changed_meanwhile")
        documents = self._server.documents
        edit = workspace_edit(
            fitting.proposal, documents.encoding, self._server.tasks.abilities, version=fitting.version
        )
        if edit is None:
            raise SlipstreamError("This editor creates no files for a server.", code="not_able")
        await self._edit(edit, "Apply change")
        await self._see_made(fitting.proposal)
        self._reviews.pop(letter.review, None)

    async def _settled(self) -> None:
        """A client that does not compare versions may still have to tell of what was typed last."""
        if not self._server.tasks.abilities.versions:
            await asyncio.sleep(_SETTLE_SECONDS)

    async def _see_made(self, proposal: "Proposal") -> None:
        """Neovim 0.11 answers that it applied an edit for text that had been typed over, and did nothing."""
        uri = proposal.document.uri
        for _ in range(_SEEN_TRIES):
            document = self._server.documents.find(uri)
            if document is None or all("".join(hunk.lines) in document.text for hunk in proposal.hunks):
                return
            await asyncio.sleep(_SEEN_SECONDS)
        raise SlipstreamError("The editor did not make the change: its text was another by then.", code="not_applied")

    async def _edit(self, edit: Json, label: str) -> None:
        if not self._server.tasks.abilities.apply:
            raise SlipstreamError("This editor makes no changes for a server.", code="not_able")
        answer = await self._server.protocol.ask(types.WORKSPACE_APPLY_EDIT, {"label": label, "edit": edit})
        if not (isinstance(answer, dict) and answer.get("applied")):
            reason = answer.get("failureReason") if isinstance(answer, dict) else None
            raise SlipstreamError(
                f"The editor did not make the change: {reason or 'it gave no reason'}.", code="not_applied"
            )

    async def _show(self, letter: exchange.Open) -> None:
        window = self._server.client_capabilities.window
        if not (window and window.show_document and window.show_document.support):
            raise SlipstreamError("This editor cannot be told to show a file.", code="not_able")
        path = to_fs_path(letter.uri) if letter.uri.startswith("file:") else None
        if path is None or not await asyncio.to_thread(Path(path).is_file):
            raise SlipstreamError("This file is not there (any more).", code="no_file")
        line = {"line": max(0, letter.line - 1), "character": 0}
        params = {"uri": from_fs_path(path), "takeFocus": True, "selection": {"start": line, "end": line}}
        answer = await self._server.protocol.ask(types.WINDOW_SHOW_DOCUMENT, params)
        if not (isinstance(answer, dict) and answer.get("success")):
            raise SlipstreamError("The editor did not show the file.", code="not_shown")
        self.attention.at(letter.uri)
