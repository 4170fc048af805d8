"""What can be done with conversations that are kept. Each asks first where something would be lost."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QInputDialog, QMessageBox, QWidget

from copilot.safety.invisible import with_invisible_shown
from copilot_desktop.reading import Reading
from copilot_desktop.saving import save_conversation
from copilot_desktop.talk import Talk


class Kept:
    """``say`` tells the user something in passing."""

    def __init__(self, parent: QWidget, talk: Talk, say: Callable[[str], None], changed: Callable[[], None]) -> None:
        self._parent = parent
        self._talk = talk
        self._say = say
        self._changed = changed

    def rename(self, conversation: int) -> None:
        entry = self._talk.history.entry(conversation)
        if entry is None:
            return
        title, agreed = QInputDialog.getText(self._parent, "Rename", "Title:", text=entry.title)
        if agreed and title.strip():
            self._talk.history.rename(conversation, title)
            self._changed()

    def pin(self, conversation: int, pinned: bool) -> None:
        self._talk.history.pin(conversation, pinned=pinned)
        self._changed()

    def export(self, conversation: int) -> None:
        entry = self._talk.history.entry(conversation)
        if entry is None:
            return
        name = "".join(char if char.isalnum() or char in " -_" else "-" for char in entry.title).strip() or "chat"
        path, _ = QFileDialog.getSaveFileName(
            self._parent, "Export the conversation", f"{name}.md", "Markdown (*.md);;JSON, with all versions (*.json)"
        )
        if path:
            try:
                save_conversation(self._talk.history, entry, Path(path))
            except OSError as error:
                self._say(f"It was not saved: {error.strerror}.")
            else:
                self._say(f"Saved as {path}.")

    def delete(self, conversation: int) -> None:
        entry = self._talk.history.entry(conversation)
        if entry is None:
            return
        words = f"Delete “{with_invisible_shown(entry.title)}”? It cannot be brought back."
        if QMessageBox.question(self._parent, "Delete a conversation", words) is QMessageBox.StandardButton.Yes:
            self._talk.delete(conversation)

    def show_summary(self, conversation: int) -> None:
        text = self._talk.history.summary(conversation).text
        if not text:
            self._say("There is no summary: the whole conversation still fits into the model's window.")
            return
        reading = Reading(
            self._parent, "Summary", "This stands for the older part of the conversation in the next question."
        )
        reading.show_text(text)
        reading.open()
