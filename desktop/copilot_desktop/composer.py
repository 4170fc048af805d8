"""Where a question is written: its text, what is attached to it, and how much of the model's window that takes."""

from collections.abc import Callable, Sequence

from PySide6.QtCore import QMimeData, Qt, QTimer, Signal
from PySide6.QtGui import QFocusEvent, QKeyEvent, QTextCursor
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPlainTextEdit,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)

from copilot.chat.attachments import Attachment, AttachmentKind
from copilot.chat.planning import CHARS_PER_TOKEN, Planned
from copilot.safety.invisible import with_invisible_shown
from copilot_desktop.mention import Mention
from copilot_desktop.parts import FlowLayout, button, emptied, label

_LONG_PASTE_LINES = 8
_LONG_PASTE = 600
_MOST_LINES = 8
_MOST_OFFERED = 12
_SETTLE_MS = 150


class QuestionEdit(QPlainTextEdit):
    """``sent``, ``stopped``: Enter and Escape. ``mentioning``: what stands behind the @ at the caret, None where none
    does. ``pasted``: a long text, which becomes an attachment."""

    sent = Signal()
    stopped = Signal()
    mentioning = Signal(object)
    pasted = Signal(str)
    stepped = Signal(int)
    picked = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("question")
        self.setAccessibleName("Question")
        self.setPlaceholderText("Ask…   Enter sends, Shift+Enter begins a line, @ attaches, Esc stops")
        self.setTabChangesFocus(True)
        self.offering = False
        self.textChanged.connect(self._changed)
        self.cursorPositionChanged.connect(self._look_for_mention)
        self._fit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        key = event.key()
        enter = key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}
        if self.offering and (enter or key == Qt.Key.Key_Tab):
            self.picked.emit()
        elif self.offering and key in {Qt.Key.Key_Up, Qt.Key.Key_Down}:
            self.stepped.emit(-1 if key == Qt.Key.Key_Up else 1)
        elif self.offering and key == Qt.Key.Key_Escape:
            self.mentioning.emit(None)
        elif enter and not event.modifiers() & Qt.KeyboardModifier.ShiftModifier:
            self.sent.emit()
        elif key == Qt.Key.Key_Escape:
            self.stopped.emit()
        else:
            super().keyPressEvent(event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        # Tab chooses what is offered; elsewhere it goes on to the next widget.
        return not self.offering and super().focusNextPrevChild(forward)

    def insertFromMimeData(self, source: QMimeData) -> None:
        text = source.text()
        if text.count("\n") >= _LONG_PASTE_LINES or len(text) >= _LONG_PASTE:
            self.pasted.emit(text)
        elif text:
            self.insertPlainText(text)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        if event.reason() is not Qt.FocusReason.PopupFocusReason:
            self.mentioning.emit(None)

    def mention(self) -> str | None:
        """What stands between an @ and the caret."""
        cursor = self.textCursor()
        line = cursor.block().text()[: cursor.positionInBlock()]
        head, at, word = line.rpartition("@")
        if not at or (head and not head[-1].isspace()) or " " in word or "\t" in word:
            return None
        return word

    def drop_mention(self) -> None:
        """Take the @ and what follows it out of the text."""
        word = self.mention()
        if word is not None:
            cursor = self.textCursor()
            cursor.movePosition(
                QTextCursor.MoveOperation.Left, QTextCursor.MoveMode.KeepAnchor, len(word.encode("utf-16-le")) // 2 + 1
            )
            cursor.removeSelectedText()

    def _changed(self) -> None:
        self._fit()

    def _look_for_mention(self) -> None:
        self.mentioning.emit(self.mention())

    def _fit(self) -> None:
        lines = max(2, min(self.document().blockCount(), _MOST_LINES))
        self.setFixedHeight(self.fontMetrics().lineSpacing() * lines + 20)


class Chip(QFrame):
    """Something that is attached: a click shows it, the cross takes it away."""

    def __init__(self, attachment: Attachment, look: Callable[[], None], remove: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("chip")
        self.attachment = attachment
        words = with_invisible_shown(chip_words(attachment))
        row = QHBoxLayout(self)
        row.setContentsMargins(6, 1, 3, 1)
        row.setSpacing(0)
        self.look_button = button(words, look, name="flat", accessible=f"Look at {words}")
        self.remove_button = button("✕", remove, name="flat", accessible=f"Remove {words}")
        row.addWidget(self.look_button)
        row.addWidget(self.remove_button)


def chip_words(attachment: Attachment) -> str:
    if attachment.kind is AttachmentKind.TEXT:
        return f"{attachment.label} ({attachment.text.count(chr(10)) + 1} lines)"
    if attachment.kind is AttachmentKind.PROBLEMS:
        return f"{attachment.label} in {attachment.path.rpartition('/')[2]}"
    if attachment.first and attachment.kind is not AttachmentKind.SYMBOL:
        return f"{attachment.path.rpartition('/')[2]}:{attachment.first}-{attachment.last}"
    return attachment.label


class Composer(QWidget):
    """``asked``: the question as it is in the fields. ``wanted``: a mention to attach. ``searched``: what to offer
    for the word behind an @, to be answered with :meth:`offer`."""

    asked = Signal()
    stopped = Signal()
    wanted = Signal(object)
    searched = Signal(str)
    changed = Signal()
    looked_at = Signal(object)
    prompt_wanted = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.attachments: list[Attachment] = []
        self.edit = QuestionEdit()
        self.offers = QListWidget(self)
        self.offers.setObjectName("offers")
        self.offers.setAccessibleName("What can be attached")
        self.offers.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.offers.hide()
        self._mentions: list[Mention] = []
        self.chips = QWidget()
        self._flow = FlowLayout(5)
        self.chips.setLayout(self._flow)
        self.suggested: list[Mention] = []
        self.send_button = button("Send", self.asked.emit, name="primary", accessible="Send the question")
        self.stop_button = button("Stop", self.stopped.emit, accessible="Stop the answer")
        self.gauge = QProgressBar()
        self.gauge.setRange(0, 100)
        self.gauge.setTextVisible(False)
        self.gauge.setFixedWidth(90)
        self.gauge.setAccessibleName("Share of the model's window that this question takes")
        self.gauge_words = label(name="dim")
        self.prompt_button = button("Prompt", self.prompt_wanted.emit, name="flat", accessible="Show the exact prompt")
        self._settling = QTimer(self)
        self._settling.setSingleShot(True)
        self._settling.setInterval(_SETTLE_MS)
        self._settling.timeout.connect(self.changed.emit)
        self.edit.textChanged.connect(self._settling.start)
        self.edit.sent.connect(self.asked.emit)
        self.edit.stopped.connect(self.stopped.emit)
        self.edit.pasted.connect(self._attach_pasted)
        self.edit.mentioning.connect(self._mentioned)
        self.edit.stepped.connect(self._step)
        self.edit.picked.connect(self._pick)
        self.offers.itemClicked.connect(lambda _item: self._pick())
        row = QHBoxLayout()
        row.addWidget(self.gauge)
        row.addWidget(self.gauge_words, 1)
        row.addWidget(self.prompt_button)
        row.addWidget(self.stop_button)
        row.addWidget(self.send_button)
        box = QVBoxLayout(self)
        box.setContentsMargins(18, 4, 18, 10)
        box.setSpacing(5)
        box.addWidget(self.offers)
        box.addWidget(self.chips)
        box.addWidget(self.edit)
        box.addLayout(row)
        self._show_chips()

    # ----------------------------------------------------------------------------------------------- attachments

    @property
    def text(self) -> str:
        return self.edit.toPlainText().strip()

    def attach(self, attachment: Attachment) -> None:
        """What is attached already is brought up to date."""
        same = [at for at, it in enumerate(self.attachments) if _place(it) == _place(attachment)]
        if same and attachment.kind is not AttachmentKind.TEXT:
            self.attachments[same[0]] = attachment
        else:
            self.attachments.append(attachment)
        self._show_chips()

    def take(self) -> tuple[str, tuple[Attachment, ...]]:
        """The question; the fields are empty then."""
        taken = (self.text, tuple(self.attachments))
        self.edit.clear()
        self.attachments = []
        self._show_chips()
        return taken

    def fill(self, text: str, attachments: Sequence[Attachment]) -> None:
        self.edit.setPlainText(text)
        self.edit.moveCursor(QTextCursor.MoveOperation.End)
        self.attachments = list(attachments)
        self._show_chips()
        self.edit.setFocus()

    def suggest(self, mentions: Sequence[Mention]) -> None:
        """What is open in the editor, to be attached with one click."""
        if list(mentions) != self.suggested:
            self.suggested = list(mentions)
            self._show_chips()

    def _attach_pasted(self, text: str) -> None:
        count = sum(it.kind is AttachmentKind.TEXT for it in self.attachments)
        self.attach(Attachment(kind=AttachmentKind.TEXT, label=f"Pasted text {count + 1}", text=text))

    def _remove(self, attachment: Attachment) -> None:
        self.attachments.remove(attachment)
        self._show_chips()
        self.edit.setFocus()

    def _show_chips(self) -> None:
        emptied(self._flow)
        for it in self.attachments:
            self._flow.addWidget(
                Chip(it, lambda it=it: self.looked_at.emit(it), lambda it=it: self._remove(it))  # type: ignore[misc]
            )
        for mention in self.suggested:
            words = f"+ {with_invisible_shown(mention.title)}"
            self._flow.addWidget(
                button(
                    words,
                    lambda mention=mention: self.wanted.emit(mention),  # type: ignore[misc]
                    name="offer",
                    accessible=f"Attach {mention.title}",
                )
            )
        self.chips.setVisible(self._flow.count() > 0)
        self.chips.updateGeometry()
        self._settling.start()

    # --------------------------------------------------------------------------------------------------- mentions

    def offer(self, word: str, mentions: Sequence[Mention]) -> None:
        """What fits ``word``; dropped where someone has typed on since."""
        if self.edit.mention() != word:
            return
        chosen = self.offers.currentRow()
        self._mentions = list(mentions[:_MOST_OFFERED])
        self.offers.clear()
        for it in self._mentions:
            item = QListWidgetItem(with_invisible_shown(f"{it.title}   {it.detail}".rstrip()))
            self.offers.addItem(item)
        shown = bool(self._mentions)
        self.edit.offering = shown
        self.offers.setVisible(shown)
        if shown:
            self.offers.setCurrentRow(max(0, min(chosen, len(self._mentions) - 1)))
            row = self.offers.sizeHintForRow(0)
            self.offers.setFixedHeight(min(8, len(self._mentions)) * row + 8)

    def _mentioned(self, word: str | None) -> None:
        if word is None:
            self.edit.offering = False
            self.offers.hide()
        else:
            self.searched.emit(word)

    def _step(self, by: int) -> None:
        self.offers.setCurrentRow(max(0, min(self.offers.currentRow() + by, self.offers.count() - 1)))

    def _pick(self) -> None:
        row = self.offers.currentRow()
        if 0 <= row < len(self._mentions):
            mention = self._mentions[row]
            self.edit.drop_mention()
            self._mentioned(None)
            self.wanted.emit(mention)
            self.edit.setFocus()

    # ------------------------------------------------------------------------------------------------------- gauge

    def show_plan(self, planned: Planned | None) -> None:
        if planned is None:
            self.gauge.setValue(0)
            self.gauge_words.setText("")
            return
        used, room = (round(it / CHARS_PER_TOKEN) for it in (planned.characters, planned.room))
        self.gauge.setValue(min(100, round(100 * planned.share)))
        words = f"about {used:,} of {room:,} tokens"
        if planned.dropped:
            words += f" · left out: {planned.dropped[0]}" + (
                f" and {len(planned.dropped) - 1} more" if len(planned.dropped) > 1 else ""
            )
        elif planned.next_dropped:
            words += f" · first to go: {planned.next_dropped[0]}"
        self.gauge_words.setText(with_invisible_shown(words))
        order = [*planned.dropped, *planned.next_dropped]
        self.gauge_words.setAccessibleDescription(words)
        self.gauge.setToolTip("Given up in this order where room is short: " + "; ".join(order) if order else "")

    def show_busy(self, *, writing: bool, waits: bool) -> None:
        """``waits``: a question that is sent now waits its turn."""
        self.stop_button.setEnabled(writing)
        self.send_button.setText("Queue" if waits else "Send")
        self.send_button.setAccessibleName("Have the question wait its turn" if waits else "Send the question")


def _place(attachment: Attachment) -> tuple[object, ...]:
    return attachment.kind, attachment.path or attachment.label, attachment.first, attachment.last
