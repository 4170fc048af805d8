"""A block of code in an answer: coloured as it grows, and taken from here to where it is needed."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import (
    QColor,
    QGuiApplication,
    QSyntaxHighlighter,
    QTextCharFormat,
    QTextCursor,
    QTextDocument,
    QWheelEvent,
)
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPlainTextEdit, QPushButton, QVBoxLayout

from copilot.safety.invisible import with_invisible_shown
from copilot.syntax.highlight import KINDS, Highlighter, Span
from copilot_desktop.parts import button, label
from copilot_desktop.prose import grown
from copilot_desktop.theme import Colours, mono_font


class Colouring(QSyntaxHighlighter):
    """Applies spans line by line; which lines changed is said from outside."""

    def __init__(self, document: QTextDocument, colours: Colours) -> None:
        super().__init__(document)
        self._formats: dict[str, QTextCharFormat] = {}
        self._lines: list[list[tuple[int, int, str]]] = []
        self.dress(colours)

    def dress(self, colours: Colours) -> None:
        for kind in KINDS:
            self._formats[kind] = QTextCharFormat()
            self._formats[kind].setForeground(QColor(colours.of(kind)))

    def show_spans(self, text: str, first: int, spans: list[Span]) -> None:
        """``spans`` are all from offset ``first`` on, which begins a line."""
        line = text.count("\n", 0, first)
        del self._lines[line:]
        self._lines += [[] for _ in range(text.count("\n", first) + 1)]
        start, at = first, line
        for span in spans:
            end = span.end
            begin = span.start
            while begin < end:
                line_end = text.find("\n", start)
                line_end = len(text) if line_end < 0 else line_end
                if begin > line_end:
                    start, at = line_end + 1, at + 1
                    continue
                self._lines[at].append((begin - start, min(end, line_end) - start, span.kind))
                begin = line_end + 1
        block = self.document().findBlockByNumber(line)
        while block.isValid():
            self.rehighlightBlock(block)
            block = block.next()

    def highlightBlock(self, text: str) -> None:
        number = self.currentBlock().blockNumber()
        if number < len(self._lines) and self._lines[number]:
            # Qt counts UTF-16 units.
            wide = not text.isascii() and any(ord(char) > 0xFFFF for char in text)
            for start, end, kind in self._lines[number]:
                a, b = (_units(text, start), _units(text, end)) if wide else (start, end)
                self.setFormat(a, b - a, self._formats[kind])


def _units(text: str, column: int) -> int:
    return len(text[:column].encode("utf-16-le", "surrogatepass")) // 2


class CodeText(QPlainTextEdit):
    """Read-only code, as tall as it is. Text is only ever appended."""

    def __init__(self, language: str, colours: Colours) -> None:
        super().__init__()
        self.setReadOnly(True)
        self.setFont(mono_font())
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.setAccessibleName(f"{language or 'plain'} code")
        self._language = language
        self._shown = ""
        self._height = 0
        self._growing = True
        self._highlighter = Highlighter(language)
        self._colouring = Colouring(self.document(), colours)

    @property
    def code(self) -> str:
        return self._shown

    def show_text(self, text: str) -> None:
        """``text`` begins with what is shown already, or takes its place."""
        if text == self._shown:
            return
        if not text.startswith(self._shown):
            self.clear()
            self._shown, self._highlighter = "", Highlighter(self._language)
        new = text[len(self._shown) :]
        cursor = QTextCursor(self.document())
        cursor.movePosition(QTextCursor.MoveOperation.End)
        cursor.insertText(new)
        self._shown = text
        first, spans = self._highlighter.grow(new)
        if first < len(text):
            self._colouring.show_spans(text, first, spans)
        self._fit()

    def finish(self) -> None:
        """No more comes."""
        self._growing = False
        self._colouring.show_spans(self._shown, 0, self._highlighter.all())
        self._fit()

    def dress(self, colours: Colours) -> None:
        self.setFont(mono_font())
        self._colouring.dress(colours)
        self._colouring.show_spans(self._shown, 0, self._highlighter.all())
        self._height = 0
        self._fit()

    def wheelEvent(self, event: QWheelEvent) -> None:
        # Up and down moves the page; left and right the code.
        if abs(event.angleDelta().x()) > abs(event.angleDelta().y()):
            super().wheelEvent(event)
        else:
            event.ignore()

    def _fit(self) -> None:
        lines = self.document().blockCount() - self._shown.endswith("\n")
        line = self.fontMetrics().lineSpacing()
        height = int(line * max(1, lines)) + 20
        if self._growing:
            height = grown(height, line)
        if height != self._height:
            self._height = height
            self.setFixedHeight(height)


class CodeCard(QFrame):
    """``insert`` and ``apply`` are given the code; both need an editor."""

    def __init__(
        self, language: str, colours: Colours, *, insert: Callable[[str], None], apply: Callable[[str], None]
    ) -> None:
        super().__init__()
        self.setObjectName("card")
        of = f"{language} code" if language else "code"
        self._text = CodeText(language, colours)
        self.copy_button: QPushButton = button("Copy", self._copy, name="flat", accessible=f"Copy {of}")
        self.insert_button: QPushButton = button(
            "Insert at cursor",
            lambda: insert(self._text.code),
            name="flat",
            accessible=f"Insert {of} at the cursor of the editor",
        )
        self.apply_button: QPushButton = button(
            "Apply…", lambda: apply(self._text.code), name="flat", accessible=f"Apply {of} to the file, after a review"
        )
        head = QHBoxLayout()
        head.addWidget(label(language or "text", name="dim"))
        head.addStretch()
        for it in (self.apply_button, self.insert_button, self.copy_button):
            head.addWidget(it)
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 4, 6, 4)
        box.setSpacing(2)
        box.addLayout(head)
        box.addWidget(self._text)
        self.open = True
        """Whether it still grows; half a block is no code to take over."""

    @property
    def code(self) -> str:
        return self._text.code

    def show_text(self, text: str) -> None:
        self._text.show_text(with_invisible_shown(text))

    def finish(self) -> None:
        self.open = False
        self._text.finish()

    def dress(self, colours: Colours) -> None:
        self._text.dress(colours)

    def connect_editor(self, name: str) -> None:
        """``name`` of the editor that code goes to; empty where there is none."""
        for it, does in (
            (self.insert_button, "Put it at the cursor of"),
            (self.apply_button, "Show it as a change in"),
        ):
            it.setEnabled(bool(name) and not self.open)
            it.setToolTip(f"{does} {name}" if name else "No editor with Slipstream is open")

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._text.code)
        self.copy_button.setText("Copied")
