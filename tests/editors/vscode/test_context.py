"""What the model is shown of other files, seen and steered in a real VS Code that has another extension for Python."""

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import Opened
from tests.editors.vscode.screen import Screen
from tests.lsp.fake_host import Asked, FakeHost

pytestmark = pytest.mark.editor

HELPER = '''"""Helpers."""


def frobnicate(table: str, *, depth: int = 3) -> list[int]:
    """Count what is in a table."""
    return [len(table)] * depth
'''
MAIN = "from helper import frobnicate\n\n\ndef run(name):\n    rows = \n    return rows\n"
LINE = 5
SIGNATURE = "def frobnicate(table: str, *, depth: int = 3) -> list[int]"
HIDDEN = "def hidden_name(self, a):"
ROW = ".quick-input-list .monaco-list-row"

OTHER_EXTENSION = """
const vscode = require("vscode");
exports.activate = () => {
  const provideDefinition = (document, position) => {
    const word = document.getText(document.getWordRangeAtPosition(position));
    const targetUri = vscode.Uri.joinPath(vscode.workspace.workspaceFolders[0].uri, "deep", "made.py");
    if (word === "slow") return new Promise(() => undefined);
    if (word === "broken") throw new Error("broken");
    return word === "rows" ? [{ targetUri, targetRange: new vscode.Range(0, 0, 2, 0),
      targetSelectionRange: new vscode.Range(1, 8, 1, 19) }] : undefined;
  };
  vscode.languages.registerDefinitionProvider({ pattern: "**/*.py" }, { provideDefinition });
};
"""
"""It knows where ``rows`` is defined, fails over ``broken`` and never answers about ``slow``."""


def packed(folder: Path) -> Path:
    package = {
        "name": "other", "publisher": "other", "version": "0.0.1", "engines": {"vscode": "^1.91.0"},
        "main": "./extension.js", "activationEvents": ["onStartupFinished"],
    }  # fmt: skip
    path = folder / "other.vsix"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("extension/package.json", json.dumps(package))
        file.writestr("extension/extension.js", OTHER_EXTENSION)
    return path


@pytest.fixture(scope="module")
def code_server(user: Path, module_host: FakeHost) -> Iterator[CodeServer]:
    code_server = CodeServer(user / "c", extensions=[packed(user)])
    (code_server.workspace / "helper.py").write_text(HELPER)
    (code_server.workspace / "deep").mkdir()
    (code_server.workspace / "deep" / "made.py").write_text(f"class Odd:\n    {HIDDEN}\n        return a\n")
    with code_server:
        yield code_server


def shown(asked: Asked) -> dict[str, str]:
    """Text by path."""
    return {it["path"]: it["text"] for it in asked.body["snippets"]}


def ask(screen: Screen, host: FakeHost, begin: str = "") -> dict[str, str]:
    """Write another line at the caret, until the host is asked for it; what it is shown."""
    before = len(host.questions)
    screen.press("Escape", "End", "Shift+Home", "Delete")
    screen.type(f"rows = {begin}q{before} + ")
    screen.until("the question", lambda: len(host.questions) > before)
    screen.until("its end", lambda: host.questions[-1].ended)
    screen.until_ghost("1")
    return shown(host.questions[-1])


def until_shown(screen: Screen, host: FakeHost, path: str, text: str, begin: str = "") -> None:
    """Type on, with pauses: what is new to a prompt comes into it while the caret rests."""

    def found() -> bool:
        screen.page.wait_for_timeout(500)
        return text in ask(screen, host, begin).get(path, "")

    screen.until(f"{path} in the prompt", found)


def list_pieces(screen: Screen) -> str:
    """Open the list of what the model was shown; the words of the row for the helper."""
    screen.command("Slipstream: Show What the Model Was Shown")
    row = screen.page.wait_for_selector(f"{ROW}:has-text('helper.py:4–6')")
    return "" if row is None else row.inner_text().replace("\u00a0", " ")


def press_button(screen: Screen, icon: str) -> None:
    screen.page.hover(f"{ROW}:has-text('helper.py:4–6')")
    screen.page.click(f"{ROW}:has-text('helper.py:4–6') .action-label.codicon-{icon}")


def test_the_next_prompt_holds_nothing_of_a_file_that_is_never_used(
    opened: Opened, screen: Screen, host: FakeHost
) -> None:
    opened(MAIN, line=LINE)
    until_shown(screen, host, "helper.py", SIGNATURE)
    words = list_pieces(screen)
    assert "frobnicate" in words
    assert "tokens, score" in words
    press_button(screen, "eye-closed")
    screen.until("the piece has gone", lambda: not screen.page.query_selector(f"{ROW}:has-text('helper.py:4–6')"))
    screen.press("Escape")
    screen.focus()
    for _ in range(3):
        assert "helper.py" not in ask(screen, host)
    screen.command("Slipstream: Show What Is Pinned or Banned")
    screen.page.wait_for_selector(f"{ROW}:has-text('never shown')")
    screen.page.click(f"{ROW}:has-text('never shown')")
    screen.press("Enter")
    screen.page.wait_for_selector(ROW, state="hidden")
    screen.focus()
    until_shown(screen, host, "helper.py", SIGNATURE)


def test_why_has_a_button_that_leads_there_and_a_piece_is_pinned(
    opened: Opened, screen: Screen, host: FakeHost
) -> None:
    opened(MAIN, line=LINE)
    until_shown(screen, host, "helper.py", SIGNATURE)
    screen.command("Slipstream: Why This Suggestion?")
    screen.until("the explanation", lambda: screen.shows("# Why this suggestion?"))
    screen.page.click(".tab:has-text('Why this suggestion.md')")
    screen.page.click(".editor-actions .codicon-list-unordered")
    screen.page.wait_for_selector(f"{ROW}:has-text('helper.py:4–6')")
    press_button(screen, "pin")
    screen.until("its word", lambda: screen.shows("helper.py:4–6 is shown to the model from now on"))
    screen.press("Escape")
    screen.command("Slipstream: Show What Is Pinned or Banned")
    screen.page.wait_for_selector(f"{ROW}:has-text('lines 4–6 pinned')")
    screen.press("Escape")
    screen.command("Slipstream: Reset Context Choices")
    screen.page.click(".monaco-dialog-box .monaco-button:has-text('Reset')")
    screen.command("Slipstream: Show What Is Pinned or Banned")
    screen.until("nothing", lambda: screen.shows("Nothing is pinned or banned in this workspace."))


def test_the_other_extensions_say_where_names_are_defined(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened(MAIN, line=LINE)
    until_shown(screen, host, "deep/made.py", HIDDEN, begin="slow + broken + ")
    assert not screen.page.query_selector(".notification-toast")


def test_rules_are_shown_and_chosen(opened: Opened, code_server: CodeServer, screen: Screen, host: FakeHost) -> None:
    opened(MAIN, line=LINE)
    rules = code_server.workspace / ".slipstream.md"
    screen.command("Slipstream: Review the Rules of This Workspace")
    screen.until("that there are none", lambda: screen.shows("This workspace has no rules in .slipstream.md"))
    rules.write_text("Answer in rhyme.\n")
    try:
        screen.command("Slipstream: Review the Rules of This Workspace")
        screen.page.click(".notification-toast .monaco-button:text-is('Show')")
        screen.until("the rules", lambda: screen.shows("Answer in rhyme."))
        screen.page.click(".notification-toast .monaco-button:has-text('Trust')")
        opened(MAIN, line=LINE)
        screen.command("Slipstream: Review the Rules of This Workspace")
        screen.page.click(".notification-toast .monaco-button:has-text('Stop using them')")
    finally:
        rules.unlink()
