"""The window: its parts side by side, and what passes between them. Drained once a frame, so a burst costs one."""

from collections.abc import Callable
from pathlib import Path, PurePath

from PySide6.QtCore import QObject, Qt, QTimer, QUrl, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices, QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QApplication,
    QFileDialog,
    QInputDialog,
    QLabel,
    QMainWindow,
    QMessageBox,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from copilot.chat.attachments import Attachment
from copilot.chat.database import moved_aside, opened, opened_in_memory
from copilot.chat.exchange import Asked, Done, Ended, Failed, Looked, Now, Proposed, Review, Wrote
from copilot.chat.history import History
from copilot.chat.memory import Memory
from copilot.chat.planning import ANSWER_TOKENS
from copilot.chat.thread import Message, MessageState
from copilot.client.host import HostClient
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.safety.invisible import with_invisible_shown
from copilot.serve.api import HostStatus, PromptData
from copilot_desktop import mentions
from copilot_desktop.actions import Actions
from copilot_desktop.banner import Banner, notice_of
from copilot_desktop.bars import QueueBar, WishBar
from copilot_desktop.code_card import CodeCard
from copilot_desktop.composer import Composer
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
from copilot_desktop.keeping import LEAST_ZOOM, MOST_ZOOM, Keeping
from copilot_desktop.machine import MachinePage
from copilot_desktop.memory_page import MemoryPage
from copilot_desktop.mention import Mention
from copilot_desktop.message import Deeds, MessageView
from copilot_desktop.parts import button
from copilot_desktop.reading import Reading
from copilot_desktop.review import ReviewPage
from copilot_desktop.saving import save_conversation
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
_WEB = ("http://", "https://")


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
        self._reviews: dict[str, str] = {}
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
        deeds = Deeds(
            insert=self.insert,
            apply=self.propose,
            open_at=self._open_at,
            follow=self._ask_about_link,
            look_at=self._look_at,
            regenerate=self.talk.regenerate,
            go_on=self.talk.go_on,
            edit=self.edit_question,
            show_version=self.talk.show_version,
        )
        self.transcript = Transcript(self.colours, deeds)
        self.composer = Composer()
        self.composer.asked.connect(self.ask)
        self.composer.stopped.connect(self.stop)
        self.composer.wanted.connect(self.attach)
        self.composer.searched.connect(self._search_mentions)
        self.composer.changed.connect(self._show_plan)
        self.composer.looked_at.connect(self._look_at)
        self.composer.prompt_wanted.connect(self.show_prompt)
        self.queue_bar = QueueBar(self._take_back, self._drop_queued)
        self.wish_bar = WishBar(self._keep_fact)
        chat = named(QWidget(), "page")
        column = QVBoxLayout(chat)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.transcript, 1)
        for widget in (self.wish_bar, self.queue_bar, self.composer):
            column.addWidget(widget)
        self.review_page = ReviewPage(self.colours, self._decide)
        self.machine_page = MachinePage(self.wire, self._settings, self.colours, self.trouble_came)
        self.memory_page = MemoryPage(self.talk.memory, enabled=self.keeping.uses_memory, changed=self._memory_changed)
        self.pages = QStackedWidget()
        for page in (chat, self.review_page, self.machine_page, self.memory_page):
            self.pages.addWidget(page)
        self.chat_page = chat
        self.banner = Banner(self._do)
        main = named(QWidget(), "page")
        right = QVBoxLayout(main)
        right.setContentsMargins(6, 6, 6, 0)
        right.addWidget(self.banner)
        right.addWidget(self.pages, 1)
        self.sidebar = Sidebar(
            self.talk.history,
            Choices(
                new=self.new_conversation,
                open=self.open_conversation,
                rename=self.rename,
                pin=self._pin,
                export=self.export,
                delete=self.delete,
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
            self._show_plan()
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
        if self.talk.came(event) or self.machine_page.came(event):
            return
        kind, _, rest = event.name.partition(":")
        if kind == "mentions" and event.value is not None:
            self.composer.offer(rest, event.value)
        elif kind == "attach":
            if isinstance(event.value, Attachment):
                self.composer.attach(event.value)
            elif event.error is not None:
                self.say(str(event.error))
        elif kind == "prompt":
            self._prompt_came(event)
        elif kind == "start" and event.error is not None:
            self.trouble_came(event.error)

    # -------------------------------------------------------------------------------------------------- the talk

    def ask(self) -> None:
        text, attachments = self.composer.text, self.composer.attachments
        if not text:
            if attachments:
                self.say("Write a question about what is attached.")
            return
        self.composer.take()
        self.keeping.draft = ""
        self.talk.ask(text, attachments)
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
        self.sidebar.refresh(self.talk.conversation)
        self._show_plan()

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
        if message.state is not MessageState.STOPPED:
            self.come_to_notice()
        self._show_plan()

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
        self._reviews[review.name] = editor
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

    # ----------------------------------------------------------------------------------------- the list of them

    def rename(self, conversation: int) -> None:
        entry = self.talk.history.entry(conversation)
        if entry is None:
            return
        title, agreed = QInputDialog.getText(self, "Rename", "Title:", text=entry.title)
        if agreed and title.strip():
            self.talk.history.rename(conversation, title)
            self.entries_changed()

    def _pin(self, conversation: int, pinned: bool) -> None:
        self.talk.history.pin(conversation, pinned=pinned)
        self.entries_changed()

    def export(self, conversation: int) -> None:
        entry = self.talk.history.entry(conversation)
        if entry is None:
            self.say("There is nothing to export yet.")
            return
        name = "".join(char if char.isalnum() or char in " -_" else "-" for char in entry.title).strip() or "chat"
        path, _ = QFileDialog.getSaveFileName(
            self, "Export the conversation", f"{name}.md", "Markdown (*.md);;JSON, with all versions (*.json)"
        )
        if path:
            try:
                save_conversation(self.talk.history, entry, Path(path))
            except OSError as error:
                self.say(f"It was not saved: {error.strerror}.")
            else:
                self.say(f"Saved as {path}.")

    def delete(self, conversation: int) -> None:
        entry = self.talk.history.entry(conversation)
        if entry is None:
            return
        words = f"Delete “{with_invisible_shown(entry.title)}”? It cannot be brought back."
        if QMessageBox.question(self, "Delete a conversation", words) is QMessageBox.StandardButton.Yes:
            self.talk.delete(conversation)

    def show_summary(self) -> None:
        if self.talk.conversation is None or not self.talk.history.summary(self.talk.conversation).text:
            self.say("There is no summary: the whole conversation still fits into the model's window.")
            return
        reading = Reading(self, "Summary", "This stands for the older part of the conversation in the next question.")
        reading.show_text(self.talk.history.summary(self.talk.conversation).text)
        reading.open()

    # ---------------------------------------------------------------------------------------------- attachments

    @property
    def root(self) -> str:
        """The folder whose files an @ means."""
        return self.editors.workspace or self.keeping.workspace

    def choose_workspace(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "The folder whose files @ means", self.root)
        if folder:
            self.use_folder(folder)

    def use_folder(self, folder: str) -> None:
        """Where no editor says otherwise."""
        self.keeping.workspace = folder
        self._editor_changed()

    def attach(self, mention: Mention) -> None:
        root = self.root
        if mention.kind in {"current", "selection", "problems", "open"}:
            what = "file" if mention.kind == "current" else mention.kind
            self.editors.look(what, self._looked, mention.key)
        else:
            self.wire.work(f"attach:{mention.kind}:{mention.key}", lambda _report: mentions.attached(root, mention))

    def _looked(self, answer: Looked | Proposed | Done | Failed) -> None:
        if isinstance(answer, Looked):
            for it in answer.attachments:
                self.composer.attach(it)
            if not answer.attachments:
                self.say("The editor has nothing of that.")
        elif isinstance(answer, Failed):
            self._failed(answer)

    def _search_mentions(self, word: str) -> None:
        root, now = self.root, self.editors.now
        self.composer.offer(word, mentions.fixed(now, word, workspace=bool(root)))
        if root:
            self.wire.work(f"mentions:{word}", lambda _report: mentions.searched(root, word, now))

    def _look_at(self, attachment: Attachment) -> None:
        reading = Reading(self, with_invisible_shown(attachment.origin))
        reading.show_text(attachment.text)
        reading.open()

    def _show_plan(self) -> None:
        text = self.composer.text
        if not text and not self.composer.attachments:
            self.composer.show_plan(None)
        else:
            self.composer.show_plan(self.talk.planned(text, self.composer.attachments))

    def show_prompt(self) -> None:
        """Exactly what the model would be asked, as its tokenizer counts it."""
        turns = self.talk.planned(self.composer.text or "…", self.composer.attachments).turns
        self._prompt = Reading(self, "Prompt", "Asking the engine host…")
        self._prompt.show_text("\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in turns))
        self._prompt.open()
        self.wire.call("prompt", lambda client: client.prompt(turns, max_tokens=ANSWER_TOKENS))

    def _prompt_came(self, event: Came) -> None:
        if isinstance(event.value, PromptData):
            self._prompt.show_prompt(event.value, self.colours)
        elif event.error is not None:
            self._prompt.note.setText(
                f"{event.error.message} These are the messages; the model's own tokens around them are not known."
            )

    # ------------------------------------------------------------------------------------------------ the editor

    def _editor_changed(self) -> None:
        name = self.editors.name
        self.talk.workspace = self.root
        self.memory_page.show_workspace(self.root)
        self.transcript.connect_editor(name)
        self.composer.suggest(mentions.of_editor(self.editors.now))
        folder = PurePath(self.root).name if self.root else "no folder"
        self.editor_words.setText(f"{with_invisible_shown(name) or 'no editor'} · {with_invisible_shown(folder)}")

    def insert(self, code: str) -> None:
        self.editors.insert(code, self._inserted)

    def _inserted(self, answer: Looked | Proposed | Done | Failed) -> None:
        if isinstance(answer, Failed):
            self._failed(answer)
        else:
            self.say(f"Inserted in {self.editors.name}.")

    def propose(self, code: str) -> None:
        """Where the code belongs in the file, as a change to look at."""
        editor = self.editors.current

        def proposed(answer: Looked | Proposed | Done | Failed) -> None:
            if isinstance(answer, Proposed):
                self.review_came(editor, answer.review)
            elif isinstance(answer, Failed):
                self._failed(answer)

        self.editors.propose(code, proposed)

    def _decide(self, review: Review, chosen: tuple[int, ...]) -> None:
        editor = self._reviews.get(review.name, "")

        def applied(answer: Looked | Proposed | Done | Failed) -> None:
            if isinstance(answer, Failed):
                self._failed(answer)
                return
            self._reviews.pop(review.name, None)
            self.say(f"Applied in {self.editors.name}." if chosen else "Discarded.")
            self.show_page(self.chat_page)

        if not chosen:
            self.show_page(self.chat_page)
        self.editors.apply(review.name, chosen, applied, editor)

    def _open_at(self, attachment: Attachment, line: int) -> None:
        if not attachment.uri:
            self._look_at(attachment)
            return

        def opened_there(answer: Looked | Proposed | Done | Failed) -> None:
            if isinstance(answer, Failed):
                self._failed(answer)

        self.editors.open(attachment.uri, line, opened_there)

    def _stop_in_editor(self, editor: str, stream: str) -> None:
        from copilot.chat.exchange import Stop

        self.wire.send(editor, Stop(stream=stream))

    def _failed(self, answer: Failed) -> None:
        self.say(f"{answer.message} {answer.hint}".strip())

    def _ask_about_link(self, target: str) -> None:
        """A link is text of the model's: someone reads where it leads before anything is opened."""
        box = QMessageBox(self)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle("A link in the answer")
        shown = with_invisible_shown(target)
        if not target.startswith(_WEB):
            box.setText(f"The answer links to\n\n{shown}\n\nwhich is no web address, so it is not opened.")
            box.setStandardButtons(QMessageBox.StandardButton.Close)
            box.open()
            return
        box.setText(f"Open this address in your browser?\n\n{shown}")
        box.setStandardButtons(QMessageBox.StandardButton.Open | QMessageBox.StandardButton.Cancel)
        box.setDefaultButton(QMessageBox.StandardButton.Cancel)
        box.accepted.connect(lambda: QDesktopServices.openUrl(QUrl(target)))
        box.open()

    # ---------------------------------------------------------------------------------------------- the rest

    def _keep_fact(self, fact: str, here: bool) -> None:
        self.talk.memory.keep(fact, self.talk.workspace if here else "")
        self.memory_page.refresh()
        self.say("Remembered. The Memory page shows everything that is.")

    def _memory_changed(self, enabled: bool) -> None:
        self.keeping.uses_memory = self.talk.uses_memory = enabled
        self._show_plan()

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
