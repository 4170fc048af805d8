"""An icon in the tray, where the desktop has one. Never the only way back to the window."""

from collections.abc import Callable

from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon, QWidget


def available() -> bool:
    return QSystemTrayIcon.isSystemTrayAvailable()


class Tray(QSystemTrayIcon):
    def __init__(self, icon: QIcon, parent: QWidget, show: Callable[[], None], leave: Callable[[], None]) -> None:
        super().__init__(icon, parent)
        self.setToolTip("Slipstream")
        menu = QMenu(parent)
        menu.addAction("Show the window").triggered.connect(lambda _checked=False: show())
        menu.addAction("Quit").triggered.connect(lambda _checked=False: leave())
        self.setContextMenu(menu)
        self.activated.connect(lambda reason: show() if reason is QSystemTrayIcon.ActivationReason.Trigger else None)
