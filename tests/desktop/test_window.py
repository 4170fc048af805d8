"""The window as its user drives it, beside a real host on a real socket."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copilot_desktop.code_card import CodeCard
from copilot_desktop.links import ask_about
from copilot_desktop.prose import Prose
from copilot_desktop.single import Door
from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QAccessible, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QFileDialog, QInputDialog, QMessageBox, QWidget

from copilot import paths
from copilot.chat.thread import MessageState
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState
from copilot.serve.keeper import Loaded, Report
from tests.desktop.conftest import Desk
from tests.desktop.hosting import HostThread
from tests.fakes import ScriptedEngine

Open = Callable[..., Desk]
CODE = ("Here:\n\n", "```python\n", "def f():\n", "    return 1\n", "```\n", "Done.")


@pytest.fixture
def host() -> Iterator[HostThread]:
    with HostThread(ScriptedEngine(step_seconds=0.002)) as host:
        yield host


def asked(host: HostThread, words: str) -> str:
    """The newest prompt that ends with a question of these words."""
    plans = ["".join(part.text for part in call.plan.parts) for call in host.engine.calls]
    return next(plan for plan in reversed(plans) if words in plan and "a title of" not in plan)


def click(widget: QWidget) -> None:
    QTest.mouseClick(widget, Qt.MouseButton.LeftButton)


# ------------------------------------------------------------------------------------------------ asking


def test_a_question_is_typed_and_its_answer_streams_in(host: HostThread, desk: Desk) -> None:
    host.engine.tokens = CODE
    desk.ask("What is f?")
    desk.until(desk.answered)
    assert desk.texts() == ["What is f?", "".join(CODE)]
    parts = desk.window.transcript.views[2].answer
    assert parts is not None
    assert [type(it) for it in parts.parts] == [Prose, CodeCard, Prose]
    assert "def f():\n    return 1\n" in desk.seen()
    assert "scripted" in desk.window.transcript.views[2].figures.text()
    assert desk.window.composer.text == ""


def test_text_is_shown_while_more_is_to_come(host: HostThread, opened: Open) -> None:
    hold = asyncio.Event()
    with HostThread(ScriptedEngine(CODE, hold=hold)) as slow:
        desk = opened()
        desk.ask("Hello")
        desk.until(lambda: slow.engine.calls)
        assert desk.texts() == ["Hello", ""]
        assert desk.window.composer.stop_button.isEnabled()
        slow.do(hold.set)
        desk.until(desk.answered)
        assert desk.texts()[-1] == "".join(CODE)
        assert not desk.window.composer.stop_button.isEnabled()


def test_escape_stops_the_engine_and_keeps_what_came(host: HostThread, desk: Desk) -> None:
    host.engine.ignore_limit = True
    desk.ask("Go on for ever")
    desk.until(lambda: "beta" in desk.seen())
    desk.press("Escape")
    desk.until(desk.answered)
    desk.until(lambda: host.engine.calls[0].ended == "cancelled")
    message = desk.window.talk.thread.branch()[-1]
    assert message.state is MessageState.STOPPED
    assert message.text.startswith("alpha beta ")
    view = desk.window.transcript.views[message.id]
    assert view.note.text() == "Stopped."
    assert view.go_on_button.isVisibleTo(view)


def test_an_answer_that_was_stopped_can_be_continued(host: HostThread, desk: Desk) -> None:
    host.engine.ignore_limit = True
    desk.ask("Go")
    desk.until(lambda: "beta" in desk.seen())
    desk.press("Escape")
    desk.until(desk.answered)
    half = desk.texts()[-1]
    host.engine.ignore_limit = False
    click(desk.window.transcript.views[2].go_on_button)
    desk.until(desk.answered)
    assert desk.texts()[-1] == f"{half}alpha beta gamma"
    assert desk.window.talk.thread.branch()[-1].state is MessageState.DONE
    assert "Continue exactly" in asked(host, "half" if not half else half.strip())


def test_closing_the_window_frees_the_engine_and_keeps_the_half(host: HostThread, opened: Open) -> None:
    host.engine.ignore_limit = True
    desk = opened()
    desk.ask("Go on for ever")
    desk.until(lambda: "beta" in desk.seen())
    desk.close()
    desk.until(lambda: host.engine.busy == 0)
    assert host.engine.calls[0].ended == "cancelled"
    assert not desk.window.wire._thread.is_alive()
    again = opened()
    again.window.open_conversation(1)
    assert again.texts()[1].startswith("alpha beta ")
    assert "closed" in again.window.talk.thread.branch()[1].note


def test_a_question_asked_meanwhile_waits_its_turn(host: HostThread, desk: Desk) -> None:
    host.engine.ignore_limit = True
    desk.ask("first")
    desk.until(lambda: "beta" in desk.seen())
    desk.ask("second")
    desk.ask("third")
    assert [it.text for it in desk.window.talk.queue] == ["second", "third"]
    assert desk.window.queue_bar.isVisible()
    assert desk.window.composer.send_button.text() == "Queue"
    desk.window._drop_queued(1)
    host.engine.ignore_limit = False
    desk.press("Escape")
    desk.until(lambda: desk.answered() and len(desk.texts()) == 4)
    assert desk.texts()[2:] == ["second", "alpha beta gamma"]
    assert not desk.window.queue_bar.isVisible()


def test_what_waits_is_asked_where_it_was_written(host: HostThread, desk: Desk) -> None:
    host.engine.ignore_limit = True
    desk.ask("first")
    desk.until(lambda: "beta" in desk.seen())
    desk.ask("second")
    desk.window.new_conversation()
    desk.ask("elsewhere")
    host.engine.ignore_limit = False
    desk.window.stop()
    desk.until(lambda: desk.answered() and not desk.window.talk.queue and len(desk.texts()) == 2)
    assert desk.texts() == ["elsewhere", "alpha beta gamma"]
    desk.window.open_conversation(1)
    assert desk.texts()[0] == "first"
    assert desk.texts()[2:] == ["second", "alpha beta gamma"]


def test_regenerating_adds_a_version_and_arrows_choose(host: HostThread, desk: Desk) -> None:
    desk.ask("q")
    desk.until(desk.answered)
    host.engine.tokens = ("other",)
    click(desk.window.transcript.views[2].regenerate_button)
    desk.until(desk.answered)
    assert desk.texts() == ["q", "other"]
    (_, answer) = desk.window.talk.thread.branch()
    view = desk.window.transcript.views[answer.id]
    assert view.which.text() == "2/2"
    click(view.older_button)
    assert desk.texts() == ["q", "alpha beta gamma"]
    view = desk.window.transcript.views[2]
    assert view.which.text() == "1/2"
    assert not view.older_button.isEnabled()


def test_a_question_is_reworded_as_a_branch(host: HostThread, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.ask("old words")
    desk.until(desk.answered)
    monkeypatch.setattr(QInputDialog, "getMultiLineText", lambda *_: ("new words", True))
    click(desk.window.transcript.views[1].edit_button)
    desk.until(desk.answered)
    assert desk.texts() == ["new words", "alpha beta gamma"]
    question = desk.window.talk.thread.branch()[0]
    click(desk.window.transcript.views[question.id].older_button)
    assert desk.texts() == ["old words", "alpha beta gamma"]
    assert "old words" not in asked(host, "new words")


def test_the_conversation_gets_a_title_from_the_model(host: HostThread, desk: Desk) -> None:
    desk.ask("how do I sort")
    desk.until(
        lambda: desk.window.sidebar.list.count() and desk.window.sidebar.list.item(0).text() == "alpha beta gamma"
    )
    assert desk.window.talk.history.entries()[0].named


# ------------------------------------------------------------------------------------ what stands in the way


def test_a_broken_stream_says_so_and_keeps_its_text(host: HostThread, desk: Desk) -> None:
    host.engine.fail_at = 2
    desk.ask("q")
    desk.until(desk.answered)
    message = desk.window.talk.thread.branch()[-1]
    assert (message.state, message.text) == (MessageState.FAILED, "alpha beta ")
    view = desk.window.transcript.views[message.id]
    assert view.note.text().startswith("This answer is incomplete. ")
    assert "alpha beta" in desk.seen()
    assert view.go_on_button.isVisibleTo(view)


def test_a_host_that_goes_away_is_a_banner_with_the_button_that_helps(opened: Open) -> None:
    host = HostThread(ScriptedEngine(step_seconds=0.02, ignore_limit=True))
    with host:
        desk = opened()
        desk.ask("q")
        desk.until(lambda: "beta" in desk.seen())
        host.leave()
        desk.until(desk.answered)
    assert desk.texts()[-1].startswith("alpha beta ")
    assert desk.window.talk.thread.branch()[-1].state in {MessageState.FAILED, MessageState.STOPPED}
    banner = desk.window.banner
    desk.ask("again")
    desk.until(desk.answered)
    desk.until(lambda: banner.isVisible() and banner.button.isVisible())
    with HostThread():
        click(banner.button)
        desk.until(lambda: not banner.isVisible())


def test_a_model_that_is_missing_offers_the_download(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    async def load(report: Report) -> Loaded:
        raise SlipstreamError("The model x is not here.", hint="Pull it.", code="model_missing")

    with HostThread(load=load):
        desk = opened()
        banner = desk.window.banner
        desk.until(lambda: banner.isVisible() and banner.words.text() == "The model x is not here.")
        assert banner.button.text().startswith("Download ")
        pulled: list[str] = []
        monkeypatch.setattr(desk.window.machine_page.models, "download", pulled.append)
        click(banner.button)
        assert pulled == [desk.window._settings.model.completion]
        assert desk.window.pages.currentWidget() is desk.window.machine_page


def test_loading_is_said_with_how_far_it_is(opened: Open) -> None:
    async def load(report: Report) -> Loaded:
        report("Loading the model", 0.4)
        await asyncio.sleep(3600)
        raise AssertionError

    with HostThread(load=load, ready=False):
        desk = opened()
        desk.until(lambda: desk.window.banner.isVisible() and desk.window.banner.meter.value() == 40)
        assert "Loading the model" in desk.window.banner.words.text()
        assert not desk.window.banner.button.isVisible()


def test_a_history_that_cannot_be_read_is_kept_aside(opened: Open) -> None:
    file = paths.history_file()
    file.write_bytes(b"no database" * 100)
    desk = opened()
    assert desk.window.banner.isVisible()
    assert desk.window.banner.button.text() == "Begin an empty history"
    click(desk.window.banner.button)
    assert not desk.window.banner.isVisible()
    assert file.with_name("conversations-old-1.sqlite").read_bytes() == b"no database" * 100
    desk.window.talk.history.start("", "new")
    assert b"SQLite" in file.read_bytes()


# ----------------------------------------------------------------------------------------------- hostile text


def test_what_the_model_writes_is_only_text(host: HostThread, desk: Desk, home: Path) -> None:
    secret = home / "secret.png"
    secret.write_text("no picture")
    host.engine.tokens = (
        f"<script>alert(1)</script> <b>bold</b> ![x]({secret.as_uri()}) ",
        "<img src='file:///etc/passwd'> \u202e reversed \x1b[31m\n\n",
        "```py\nx = 1 # \u202e\n```\n",
        "<think>secret plan</think>",
        "[click](file:///etc/passwd)",
    )
    desk.ask("q")
    desk.until(desk.answered)
    seen = desk.seen()
    assert "<script>alert(1)</script>" in seen
    assert "<b>bold</b>" in seen
    assert "⟨U+202E⟩" in seen
    assert "\u202e" not in seen
    assert "\x1b" not in seen
    prose = desk.window.findChildren(Prose)
    assert all(it.loadResource(2, secret.as_uri()) is None for it in prose)


def test_links_say_where_they_lead_and_ask(host: HostThread, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    visited: list[str] = []
    monkeypatch.setattr("copilot_desktop.links.QDesktopServices.openUrl", lambda url: visited.append(url.toString()))
    ask_about(desk.window, "https://example.org/\u202egnp.exe")
    (box,) = desk.window.findChildren(QMessageBox)
    assert "https://example.org/⟨U+202E⟩gnp.exe" in box.text()
    assert visited == []
    box.accept()
    assert len(visited) == 1
    ask_about(desk.window, "file:///etc/passwd")
    box = desk.window.findChildren(QMessageBox)[-1]
    assert "not opened" in box.text()
    box.accept()
    assert len(visited) == 1


def test_thoughts_are_folded_away(host: HostThread, desk: Desk) -> None:
    from copilot_desktop.message import Thought

    host.engine.tokens = ("<think>step one\n", "step two</think>\n", "The answer.")
    desk.ask("q")
    desk.until(desk.answered)
    (thought,) = desk.window.findChildren(Thought)
    assert not thought._text.isVisibleTo(thought)
    click(thought.toggle)
    assert thought._text.isVisibleTo(thought)
    assert thought._text.text() == "step one\nstep two"


# ------------------------------------------------------------------------------------------------ attachments


def test_a_long_paste_becomes_an_attachment(host: HostThread, desk: Desk) -> None:
    data = QMimeData()
    data.setText("Traceback\n" * 20)
    data.setHtml("<b>html</b>")
    desk.window.composer.edit.insertFromMimeData(data)
    assert desk.window.composer.text == ""
    assert [it.label for it in desk.window.composer.attachments] == ["Pasted text 1"]
    desk.ask("Why?")
    desk.until(desk.answered)
    assert "Traceback" in str(host.engine.calls[0].plan)
    assert desk.window.composer.attachments == []


def test_an_at_sign_offers_files_and_attaches_the_one_that_is_chosen(host: HostThread, desk: Desk, home: Path) -> None:
    project = home / "project"
    project.mkdir()
    (project / "alpha.py").write_text("def needle():\n    return 42\n")
    (project / "beta.py").write_text("x = 1\n")
    desk.window.use_folder(str(project))
    composer = desk.window.composer
    QTest.keyClicks(composer.edit, "look at @alph")
    desk.until(lambda: [it.key for it in composer._mentions] == ["alpha.py"])
    desk.press("Tab")
    desk.until(lambda: composer.attachments)
    assert composer.text == "look at"
    assert composer.attachments[0].path == "alpha.py"
    QTest.keyClicks(composer.edit, " and @symbol:need")
    desk.until(lambda: [it.kind for it in composer._mentions] == ["symbol"])
    desk.press("Enter")
    desk.until(lambda: len(composer.attachments) == 2)
    assert composer.attachments[1].origin == "alpha.py:1-2"
    desk.press("Enter")
    desk.until(desk.answered)
    assert "return 42" in str(host.engine.calls[0].plan)


def test_the_gauge_says_what_will_be_dropped_first(desk: Desk) -> None:
    composer = desk.window.composer
    data = QMimeData()
    data.setText("line of output\n" * 2_000)
    composer.edit.insertFromMimeData(data)
    QTest.keyClicks(composer.edit, "Why?")
    desk.until(lambda: "parts of what is attached now" in composer.gauge_words.text())
    assert composer.gauge.value() > 40


def test_the_exact_prompt_can_be_read(desk: Desk) -> None:
    QTest.keyClicks(desk.window.composer.edit, "a very special question")
    desk.window.attaching.show_prompt()
    prompt = desk.window.attaching.prompt
    assert prompt is not None
    desk.until(lambda: "tokens are read" in prompt.note.text())
    assert "a very special question" in prompt.text.toPlainText()
    prompt.reject()


# --------------------------------------------------------------------------------------- reading undisturbed


def test_someone_who_reads_above_is_left_there(host: HostThread, desk: Desk) -> None:
    host.engine.tokens = tuple(f"line {at}\n\n" for at in range(120))
    desk.ask("long")
    desk.until(desk.answered)
    bar = desk.window.transcript.verticalScrollBar()
    desk.until(lambda: bar.value() == bar.maximum() > 500)
    host.engine.ignore_limit = True
    desk.ask("longer")
    desk.until(lambda: desk.window.talk.busy and desk.window.transcript.views[4].answer.parts)  # type: ignore[union-attr]
    bar.setValue(200)
    high = bar.maximum()
    desk.until(lambda: bar.maximum() > high + 200)
    assert bar.value() == 200
    bar.setValue(bar.maximum())
    high = bar.maximum()
    desk.until(lambda: bar.maximum() > high + 100)
    assert bar.value() >= bar.maximum() - 60
    desk.press("Escape")
    desk.until(desk.answered)


def test_a_selection_keeps_the_view_where_it_is(host: HostThread, desk: Desk) -> None:
    host.engine.tokens = tuple(f"paragraph {at} of many\n\n" for at in range(300))
    host.engine.ignore_limit = True
    bar = desk.window.transcript.verticalScrollBar()
    desk.ask("long")
    desk.until(lambda: bar.maximum() > 3_000)
    prose = desk.window.findChildren(Prose)[0]
    prose.setFocus()
    prose.selectAll()
    place, high = bar.value(), bar.maximum()
    desk.until(lambda: bar.maximum() > high + 400)
    assert bar.value() == place
    assert prose.textCursor().hasSelection()
    desk.press("Escape")
    desk.until(desk.answered)


def test_a_long_conversation_opens_at_its_end_and_pages_back(desk: Desk) -> None:
    history = desk.window.talk.history
    number, parent = history.start("", "long"), None
    for at in range(100):
        parent = history.add(number, parent, "user" if at % 2 == 0 else "assistant", f"message {at}").id
    desk.window.open_conversation(number)
    assert len(desk.window.transcript.views) == 20
    assert desk.window.transcript._earlier.text() == "Show earlier messages (80)"
    click(desk.window.transcript._earlier)
    assert len(desk.window.transcript.views) == 40
    assert min(desk.window.transcript.views) == 61


# ------------------------------------------------------------------------------------------------- keeping


def test_conversations_are_found_named_pinned_exported_and_deleted(
    host: HostThread, desk: Desk, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = desk.window
    desk.ask("about parsers")
    desk.until(lambda: window.talk.history.entries()[0].named)
    window.new_conversation()
    desk.ask("about lexers")
    desk.until(lambda: all(it.named for it in window.talk.history.entries()))
    monkeypatch.setattr(QInputDialog, "getText", lambda *_, **__: ("My lexers", True))
    window.kept.rename(2)
    QTest.keyClicks(window.sidebar.search, "parsers")
    assert window.sidebar.list.count() == 1
    assert "about parsers" in window.sidebar.list.item(0).text()
    window.sidebar.search.clear()
    window.sidebar._do("pin", 1)
    assert window.sidebar.list.item(0).text().startswith("★ ")
    for name in ("talk.md", "talk.json"):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, name=name: (str(home / name), ""))
        window.kept.export(2)
    assert (home / "talk.md").read_text().startswith("# My lexers\n")
    assert json.loads((home / "talk.json").read_text())["messages"][0]["text"] == "about lexers"
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    window.kept.delete(2)
    assert [it.id for it in window.talk.history.entries()] == [1]
    assert window.talk.conversation is None
    assert b"lexers" not in b"".join(it.read_bytes() for it in home.glob("conversations.sqlite*"))


def test_deleting_what_is_being_written_stops_it(host: HostThread, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    host.engine.ignore_limit = True
    desk.ask("q")
    desk.until(lambda: "beta" in desk.seen())
    monkeypatch.setattr(QMessageBox, "question", lambda *_: QMessageBox.StandardButton.Yes)
    desk.window.kept.delete(1)
    desk.until(lambda: host.engine.busy == 0)
    assert desk.answered()
    assert desk.window.talk.history.entries() == []


def test_a_wish_is_kept_only_where_the_user_agrees(host: HostThread, desk: Desk) -> None:
    window = desk.window
    window.use_folder(str(paths.runtime_dir()))
    desk.ask("Always use pytest. What now?")
    assert window.wish_bar.isVisible()
    assert window.wish_bar.words.text() == "Remember “Always use pytest”?"
    assert window.talk.memory.facts() == []
    click(window.wish_bar.everywhere_button)
    assert [it.text for it in window.talk.memory.facts()] == ["Always use pytest"]
    desk.until(desk.answered)
    desk.ask("more")
    desk.until(desk.answered)
    assert "- Always use pytest" in asked(host, "more")
    window.show_page(window.memory_page)
    window.memory_page.switch.setChecked(False)
    window.show_page(window.chat_page)
    desk.ask("without")
    desk.until(desk.answered)
    assert "- Always use pytest" not in asked(host, "without")


def test_it_comes_back_as_it_was_left(opened: Open) -> None:
    desk = opened()
    desk.window.resize(780, 634)
    desk.window.set_theme("dark")
    desk.window.zoom_by(1.1)
    QTest.keyClicks(desk.window.composer.edit, "half a question")
    desk.close()
    again = opened()
    assert (again.window.width(), again.window.height()) == (780, 634)
    assert again.window.colours.dark
    assert again.window.keeping.zoom == pytest.approx(1.1)
    assert again.window.composer.text == "half a question"
    again.window.set_theme("light")
    again.window.zoom_by(0)


# ----------------------------------------------------------------------------------------- keys and readers


def test_every_button_has_a_name_and_can_be_reached_by_key(host: HostThread, desk: Desk) -> None:
    host.engine.tokens = CODE
    desk.ask("q")
    desk.until(desk.answered)
    window = desk.window
    for page in (window.chat_page, window.machine_page, window.memory_page):
        window.show_page(page)
        for it in page.findChildren(QAbstractButton):
            found = QAccessible.queryAccessibleInterface(it)
            assert found is not None
            assert found.text(QAccessible.Text.Name).strip(), it
            if it.isVisible() and it.isEnabled():
                assert it.focusPolicy() & Qt.FocusPolicy.TabFocus, it
    assert window.composer.edit.accessibleName() == "Question"


def test_the_menus_name_a_key_for_each_thing(desk: Desk) -> None:
    actions = [it for menu in desk.window.menuBar().actions() for it in menu.menu().actions() if it.text()]  # type: ignore[attr-defined]
    keys = [it.shortcut().toString() for it in actions if not it.shortcut().isEmpty()]
    assert len(keys) == len(set(keys)) >= 20
    by_words = {it.text().replace("&", ""): it for it in actions}
    by_words["Models and machine"].trigger()
    assert desk.window.pages.currentWidget() is desk.window.machine_page
    by_words["Write a question"].trigger()
    assert desk.window.pages.currentWidget() is desk.window.chat_page


def test_the_last_block_of_code_is_copied_by_key(host: HostThread, desk: Desk) -> None:
    host.engine.tokens = CODE
    desk.ask("q")
    desk.until(desk.answered)
    desk.window.menus._of_code("copy_button")
    assert QGuiApplication.clipboard().text() == "def f():\n    return 1\n"
    desk.window.menus._of_code("insert_button")
    assert "No editor" in desk.window.statusBar().currentMessage()


# ------------------------------------------------------------------------------------------- models, machine


def test_the_machine_page_shows_what_is_measured(host: HostThread, desk: Desk) -> None:
    window = desk.window
    desk.ask("q")
    desk.until(lambda: window.talk.history.entries()[0].named)
    window.show_page(window.machine_page)
    page = window.machine_page
    desk.until(lambda: "median" in page.figures["First token"].text())
    assert "ready" in page.figures["Host"].text()
    assert "at most" in page.figures["Queue"].text()
    assert page.memory.value() > 0
    assert page.plots is not None
    desk.until(lambda: page.models._rows)
    assert any(it.id == window._settings.model.completion for it in page.models._rows)


def test_unloading_is_a_banner_with_the_way_back(host: HostThread, desk: Desk) -> None:
    desk.window.machine_page.models.unload()
    desk.until(lambda: desk.window._status is not None and desk.window._status.state is HostState.UNLOADED)
    assert desk.window.banner.button.text() == "Load it now"
    click(desk.window.banner.button)
    desk.until(lambda: desk.window._status is not None and desk.window._status.state is HostState.READY)
    desk.until(lambda: not desk.window.banner.isVisible())


def test_a_download_is_paused_and_resumed(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    from copilot.weights import pull as pulling
    from copilot.weights.progress import Meter, Stage

    def pull(model: str, settings: object, report: object, cancel: object) -> None:
        import time

        meter = Meter(model, 100, report, cancel)  # type: ignore[arg-type]
        meter.say(Stage.FETCHING, "fetching")
        for done in range(100):
            meter.at(done)
            time.sleep(0.05)

    monkeypatch.setattr(pulling, "pull", pull)
    window = desk.window
    window.show_page(window.machine_page)
    models = window.machine_page.models
    desk.until(lambda: models._rows)
    name = models._rows[0].id
    models.download(name)
    desk.until(lambda: "fetching" in models._meters[name][0].text() and models._meters[name][1].value() > 0)
    models.pause(name)
    desk.until(lambda: name not in models._doing)
    assert not window.banner.isVisible()


# --------------------------------------------------------------------------------------------- its connections


def test_it_talks_to_nothing_but_the_host(host: HostThread, desk: Desk) -> None:
    import psutil

    before = {it.laddr for it in psutil.Process().net_connections("inet")}
    desk.ask("q")
    desk.until(desk.answered)
    desk.window.show_page(desk.window.machine_page)
    desk.qtbot.wait(200)
    assert {it.laddr for it in psutil.Process().net_connections("inet")} <= before


def test_a_second_start_shows_the_first_window(opened: Open) -> None:
    shown: list[int] = []
    door = Door(lambda: shown.append(1))
    assert door.open()
    desk = opened()
    script = "from copilot_desktop.single import shown_elsewhere; raise SystemExit(0 if shown_elsewhere() else 7)"
    with subprocess.Popen([sys.executable, "-c", script]) as second:
        desk.until(lambda: second.poll() is not None)
    assert (second.returncode, len(shown)) == (0, 1)
    assert paths.window_socket().parent.stat().st_mode & 0o077 == 0
    door.close()
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 7
