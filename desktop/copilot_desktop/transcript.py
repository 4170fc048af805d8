"""The messages of a conversation, newest at the bottom. It follows an answer only while nobody reads elsewhere."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication, QFrame, QPushButton, QScrollArea, QVBoxLayout, QWidget

from copilot.chat.attachments import Attachment
from copilot.chat.thread import Message, Thread
from copilot_desktop.message import Deeds, MessageView
from copilot_desktop.parts import button, label
from copilot_desktop.prose import Prose
from copilot_desktop.theme import Colours, named

PAGE = 20
"""Messages that are laid out at once; older ones come when someone asks for them."""

_MOST = 26
"""As a conversation goes on, its oldest messages give up their places: each long one takes some MB."""

_AT_END_PX = 40


class Transcript(QScrollArea):
    def __init__(self, colours: Colours, deeds: Deeds) -> None:
        super().__init__()
        self.views: dict[int, MessageView] = {}
        self._colours = colours
        self._deeds = deeds
        self._editor = ""
        self._branch: Sequence[Message] = ()
        self._thread = Thread()
        self._first = 0
        self._following = True
        self._column = QVBoxLayout()
        self._column.setContentsMargins(18, 14, 18, 14)
        self._column.setSpacing(14)
        self._earlier: QPushButton = button("", self.show_earlier, name="flat")
        self._earlier.hide()
        self._empty = label(
            "Ask about your code. Attach files with @, or select something in an editor and choose Slipstream there.",
            name="dim",
            wrap=True,
        )
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._column.addWidget(self._earlier, 0, Qt.AlignmentFlag.AlignCenter)
        self._column.addWidget(self._empty)
        self._column.addStretch(1)  # a short first answer stays at the top
        page = named(QWidget(), "page")
        page.setLayout(self._column)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setWidgetResizable(True)
        self.setWidget(page)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName("Conversation")
        bar = self.verticalScrollBar()
        bar.rangeChanged.connect(self._grown)
        bar.actionTriggered.connect(lambda _action: self._moved())
        bar.sliderMoved.connect(lambda _value: self._moved())
        bar.valueChanged.connect(lambda _value: self._moved())

    # ---------------------------------------------------------------------------------------------- what is shown

    def show_thread(self, thread: Thread, *, keep_place: bool = False) -> None:
        """The branch that is looked at. ``keep_place``: do not go to its end."""
        place = self.verticalScrollBar().value()
        for view in self.views.values():
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()
        self.views = {}
        self._thread, self._branch = thread, thread.branch()
        self._first = len(self._branch)
        self._following = not keep_place
        self._lay_out(max(0, len(self._branch) - PAGE))
        if keep_place:
            self._column.activate()
            self.verticalScrollBar().setValue(place)
        self._empty.setVisible(not self._branch)

    def show_earlier(self) -> None:
        """A page more; what is looked at stays where it is."""
        bar = self.verticalScrollBar()
        from_end = bar.maximum() - bar.value()
        self._following = False
        self._lay_out(max(0, self._first - PAGE))
        self._column.activate()
        QApplication.processEvents()
        bar.setValue(bar.maximum() - from_end)

    def add(self, message: Message, *, follow: bool) -> MessageView:
        """A message at the end of the branch. ``follow``: the user has just asked, and looks there."""
        self._branch = self._thread.branch()
        self._empty.hide()
        view = self._view(message)
        self._column.insertWidget(self._column.count() - 1, view)
        self._following = self._following or follow
        if follow:
            self._to_end()
            if len(self.views) > _MOST:
                self._drop_oldest(len(self.views) - PAGE)
        return view

    def connect_editor(self, name: str) -> None:
        if name == self._editor:
            return
        self._editor = name
        for view in self.views.values():
            view.connect_editor(name)

    def dress(self, colours: Colours) -> None:
        self._colours = colours
        for view in self.views.values():
            view.dress(colours)

    def scroll_by_pages(self, pages: float) -> None:
        bar = self.verticalScrollBar()
        bar.setValue(bar.value() + int(pages * bar.pageStep() * 0.9))
        self._moved()

    # ------------------------------------------------------------------------------------------------- inside

    def _lay_out(self, first: int) -> None:
        for message in reversed(self._branch[first : self._first]):
            # Behind the two at the top.
            self._column.insertWidget(2, self._view(message))
        self.views = dict(sorted(self.views.items()))
        self._show_first(first)

    def _drop_oldest(self, count: int) -> None:
        for number in list(self.views)[:count]:
            view = self.views.pop(number)
            self._column.removeWidget(view)
            view.hide()
            view.deleteLater()
        self._show_first(self._first + count)

    def _show_first(self, first: int) -> None:
        self._first = first
        self._earlier.setText(f"Show earlier messages ({first})")
        self._earlier.setVisible(first > 0)

    def _view(self, message: Message) -> MessageView:
        sources: Sequence[Attachment] = ()
        if message.role == "assistant" and message.parent is not None:
            sources = self._thread[message.parent].attachments
        view = MessageView(
            message, self._thread.versions(message.id), colours=self._colours, deeds=self._deeds, sources=sources
        )
        view.connect_editor(self._editor)
        self.views[message.id] = view
        return view

    def _grown(self, _low: int, high: int) -> None:
        if self._following and not self._busy_reading():
            self.verticalScrollBar().setValue(high)

    def _moved(self) -> None:
        """Only someone at the end is taken along."""
        bar = self.verticalScrollBar()
        self._following = bar.value() >= bar.maximum() - _AT_END_PX

    def _busy_reading(self) -> bool:
        if QApplication.mouseButtons() != Qt.MouseButton.NoButton:
            return True
        focus = self.window().focusWidget()
        return isinstance(focus, Prose) and focus.textCursor().hasSelection()

    def _to_end(self) -> None:
        self._following = True
        bar = self.verticalScrollBar()
        bar.setValue(bar.maximum())
