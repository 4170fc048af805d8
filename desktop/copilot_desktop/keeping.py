"""What a window remembers of itself: where it was, how it looks, what was being written."""

from PySide6.QtCore import QByteArray, QSettings

from copilot import paths
from copilot_desktop.theme import THEMES

LEAST_ZOOM, MOST_ZOOM = 0.7, 2.5


class Keeping:
    def __init__(self) -> None:
        path = paths.window_file()
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = QSettings(str(path), QSettings.Format.IniFormat)

    @property
    def theme(self) -> str:
        theme = str(self._file.value("theme", "system"))
        return theme if theme in THEMES else "system"

    @theme.setter
    def theme(self, theme: str) -> None:
        self._file.setValue("theme", theme)

    @property
    def zoom(self) -> float:
        try:
            zoom = float(str(self._file.value("zoom", 1.0)))
        except ValueError:
            return 1.0
        return zoom if LEAST_ZOOM <= zoom <= MOST_ZOOM else 1.0

    @zoom.setter
    def zoom(self, zoom: float) -> None:
        self._file.setValue("zoom", round(zoom, 2))

    @property
    def uses_memory(self) -> bool:
        return str(self._file.value("memory", "true")) == "true"

    @uses_memory.setter
    def uses_memory(self, on: bool) -> None:
        self._file.setValue("memory", "true" if on else "false")

    @property
    def in_tray(self) -> bool:
        """Whether closing leaves it in the tray."""
        return str(self._file.value("tray", "false")) == "true"

    @in_tray.setter
    def in_tray(self, on: bool) -> None:
        self._file.setValue("tray", "true" if on else "false")

    @property
    def draft(self) -> str:
        return str(self._file.value("draft", ""))

    @draft.setter
    def draft(self, text: str) -> None:
        self._file.setValue("draft", text)

    @property
    def workspace(self) -> str:
        return str(self._file.value("workspace", ""))

    @workspace.setter
    def workspace(self, folder: str) -> None:
        self._file.setValue("workspace", folder)

    def bytes(self, name: str) -> QByteArray:
        """``geometry`` or ``splitter``; empty where it is not known."""
        value = self._file.value(name)
        return value if isinstance(value, QByteArray) else QByteArray()

    def keep_bytes(self, name: str, value: QByteArray) -> None:
        self._file.setValue(name, value)
