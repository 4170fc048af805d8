"""What the user agreed to have remembered: every fact is visible, can be changed, and can be forgotten."""

from collections.abc import Callable
from pathlib import PurePath

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QGridLayout, QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from copilot.chat.memory import MOST_FACT, Fact, Memory
from copilot_desktop.parts import button, emptied, label


class MemoryPage(QWidget):
    """``changed`` is called when a fact or the switch is another."""

    def __init__(self, memory: Memory, *, enabled: bool, changed: Callable[[bool], None]) -> None:
        super().__init__()
        self.setObjectName("page")
        self._memory = memory
        self._changed = changed
        self._workspace: str | None = None
        self.switch = QCheckBox("Use memory: these facts go with every question")
        self.switch.setChecked(enabled)
        self.switch.toggled.connect(changed)
        self.edit = QLineEdit()
        self.edit.setPlaceholderText("For example: we target Python 3.11")
        self.edit.setAccessibleName("A fact to remember")
        self.edit.setMaxLength(MOST_FACT)
        self.edit.returnPressed.connect(self._add)
        self.scope = QComboBox()
        self.scope.setAccessibleName("Where it holds")
        self.add_button = button("Remember", self._add, name="primary")
        row = QHBoxLayout()
        row.addWidget(self.edit, 1)
        row.addWidget(self.scope)
        row.addWidget(self.add_button)
        self._grid = QGridLayout()
        self._grid.setColumnStretch(0, 1)
        self._empty = label("Nothing is remembered.", name="dim")
        box = QVBoxLayout(self)
        box.setContentsMargins(18, 14, 18, 14)
        box.setSpacing(10)
        box.addWidget(label("Memory", name="title"))
        box.addWidget(
            label(
                "Kept in a file on this machine. Nothing is remembered that you did not enter here or agree to.",
                name="dim",
                wrap=True,
            )
        )
        box.addWidget(self.switch)
        box.addLayout(row)
        box.addWidget(self._empty)
        box.addLayout(self._grid)
        box.addStretch(1)
        self.show_workspace("")

    def use(self, memory: Memory) -> None:
        self._memory = memory
        self.refresh()

    def show_workspace(self, workspace: str) -> None:
        if workspace == self._workspace:
            # An editor tells of every move of its caret; a fact that is being written stays as it is.
            return
        self._workspace = workspace
        self.scope.clear()
        self.scope.addItem("everywhere", "")
        if workspace:
            self.scope.addItem(f"in {PurePath(workspace).name}", workspace)
        self.refresh()

    def refresh(self) -> None:
        emptied(self._grid)
        facts = self._memory.facts()
        self._empty.setVisible(not facts)
        for at, fact in enumerate(facts):
            edit = QLineEdit(fact.text)
            edit.setMaxLength(MOST_FACT)
            edit.setAccessibleName(f"Fact {at + 1}")
            edit.editingFinished.connect(lambda fact=fact, edit=edit: self._change(fact, edit.text()))
            self._grid.addWidget(edit, at, 0)
            where = f"in {PurePath(fact.workspace).name}" if fact.workspace else "everywhere"
            scope = label(where, name="dim")
            scope.setToolTip(fact.workspace)
            scope.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
            self._grid.addWidget(scope, at, 1)
            self._grid.addWidget(
                button(
                    "Forget",
                    lambda fact=fact: self._forget(fact),  # type: ignore[misc]
                    name="flat",
                    accessible=f"Forget: {fact.text}",
                ),
                at,
                2,
            )

    def _add(self) -> None:
        if self.edit.text().strip():
            self._memory.keep(self.edit.text(), self.scope.currentData() or "")
            self.edit.clear()
            self._done()

    def _change(self, fact: Fact, text: str) -> None:
        text = " ".join(text.split())
        if text == fact.text:
            return
        if text:
            self._memory.change(fact.id, text, fact.workspace)
        else:
            self._memory.forget(fact.id)
        self._done()

    def _forget(self, fact: Fact) -> None:
        self._memory.forget(fact.id)
        self._done()

    def _done(self) -> None:
        self.refresh()
        self._changed(self.switch.isChecked())
