"""What the VS Code extension adds to a keystroke, how soon a first line is seen, and memory over many suggestions.

A real VS Code (code-server, in a headless Chromium) with the extension of this repository and a real server; the engine
host is the tests' own, which answers at a fixed rate, so no model's speed is in the figures. Needs what `make
test-editors` installs and packs.

    python -m benchmarks.editor_vscode [--keys 100] [--answers 10] [--suggestions 2000]

"to the pixels" is the time from the answer's leaving the server until the first frame that shows its ghost text: the
way through the extension, VS Code's own drawing included. "to the request" is the time from the key until the server
has the request: VS Code's own debounce, which is not the extension's, is most of it. "first line" is the time from the
request until the first line is seen, over the time until the answer has left the server, for answers of eight lines
with a token every 25 ms. Memory is the resident set of the extension host, which all extensions share, and of the
server, after every quarter of the suggestions.

Goals: to the pixels p50 at most 40 ms, the first line in at most 40 % of the time. Exit status 1 when one is missed.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psutil

from benchmarks.editor_neovim import resident_mb
from tests.editors.vscode.code_server import OUR_SERVER, ROOT, CodeServer
from tests.editors.vscode.screen import Screen
from tests.lsp.fake_host import FakeHost

OWN_GOAL_MS = 40.0
FIRST_LINE_GOAL = 0.4
TOKEN_SECONDS = 0.025
LINES = 8
KEYS_A_LINE = 50
LETTERS = "abcdefghijklmnopqrstuwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
"""Without the one that suggestions begin with; a digit before a name is refused."""

_GUARD = 90

_KEYS = """() => {
  window.keys_ = [];
  window.addEventListener('keydown', e => window.keys_.push(performance.timeOrigin + performance.now()), true);
}"""
_STATE = "() => [performance.timeOrigin, window.keys_[window.keys_.length - 1], window.frames_]"


class Stamps:
    """What the server in between notes."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self.lines: list[tuple[float, str, object]] = []
        self._read = 0

    def newest_question(self, since: int) -> tuple[float, object] | None:
        """When the last request after the first ``since`` notes came, and its id."""
        self.update()
        return next(((time, name) for time, what, name in reversed(self.lines[since:]) if what == "asked"), None)

    def answered(self, name: object) -> float | None:
        """When the answer to the request of this id left the server."""
        self.update()
        return next((time for time, what, other in self.lines if (what, other) == ("answered", name)), None)

    def update(self) -> int:
        """How many there are."""
        with self._log.open() as log:
            log.seek(self._read)
            for line in iter(log.readline, ""):
                if line.endswith("\n"):
                    self.lines.append(tuple(json.loads(line)))
                    self._read = log.tell()
        return len(self.lines)


class Window:
    """A file that is typed in. Times are milliseconds since 1970."""

    def __init__(self, screen: Screen, stamps: Stamps) -> None:
        self._screen = screen
        self._stamps = stamps

    def answer(self, key: str, ghost: str) -> tuple[float, float, float, Iterator[tuple[float, str]]]:
        """Press ``key`` and wait until ``ghost`` is seen and answered: key, request, answer, and the frames."""
        screen, page = self._screen, self._screen.page
        before = self._stamps.update()
        page.evaluate("window.frames_.length = 0")
        page.keyboard.press(key)
        screen.until(f"{ghost!r} on the screen", lambda: any(ghost in text for text in screen.frames), _GUARD)
        question = self._stamps.newest_question(before)
        assert question is not None
        asked, name = question
        answered = screen.until("the answer", lambda: self._stamps.answered(name), _GUARD)
        origin, pressed, frames = page.evaluate(_STATE)
        return pressed, asked, answered, ((origin + time, text) for time, text in frames)


def measure(code_server: CodeServer, screen: Screen, stamps: Stamps, host: FakeHost, args: argparse.Namespace) -> bool:
    """Prints the figures; whether the goals are met."""
    file = code_server.workspace / "store.py"
    file.write_text("def main():\n    \n")
    screen.load()
    screen.open(file, 2)
    screen.page.evaluate(_KEYS)
    window = Window(screen, stamps)

    pixels, requests = [], []
    for number in range(args.keys):
        host.tokens = (f"value_{number}", ".write()")
        ghost = f"value_{number}.write()"
        pressed, asked, answered, frames = window.answer(key_of(screen, number), ghost)
        requests.append(asked - pressed)
        pixels.append(next(time for time, text in frames if ghost in text) - answered)
    p50 = statistics.median(pixels)
    print(f"to the pixels, {args.keys} keys: p50 {p50:.1f} ms, p90 {p90(pixels):.1f} ms", flush=True)
    print(f"to the request: p50 {statistics.median(requests):.1f} ms, p90 {p90(requests):.1f} ms", flush=True)

    host.step_seconds = TOKEN_SECONDS
    shares = []
    for number in range(args.answers):
        rows = ((f"    row_{number}_{row} ", "= ", "read()", "\n") for row in range(LINES))
        host.tokens = (f"row_{number}_0 ", *[token for row in rows for token in row][1:])
        # Above each there is something else, so that none is remembered.
        screen.type(f"step_{number}()")
        _, asked, answered, frames = window.answer("Enter", f"row_{number}_{LINES - 1} = read()")
        first = next(time for time, text in frames if f"row_{number}_0 = read()" in text)
        shares.append((first - asked) / (answered - asked))
    share = statistics.median(shares)
    print(f"first line, {len(shares)} answers: seen after {100 * share:.0f} % of the time", flush=True)

    host.step_seconds = 0.001
    for count in range(1, args.suggestions + 1):
        number = args.keys + count
        host.tokens = (f"value_{number}", ".write()")
        window.answer(key_of(screen, number), f"value_{number}.write()")
        if count % max(1, args.suggestions // 4) == 0:
            editor, server = processes(code_server)
            print(
                f"after {count:5} suggestions: extension host {resident_mb(editor):.1f} MB, "
                f"server {resident_mb(server):.1f} MB",
                flush=True,
            )
    return p50 <= OWN_GOAL_MS and share <= FIRST_LINE_GOAL


def key_of(screen: Screen, number: int) -> str:
    """A key that no suggestion begins with, and that makes a line which was not there before."""
    if number and number % KEYS_A_LINE == 0:
        # The line must not grow for ever.
        screen.press("Control+Backspace")
    return LETTERS[number // KEYS_A_LINE]


def p90(figures: list[float]) -> float:
    return sorted(figures)[int(0.9 * (len(figures) - 1))]


def processes(code_server: CodeServer) -> tuple[int, int]:
    """The extension host and our server."""
    found = {}
    for process in psutil.process_iter(["pid", "cmdline"]):
        words = process.info["cmdline"] or []
        if str(code_server.folder) in " ".join(words) or process_home(process) == str(code_server.folder / "h"):
            if "--type=extensionHost" in words:
                found["editor"] = process.info["pid"]
            elif "lsp" in words and "benchmarks.stamped_server" not in words:
                found["server"] = process.info["pid"]
    return found["editor"], found["server"]


def process_home(process: psutil.Process) -> str:
    try:
        return process.environ().get("HOME", "")
    except psutil.Error:
        return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=100)
    parser.add_argument("--answers", type=int, default=10)
    parser.add_argument("--suggestions", type=int, default=2000)
    args = parser.parse_args()
    if args.keys + args.suggestions >= KEYS_A_LINE * len(LETTERS):
        parser.error(f"keys and suggestions are fewer than {KEYS_A_LINE * len(LETTERS)} together")
    with tempfile.TemporaryDirectory(prefix="vb", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        os.environ["SLIPSTREAM_HOME"] = str(folder / "s")
        log = folder / "stamps"
        log.touch()
        program = folder / "stamped"
        program.write_text(
            f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m benchmarks.stamped_server {log} {OUR_SERVER} "$@"\n'
        )
        program.chmod(0o700)
        settings = {"slipstream.prefetch": False}
        with (
            FakeHost() as host,
            CodeServer(folder / "c", server=program, settings=settings) as code_server,
            Screen(code_server) as screen,
        ):
            met = measure(code_server, screen, Stamps(log), host, args)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
