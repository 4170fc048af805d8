"""A link in an answer is text of the model's: someone reads where it leads before anything is opened."""

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QMessageBox, QWidget

from copilot.safety.invisible import with_invisible_shown

_WEB = ("http://", "https://")


def ask_about(parent: QWidget, target: str) -> None:
    box = QMessageBox(parent)
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
