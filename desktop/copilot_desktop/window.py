"""The window: its parts side by side, and what passes between them. Drained once a frame, so a burst costs one."""

from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePath

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QInputDialog,
    QLabel,
    QMainWindow,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from copilot.chat.database import moved_aside, opened, opened_in_memory
from copilot.chat.exchange import Asked, Ended, Now, Review, Stop, Wrote
from copilot.chat.history import History
from copilot.chat.memory import Memory
from copilot.chat.thread import Message, MessageState
from copilot.client.host import HostClient
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.safety.invisible import with_invisible_shown
from copilot.serve.api import HostStatus
from copilot_desktop import mentions
from copilot_desktop.actions import Actions
from copilot_desktop.attaching import Attaching
from copilot_desktop.banner import Banner, notice_of
from copilot_desktop.bars import QueueBar, WishBar
from copilot_desktop.code_card import CodeCard
from copilot_desktop.composer import Composer
from copilot_desktop.editing import Editing
from copilot_desktop.editors import Editors
from copilot_desktop.entry import ICON
from copilot_desktop.events import (
    AnswerOver,
    Came,
    Event,
    HostSeen,
    LetterCame,
    PeersSeen,
    Progress,
    Text,
    Waiting,
)
from copilot_desktop.fresh import Fresh, Texts
from copilot_desktop.keeping import LEAST_ZOOM, MOST_ZOOM, Keeping
from copilot_desktop.kept import Kept
from copilot_desktop.links import ask_about
from copilot_desktop.machine import MachinePage
from copilot_desktop.memory_page import MemoryPage
from copilot_desktop.message import Deeds, MessageView
from copilot_desktop.parts import button
from copilot_desktop.review import ReviewPage
from copilot_desktop.ruling import Ruling
from copilot_desktop.sidebar import Choices, Sidebar
from copilot_desktop.talk import Talk
from copilot_desktop.theme import colours_for, dress, named
from copilot_desktop.transcript import Transcript
from copilot_desktop.tray import Tray, available
from copilot_desktop.wire import Wire

FRAME_MS = 40
_TICK_MS = 1_000
_SAY_MS = 8_000
# What a question runs into where there is no host.
_GONE = frozenset({"host_lost", "host_not_there", "host_not_started", "host_silent"})


class _Bell(QObject):
    """Rings on Qt's thread for something that came on another."""

    rang = Signal()


class Window(QMainWindow):
    """``history_file``: of the conversations. ``connect`` makes the client of the host. ``closed``: for good."""

    closed = Signal()

    def __init__(self, settings: Settings, history_file: Path, connect: Callable[[], HostClient]) -> None:
        super().__init__()
        self.setWindowTitle("Slipstream")
        self.setWindowIcon(QIcon(str(ICON)))
        self._settings = settings
        self._history_file = history_file
        self._status: HostStatus | None = None
        self._trouble: SlipstreamError | None = None
        self._leaving = False
        self.gone = False
        """Closed for good."""
        self.keeping = Keeping()
        self.colours = colours_for(self.keeping.theme)
        self._dress_application()
        bell = _Bell(self)
        bell.rang.connect(self._woken)
        self.wire = Wire(connect, bell.rang.emit)
        self.editors = Editors(self.wire)
        try:
            database = opened(history_file)
        except SlipstreamError as error:
            self._trouble = error
            database = opened_in_memory()
        self.talk = Talk(History(database), Memory(database), self.wire, self)
        self.talk.stop_in_editor = self._stop_in_editor
        self.talk.uses_memory = self.keeping.uses_memory
        self.chat_page = named(QWidget(), "page")
        self.composer = Composer()
        self._lay_out()
        self.tray: Tray | None = None
        if available():
            self.tray = Tray(self.windowIcon(), self, self.come_to_front, self.leave)
            self.tray.setVisible(self.keeping.in_tray)
        self.menus = Actions(self)
        self._frame = QTimer(self)
        self._frame.setSingleShot(True)
        self._frame.setInterval(FRAME_MS)
        self._frame.timeout.connect(self._on_frame)
        tick = QTimer(self)
        tick.setInterval(_TICK_MS)
        tick.timeout.connect(self.editors.expire)
        tick.start()
        QGuiApplication.styleHints().colorSchemeChanged.connect(lambda _scheme: self._redress())
        self.composer.fill(self.keeping.draft, ())
        self._editor_changed()
        self.thread_shown(keep_place=False)
        self._show_notice()
        self.busy_changed()
        self.wire.start()

    def _lay_out(self) -> None:
        self.editing = Editing(
            self,
            self.editors,
            say=self.say,
            look=self._look_at_review,
            over=lambda: self.show_page(self.chat_page),
        )
        self.fresh = Fresh(self.editors, self.wire, seen=self._files_seen, open_at=self.editing.open_at, say=self.say)
        deeds = Deeds(
            insert=self.editing.insert,
            apply=self.editing.propose,
            open_at=self.fresh.open,
            follow=partial(ask_about, self),
            look_at=self.editing.look_at,
            regenerate=self.talk.regenerate,
            go_on=self.talk.go_on,
            edit=self.edit_question,
            show_version=self.talk.show_version,
        )
        self.transcript = Transcript(self.colours, deeds)
        self._connect_composer()
        self.queue_bar = QueueBar(self._take_back, self._drop_queued)
        self.wish_bar = WishBar(self._keep_fact)
        column = QVBoxLayout(self.chat_page)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.transcript, 1)
        for widget in (self.ruling.bar, self.wish_bar, self.queue_bar, self.composer):
            column.addWidget(widget)
        self.review_page = ReviewPage(self.colours, self.editing.decide)
        self.machine_page = MachinePage(self.wire, self._settings, self.colours, self.trouble_came)
        self.memory_page = MemoryPage(self.talk.memory, enabled=self.keeping.uses_memory, changed=self._memory_changed)
        self.pages = QStackedWidget()
        for page in (self.chat_page, self.review_page, self.machine_page, self.memory_page):
            self.pages.addWidget(page)
        self.banner = Banner(self._do)
        main = named(QWidget(), "page")
        right = QVBoxLayout(main)
        right.setContentsMargins(6, 6, 6, 0)
        right.addWidget(self.banner)
        right.addWidget(self.pages, 1)
        self.kept = Kept(self, self.talk, self.say, self.entries_changed)
        self.sidebar = Sidebar(
            self.talk.history,
            Choices(
                new=self.new_conversation,
                open=self.open_conversation,
                rename=self.kept.rename,
                pin=self.kept.pin,
                export=self.kept.export,
                delete=self.kept.delete,
            ),
        )
        self.sidebar.add_page(button("Models and machine", lambda: self.show_page(self.machine_page), name="flat"))
        self.sidebar.add_page(button("Memory", lambda: self.show_page(self.memory_page), name="flat"))
        self.splitter = QSplitter()
        self.splitter.addWidget(self.sidebar)
        self.splitter.addWidget(main)
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setSizes([230, 770])
        self.setCentralWidget(self.splitter)
        self.editor_words = QLabel()
        self.editor_words.setTextFormat(Qt.TextFormat.PlainText)
        self.statusBar().addPermanentWidget(self.editor_words)
        self.resize(1000, 760)
        self.restoreGeometry(self.keeping.bytes("geometry"))
        self.splitter.restoreState(self.keeping.bytes("splitter"))

    def _connect_composer(self) -> None:
        self.composer.asked.connect(self.ask)
        self.composer.stopped.connect(self.stop)
        self.attaching = Attaching(
            self, self.composer, talk=self.talk, editors=self.editors, wire=self.wire, say=self.say
        )
        self.attaching.folder = self.keeping.workspace
        self.attaching.exclude = self.fresh.exclude = self._settings.context.exclude
        self.fresh.root = lambda: self.attaching.root
        self.ruling = Ruling(self, self.wire, self.say)
        self.talk.rules = self.ruling.used
        self.composer.wanted.connect(self.attaching.attach)
        self.composer.searched.connect(self.attaching.search)
        self.composer.changed.connect(self.attaching.show_plan)
        self.composer.looked_at.connect(self.editing.look_at)
        self.composer.prompt_wanted.connect(self.attaching.show_prompt)

    # --------------------------------------------------------------------------------------------- what comes in

    def _woken(self) -> None:
        # The first piece at once; what follows within a frame is one. A ring may come after the window was closed.
        if not self._frame.isActive() and not self.gone:
            self._on_frame()

    def _on_frame(self) -> None:
        events = self.wire.take()
        for event in events:
            self._on_event(event)
        if events:
            self._frame.start()

    def _on_event(self, event: Event) -> None:
        match event:
            case Text():
                self.talk.text(event.name, event.text)
            case AnswerOver():
                self.talk.over(event)
            case Waiting():
                self.talk.waits(event.name, event.position)
            case HostSeen():
                self._host_seen(event.status)
            case PeersSeen():
                self.editors.see(event.editors)
                self.talk.editors_left(self.editors.ids)
                self._editor_changed()
            case LetterCame():
                self._letter(event)
            case Came():
                self._came(event)
            case Progress():
                self.machine_page.came(event)

    def _host_seen(self, status: HostStatus | None) -> None:
        self._status = status
        if status is not None and self._trouble is not None and self._trouble.code in _GONE:
            # It has come back.
            self._trouble = None
        if status is not None and status.context_tokens and status.context_tokens != self.talk.context_tokens:
            self.talk.context_tokens = status.context_tokens
            self.attaching.show_plan()
        self.machine_page.see(status)
        self._show_notice()

    def _letter(self, event: LetterCame) -> None:
        letter, sender = event.letter, event.sender
        match letter:
            case Now():
                self.editors.told(sender, letter)
                self._editor_changed()
            case Asked():
                self.talk.asked_in_editor(sender, letter, self.editors.workspace_of(sender))
                self.show_page(self.chat_page)
                self.come_to_notice()
            case Wrote():
                self.talk.wrote_in_editor(sender, letter)
            case Ended():
                self.talk.ended_in_editor(sender, letter)
            case _:
                self.editors.answered(letter)

    def _came(self, event: Came) -> None:
        if self.talk.came(event) or self.machine_page.came(event) or self.attaching.came(event, self.colours):
            return
        if self.fresh.came(event) or self.ruling.came(event):
            return
        if event.name == "start" and event.error is not None:
            self.trouble_came(event.error)

    # -------------------------------------------------------------------------------------------------- the talk

    def ask(self) -> None:
        text, attachments = self.composer.text, self.composer.attachments
        if not text:
            if attachments:
                self.say("Write a question about what is attached.")
            return
        question = self.talk.here(text, attachments)
        self.composer.take()
        self.keeping.draft = ""
        if mentions.asks_for_more(self.attaching.root, text, attachments):
            self.attaching.complete(question)
        else:
            self.talk.ask_there(question)
        self.show_page(self.chat_page)

    def stop(self) -> None:
        self.talk.stop()

    def new_conversation(self) -> None:
        self.talk.new()
        self.show_page(self.chat_page)
        self.composer.edit.setFocus()

    def open_conversation(self, conversation: int) -> None:
        self.talk.open(conversation)
        self.show_page(self.chat_page)

    def edit_question(self, question: int) -> None:
        """In a dialog of its own: what is being written below stays as it is."""
        old = self.talk.thread[question].text
        text, agreed = QInputDialog.getMultiLineText(self, "Edit the question", "Ask again in other words:", old)
        if agreed and text.strip():
            self.talk.edit(question, text.strip())

    def last_view(self, role: str) -> MessageView | None:
        """The newest message of a role that is laid out."""
        views = [it for it in self.transcript.views.values() if it.message.role == role]
        return max(views, key=lambda it: it.message.id, default=None)

    def last_code(self) -> CodeCard | None:
        """The newest block of code."""
        for view in sorted(self.transcript.views.values(), key=lambda it: -it.message.id):
            cards = [it for it in (view.answer.parts if view.answer is not None else []) if isinstance(it, CodeCard)]
            if cards:
                return cards[-1]
        return None

    def thread_shown(self, *, keep_place: bool) -> None:
        self.transcript.show_thread(self.talk.thread, keep_place=keep_place)
        self._look_at_files()
        self.sidebar.refresh(self.talk.conversation)
        self.attaching.show_plan()

    def message_added(self, message: Message, *, follow: bool) -> None:
        self.transcript.add(message, follow=follow)

    def message_grew(self, message: int, piece: str) -> None:
        view = self.transcript.views.get(message)
        if view is not None:
            if view.note.isVisible():
                view.wait("")
            view.feed(piece)

    def message_ended(self, message: Message) -> None:
        view = self.transcript.views.get(message.id)
        if view is not None:
            view.show_end(message)
            view.show_versions(self.talk.thread.versions(message.id))
            self.fresh.look(view.sources)
        if message.state is not MessageState.STOPPED:
            self.come_to_notice()
        self.attaching.show_plan()

    def message_waits(self, message: int, position: int) -> None:
        view = self.transcript.views.get(message)
        if view is not None:
            before = "one question is" if position == 1 else f"{position} questions are"
            view.wait(f"Waiting: {before} before it." if position else "Reading…")

    def entries_changed(self) -> None:
        self.sidebar.refresh(self.talk.conversation)

    def queue_changed(self) -> None:
        self.queue_bar.show_queue(self.talk.queue)

    def busy_changed(self) -> None:
        self.composer.show_busy(writing=self.talk.busy or self.talk.writing_here, waits=self.talk.busy)

    def wish_heard(self, fact: str) -> None:
        self.wish_bar.ask(fact, workspace=bool(self.talk.workspace))

    def review_came(self, editor: str, review: Review) -> None:
        self.editing.review(editor, review)

    def _look_at_review(self, review: Review) -> None:
        self.review_page.show_review(review)
        self.show_page(self.review_page)

    def trouble_came(self, error: SlipstreamError | None) -> None:
        self._trouble = error
        if error is not None and error.code in _GONE:
            # What was known of the host is not true any more.
            self._status = None
            self.wire.look()
        self._show_notice()

    def say(self, words: str) -> None:
        self.statusBar().showMessage(with_invisible_shown(words), _SAY_MS)

    def _take_back(self, index: int) -> None:
        taken = self.talk.unqueue(index)
        self.composer.fill(taken.text, taken.attachments)

    def _drop_queued(self, index: int) -> None:
        self.talk.unqueue(index)

    # ------------------------------------------------------------------------------------------------ the editor

    def _editor_changed(self) -> None:
        name = self.editors.name
        if self.talk.workspace != self.attaching.root:
            self._root_changed(self.attaching.root)
        self.talk.workspace = self.attaching.root
        self.memory_page.show_workspace(self.attaching.root)
        self.transcript.connect_editor(name)
        self.composer.suggest(mentions.of_editor(self.editors.now))
        folder = PurePath(self.attaching.root).name if self.attaching.root else "no folder"
        self.editor_words.setText(f"{with_invisible_shown(name) or 'no editor'} · {with_invisible_shown(folder)}")

    def _root_changed(self, root: str) -> None:
        self.ruling.use(root)
        if self._settings.context.index:
            self.wire.keep_index(root, self._settings.context.exclude)

    def _look_at_files(self) -> None:
        """Whether what the answers rest on is still as it was read."""
        self.fresh.look(it for view in self.transcript.views.values() for it in view.sources)

    def _files_seen(self, texts: Texts) -> None:
        for view in self.transcript.views.values():
            view.judge(texts)

    def _stop_in_editor(self, editor: str, stream: str) -> None:
        self.wire.send(editor, Stop(stream=stream))

    def choose_workspace(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "The folder whose files @ means", self.attaching.root)
        if folder:
            self.use_folder(folder)

    def use_folder(self, folder: str) -> None:
        """Where no editor says otherwise."""
        self.keeping.workspace = self.attaching.folder = folder
        self._editor_changed()

    # ---------------------------------------------------------------------------------------------- the rest

    def _keep_fact(self, fact: str, here: bool) -> None:
        self.talk.memory.keep(fact, self.talk.workspace if here else "")
        self.memory_page.refresh()
        self.say("Remembered. The Memory page shows everything that is.")

    def _memory_changed(self, enabled: bool) -> None:
        self.keeping.uses_memory = self.talk.uses_memory = enabled
        self.attaching.show_plan()

    def _show_notice(self) -> None:
        self.banner.show_notice(notice_of(self._status, self._trouble, self._settings.model.completion))

    def _do(self, deed: str) -> None:
        """What the banner's button is for."""
        self._trouble = None
        if deed in {"start", "load"}:
            self.wire.call("start", lambda client: client.load(), start=True)
        elif deed == "download":
            self.show_page(self.machine_page)
            self.machine_page.models.download(self._settings.model.completion)
        elif deed == "models":
            self.show_page(self.machine_page)
        elif deed == "empty_history":
            self._begin_history()
        self._show_notice()

    def _begin_history(self) -> None:
        try:
            aside = moved_aside(self._history_file)
            database = opened(self._history_file)
        except (OSError, SlipstreamError) as error:
            self.say(str(error))
            return
        self.talk.history, self.talk.memory = History(database), Memory(database)
        self.sidebar.use(self.talk.history)
        self.memory_page.use(self.talk.memory)
        self.talk.new()
        self.say(f"The old file is {aside}.")

    def show_page(self, page: QWidget) -> None:
        self.pages.setCurrentWidget(page)
        if page is self.memory_page:
            self.memory_page.refresh()

    def set_theme(self, theme: str) -> None:
        self.keeping.theme = theme
        self._redress()

    def zoom_by(self, factor: float) -> None:
        """0 goes back to the desktop's own size."""
        zoom = 1.0 if factor == 0 else self.keeping.zoom * factor
        self.keeping.zoom = min(MOST_ZOOM, max(LEAST_ZOOM, zoom))
        self._redress()

    def _redress(self) -> None:
        self.colours = colours_for(self.keeping.theme)
        self._dress_application()
        for part in (self.transcript, self.review_page, self.machine_page):
            part.dress(self.colours)

    def _dress_application(self) -> None:
        app = QApplication.instance()
        assert isinstance(app, QApplication)
        dress(app, self.colours, self.keeping.zoom)

    def set_tray(self, on: bool) -> None:
        self.keeping.in_tray = on
        if self.tray is not None:
            self.tray.setVisible(on)

    def come_to_front(self) -> None:
        self.setWindowState(self.windowState() & ~Qt.WindowState.WindowMinimized)
        self.show()
        self.raise_()
        self.activateWindow()

    def come_to_notice(self) -> None:
        """Someone may be elsewhere: the desktop marks the window, and takes nobody's focus."""
        if not self.isActiveWindow():
            QApplication.alert(self)

    def leave(self) -> None:
        """Close, the tray or not."""
        self._leaving = True
        self.close()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and self.isActiveWindow() and not self.gone:
            # Someone comes back, perhaps from an editor.
            self._look_at_files()
            self.ruling.use(self.attaching.root)

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.gone:
            return
        if self.tray is not None and self.tray.isVisible() and not self._leaving:
            event.ignore()
            self.hide()
            return
        self.keeping.draft = self.composer.text
        self.keeping.keep_bytes("geometry", self.saveGeometry())
        self.keeping.keep_bytes("splitter", self.splitter.saveState())
        self._frame.stop()
        # What came and was not drawn yet is part of the answer.
        for it in self.wire.take():
            if isinstance(it, Text):
                self.talk.text(it.name, it.text)
        self.gone = True
        self.talk.close()
        self.machine_page.models.close_downloads()
        self.wire.close()
        super().closeEvent(event)
        self.closed.emit()
