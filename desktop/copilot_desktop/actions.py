"""The menus: everything that the window does has a key, and stands in a menu that says so."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QActionGroup, QKeySequence
from PySide6.QtWidgets import QMenu

from copilot_desktop.theme import THEMES

if TYPE_CHECKING:
    from copilot_desktop.window import Window


class Actions:
    def __init__(self, window: "Window") -> None:
        self._window = window
        self._conversation()
        self._code()
        self._view()

    def _conversation(self) -> None:
        window = self._window
        menu = self._menu("&Conversation")
        self._add(menu, "&New", "Ctrl+N", window.new_conversation)
        self._add(menu, "&Search", "Ctrl+K", window.sidebar.search.setFocus)
        self._add(menu, "Write a &question", "Ctrl+L", self._write)
        menu.addSeparator()
        self._add(menu, "S&top the answer", "Ctrl+.", window.stop)
        self._add(menu, "&Regenerate the answer", "Ctrl+R", lambda: self._of_last("assistant", window.talk.regenerate))
        self._add(menu, "&Edit the last question", "Ctrl+Up", lambda: self._of_last("user", window.edit_question))
        self._add(menu, "&Older version", "Alt+Left", lambda: self._step(-1))
        self._add(menu, "Ne&wer version", "Alt+Right", lambda: self._step(1))
        menu.addSeparator()
        self._add(menu, "Show the exact &prompt", "Ctrl+I", window.attaching.show_prompt)
        self._add(menu, "Show the su&mmary", "", lambda: self._of_conversation(window.kept.show_summary))
        self._add(menu, "E&xport…", "Ctrl+S", lambda: self._of_conversation(window.kept.export))
        self._add(menu, "Rena&me…", "", lambda: self._of_conversation(window.kept.rename))
        self._add(menu, "&Delete…", "", lambda: self._of_conversation(window.kept.delete))
        menu.addSeparator()
        self._add(menu, "&Quit", "Ctrl+Q", window.leave)

    def _code(self) -> None:
        window = self._window
        menu = self._menu("C&ode")
        self._add(menu, "&Copy the last block", "Ctrl+Shift+C", lambda: self._of_code("copy_button"))
        self._add(menu, "&Insert it at the cursor", "Ctrl+Shift+I", lambda: self._of_code("insert_button"))
        self._add(menu, "&Apply it to the file…", "Ctrl+Shift+A", lambda: self._of_code("apply_button"))
        menu.addSeparator()
        self._add(menu, "Choose the &folder that @ means…", "", window.choose_workspace)
        self._add(menu, "The folder's &rules…", "", window.ruling.tell)

    def _view(self) -> None:
        window = self._window
        menu = self._menu("&View")
        self._add(menu, "&Chat", "Ctrl+1", lambda: window.show_page(window.chat_page))
        self._add(menu, "&Models and machine", "Ctrl+2", lambda: window.show_page(window.machine_page))
        self._add(menu, "M&emory", "Ctrl+3", lambda: window.show_page(window.memory_page))
        self._add(menu, "&Review", "Ctrl+4", self._review)
        menu.addSeparator()
        self._add(menu, "Page &up", "Ctrl+PgUp", lambda: window.transcript.scroll_by_pages(-1))
        self._add(menu, "Page &down", "Ctrl+PgDown", lambda: window.transcript.scroll_by_pages(1))
        menu.addSeparator()
        self._add(menu, "&Larger", "Ctrl++", lambda: window.zoom_by(1.1))
        self._add(menu, "&Smaller", "Ctrl+-", lambda: window.zoom_by(1 / 1.1))
        self._add(menu, "&Usual size", "Ctrl+0", lambda: window.zoom_by(0))
        themes = menu.addMenu("&Colours")
        group = QActionGroup(themes)
        for theme in THEMES:
            action = themes.addAction(theme.capitalize())
            action.setCheckable(True)
            action.setChecked(window.keeping.theme == theme)
            action.triggered.connect(lambda _checked=False, theme=theme: window.set_theme(theme))
            group.addAction(action)
        if window.tray is not None:
            tray = menu.addAction("Stay in the &tray when closed")
            tray.setCheckable(True)
            tray.setChecked(window.keeping.in_tray)
            tray.toggled.connect(window.set_tray)

    # ------------------------------------------------------------------------------------------------- inside

    def _menu(self, title: str) -> QMenu:
        menu = self._window.menuBar().addMenu(title)
        assert isinstance(menu, QMenu)
        return menu

    def _add(self, menu: QMenu, words: str, keys: str, does: Callable[[], object]) -> QAction:
        action = menu.addAction(words)
        if keys:
            action.setShortcut(QKeySequence(keys))
            action.setShortcutContext(Qt.ShortcutContext.WindowShortcut)
        action.triggered.connect(lambda _checked=False: does())
        return action

    def _write(self) -> None:
        self._window.show_page(self._window.chat_page)
        self._window.composer.edit.setFocus()

    def _review(self) -> None:
        if self._window.review_page.review is None:
            self._window.say("No change waits to be looked at.")
        else:
            self._window.show_page(self._window.review_page)

    def _of_last(self, role: str, does: Callable[[int], object]) -> None:
        view = self._window.last_view(role)
        if view is not None:
            does(view.message.id)

    def _of_conversation(self, does: Callable[[int], object]) -> None:
        conversation = self._window.talk.conversation
        if conversation is None:
            self._window.say("This conversation has no question yet.")
        else:
            does(conversation)

    def _of_code(self, name: str) -> None:
        card = self._window.last_code()
        if card is None:
            self._window.say("There is no code in this conversation.")
            return
        chosen = getattr(card, name)
        if chosen.isEnabled():
            chosen.click()
        else:
            self._window.say(chosen.toolTip() or "The block is still being written.")

    def _step(self, by: int) -> None:
        view = self._window.last_view("assistant")
        if view is not None:
            chosen = view.newer_button if by > 0 else view.older_button
            if chosen.isEnabled() and not chosen.isHidden():
                chosen.click()
