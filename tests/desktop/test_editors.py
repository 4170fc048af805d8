"""The window beside a real Neovim: what is asked there is shown here, and what is chosen here is written there."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLineEdit, QPushButton, QWidget

from copilot.chat.attachments import AttachmentKind
from copilot.chat.thread import MessageState
from tests.desktop.conftest import Desk
from tests.desktop.hosting import HostThread
from tests.editors.neovim.driver import Neovim
from tests.fakes import ScriptedEngine

TEXT = """\
import json
from pathlib import Path


def read_json(path: Path) -> object:
    return json.loads(path.read_text())


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


def main() -> None:
    pass
"""
CHANGED = """\
```python
def read_json(path: Path) -> object:
    return json.load(path.open())


def write_json(path: Path, value: object) -> None:
    json.dump(value, path.open("w"))
```
"""


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


@pytest.fixture
def host() -> Iterator[HostThread]:
    with HostThread(ScriptedEngine(step_seconds=0.002)) as host:
        yield host


class Both(Desk):
    """The window, and Neovim with ``store.py`` in it, its caret on line 6."""

    nvim: Neovim

    def lines(self) -> list[str]:
        return list(self.nvim.lua("return vim.api.nvim_buf_get_lines(vim.fn.bufnr('store.py'), 0, -1, false)"))

    def answer(self, host: HostThread, question: str, *pieces: str) -> None:
        host.engine.tokens = pieces
        self.ask(question)
        self.until(self.answered)


@pytest.fixture
def both(host: HostThread, opened: Callable[..., Desk], home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Both]:
    for name in ("STATE", "DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / "nvim"))
    project = home / "project"
    project.mkdir()
    (project / ".git").mkdir()
    file = project / "store.py"
    file.write_text(TEXT)
    desk = opened()
    with Neovim(file, options={"enabled": True}, size=(120, 30)) as nvim:
        nvim.ready()
        nvim.type("6G$")
        both = Both(desk.window, desk.qtbot)
        both.nvim = nvim
        both.until(lambda: desk.window.editors.now.file is not None)
        yield both


def test_code_is_inserted_at_the_cursor_as_deep_as_its_line(host: HostThread, both: Both) -> None:
    both.answer(host, "code?", "```python\nx = 1\nif x:\n    print(x)\n```\n")
    both.nvim.type("14G$a")
    both.nvim.type("<CR>")
    both.until(lambda: len(both.lines()) > len(TEXT.split("\n")) - 1)
    card = both.window.last_code()
    assert card is not None
    both.until(card.insert_button.isEnabled)
    click(card.insert_button)
    both.until(lambda: "    if x:" in both.lines())
    assert both.lines()[13:] == ["    pass", "    x = 1", "    if x:", "        print(x)"]


def test_a_change_is_looked_at_and_only_what_is_chosen_is_written(host: HostThread, both: Both) -> None:
    both.answer(host, "shorter?", CHANGED)
    card = both.window.last_code()
    assert card is not None
    both.until(card.apply_button.isEnabled)
    click(card.apply_button)
    page = both.window.review_page
    both.until(lambda: both.window.pages.currentWidget() is page)
    assert both.lines() == TEXT.split("\n")[:-1]
    assert [it.wanted.text() for it in page.changes] == ["Change 1 of 2, line 6", "Change 2 of 2, line 10"]
    assert "-     return json.loads(path.read_text())" in page.changes[0].text.toPlainText()
    assert "+     return json.load(path.open())" in page.changes[0].text.toPlainText()
    page.changes[0].wanted.setChecked(False)
    assert page.apply_button.text() == "Apply 1 of 2 changes"
    QTest.keyClick(page, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    both.until(lambda: both.window.pages.currentWidget() is both.window.chat_page)
    both.until(lambda: '    json.dump(value, path.open("w"))' in both.lines())
    assert "    return json.loads(path.read_text())" in both.lines()


def test_a_change_of_what_was_edited_meanwhile_is_not_made(host: HostThread, both: Both) -> None:
    both.answer(host, "shorter?", CHANGED)
    card = both.window.last_code()
    assert card is not None
    both.until(card.apply_button.isEnabled)
    click(card.apply_button)
    both.until(lambda: both.window.pages.currentWidget() is both.window.review_page)
    both.nvim.type("8Goother = 1<Esc>")
    both.until(lambda: "other = 1" in both.lines())
    click(both.window.review_page.apply_button)
    # The server refuses it, or the editor where that knows of the edit first.
    words = both.window.statusBar().currentMessage
    both.until(lambda: "was changed meanwhile" in words() or "did not make the change" in words())
    assert both.window.pages.currentWidget() is both.window.review_page
    assert "def write_json(path: Path, value: object) -> None:" in both.lines()
    assert "    return json.loads(path.read_text())" in both.lines()


def test_a_fact_that_is_being_written_survives_a_move_of_the_caret(host: HostThread, both: Both) -> None:
    page = both.window.memory_page
    both.window.talk.memory.keep("Use pytest")
    both.window.show_page(page)
    fact = next(it for it in page.findChildren(QLineEdit) if it.text() == "Use pytest")
    fact.setText("Use pytest and")
    page.scope.setCurrentIndex(1)
    both.nvim.type("3GVj")
    both.until(lambda: both.window.editors.now.selection is not None)
    assert [it.text() for it in page.findChildren(QLineEdit) if it.text().startswith("Use")] == ["Use pytest and"]
    assert page.scope.currentIndex() == 1


def test_a_question_of_the_editor_streams_into_a_conversation_here(host: HostThread, both: Both) -> None:
    host.engine.tokens = ("It reads ", "a file, see store.py:6.")
    both.nvim.nvim.command("Slipstream explain")
    both.until(lambda: both.texts()[:1] == ["Explain read_json"])
    both.until(lambda: both.texts()[1] == "It reads a file, see store.py:6.")
    both.until(lambda: both.window.talk.thread.branch()[1].state is MessageState.DONE)
    question = both.window.talk.thread.branch()[0]
    assert question.attachments[0].origin == "store.py:5-6"
    assert "def read_json" in question.attachments[0].text
    # On it goes in the window.
    both.answer(host, "And why?", "Because.")
    assert both.texts()[2:] == ["And why?", "Because."]


def test_stopping_here_stops_what_the_editor_asked(host: HostThread, both: Both) -> None:
    host.engine.ignore_limit = True
    both.nvim.nvim.command("Slipstream explain")
    both.until(lambda: "beta" in both.seen())
    click(both.window.composer.stop_button)
    both.until(lambda: host.engine.busy == 0)
    both.until(lambda: both.window.talk.thread.branch()[1].state is MessageState.STOPPED)
    assert both.texts()[1].startswith("alpha beta ")


def test_a_fix_of_the_editor_comes_here_to_be_looked_at(host: HostThread, both: Both) -> None:
    host.engine.tokens = ("```python\ndef read_json(path: Path) -> object:\n", "    return json.load(path.open())\n```")
    both.nvim.nvim.command("Slipstream fix")
    both.until(lambda: both.window.pages.currentWidget() is both.window.review_page)
    click(both.window.review_page.apply_button)
    both.until(lambda: "    return json.load(path.open())" in both.lines())


def test_places_in_an_answer_open_in_the_editor(host: HostThread, both: Both) -> None:
    window = both.window
    both.until(lambda: [it.kind for it in window.composer.suggested] == ["current"])
    offer = next(it for it in window.composer.findChildren(QPushButton) if it.text() == "+ store.py")
    click(offer)
    both.until(lambda: window.composer.attachments)
    assert window.composer.attachments[0].kind is AttachmentKind.FILE
    assert window.composer.attachments[0].text == TEXT
    both.answer(host, "where?", "It is written in store.py:10, and more.")
    view = window.transcript.views[2]
    place = next(it for it in view.rests.findChildren(QPushButton) if it.text() == "store.py:10")
    click(place)
    both.until(lambda: both.nvim.cursor[0] == 10)


def test_what_is_selected_and_what_is_wrong_in_the_editor_is_offered(host: HostThread, both: Both) -> None:
    window = both.window
    both.nvim.lua(
        "vim.diagnostic.set(vim.api.nvim_create_namespace('t'), 0, "
        "{{lnum = 5, col = 4, message = 'path is no Path', source = 'checker'}})"
    )
    both.nvim.type("5GVj")
    both.until(lambda: [it.title for it in window.composer.suggested] == ["store.py:5-6", "1 problem", "store.py"])
    for words in ("+ store.py:5-6", "+ 1 problem"):
        count = len(window.composer.attachments)
        click(next(it for it in window.composer.findChildren(QPushButton) if it.text() == words))
        both.until(lambda count=count: len(window.composer.attachments) == count + 1)  # type: ignore[misc]
    assert window.composer.attachments[0].text == "\n".join(TEXT.split("\n")[4:6])
    assert window.composer.attachments[1].text == "line 6: checker: path is no Path"


def test_without_an_editor_the_buttons_say_why(host: HostThread, both: Both) -> None:
    both.answer(host, "code?", "```py\nx\n```")
    card = both.window.last_code()
    assert card is not None
    both.until(card.insert_button.isEnabled)
    both.nvim.nvim.command("lua for _, client in ipairs(vim.lsp.get_clients()) do client:stop(true) end")
    both.until(lambda: not card.insert_button.isEnabled())
    assert "No editor" in card.insert_button.toolTip()
