"""The rules file of the folder that the window works in: shown, asked about once, used where it is trusted."""

from collections.abc import Callable
from pathlib import Path

from PySide6.QtWidgets import QWidget

from copilot.context.rules import RULES_FILE, Rules, decline, distrust, read_rules, trust, trusted_rules
from copilot.errors import SlipstreamError
from copilot_desktop.bars import RulesBar
from copilot_desktop.events import Came
from copilot_desktop.reading import Reading
from copilot_desktop.wire import Wire

_DEEDS = {"trust": trust, "decline": decline}


class Ruling:
    """``root``: the folder; empty where there is none."""

    def __init__(self, parent: QWidget, wire: Wire, say: Callable[[str], None]) -> None:
        self.bar = RulesBar(self._chosen, self._show)
        self.reading: Reading | None = None
        self._parent = parent
        self._wire = wire
        self._say = say
        self._root = ""
        self._rules: Rules | None = None
        self._wanted = False

    def use(self, root: str) -> None:
        """Look at the rules there; they may have been written or changed."""
        if root != self._root:
            self._root, self._rules = root, None
            self.bar.hide()
        self._look()

    def used(self) -> str:
        """What goes with every question: as the file is at this moment."""
        return trusted_rules(Path(self._root)) if self._root else ""

    def tell(self) -> None:
        """Someone asks for them."""
        self._wanted = True
        self._look()

    def came(self, event: Came) -> bool:
        """Whether it was something of this."""
        kind, _, root = event.name.partition(":")
        if kind != "rules":
            return False
        if root == self._root:
            wanted, self._wanted = self._wanted, False
            if event.error is not None:
                self._say(str(event.error))
            self._saw(event.value if isinstance(event.value, Rules) else None, wanted=wanted, wrong=bool(event.error))
        return True

    def _look(self) -> None:
        root = self._root
        if root:
            self._wire.work(f"rules:{root}", lambda _report: read_rules(Path(root)))
        elif self._wanted:
            self._wanted = False
            self._say("No folder is open.")

    def _saw(self, rules: Rules | None, *, wanted: bool, wrong: bool) -> None:
        self._rules = rules
        if rules is None:
            self.bar.hide()
            if wanted and not wrong:
                self._say(f"This folder has no rules in {RULES_FILE}.")
        elif rules.trusted:
            if wanted:
                self.bar.tell(f"The rules in {RULES_FILE} go with every question.")
            elif self.bar.trust_button.isVisibleTo(self.bar):
                self.bar.hide()
        elif wanted or not rules.asked:
            self.bar.ask(rules.question)
        else:
            self.bar.hide()

    def _show(self) -> None:
        if self._rules is not None:
            self.reading = Reading(self._parent, RULES_FILE, "As they are written; comments are not used.")
            self.reading.show_text(self._rules.shown)
            self.reading.open()

    def _chosen(self, deed: str) -> None:
        rules, root = self._rules, Path(self._root)
        if rules is None:
            return
        try:
            if deed == "distrust":
                distrust(root)
            else:
                _DEEDS[deed](root, rules.digest)
        except SlipstreamError as error:
            self._say(str(error))
        else:
            self._say({"trust": "The rules go with every question from here on."}.get(deed, "The rules are not used."))
