"""A change that the model proposes, hunk by hunk: nothing is written that was not looked at and chosen."""

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QKeyEvent, QTextBlockFormat, QTextCursor
from PySide6.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QPlainTextEdit,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from copilot.chat.exchange import Change, Review
from copilot.safety.invisible import with_invisible_shown
from copilot_desktop.parts import button, emptied, label
from copilot_desktop.theme import Colours, mono_font, named


class ChangeView(QFrame):
    """One hunk with the lines around it, and whether it is wanted."""

    def __init__(self, change: Change, number: int, count: int, colours: Colours, chosen: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("card")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.wanted = QCheckBox(f"Change {number} of {count}, line {change.first}")
        self.wanted.setChecked(True)
        self.wanted.toggled.connect(lambda _on: chosen())
        self.setFocusProxy(self.wanted)
        self.text = QPlainTextEdit()
        self.text.setReadOnly(True)
        self.text.setFont(mono_font())
        self.text.setFrameShape(QFrame.Shape.NoFrame)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.text.setTabChangesFocus(True)
        self.text.setAccessibleName(f"Lines of change {number}")
        lines = _lines(change)
        cursor = QTextCursor(self.text.document())
        for at, (sign, line) in enumerate(lines):
            look = QTextBlockFormat()
            if sign != " ":
                look.setBackground(QColor(colours.plus if sign == "+" else colours.minus))
            if at:
                cursor.insertBlock(look)
            else:
                cursor.setBlockFormat(look)
            # The sign says it too: not everyone tells red from green.
            cursor.insertText(f"{sign} {with_invisible_shown(line)}")
        self.text.setFixedHeight(self.text.fontMetrics().lineSpacing() * max(1, len(lines)) + 22)
        box = QVBoxLayout(self)
        box.setContentsMargins(10, 6, 10, 4)
        box.addWidget(self.wanted)
        box.addWidget(self.text)


def _lines(change: Change) -> list[tuple[str, str]]:
    return [
        *((" ", line) for line in change.above),
        *(("-", line) for line in change.old),
        *(("+", line) for line in change.new),
        *((" ", line) for line in change.below),
    ]


class ReviewPage(QWidget):
    """``decide`` is given the review and the indices that were chosen: none of them means that it is dropped."""

    def __init__(self, colours: Colours, decide: Callable[[Review, tuple[int, ...]], None]) -> None:
        super().__init__()
        self.setObjectName("page")
        self.review: Review | None = None
        self.changes: list[ChangeView] = []
        self._colours = colours
        self._decide = decide
        self._title = label(name="title", wrap=True)
        self._note = label(name="dim", wrap=True)
        self._column = QVBoxLayout()
        self._column.setSpacing(10)
        inside = named(QWidget(), "page")
        inside.setLayout(self._column)
        self._scroll = QScrollArea()
        self._scroll.setWidgetResizable(True)
        self._scroll.setWidget(inside)
        self.apply_button: QPushButton = button("", self._apply, name="primary")
        self.discard_button: QPushButton = button(
            "Discard", lambda: self._done(()), accessible="Discard the whole change"
        )
        row = QHBoxLayout()
        row.addStretch()
        row.addWidget(self.discard_button)
        row.addWidget(self.apply_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(18, 14, 18, 14)
        box.addWidget(self._title)
        box.addWidget(self._note)
        box.addWidget(self._scroll, 1)
        box.addLayout(row)

    def show_review(self, review: Review) -> None:
        self.review = review
        emptied(self._column)
        self.changes = []
        count = len(review.changes)
        self._title.setText(f"{review.title}: {with_invisible_shown(review.path)}")
        what = "This creates a new file. " if review.creates else ""
        self._note.setText(f"{what}Space chooses a change, J and K go on and back, Ctrl+Enter applies, Esc discards.")
        for number, change in enumerate(review.changes, 1):
            view = ChangeView(change, number, count, self._colours, self._count)
            self.changes.append(view)
            self._column.addWidget(view)
        self._column.addStretch(1)
        self._count()
        if self.changes:
            self.changes[0].wanted.setFocus()

    def dress(self, colours: Colours) -> None:
        self._colours = colours
        if self.review is not None:
            self.show_review(self.review)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        if key in {Qt.Key.Key_J, Qt.Key.Key_K}:
            self._step(1 if key == Qt.Key.Key_J else -1)
        elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            self._apply()
        elif key == Qt.Key.Key_Escape:
            self._done(())
        else:
            super().keyPressEvent(event)

    def _step(self, by: int) -> None:
        at = next((at for at, it in enumerate(self.changes) if it.wanted.hasFocus()), 0)
        if self.changes:
            view = self.changes[max(0, min(at + by, len(self.changes) - 1))]
            view.wanted.setFocus()
            self._scroll.ensureWidgetVisible(view)

    def _chosen(self) -> tuple[int, ...]:
        return tuple(at for at, it in enumerate(self.changes) if it.wanted.isChecked())

    def _count(self) -> None:
        chosen, count = len(self._chosen()), len(self.changes)
        words = "Apply the change" if count == 1 else f"Apply {chosen} of {count} changes"
        self.apply_button.setText(words)
        self.apply_button.setAccessibleName(words)
        self.apply_button.setEnabled(chosen > 0)

    def _apply(self) -> None:
        if self._chosen():
            self._done(self._chosen())

    def _done(self, chosen: tuple[int, ...]) -> None:
        if self.review is not None:
            self._decide(self.review, chosen)
