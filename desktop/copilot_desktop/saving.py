"""A conversation as a file of the user's."""

import os
import tempfile
from pathlib import Path

from copilot.chat.export import as_json, as_markdown
from copilot.chat.history import Entry, History


def save_conversation(history: History, entry: Entry, path: Path) -> None:
    """As JSON where the name ends so, else as Markdown; whole or not at all. Raises ``OSError``."""
    thread = history.thread(entry.id)
    if path.suffix.lower() == ".json":
        text = as_json(entry, thread, history.summary(entry.id))
    else:
        text = as_markdown(entry, thread)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
