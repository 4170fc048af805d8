"""The conversations that are kept: found, opened, named, pinned, exported, deleted."""

import time
from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QLineEdit, QListWidget, QListWidgetItem, QMenu, QVBoxLayout, QWidget

from copilot.chat.history import Entry, History
from copilot.safety.invisible import with_invisible_shown
from copilot_desktop.parts import button

_ID = int(Qt.ItemDataRole.UserRole)


class Choices(NamedTuple):
    """What can be done with a conversation."""

    new: Callable[[], None]
    open: Callable[[int], None]
    rename: Callable[[int], None]
    pin: Callable[[int, bool], None]
    export: Callable[[int], None]
    delete: Callable[[int], None]


class EntryList(QListWidget):
    def __init__(self, chosen: Callable[[str, int], None]) -> None:
        super().__init__()
        self._chosen = chosen
        self.setAccessibleName("Conversations")
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        item = self.currentItem()
        deeds = {Qt.Key.Key_Return: "open", Qt.Key.Key_F2: "rename", Qt.Key.Key_Delete: "delete"}
        deed = deeds.get(Qt.Key(event.key()))
        if item is not None and deed is not None:
            self._chosen(deed, int(item.data(_ID)))
        else:
            super().keyPressEvent(event)


class Sidebar(QFrame):
    def __init__(self, history: History, choices: Choices) -> None:
        super().__init__()
        self.setObjectName("side")
        self.setMinimumWidth(190)
        self._history = history
        self._choices = choices
        self._entries: dict[int, Entry] = {}
        self.search = QLineEdit()
        self.search.setPlaceholderText("Search conversations")
        self.search.setAccessibleName("Search conversations")
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(lambda _text: self.refresh())
        self.list = EntryList(self._do)
        self.list.itemClicked.connect(lambda item: self._do("open", int(item.data(_ID))))
        self.list.customContextMenuRequested.connect(self._menu)
        self.pages = QVBoxLayout()
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 10, 8, 10)
        box.addWidget(button("New conversation", choices.new, name="primary"))
        box.addWidget(self.search)
        box.addWidget(self.list, 1)
        box.addLayout(self.pages)

    def use(self, history: History) -> None:
        self._history = history
        self.refresh()

    def add_page(self, widget: QWidget) -> None:
        """A button for one of the window's other pages."""
        self.pages.addWidget(widget)

    def refresh(self, current: int | None = None) -> None:
        """``current``: the conversation that is looked at; None leaves the choice where it is."""
        if current is None and self.list.currentItem() is not None:
            current = int(self.list.currentItem().data(_ID))
        entries = self._history.entries(self.search.text())
        self._entries = {it.id: it for it in entries}
        self.list.blockSignals(True)
        self.list.clear()
        for it in entries:
            item = QListWidgetItem(_words(it))
            item.setData(_ID, it.id)
            item.setToolTip(time.strftime("%Y-%m-%d %H:%M", time.localtime(it.updated)))
            self.list.addItem(item)
            if it.id == current:
                self.list.setCurrentItem(item)
        self.list.blockSignals(False)

    def _do(self, deed: str, conversation: int) -> None:
        if deed == "pin":
            self._choices.pin(conversation, not self._entries[conversation].pinned)
        else:
            getattr(self._choices, deed)(conversation)

    def _menu(self, at: QPoint) -> None:
        item = self.list.itemAt(at)
        if item is None:
            return
        conversation = int(item.data(_ID))
        menu = QMenu(self)
        pinned = self._entries[conversation].pinned
        for deed, words in (
            ("rename", "Rename…"),
            ("pin", "Unpin" if pinned else "Pin"),
            ("export", "Export…"),
            ("delete", "Delete…"),
        ):
            action = menu.addAction(words)
            action.triggered.connect(lambda _checked=False, deed=deed: self._do(deed, conversation))
        menu.exec(self.list.viewport().mapToGlobal(at))


def _words(entry: Entry) -> str:
    title = with_invisible_shown(entry.title)
    first = f"★ {title}" if entry.pinned else title
    return f"{first}\n   {with_invisible_shown(entry.excerpt)}" if entry.excerpt else first
