"""What stands in the way, in words, with the one button that helps."""

from collections.abc import Callable
from typing import NamedTuple

from PySide6.QtWidgets import QFrame, QHBoxLayout, QProgressBar, QPushButton

from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus
from copilot_desktop.parts import button, label


class Notice(NamedTuple):
    """``deed``: what the button does, by name; empty where nothing needs to be done. ``progress``: 0 to 1."""

    words: str
    button: str = ""
    deed: str = ""
    progress: float | None = None


def notice_of(status: HostStatus | None, trouble: SlipstreamError | None, model: str) -> Notice | None:
    """What to say of the host. ``trouble``: what the last question ran into; None where all is well."""
    if status is not None and status.state is HostState.FAILED and status.error is not None:
        error = status.error
        return _of_error(SlipstreamError(error.message, hint=error.hint, code=error.code), model)
    if status is not None and status.state is HostState.STARTING:
        return Notice(f"{status.detail or 'The engine host is starting'}…", progress=status.progress)
    if trouble is not None:
        return _of_error(trouble, model)
    if status is not None and status.state is HostState.STOPPING:
        return Notice("The engine host is leaving. The next question starts another one.")
    if status is not None and status.state is HostState.UNLOADED:
        return Notice("No model is loaded. The next question loads it again.", "Load it now", "load")
    return None


def _of_error(error: SlipstreamError, model: str) -> Notice:
    words = " ".join(filter(None, [error.message, error.hint]))
    if error.code in {"model_missing", "model_damaged"}:
        return Notice(error.message, f"Download {model}" if model else "Download it", "download")
    if error.code in {"out_of_memory", "engine_failed", "model_too_large"} or "memory" in error.message.lower():
        return Notice(words, "Choose a smaller model", "models")
    if error.code in {"host_lost", "host_not_started", "host_not_there", "engine_restarted"}:
        return Notice(error.message, "Start it again", "start")
    if error.code == "history_broken":
        return Notice(words, "Begin an empty history", "empty_history")
    return Notice(words, "Try again", "start")


class Banner(QFrame):
    """``does`` is given the name of the deed."""

    def __init__(self, does: Callable[[str], None]) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.setAccessibleName("Notice")
        self.notice: Notice | None = None
        self.words = label(wrap=True)
        self.meter = QProgressBar()
        self.meter.setTextVisible(False)
        self.meter.setFixedWidth(120)
        self.meter.setAccessibleName("Progress")
        self.button: QPushButton = button("", lambda: does(self.notice.deed if self.notice else ""))
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 6, 8, 6)
        row.addWidget(self.words, 1)
        row.addWidget(self.meter)
        row.addWidget(self.button)
        self.hide()

    def show_notice(self, notice: Notice | None) -> None:
        if notice == self.notice:
            return
        self.notice = notice
        self.setVisible(notice is not None)
        if notice is None:
            return
        self.words.setText(notice.words)
        self.setAccessibleDescription(notice.words)
        self.button.setText(notice.button)
        self.button.setAccessibleName(notice.button)
        self.button.setVisible(bool(notice.deed))
        self.meter.setVisible(notice.progress is not None)
        if notice.progress is not None:
            self.meter.setRange(0, 100)
            self.meter.setValue(round(100 * notice.progress))
