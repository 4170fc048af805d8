"""The page about models and the machine: what is loaded, what it needs, how fast it has been."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QHideEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QProgressBar, QScrollArea, QVBoxLayout, QWidget

from copilot import paths
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus, Lane, SamplesData
from copilot.weights.progress import amount
from copilot_desktop.curves import HOUR, Machine, figures, kept, latency
from copilot_desktop.events import Came, Progress
from copilot_desktop.models import Models
from copilot_desktop.parts import label
from copilot_desktop.theme import Colours, named
from copilot_desktop.wire import Report, Wire

if TYPE_CHECKING:
    from copilot_desktop.plots import Plots

_REFRESH_MS = 4_000
_STATES = {
    HostState.READY: "ready",
    HostState.STARTING: "starting",
    HostState.FAILED: "not able to load its model",
    HostState.UNLOADED: "running, no model is loaded",
    HostState.STOPPING: "leaving",
}


class MachinePage(QScrollArea):
    """Asks for figures only while it is looked at."""

    def __init__(
        self, wire: Wire, settings: Settings, colours: Colours, trouble: Callable[[SlipstreamError], None]
    ) -> None:
        super().__init__()
        self.models = Models(wire, settings, trouble)
        self.figures = {name: label() for name in ("Host", "Speed", "First token", "KV cache reuse", "Queue")}
        self.memory = QProgressBar()
        self.memory.setRange(0, 1000)
        self.memory.setTextVisible(False)
        self.memory.setFixedWidth(160)
        self.memory.setAccessibleName("Memory of the engine host, of this machine's")
        self.memory_words = label()
        self.plots: Plots | None = None
        self._plots_note = label("No plots: this installation lacks pyqtgraph.", name="dim")
        self._plots_note.hide()
        self._wire = wire
        self._colours = colours
        self._status: HostStatus | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_REFRESH_MS)
        self._timer.timeout.connect(self._ask)
        grid = QGridLayout()
        grid.setColumnStretch(1, 1)
        grid.setHorizontalSpacing(16)
        for row, (name, value) in enumerate(self.figures.items()):
            grid.addWidget(label(name, name="dim"), row, 0)
            grid.addWidget(value, row, 1)
        grid.addWidget(label("Memory", name="dim"), len(self.figures), 0)
        memory = QWidget()
        beside = QGridLayout(memory)
        beside.setContentsMargins(0, 0, 0, 0)
        beside.setColumnStretch(1, 1)
        beside.addWidget(self.memory, 0, 0)
        beside.addWidget(self.memory_words, 0, 1)
        grid.addWidget(memory, len(self.figures), 1)
        self._column = QVBoxLayout()
        self._column.setContentsMargins(18, 14, 18, 14)
        self._column.setSpacing(12)
        for widget in (label("Machine", name="title"),):
            self._column.addWidget(widget)
        self._column.addLayout(grid)
        self._column.addWidget(label("Models", name="title"))
        self._column.addWidget(self.models)
        self._column.addWidget(label("The last hour", name="title"))
        self._column.addWidget(self._plots_note)
        self._column.addStretch(1)
        page = named(QWidget(), "page")
        page.setLayout(self._column)
        self.setWidgetResizable(True)
        self.setWidget(page)
        self.see(None)
        self.show_samples(SamplesData(now=0.0, samples=()))

    def see(self, status: HostStatus | None) -> None:
        self._status = status
        self.models.see(status)
        if status is None:
            self.figures["Host"].setText("not running; a question starts it")
            self.figures["Queue"].setText("–")
            self.memory.setValue(0)
            self.memory_words.setText("–")
            return
        where = f" on {status.backend}" if status.backend else ""
        model = f" · {status.model}{where}" if status.model and status.state is HostState.READY else ""
        chat = f" · {status.chat_model} chats" if status.chat_model else ""
        self.figures["Host"].setText(f"{_STATES.get(status.state, str(status.state))}{model}{chat}")
        self.figures["Host"].setToolTip("\n".join(status.notes))
        running, waiting = status.active_streams, status.queued_streams
        self.figures["Queue"].setText(f"{running} running, {waiting} waiting, {status.slots} at most side by side")
        self._show_memory(status)

    def came(self, event: Came | Progress) -> bool:
        if self.models.came(event):
            return True
        if event.name == "samples" and isinstance(event, Came):
            if isinstance(event.value, SamplesData):
                self.show_samples(event.value)
            return True
        if event.name == "kept" and isinstance(event, Came):
            if self.plots is not None and event.value is not None:
                self.plots.show_kept(event.value)
            return True
        return False

    def show_samples(self, data: SamplesData) -> None:
        found: Machine = figures(data.samples)
        speed, first, reuse = found
        self.figures["Speed"].setText("–" if speed is None else f"{speed:.0f} tokens/s in chat")
        self.figures["First token"].setText("–" if first is None else f"{first:.0f} ms, median of the last hour")
        self.figures["KV cache reuse"].setText("–" if reuse is None else f"{reuse:.0%} of prompt tokens")
        if self.plots is not None:
            self.plots.show_latency(
                latency(data.samples, data.now, Lane.INLINE), latency(data.samples, data.now, Lane.CHAT)
            )

    def dress(self, colours: Colours) -> None:
        self._colours = colours
        if self.plots is not None:
            self.plots.dress(colours)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        if self.plots is None and self._plots_note.isHidden():
            self._make_plots()
        self.models.refresh()
        self._ask()
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._timer.stop()

    def _make_plots(self) -> None:
        try:
            from copilot_desktop.plots import Plots
        except ImportError:
            self._plots_note.show()
            return
        self.plots = Plots(self._colours)
        self.plots.setMinimumHeight(420)
        self._column.insertWidget(self._column.count() - 1, self.plots)

    def _ask(self) -> None:
        if self._status is not None:
            self._wire.call("samples", lambda client: client.samples())
        self._wire.work("kept", _kept)

    def _show_memory(self, status: HostStatus) -> None:
        import psutil

        whole = psutil.virtual_memory()
        self.memory.setValue(round(1000 * status.memory_bytes / max(1, whole.total)))
        gpu = f"; {amount(status.gpu_bytes)} on the GPU" if status.gpu_bytes else ""
        self.memory_words.setText(
            f"{amount(status.memory_bytes)} of {amount(whole.total)}, {amount(whole.available)} free{gpu}"
        )


def _kept(_report: Report) -> list[tuple[float, float]]:
    import sqlite3

    from copilot.completion.ledger import kept_over_time, opened

    if not paths.ledger_file().exists():
        return []
    now = time.time()
    try:
        with opened(paths.ledger_file()) as database:
            return kept(kept_over_time(database, now - HOUR), now)
    except (sqlite3.Error, OSError):
        return []
