"""A stretch of Markdown that is exactly as tall as its text. What it shows is data: nothing is loaded or opened."""

from PySide6.QtCore import Qt, QUrl, Signal
from PySide6.QtGui import QResizeEvent, QTextDocument, QWheelEvent
from PySide6.QtWidgets import QFrame, QTextBrowser, QWidget

from copilot.safety.invisible import with_invisible_shown

_FEATURE = QTextDocument.MarkdownFeature
# HTML is shown as text, not read.
_MARKDOWN = _FEATURE(_FEATURE.MarkdownDialectGitHub.value | _FEATURE.MarkdownNoHTML.value)
CITATION = "citation:"
_LINES_A_STEP = 4


def grown(height: int, line: int) -> int:
    """A height for text that still grows, in pixels. In steps of several lines: each step lays out the conversation and
    scrolls it, which costs more than the text itself."""
    step = _LINES_A_STEP * line
    return -(-height // step) * step


class Prose(QTextBrowser):
    """``followed``: a link that someone clicked, as it stands in the text."""

    followed = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setOpenLinks(False)
        self.setUndoRedoEnabled(False)
        self.setAccessibleName("Answer")
        # Tab goes on to the next button; links are reached with it too, text with the arrow keys.
        self.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextBrowserInteraction | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.document().setDocumentMargin(2)
        self.anchorClicked.connect(lambda url: self.followed.emit(url.toString()))
        self.highlighted.connect(self._say_target)
        self._shown = ""
        self._height = 0
        self._growing = True

    def loadResource(self, kind: int, url: QUrl | str) -> object:
        # An image in an answer could name a file here, or a server that counts who looks.
        return None

    def show_text(self, text: str) -> None:
        if text == self._shown:
            return
        self._shown = text
        self.document().setMarkdown(with_invisible_shown(text), _MARKDOWN)
        self._fit()

    def finish(self) -> None:
        """No more comes."""
        self._growing = False
        self._fit()

    def again(self) -> None:
        """Colours or the size of text have changed, which an imported document does not notice."""
        text, self._shown = self._shown, ""
        self.show_text(text)

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def _fit(self) -> None:
        self.document().setTextWidth(self.viewport().width())
        height = int(self.document().size().height()) + 1
        if self._growing:
            height = grown(height, self.fontMetrics().lineSpacing())
        if height != self._height:
            self._height = height
            self.setFixedHeight(height)

    def _say_target(self, url: QUrl) -> None:
        target = url.toString()
        self.setToolTip("" if target.startswith(CITATION) else with_invisible_shown(target))
