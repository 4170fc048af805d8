"""A real Emacs in a terminal of its own, driven by keys and read off its screen."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tests.lsp.jrpc import SERVER

GUARD_SECONDS = 30.0
PACKAGE = Path(__file__).parents[3] / "editor-plugins" / "emacs" / "slipstream.el"
HERE = Path(__file__).parent

_INIT = """
(setq inhibit-startup-screen t make-backup-files nil create-lockfiles nil auto-save-default nil
      ring-bell-function #'ignore slipstream-delay 0
      ;; Emacs 28 loses a key that comes while it looks for a shorter way to type the last M-x.
      extended-command-suggest-shorter nil)
(menu-bar-mode 0)
(let ((default-directory "/usr/share/emacs/site-lisp/elpa"))
  (when (file-directory-p default-directory) (normal-top-level-add-subdirs-to-load-path)))
"""


def needed(program: str) -> str:
    """The path of a program that these tests cannot do without."""
    found = shutil.which(program)
    assert found, f"there is no {program}: run tests/editors/emacs/install.sh"
    return found


def lisp_string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class Emacs:
    """Opens ``file`` with the caret at ``line`` and ``column`` (both from 1). ``init`` is evaluated before it,
    ``then`` after it, in its buffer. Lisp of a user, both. ``home``: below it is the user's home; the file's folder.
    """

    def __init__(
        self, file: Path, *, line: int, column: int = 1, init: str = "", then: str = "", home: Path | None = None
    ) -> None:
        folder = (home or file.parent) / ".emacs-test"
        folder.mkdir()
        self._socket = folder / "tmux"
        self.file = file
        words = " ".join(lisp_string(word) for word in (sys.executable, *SERVER[1:]))
        start = folder / "init.el"
        start.write_text(
            f"{_INIT}\n(load-file {lisp_string(str(PACKAGE))})\n(setq slipstream-server-command (list {words}))\n"
            f"{init}\n(global-slipstream-mode 1)\n"
        )
        after = folder / "then.el"
        after.write_text(then + "\n")
        command = [needed("emacs"), "-nw", "-Q", "-l", str(start), f"+{line}:{column}", str(file), "-l", str(after)]
        environment = os.environ | {"TERM": "xterm-256color", "HOME": str(folder)}
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", "100", "-y", "30", *command, env=environment)
        # Else tmux takes a lone Escape for the start of a key's code.
        self._tmux("set-option", "-s", "escape-time", "0")

    def __enter__(self) -> Self:
        self.until("the server", lambda: "Slip:ready" in self.screen())
        return self

    def __exit__(self, *_error: object) -> None:
        self._tmux("kill-server", check=False)

    def _tmux(self, *words: str, env: dict[str, str] | None = None, check: bool = True) -> str:
        command = [needed("tmux"), "-S", str(self._socket), *words]
        return subprocess.run(command, check=check, capture_output=True, text=True, env=env, timeout=30).stdout

    def type(self, text: str) -> None:
        """Type ``text`` as it is."""
        self._tmux("send-keys", "-l", text)

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names, such as ``Tab``, ``C-g``, ``C-Right``."""
        self._tmux("send-keys", *keys)

    def command(self, name: str) -> None:
        """Run a command by name, as a user does."""
        self.press("M-x")
        self.until("a prompt", lambda: "M-x" in self.screen())
        self.type(name)
        self.press("Enter")

    def screen(self, *, colours: bool = False) -> str:
        """What a user sees, ghost text included."""
        return self._tmux("capture-pane", "-p", *(["-e"] if colours else []))

    def cursor(self) -> tuple[int, int]:
        """Where the cursor blinks: row and column of the screen, from 0."""
        row, _, column = self._tmux("display-message", "-p", "#{cursor_y} #{cursor_x}").partition(" ")
        return int(row), int(column)

    def line(self, number: int) -> str:
        """A line of the screen, from 1."""
        return self.screen().splitlines()[number - 1]

    def sees(self, *texts: str) -> None:
        """Wait until all of ``texts`` are on the screen."""
        self.until(f"{texts}", lambda: all(text in self.screen() for text in texts))

    def sees_no(self, text: str) -> None:
        """Wait until ``text`` is not on the screen."""
        self.until(f"the end of {text!r}", lambda: text not in self.screen())

    def saved(self) -> bytes:
        """What is in the file after it was saved."""
        before = self.file.stat().st_mtime_ns
        self.press("C-x", "C-s")
        self.until("the saved file", lambda: self.file.stat().st_mtime_ns != before)
        self.sees("Wrote ")
        return self.file.read_bytes()

    def until(self, what: str, found: Callable[[], Any]) -> Any:
        end = time.monotonic() + GUARD_SECONDS
        while not (value := found()):
            assert time.monotonic() < end, f"{what} did not come\n{self.screen()}"
            time.sleep(0.02)
        return value
