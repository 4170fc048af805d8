"""A window of VS Code in a headless Chromium: what is on the screen, and a keyboard."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from playwright.sync_api import Page, sync_playwright

from tests.editors.vscode.code_server import GUARD_SECONDS, KEY_CLEAR, KEY_CLOSE, CodeServer

# Every state of the ghost text that a frame showed, with the milliseconds since the page's start.
_WATCH_GHOST = """
() => {
  window.ghost = () => {
    const editor = document.querySelector('.editor-group-container.active .editor-instance') || document;
    const found = [...editor.querySelectorAll('[class*="ghost-text"]')]
      .filter(e => !e.querySelector('[class*="ghost-text"]'))
      .map(e => ({ box: e.getBoundingClientRect(), text: e.textContent, own: e.closest('.view-zones') !== null }));
    found.sort((a, b) => a.box.top - b.box.top || a.box.left - b.box.left);
    let text = '', row = null;
    for (const part of found) {
      // Lines of its own, below the one with the caret.
      if (part.own && (row === null || part.box.top > row + 4)) text += '\\n';
      if (part.own) row = part.box.top;
      text += part.text;
    }
    return text.replaceAll('\\u00a0', ' ');
  };
  window.frames_ = [];
  const look = () => {
    const text = window.ghost(), last = window.frames_[window.frames_.length - 1];
    if (!last || last[1] !== text) window.frames_.push([performance.now(), text]);
    requestAnimationFrame(look);
  };
  look();
}
"""
_LINES = """
() => {
  const editor = document.querySelector('.editor-group-container.active .editor-instance .monaco-editor.focused')
    || document.querySelector('.editor-group-container.active .editor-instance') || document;
  const lines = [...editor.querySelectorAll('.lines-content > .view-lines > .view-line')]
    .map(e => [parseFloat(e.style.top), e]);
  lines.sort((a, b) => a[0] - b[0]);
  return lines.map(([, e]) => {
    const copy = e.cloneNode(true);
    copy.querySelectorAll('[class*="ghost-text"]').forEach(g => g.remove());
    return copy.textContent.replaceAll('\\u00a0', ' ');
  });
}
"""

TABS = ".tabs-container .tab"
_STATUS = "[id='slipstream.slipstream.slipstream.status']"


class Screen:
    def __init__(self, code_server: CodeServer, *, width: int = 1000, height: int = 640, scale: float = 1) -> None:
        self._code_server = code_server
        self._playwright = sync_playwright().start()
        arguments = ["--disable-gpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"]
        if os.getuid() == 0:
            # Chromium refuses its sandbox to root.
            arguments.append("--no-sandbox")
        browser = shutil.which("chromium") or shutil.which("chromium-browser")
        assert browser is not None, "there is no Chromium: run tests/editors/vscode/install.sh, or make test-editors"
        self._browser = self._playwright.chromium.launch(executable_path=browser, args=arguments)
        self._context = self._browser.new_context(
            viewport={"width": width, "height": height}, device_scale_factor=scale
        )
        self.page: Page = self._context.new_page()
        self.page.set_default_timeout(GUARD_SECONDS * 1000)
        self.file = Path()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._context.close()
        self._browser.close()
        self._playwright.stop()

    @property
    def workspace(self) -> Path:
        """The folder that the window shows."""
        return self._code_server.workspace

    def load(self, url: str | None = None, *, log: str = "The language server runs.") -> None:
        """Open the window, and wait until ``log`` is in the extension's log."""
        self.page.goto(url or self._code_server.url)
        self.page.wait_for_selector(".monaco-workbench .statusbar", timeout=GUARD_SECONDS * 1000)
        self.page.evaluate(_WATCH_GHOST)
        self.until(f"{log!r} in the log", lambda: log in self._code_server.extension_log())

    def clear(self) -> None:
        """Give up what was not saved, close every editor and put notifications away."""
        self.press("Escape", KEY_CLEAR)

        def closed() -> bool:
            if self.page.query_selector(TABS) is not None:
                # Pressed again where it was lost on a notification that was just going.
                self.press(KEY_CLOSE)
                self.page.wait_for_timeout(200)
            return self.page.query_selector(TABS) is None

        self.until("the end of the editors", closed)

    def open(self, file: Path, line: int = 1) -> None:
        """Open ``file`` with the caret at the end of ``line`` (from 1)."""
        self.file = file
        self._code_server.open(file)
        active = f'.tab.active[data-resource-name="{file.name}"]'
        self.until(f"the tab of {file.name}", lambda: self.page.query_selector(active))
        self.until("its text", lambda: self.page.query_selector(".editor-instance .view-line"))
        self.page.click(".editor-group-container.active .editor-instance .view-lines", position={"x": 300, "y": 8})
        self.caret(line)
        self.page.evaluate("window.frames_.length = 0")

    def caret(self, line: int) -> None:
        """Put the caret at the end of ``line``."""
        self.press("Control+Home", *["ArrowDown"] * (line - 1), "End")

    def type(self, text: str) -> None:
        """Press the keys of ``text``."""
        self.page.keyboard.type(text)

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)

    def command(self, title: str) -> None:
        """Run a command by its title, from the palette."""
        self.press("F1")
        self.page.wait_for_selector(".quick-input-widget:not([style*='display: none']) input")
        self.type(title)
        row = f".quick-input-list .monaco-list-row:has-text('{title}')"
        self.page.wait_for_selector(row, timeout=GUARD_SECONDS * 1000)
        self.page.click(row)
        self.page.wait_for_selector(row, state="hidden")

    @property
    def ghost(self) -> str:
        """The ghost text on the screen; empty where there is none."""
        return str(self.page.evaluate("window.ghost()"))

    @property
    def frames(self) -> list[str]:
        """Every state of the ghost text since the file was opened."""
        return [text for _time, text in self.timed_frames]

    @property
    def timed_frames(self) -> list[tuple[float, str]]:
        return [(float(time), str(text)) for time, text in self.page.evaluate("window.frames_")]

    @property
    def lines(self) -> list[str]:
        """The text of the active editor as far as it is on the screen, without ghost text."""
        return [str(line) for line in self.page.evaluate(_LINES)]

    @property
    def status(self) -> str:
        """The words of the extension's item in the status bar."""
        item = self.page.query_selector(_STATUS)
        return (item.text_content() or "").replace("\u00a0", " ").strip() if item is not None else ""

    def status_has(self, icon: str) -> bool:
        """Whether that item has an icon of this class."""
        return self.page.query_selector(f"{_STATUS} {icon}") is not None

    def click_status(self) -> None:
        self.page.click(f"{_STATUS} a")
        self.page.wait_for_selector(".quick-input-list .monaco-list-row")

    def shows(self, text: str) -> bool:
        """Whether ``text`` is anywhere on the screen, however its lines are broken."""
        body: Any = self.page.evaluate("document.body.innerText")
        return "".join(text.split()) in "".join(str(body).split())

    def focus(self) -> None:
        """Go back to the file."""
        self.press("Control+1")

    def saved(self) -> bytes:
        """Save the file and read it back."""
        self.press("Control+s")
        self.until("the save", lambda: not self.page.query_selector(".tab.active.dirty"))
        return self.file.read_bytes()

    def until(self, what: str, found: Callable[[], Any], seconds: float = GUARD_SECONDS) -> Any:
        """The first true value of ``found``."""
        end = time.monotonic() + seconds
        while not (value := found()):
            assert time.monotonic() < end, (
                f"{what} did not come; ghost {self.ghost!r}; frames {self.frames}; lines {self.lines}; "
                f"status {self.status!r}; a picture is {self.kept_picture()}\n"
                f"{self._code_server.extension_log()[-3000:]}"
            )
            self.page.wait_for_timeout(20)
        return value

    def until_ghost(self, text: str) -> None:
        self.until(f"the ghost text {text!r}", lambda: self.ghost == text)

    def picture(self, file: Path) -> None:
        self.page.screenshot(path=str(file))

    def kept_picture(self) -> Path:
        """A picture that outlives the test."""
        file = Path(tempfile.mkdtemp(prefix="slipstream-vscode-")) / "screen.png"
        self.picture(file)
        return file
