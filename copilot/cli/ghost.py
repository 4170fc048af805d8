"""Shows ghost text at a caret as it grows: live on a terminal, else line by line."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from rich.live import Live
    from rich.text import Text

_LINES_ABOVE = 4
_LINES_BELOW = 3
_CARET = "▏"


class Scene(NamedTuple):
    """What is to be seen. ``line`` and ``column`` from 0; ``lines`` without terminators.

    ``settled``: all keys were typed, so the ghost text is the one that counts. ``waiting``: it has not begun to come.
    ``accepted``: it is part of the text now.
    """

    lines: Sequence[str]
    line: int
    column: int
    ghost: str = ""
    settled: bool = False
    waiting: bool = False
    accepted: bool = False


class Screen(Protocol):
    def note(self, text: str) -> None:
        """What is being waited for; the newest counts."""
        ...

    def begin(self, title: str) -> None: ...
    def show(self, scene: Scene) -> None: ...
    def end(self, summary: str) -> None: ...
    def close(self) -> None: ...


def screen() -> "Screen":
    return LiveScreen() if sys.stdout.isatty() else PlainScreen()


def printable(text: str) -> str:
    """Text from a model or a file, without anything that a terminal would obey."""
    return "".join(char if char.isprintable() or char in "\n\t" else "�" for char in text)


class PlainScreen:
    """Whole lines as they come, nothing ever rewritten."""

    def __init__(self) -> None:
        self._last_note = ""
        self._shown_lines = 0
        self._pending = ""

    def note(self, text: str) -> None:
        if text != self._last_note:
            self._last_note = text
            print(text, flush=True)

    def begin(self, title: str) -> None:
        self._shown_lines = 0
        print(f"\n{title}", flush=True)

    def show(self, scene: Scene) -> None:
        if not scene.settled or (scene.accepted and self._shown_lines):
            return
        head = scene.lines[scene.line][: scene.column]
        lines = printable(head + scene.ghost).split("\n")
        if not self._shown_lines and not scene.ghost:
            return
        # The last line may still grow.
        for line in lines[self._shown_lines : len(lines) - 1]:
            self._print(line)
        self._pending = lines[-1]

    def end(self, summary: str) -> None:
        pending, self._pending = self._pending, ""
        if pending:
            self._print(pending)
        print(f"  {summary}", flush=True)

    def close(self) -> None:
        pass

    def _print(self, line: str) -> None:
        self._shown_lines += 1
        print(f"  | {line}", flush=True)


class LiveScreen:
    """A few lines of the file with the ghost text dimmed in place, redrawn as it grows."""

    def __init__(self) -> None:
        from rich.console import Console

        self._console = Console(highlight=False)
        self._live: Live | None = None

    def note(self, text: str) -> None:
        from rich.text import Text

        self._update(Text(printable(text), style="dim"))

    def begin(self, title: str) -> None:
        from rich.text import Text

        self.close()
        self._console.print(Text(f"\n{printable(title)}", style="bold"))

    def show(self, scene: Scene) -> None:
        self._update(render(scene))

    def end(self, summary: str) -> None:
        from rich.text import Text

        self.close()
        self._console.print(Text(f"  {summary}", style="cyan"))

    def close(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _update(self, text: "Text") -> None:
        if self._live is None:
            from rich.live import Live

            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        self._live.update(text, refresh=True)


def render(scene: Scene) -> "Text":
    """The caret's surroundings with the ghost text in them."""
    from rich.text import Text

    def numbered(text: str, number: int | None) -> Text:
        return Text.assemble((f"{'' if number is None else number:>5} ", "dim"), text)

    above = range(max(0, scene.line - _LINES_ABOVE), scene.line)
    below = range(scene.line + 1, min(len(scene.lines), scene.line + 1 + _LINES_BELOW))
    line = scene.lines[scene.line]
    first, *more = printable(scene.ghost).split("\n")
    style = "green" if scene.accepted else "dim italic"
    caret_line = numbered(printable(line[: scene.column]), scene.line + 1)
    caret_line.append("" if scene.accepted else _CARET, "bold")
    caret_line.append(first, style)
    caret_line.append(printable(line[scene.column :]))
    rows = [numbered(printable(scene.lines[at]), at + 1) for at in above]
    rows.append(caret_line)
    rows += [Text.assemble(("      ", "dim"), (text, style)) for text in more]
    rows += [numbered(printable(scene.lines[at]), at + 1) for at in below]
    rows.append(numbered("", None).append("the model is reading ..." if scene.waiting else "", "dim"))
    whole = Text("\n").join(rows)
    whole.expand_tabs(4)
    return whole
