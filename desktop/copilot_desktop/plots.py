"""Plots of the last hour. Only this module knows pyqtgraph, which brings numpy: it is imported when they are shown."""

from collections.abc import Sequence

import pyqtgraph
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from copilot_desktop.curves import Point
from copilot_desktop.theme import Colours


class Plots(QWidget):
    """Latency of completions and chat above, kept rate below."""

    def __init__(self, colours: Colours) -> None:
        super().__init__()
        self._latency = pyqtgraph.PlotWidget()
        self._kept = pyqtgraph.PlotWidget()
        self._latency.setAccessibleName("Latency over the last hour")
        self._kept.setAccessibleName("Share of accepted text that was kept, over the last hour")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.addWidget(self._latency, 3)
        box.addWidget(self._kept, 2)
        for plot, words in ((self._latency, "first token, ms"), (self._kept, "kept after 30 s, %")):
            plot.setMouseEnabled(x=False, y=False)
            plot.setMenuEnabled(False)
            plot.hideButtons()
            plot.setXRange(-60, 0, padding=0.02)
            plot.setLabel("left", words)
            plot.setLabel("bottom", "minutes")
            plot.showGrid(x=True, y=True, alpha=0.15)
        self._kept.setYRange(0, 100)
        self._legend = self._latency.addLegend(offset=(-10, 10))
        self._curves = {
            name: self._latency.plot([], [], name=name, symbol=symbol, symbolSize=6)
            for name, symbol in (
                ("completion p50", "o"),
                ("completion p90", "t"),
                ("chat p50", "s"),
                ("chat p90", "d"),
            )
        }
        self._kept_curve = self._kept.plot([], [], symbol="o", symbolSize=6)
        self.dress(colours)

    def dress(self, colours: Colours) -> None:
        for plot in (self._latency, self._kept):
            plot.setBackground(colours.page)
            for side in ("left", "bottom"):
                plot.getAxis(side).setPen(colours.edge)
                plot.getAxis(side).setTextPen(colours.dim)
        self._legend.setLabelTextColor(colours.text)
        looks = {
            "completion p50": (colours.function, Qt.PenStyle.SolidLine),
            "completion p90": (colours.function, Qt.PenStyle.DashLine),
            "chat p50": (colours.number, Qt.PenStyle.SolidLine),
            "chat p90": (colours.number, Qt.PenStyle.DashLine),
        }
        for name, (colour, style) in looks.items():
            _look(self._curves[name], colour, style)
        _look(self._kept_curve, colours.string, Qt.PenStyle.SolidLine)

    def show_latency(self, completions: Sequence[Point], chat: Sequence[Point]) -> None:
        for name, points in (("completion", completions), ("chat", chat)):
            minutes = [it.minutes for it in points]
            self._curves[f"{name} p50"].setData(minutes, [it.p50 for it in points])
            self._curves[f"{name} p90"].setData(minutes, [it.p90 for it in points])

    def show_kept(self, rows: Sequence[tuple[float, float]]) -> None:
        self._kept_curve.setData([at for at, _ in rows], [share for _, share in rows])


def _look(curve: "pyqtgraph.PlotDataItem", colour: str, style: Qt.PenStyle) -> None:
    curve.setPen(pyqtgraph.mkPen(colour, width=2, style=style))
    curve.setSymbolBrush(colour)
    curve.setSymbolPen(colour)
