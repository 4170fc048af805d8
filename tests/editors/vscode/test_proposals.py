"""What the model would change is a diff first, and nothing is written without a yes."""

import pytest

from tests.editors.vscode.conftest import Opened
from tests.editors.vscode.screen import Screen
from tests.lsp.fake_host import FakeHost

pytestmark = pytest.mark.editor

TEXT = """# {name}


def total(items):
    result = 0
    for item in items:
        result -= item
    return result
"""
LINE = 7
ANSWER = (
    "```python\n",
    "def total(items):\n    result = 0\n    for item in items:\n",
    "        result += item\n    return result\n",
    "```\n",
)
DIFF = ".diff-editor-widget, .monaco-diff-editor"


def proposes(opened: Opened, screen: Screen, host: FakeHost, name: str, text: str = TEXT) -> tuple[str, str]:
    """The texts before and after; the proposal is on the screen."""
    before = text.format(name=name)
    file = opened(before, line=LINE)
    host.chat = ANSWER
    screen.command("Slipstream: Fix the Problem Here")
    screen.until("the diff", lambda: screen.page.query_selector(DIFF) and screen.shows("result += item"))
    screen.until("the question", lambda: screen.shows("Slipstream proposes: Fix total"))
    assert screen.shows("result -= item")
    assert file.read_bytes().decode() == before
    return before, before.replace("-=", "+=")


def answers(screen: Screen, button: str) -> None:
    screen.page.click(f".notification-toast .monaco-button:has-text('{button}')")
    screen.until("the end of the diff", lambda: not screen.page.query_selector(DIFF))


def test_a_fix_is_shown_as_a_diff_and_written_when_accepted(opened: Opened, screen: Screen, host: FakeHost) -> None:
    before, after = proposes(opened, screen, host, "accepted")
    answers(screen, "Accept")
    screen.until("the change", lambda: "        result += item" in screen.lines)
    assert screen.saved().decode() == after
    screen.press("Control+z")
    screen.until("the text from before", lambda: "        result -= item" in screen.lines)
    assert screen.saved().decode() == before


def test_a_fix_that_is_discarded_changes_nothing(opened: Opened, screen: Screen, host: FakeHost) -> None:
    before, _ = proposes(opened, screen, host, "discarded")
    answers(screen, "Discard")
    screen.until("the file", lambda: "        result -= item" in screen.lines)
    assert not screen.page.query_selector(".tab.dirty")
    assert screen.file.read_text() == before


def test_closing_the_diff_discards(opened: Opened, screen: Screen, host: FakeHost) -> None:
    before, _ = proposes(opened, screen, host, "closed")
    screen.page.hover(".tab.active")
    screen.page.click(".tab.active .codicon-close")
    screen.until("the file", lambda: "        result -= item" in screen.lines)
    # The question is still there, and answering it now writes nothing.
    if screen.page.query_selector(".notification-toast"):
        screen.page.click(".notification-toast .monaco-button:has-text('Accept')")
        screen.until("its end", lambda: not screen.page.query_selector(".notification-toast"))
    # A notification that was clicked keeps the keyboard.
    screen.focus()
    screen.caret(LINE)
    screen.type("# mine")
    screen.until("what is typed", lambda: "        result -= item# mine" in screen.lines)
    assert screen.saved().decode() == before.replace("-= item", "-= item# mine")


def test_a_fix_keeps_the_line_ends_of_a_file(opened: Opened, screen: Screen, host: FakeHost) -> None:
    _, after = proposes(opened, screen, host, "crlf", TEXT.replace("\n", "\r\n"))
    answers(screen, "Accept")
    screen.until("the change", lambda: "        result += item" in screen.lines)
    assert screen.saved().decode() == after
