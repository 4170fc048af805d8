"""The ghost text as an editor shows it, and since when: typing what it says leaves the rest of it there."""

from copilot.bench.replay.editor import Edit
from copilot.bench.replay.pipeline import Ghost


class GhostText:
    """``now`` in milliseconds. ``since``: when the first line, as far as it is still there, became visible;
    ``whole_since``: when all of it was.
    """

    def __init__(self) -> None:
        self.ghost: Ghost | None = None
        self.since = 0.0
        self.whole_since = 0.0

    def put(self, ghost: Ghost | None, now: float) -> None:
        """Another ghost text in place of what is there."""
        old, self.ghost = self.ghost, ghost
        if ghost is None:
            return
        if old is None or old.text != ghost.text:
            self.whole_since = now
        if old is None or _first_line(old.text) != _first_line(ghost.text):
            self.since = now

    def typed(self, edit: Edit, passed: str) -> None:
        """A key was pressed. ``passed``: what it put left of the caret, or stepped over there."""
        if self.ghost is not None:
            self.ghost = after_key(self.ghost, edit, passed)


def after_key(ghost: Ghost, edit: Edit, passed: str) -> Ghost | None:
    """What is left of ``ghost``; None where the key was another one, or the last of it."""
    if edit.removed > ghost.left or edit.taken or not passed or not ghost.text.startswith(passed):
        return None
    rest = ghost.text[len(passed) :]
    if not rest.strip() or (edit.over and ghost.replaced < edit.over):
        return None
    # A bracket that the editor has just closed is the one that the suggestion closes.
    replaced = ghost.replaced - edit.over + (len(edit.added) if edit.added.strip() in rest else 0)
    line_replaced = None if ghost.line_replaced is None else max(0, ghost.line_replaced - edit.over) + len(edit.added)
    return Ghost(rest, replaced, ghost.left - edit.removed, line_replaced)


def continues(old: Ghost, new: Ghost) -> bool:
    """Whether ``new`` only adds to what is on the screen, or is less of the same."""
    return new.text.startswith(old.text) or old.text.startswith(new.text)


def _first_line(text: str) -> str:
    return text.partition("\n")[0]
