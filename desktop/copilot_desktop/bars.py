"""Two small rows above the question: what waits its turn, and what may be remembered."""

from collections.abc import Callable, Sequence

from PySide6.QtWidgets import QFrame, QHBoxLayout, QVBoxLayout

from copilot.safety.invisible import with_invisible_shown
from copilot_desktop.parts import button, emptied, label
from copilot_desktop.talk import Queued


class QueueBar(QFrame):
    """``take_back`` and ``drop`` are given the index."""

    def __init__(self, take_back: Callable[[int], None], drop: Callable[[int], None]) -> None:
        super().__init__()
        self._take_back = take_back
        self._drop = drop
        self._rows = QVBoxLayout(self)
        self._rows.setContentsMargins(18, 0, 18, 0)
        self._rows.setSpacing(2)
        self.hide()

    def show_queue(self, queue: Sequence[Queued]) -> None:
        emptied(self._rows)
        for at, it in enumerate(queue):
            row = QFrame()
            inside = QHBoxLayout(row)
            inside.setContentsMargins(0, 0, 0, 0)
            words = with_invisible_shown(" ".join(it.text.split()))
            inside.addWidget(label(f"Waits: {words[:90]}", name="dim"), 1)
            inside.addWidget(
                button(
                    "Edit",
                    lambda at=at: self._take_back(at),  # type: ignore[misc]
                    name="flat",
                    accessible=f"Edit the waiting question: {words}",
                )
            )
            inside.addWidget(
                button(
                    "✕",
                    lambda at=at: self._drop(at),  # type: ignore[misc]
                    name="flat",
                    accessible=f"Remove the waiting question: {words}",
                )
            )
            self._rows.addWidget(row)
        self.setVisible(bool(queue))


class WishBar(QFrame):
    """``keep`` is given the fact, and whether it holds in this workspace only."""

    def __init__(self, keep: Callable[[str, bool], None]) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.setAccessibleName("Something to remember")
        self._keep = keep
        self._fact = ""
        self.words = label(wrap=True)
        self.here_button = button("In this workspace", lambda: self._choose(here=True))
        self.everywhere_button = button("Everywhere", lambda: self._choose(here=False))
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 8, 4)
        row.addWidget(self.words, 1)
        row.addWidget(self.here_button)
        row.addWidget(self.everywhere_button)
        row.addWidget(button("No", self.hide, name="flat", accessible="Do not remember it"))
        self.hide()

    def ask(self, fact: str, *, workspace: bool) -> None:
        self._fact = fact
        self.words.setText(f"Remember “{with_invisible_shown(fact)}”?")
        self.here_button.setVisible(workspace)
        self.show()

    def _choose(self, *, here: bool) -> None:
        self.hide()
        self._keep(self._fact, here)
