"""A text to read in a window of its own: an attachment, a summary, the exact prompt."""

from PySide6.QtGui import QColor, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPlainTextEdit, QVBoxLayout, QWidget

from copilot.safety.invisible import with_invisible_shown
from copilot.serve.api import PromptData
from copilot_desktop.parts import label
from copilot_desktop.theme import Colours, mono_font


class Reading(QDialog):
    def __init__(self, parent: QWidget, title: str, note: str = "") -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.resize(720, 560)
        self.note = label(note, name="dim", wrap=True)
        self.note.setVisible(bool(note))
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(mono_font())
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(title)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.reject)
        box = QVBoxLayout(self)
        box.addWidget(self.note)
        box.addWidget(self.text, 1)
        box.addWidget(buttons)

    def show_text(self, text: str) -> None:
        self.text.setPlainText(with_invisible_shown(text))

    def show_prompt(self, data: PromptData, colours: Colours) -> None:
        """Control tokens in a colour of their own; what the model is not shown is crossed out."""
        control, gone = QTextCharFormat(), QTextCharFormat()
        control.setForeground(QColor(colours.keyword))
        gone.setForeground(QColor(colours.off))
        gone.setFontStrikeOut(True)
        self.text.clear()
        cursor = QTextCursor(self.text.document())
        used = 0
        for piece in data.pieces:
            used += piece.kept
            look = control if piece.control else gone if piece.kept == 0 and piece.tokens else QTextCharFormat()
            cursor.insertText(with_invisible_shown(piece.text), look)
        words = f"{used:,} tokens are read, {data.answer:,} are left for the answer, of {data.limit:,} in all."
        if data.error is not None:
            words += f" It cannot be asked so: {data.error.message}"
        self.note.setText(words)
        self.note.show()
        self.text.moveCursor(QTextCursor.MoveOperation.Start)
