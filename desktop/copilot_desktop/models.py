"""The model files as a table: what is here, and what can be done with each. Downloads go on while the table is away."""

import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from PySide6.QtWidgets import QGridLayout, QMessageBox, QProgressBar, QVBoxLayout, QWidget

from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus
from copilot.weights.progress import PullProgress, amount
from copilot_desktop.events import Came, Progress
from copilot_desktop.parts import button, emptied, label
from copilot_desktop.theme import named
from copilot_desktop.wire import Report, Wire

_HERE = {"installed", "unverified"}


class ModelRow(NamedTuple):
    id: str
    state: str
    size: int
    license: str


def rows(_report: Report) -> list[ModelRow]:
    """Looks at the disk."""
    from copilot.weights import store

    return [ModelRow(it.id, str(store.state(it)), it.size_bytes, it.license) for it in store.known().values()]


class Models(QWidget):
    """``trouble`` is told what goes wrong with one."""

    def __init__(self, wire: Wire, settings: Settings, trouble: Callable[[SlipstreamError], None]) -> None:
        super().__init__()
        self._wire = wire
        self._settings = settings
        self._trouble = trouble
        self._rows: list[ModelRow] = []
        self._pausing: dict[str, threading.Event] = {}
        self._doing: dict[str, PullProgress | str] = {}
        self._loaded: str | None = None
        self._loading = False
        self._grid = QGridLayout()
        self._grid.setColumnStretch(0, 1)
        self._grid.setHorizontalSpacing(14)
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addLayout(self._grid)

    @property
    def default(self) -> str:
        return self._settings.model.completion

    def refresh(self) -> None:
        self._wire.work("models", rows)

    def see(self, status: HostStatus | None) -> None:
        loaded = status.model if status is not None and status.state is HostState.READY else None
        loading = status is not None and status.state is HostState.STARTING
        if (loaded, loading) != (self._loaded, self._loading):
            self._loaded, self._loading = loaded, loading
            self._show()

    # ------------------------------------------------------------------------------------------------ what it does

    def download(self, model: str) -> None:
        """Or go on with it: what came before is kept."""
        if model in self._doing:
            return
        paused = self._pausing[model] = threading.Event()
        self._doing[model] = "Starting"
        downloads = self._settings.download

        def pulled(report: Report) -> None:
            from copilot.weights.pull import pull

            pull(model, downloads, report, paused)

        self._wire.work(f"pull:{model}", pulled)
        self._show()

    def pause(self, model: str) -> None:
        if (paused := self._pausing.get(model)) is not None:
            paused.set()

    def verify(self, model: str) -> None:
        self._doing[model] = "Verifying"

        def verified(_report: Report) -> None:
            from copilot.weights import store

            store.verify(model)

        self._wire.work(f"verify:{model}", verified)
        self._show()

    def load(self, model: str) -> None:
        self._wire.call(f"load:{model}", lambda client: client.load(model), start=True)

    def unload(self) -> None:
        self._wire.call("unload:", lambda client: client.unload())

    def remove(self, model: str) -> None:
        words = f"Delete the file of {model}? It can be downloaded again."
        if QMessageBox.question(self, "Delete a model", words) is QMessageBox.StandardButton.Yes:

            def removed(_report: Report) -> None:
                from copilot.weights import store

                store.remove(model)

            self._wire.work(f"remove:{model}", removed)

    def close_downloads(self) -> None:
        """They can be gone on with."""
        for paused in self._pausing.values():
            paused.set()

    # ------------------------------------------------------------------------------------------------ what comes

    def came(self, event: Came | Progress) -> bool:
        """Whether it was something of this."""
        kind, _, model = event.name.partition(":")
        if kind not in {"models", "pull", "verify", "load", "unload", "remove"}:
            return False
        if isinstance(event, Progress):
            self._doing[model] = event.value
            self._show_progress(model)
            return True
        self._doing.pop(model, None)
        self._pausing.pop(model, None)
        if event.error is not None and event.error.code != "cancelled":
            self._trouble(event.error)
        if kind == "models" and event.value is not None:
            self._rows = event.value
            self._show()
        else:
            self._wire.look()
            self.refresh()
        return True

    # ------------------------------------------------------------------------------------------------- the table

    def _show(self) -> None:
        emptied(self._grid)
        self._meters: dict[str, tuple[Any, QProgressBar]] = {}
        for at, row in enumerate(sorted(self._rows, key=lambda it: (it.state not in _HERE, it.id))):
            marks = [] if row.id != self.default else ["default"]
            marks += ["loaded"] if row.id == self._loaded else []
            title = f"{row.id}  ({', '.join(marks)})" if marks else row.id
            self._grid.addWidget(label(title), at, 0)
            self._grid.addWidget(label(amount(row.size), name="dim"), at, 1)
            self._grid.addWidget(label(row.license, name="dim"), at, 2)
            state = label(_STATES.get(row.state, row.state), name="dim")
            self._grid.addWidget(state, at, 3)
            meter = named(QProgressBar(), "meter")
            meter.setTextVisible(False)
            meter.setFixedWidth(90)
            meter.setAccessibleName(f"Progress of {row.id}")
            meter.setVisible(row.id in self._doing)
            self._grid.addWidget(meter, at, 4)
            self._meters[row.id] = (state, meter)
            for column, (words, deed, name) in enumerate(self._deeds(row), 5):
                self._grid.addWidget(button(words, deed, name=name, accessible=f"{words} {row.id}"), at, column)
            self._show_progress(row.id)

    def _deeds(self, row: ModelRow) -> list[tuple[str, Callable[[], None], str]]:
        model = row.id
        if model in self._doing:
            return [("Pause", lambda: self.pause(model), "")] if model in self._pausing else []
        if row.state in _HERE:
            loads = (
                ("Unload", self.unload, "")
                if model == self._loaded
                else ("Load", lambda: self.load(model), "primary" if not self._loading else "")
            )
            return [
                loads,
                ("Verify", lambda: self.verify(model), "flat"),
                ("Delete", lambda: self.remove(model), "flat"),
            ]
        words = "Resume" if row.state == "partial" else "Download"
        return [(words, lambda: self.download(model), "")]

    def _show_progress(self, model: str) -> None:
        doing = self._doing.get(model)
        if doing is None or model not in self._meters:
            return
        state, meter = self._meters[model]
        if isinstance(doing, str):
            state.setText(f"{doing}…")
            meter.setRange(0, 0)
            return
        meter.setRange(0, 100)
        share = doing.done_bytes / max(1, doing.total_bytes)
        meter.setValue(round(100 * share))
        meter.setVisible(True)
        state.setText(f"{doing.message} {amount(doing.done_bytes)}")


_STATES = {
    "installed": "verified",
    "unverified": "not verified yet",
    "damaged": "damaged",
    "partial": "paused",
    "missing": "not here",
}
