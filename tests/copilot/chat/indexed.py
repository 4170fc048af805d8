"""An index of a folder, made at once in this process."""

from pathlib import Path

from copilot import paths
from copilot.index.parsed import Task, language_at, parsed
from copilot.index.store import Store
from copilot.safety.gate import Gate, Refused
from copilot.syntax.outline import outline


def index(root: Path) -> None:
    gate = Gate(root)
    store = Store(paths.make_private_dir(paths.index_dir(gate.root)), gate.root)
    for found in gate.walk():
        try:
            seen = gate.read(found.path)
        except Refused:
            continue
        store.write(parsed(Task(found.path), seen, outline(seen.text, language_at(found.path))))
    store.commit()
    store.close()
