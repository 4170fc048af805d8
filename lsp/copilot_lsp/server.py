"""The language server: what it holds, and the handlers that translate. One a process, one an editor."""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from pathlib import Path, PurePath
from typing import Any

import msgspec
from lsprotocol import types
from pygls.lsp.server import LanguageServer
from pygls.protocol import default_converter
from pygls.uris import to_fs_path

from copilot import __version__, paths
from copilot.completion.ledger import Ledger
from copilot.completion.moment import Moment
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.serve.api import HostStatus
from copilot.text.document import Change
from copilot.text.position import PositionEncoding
from copilot.text.store import DocumentStore
from copilot_lsp import messages, options, settings, status, why
from copilot_lsp.capabilities import announce
from copilot_lsp.commands import Commands
from copilot_lsp.companion import Companion
from copilot_lsp.copilot import CopilotMethods, CopilotStatus
from copilot_lsp.feed import Feed
from copilot_lsp.folders import Folders
from copilot_lsp.host import HostLink
from copilot_lsp.inline import InlineCompletions
from copilot_lsp.news import News
from copilot_lsp.progress import WorkDone
from copilot_lsp.protocol import ClientError, PlainNotification, PlainRequest, Protocol
from copilot_lsp.status import HostView, State, StatusBoard
from copilot_lsp.steer import Steer
from copilot_lsp.tasks import Tasks
from copilot_lsp.trouble import Troubles

log = logging.getLogger(__name__)

DID_MOVE_CARET = "slipstream/didMoveCaret"
_CONFIGURATION_SECONDS = 5.0


class Server(LanguageServer):
    """``user``: None where the user's settings cannot be read; nothing is completed then, because no host would start.

    ``start_messages``: what went wrong before there was a client to tell. ``host_options``: see ``HostClient``.
    ``host_socket``: of a host that runs already; none is started then.
    """

    protocol: Protocol

    def __init__(
        self,
        user: Settings | None,
        *,
        start_messages: Sequence[str] = (),
        host_options: Sequence[str] = (),
        host_socket: Path | None = None,
    ) -> None:
        super().__init__("slipstream", __version__, protocol_cls=Protocol, converter_factory=default_converter)
        self._user = user or Settings()
        self._usable = user is not None
        self._host_options = tuple(host_options)
        self._host_socket = host_socket
        self._start_messages = tuple(start_messages)
        self._from_options = settings.EditorSettings()
        self._from_workspace = settings.EditorSettings()
        self._ignored_told: set[str] = set()
        self._background: set[asyncio.Task[None]] = set()
        self.completion = self._user.completion
        self.context = self._user.context
        self.documents = DocumentStore()
        self.troubles = Troubles()
        self.status = StatusBoard(lambda: self.completion.enabled)
        if user is None:
            self.status.see(HostView(state=State.FAILED, message=" ".join(start_messages)))
        self.host = HostLink(
            self._connect,
            self._work_done,
            tell=self.tell,
            ready=self._host_is_ready,
            recovered=self.troubles.recovered,
            see=self.status.see,
        )
        self._other_model_told: int | None = None
        self.folders = Folders(self, self._work_done)
        self.inline = InlineCompletions(self)
        self.feed = Feed(self, self.inline.show)
        self.commands = Commands()
        self.news = News(self.inline)
        self.tasks = Tasks(self)
        self.companion = Companion(self, self._connect)
        self.client_name = ""
        self.options = options.ClientOptions()
        self._ledger = Ledger(paths.ledger_file())
        self.watch_editor: Callable[[int | None], None] = lambda pid: None
        # pygls marks what it is given, and a method cannot be marked.
        self.feature(types.INITIALIZE)(partial(self._initialize))
        self.protocol.announce = partial(announce, commands=self.commands)
        self.protocol.plain_requests |= {
            types.TEXT_DOCUMENT_INLINE_COMPLETION: PlainRequest(messages.InlineCompletionParams, self.inline.complete),
            types.WORKSPACE_EXECUTE_COMMAND: PlainRequest(messages.ExecuteCommandParams, self.commands.execute),
            status.REQUEST: PlainRequest(Any, self._tell_status),
            why.REQUEST: PlainRequest(why.WhyParams | None, self.inline.why),
        }
        self.protocol.plain_notifications |= {
            types.INITIALIZED: PlainNotification(Any, self._initialized),
            types.WORKSPACE_DID_CHANGE_CONFIGURATION: PlainNotification(Any, self._configuration_changed),
            types.TEXT_DOCUMENT_DID_OPEN: PlainNotification(messages.DidOpenParams, self._opened, self._missed),
            types.TEXT_DOCUMENT_DID_CHANGE: PlainNotification(messages.DidChangeParams, self._changed, self._missed),
            types.TEXT_DOCUMENT_DID_CLOSE: PlainNotification(messages.DidCloseParams, self._closed),
            types.TEXT_DOCUMENT_DID_SAVE: PlainNotification(messages.DidSaveParams, self._saved),
            DID_MOVE_CARET: PlainNotification(messages.DidMoveCaretParams, self._caret_moved),
        }
        self.news.register(self.commands, self.protocol.plain_notifications)
        Steer(self).register(self.commands)
        CopilotMethods(self).register(self.protocol.plain_requests)
        self.tasks.register(self.commands, self.protocol.plain_requests, self.protocol.plain_notifications)

    # ------------------------------------------------------------------------------------------------ documents

    def _opened(self, params: messages.DidOpenParams) -> None:
        document = params.text_document
        self.inline.closed(document.uri)
        self.feed.closed(document.uri)
        self.documents.open(document.uri, document.language_id, document.version, document.text)
        self.companion.attention.at(document.uri)

    def _changed(self, params: messages.DidChangeParams) -> None:
        uri, version = params.text_document.uri, params.text_document.version
        changes = [Change(change.range, change.text) for change in params.content_changes]
        try:
            document = self.documents.change(uri, version, changes)
        except SlipstreamError as error:
            self.inline.closed(uri)
            self.tell(error)
        else:
            self.inline.edited(document, changes)
            self.companion.attention.edited(uri, changes, self.documents.encoding)

    def _caret_moved(self, params: messages.DidMoveCaretParams) -> None:
        uri, attention = params.text_document.uri, self.companion.attention
        if params.selection is None:
            attention.at(uri, params.position)
        else:
            attention.on(uri, params.selection, attention.problems if uri == attention.uri else ())
        if params.diagnostics is not None:
            attention.found(params.diagnostics)
        self.inline.moved(params)

    def _missed(self, params: object) -> None:
        """A text or an edit that could not be read: what is known of the document is not what the editor shows."""
        item = params.get("textDocument") if isinstance(params, dict) else None
        uri = item.get("uri") if isinstance(item, dict) else None
        if not isinstance(uri, str):
            return
        self.inline.closed(uri)
        self.documents.lost(uri)
        try:
            self.documents.get(uri)
        except SlipstreamError as error:
            self.tell(error)

    def _closed(self, params: messages.DidCloseParams) -> None:
        self.inline.closed(params.text_document.uri)
        self.feed.closed(params.text_document.uri)
        self.documents.close(params.text_document.uri)
        self.companion.attention.closed(params.text_document.uri)

    def _saved(self, params: messages.DidSaveParams) -> None:
        """The index is told: where files can't be watched it would see it late."""
        self.folders.saved(params.text_document.uri)

    def shown_path(self, uri: str) -> str | None:
        """The path of ``uri`` as a model may see it: below its workspace folder, else the bare name."""
        found = self.folders.of(uri)
        if found is not None:
            return found[1]
        path = to_fs_path(uri)
        return PurePath(path).name if path is not None and uri.startswith("file:") else None

    # ----------------------------------------------------------------------------------- life cycle and settings

    async def close(self) -> None:
        """End what runs in the background."""
        for task in list(self._background):
            task.cancel()
        self.tasks.close()
        await self.companion.close()
        await self.feed.close()
        await self.folders.close()
        self.status.close()
        await self.host.close()
        self._ledger.close()

    def _initialize(self, params: types.InitializeParams) -> None:
        self.watch_editor(params.process_id)
        self.documents = DocumentStore(PositionEncoding(self.workspace.position_encoding or PositionEncoding.UTF16))
        self.client_name = params.client_info.name if params.client_info is not None else ""
        given = params.initialization_options
        self.options = options.read(given)
        self._from_options = settings.read(given, also_known=options.known(given))
        if warning := self._from_options.warning:
            self._start_messages = (*self._start_messages, warning)
            # Some clients give the same settings here and when they are asked.
            self._ignored_told.add(warning)
        self._settle()

    def _initialized(self, params: object) -> None:
        for message in self._start_messages:
            self.show(message, types.MessageType.Warning)
        self._start_messages = ()
        if self.options.status:
            self.status.subscribe(lambda now: self.protocol.notify_plain(status.CHANGED, msgspec.to_builtins(now)))
        if self.options.copilot:
            self.status.subscribe(CopilotStatus(self.protocol).tell)
        self.companion.start(self._host_socket)
        self._in_background(self._watch_configuration())
        self._in_background(self._read_configuration())

    def _configuration_changed(self, params: object) -> None:
        pushed = params.get("settings") if isinstance(params, dict) else None
        self._in_background(self._read_configuration(pushed))

    async def _read_configuration(self, pushed: object = None) -> None:
        """Ask the client for its settings, or take those it ``pushed`` where it cannot be asked."""
        try:
            self._from_workspace = settings.read(await self._configuration(pushed))
        except ClientError as error:
            log.warning("the editor's settings stay as they were: %s", error)
        else:
            warning = self._from_workspace.warning
            if warning and warning not in self._ignored_told:
                self._ignored_told.add(warning)
                self.show(warning, types.MessageType.Warning)
            self._settle()
        self.folders.start()
        if self.completion.enabled:
            # The first key should find the model warm.
            self.host.start()

    async def _watch_configuration(self) -> None:
        """Have the client tell when settings change; some do so only when they are asked to."""
        workspace = self.client_capabilities.workspace
        change = workspace.did_change_configuration if workspace is not None else None
        if change is None or not change.dynamic_registration:
            return
        registration = {
            "id": f"{settings.SECTION}-configuration",
            "method": types.WORKSPACE_DID_CHANGE_CONFIGURATION,
            "registerOptions": {"section": settings.SECTION},
        }
        try:
            await self.protocol.ask(types.CLIENT_REGISTER_CAPABILITY, {"registrations": [registration]})
        except ClientError as error:
            log.warning("changes of the editor's settings will not be seen: %s", error)

    async def _configuration(self, pushed: object) -> object:
        workspace = self.client_capabilities.workspace
        if workspace is None or not workspace.configuration:
            return pushed.get(settings.SECTION) if isinstance(pushed, dict) else None
        items = {"items": [{"section": settings.SECTION}]}
        answer = await self.protocol.ask(types.WORKSPACE_CONFIGURATION, items, _CONFIGURATION_SECONDS)
        return answer[0] if isinstance(answer, list) and answer else None

    def _settle(self) -> None:
        completion = self._from_workspace.above(self._from_options.above(self._user.completion))
        self.completion = msgspec.structs.replace(completion, enabled=completion.enabled and self._usable)
        self.context = self._from_workspace.narrowing(self._from_options.narrowing(self._user.context))
        self.folders.reconfigured()
        self.status.changed()

    # --------------------------------------------------------------------------------------- what the client sees

    def tell(self, error: SlipstreamError) -> None:
        """Show what is wrong, once until it works again."""
        message = self.troubles.tell(error)
        if message is not None:
            self.show(message, types.MessageType.Error)

    async def _tell_status(self, request_id: messages.RequestId, params: object) -> object:
        return msgspec.to_builtins(self.status.current)

    @property
    def wanted_model(self) -> str:
        """The completion model that the settings name."""
        return self._user.model.completion

    def _host_is_ready(self, status: HostStatus) -> None:
        """Say once for each host that it answers with another model than the settings name."""
        wanted = self.wanted_model
        if status.chosen or status.shared or status.model in {None, wanted} or status.pid == self._other_model_told:
            return
        self._other_model_told = status.pid
        self.show(
            f"Slipstream: the running engine host has {status.model} loaded; `slipstream stop` ends it, and the next "
            f"completion starts one with {wanted}.",
            types.MessageType.Warning,
        )

    def show(self, message: str, kind: types.MessageType) -> None:
        self.protocol.notify_plain(types.WINDOW_SHOW_MESSAGE, {"type": kind.value, "message": message})

    def log_message(self, message: str) -> None:
        """To the client's log: nothing that someone who types must see at once."""
        note = {"type": types.MessageType.Log.value, "message": message}
        self.protocol.notify_plain(types.WINDOW_LOG_MESSAGE, note)

    def record(self, moment: Moment) -> None:
        """A moment in the life of a suggestion; kept on this machine, without code."""
        self._ledger.add(moment)

    def _work_done(self, title: str = "Slipstream") -> WorkDone:
        window = self.client_capabilities.window
        return WorkDone(self.protocol, title, supported=bool(window and window.work_done_progress))

    def _connect(self) -> Any:
        from copilot.client.host import HostClient
        from copilot.client.login import current

        if self._host_socket is not None:
            return HostClient(socket=self._host_socket, spawn=False)
        return HostClient(host_options=self._host_options, login=current())

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        # The loop itself holds tasks only weakly.
        self._background.add(task)
        task.add_done_callback(self._background.discard)
