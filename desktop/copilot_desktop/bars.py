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


class RulesBar(QFrame):
    """The rules of a workspace, which are used only if someone says so. ``choose`` is given ``trust``, ``decline`` or
    ``distrust``; ``show`` shows them."""

    def __init__(self, choose: Callable[[str], None], show: Callable[[], None]) -> None:
        super().__init__()
        self.setObjectName("banner")
        self.setAccessibleName("Rules of the workspace")
        self._choose = choose
        self.words = label(wrap=True)
        self.show_button = button("Show", show, accessible="Show the rules of the workspace")
        self.trust_button = button("Trust", lambda: self._chosen("trust"), accessible="Use these rules")
        self.no_button = button("Not now", lambda: self._chosen(self._no), name="flat")
        self._no = "decline"
        row = QHBoxLayout(self)
        row.setContentsMargins(10, 4, 8, 4)
        row.addWidget(self.words, 1)
        for it in (self.show_button, self.trust_button, self.no_button):
            row.addWidget(it)
        self.hide()

    def ask(self, question: str) -> None:
        self._offer(question, trust=True, no="Not now", deed="decline")

    def tell(self, words: str) -> None:
        """Of rules that are used."""
        self._offer(words, trust=False, no="Stop using them", deed="distrust")

    def _offer(self, words: str, *, trust: bool, no: str, deed: str) -> None:
        self.words.setText(with_invisible_shown(words))
        self.setAccessibleDescription(words)
        self.trust_button.setVisible(trust)
        self.no_button.setText(no)
        self.no_button.setAccessibleName(no)
        self._no = deed
        self.show()

    def _chosen(self, deed: str) -> None:
        self.hide()
        self._choose(deed)


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
