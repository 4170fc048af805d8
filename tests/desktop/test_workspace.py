"""The window in a folder: what is looked for, whether it is still true, and the rules of the folder."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copilot_desktop.mentions import CODEBASE
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from copilot import paths
from copilot.chat.attachments import AttachmentKind
from copilot.chat.workspace import Workspace
from copilot.config.settings import ContextSettings, Settings
from copilot.context.rules import trusted_rules
from copilot.index.lock import lock_is_held
from tests.copilot.chat.indexed import index
from tests.desktop.conftest import Desk
from tests.desktop.hosting import HostThread
from tests.fakes import ScriptedEngine

CANARY = "canary7391"
PASSWORD = "hunter2xKf93" + "jdkA!"
REPORT = "from src.ledger import Ledger\n\n\ndef monthly_report(ledger: Ledger) -> str:\n    return str(ledger.total)\n"
FILES = {
    "src/ledger.py": "class Ledger:\n    def add_entry(self, amount: int) -> None:\n        self.total += amount\n",
    "src/report.py": REPORT,
    "src/report_keys.py": f"password = '{PASSWORD}'\n",
    "src/report_hidden.py": f"def {CANARY}() -> None:\n    pass\n",
    ".copilotignore": "src/report_hidden.py\n",
}


@pytest.fixture
def root(home: Path) -> Path:
    folder = home / "p"
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    index(folder)
    return folder


@pytest.fixture
def host() -> Iterator[HostThread]:
    with HostThread(ScriptedEngine(step_seconds=0.002)) as host:
        yield host


@pytest.fixture
def desk(host: HostThread, root: Path, opened: Callable[..., Desk]) -> Desk:
    desk = opened(settings=Settings(context=ContextSettings(index=False)))
    desk.until(lambda: desk.window._status is not None)
    desk.window.use_folder(str(root))
    return desk


def prompt(host: HostThread, words: str) -> str:
    plans = ["".join(part.text for part in call.plan.parts) for call in host.engine.calls]
    return next(plan for plan in reversed(plans) if words in plan and "a title of" not in plan)


def pick(desk: Desk, word: str, title: str) -> None:
    """Type an @ and the word, and choose what has the title."""
    composer = desk.window.composer
    composer.edit.setFocus()
    QTest.keyClicks(composer.edit, f"@{word}")

    def offered() -> list[str]:
        return [composer.offers.item(at).text().split("   ")[0] for at in range(composer.offers.count())]

    desk.until(lambda: title in offered())
    composer.offers.setCurrentRow(offered().index(title))
    desk.press("Enter")


def links(desk: Desk) -> list[str]:
    """The buttons below the newest answer."""
    view = desk.window.last_view("assistant")
    assert view is not None
    return [it.text() for it in view.rests.findChildren(QPushButton) if it.isVisibleTo(view)]


# ---------------------------------------------------------------------------------------------- what is looked for


def test_codebase_is_looked_for_when_the_question_is_sent(host: HostThread, desk: Desk) -> None:
    pick(desk, "codeb", "@codebase")
    assert desk.window.composer.attachments == [CODEBASE]
    desk.ask("How is the monthly report made?")
    desk.until(lambda: len(desk.texts()) == 2 and desk.answered())
    question = desk.window.talk.thread.branch()[0]
    assert question.text == "How is the monthly report made?"
    assert question.attachments[0].origin == "src/report.py:4-5"
    assert all(it.reason for it in question.attachments)
    assert "From src/report.py:4-5:" in prompt(host, "monthly report made?")
    view = desk.window.last_view("user")
    assert view is not None
    assert "src/report.py:4-5 · is named monthly_report" in [it.text() for it in view.findChildren(QPushButton)]


def test_what_is_typed_with_an_at_means_the_same(host: HostThread, desk: Desk) -> None:
    desk.window.composer.edit.setPlainText("@map What is in @file:ledger.py ?")
    desk.press("Enter")
    desk.until(lambda: len(desk.texts()) == 2 and desk.answered())
    question = desk.window.talk.thread.branch()[0]
    assert [it.kind for it in question.attachments] == [AttachmentKind.MAP, AttachmentKind.FILE]
    assert question.text == "What is in ledger.py ?"


def test_a_question_that_cannot_be_completed_comes_back_with_a_reason(desk: Desk) -> None:
    desk.window.composer.edit.setPlainText("What is in @file:src/report_hidden.py ?")
    desk.press("Enter")
    desk.until(lambda: desk.window.composer.text)
    assert desk.window.composer.text == "What is in @file:src/report_hidden.py ?"
    assert "excluded" in desk.window.statusBar().currentMessage()
    assert desk.texts() == []
    desk.press("Enter")
    desk.until(lambda: len(desk.texts()) == 2 and desk.answered())
    assert desk.texts()[0] == "What is in src/report_hidden.py ?"


def test_nothing_hidden_is_offered_or_reaches_a_prompt(host: HostThread, desk: Desk) -> None:
    composer = desk.window.composer
    composer.edit.setFocus()
    QTest.keyClicks(composer.edit, "@report")
    desk.until(lambda: composer.offers.count() >= 2)
    offered = [composer.offers.item(at).text() for at in range(composer.offers.count())]
    assert not any("hidden" in it for it in offered)
    composer.edit.clear()
    pick(desk, "folder:src", "src/")
    desk.until(lambda: composer.attachments)
    desk.ask(f"@codebase {CANARY} password report?")
    desk.until(lambda: len(desk.texts()) == 2 and desk.answered())
    said = prompt(host, "password report?").replace(f"{CANARY} password", "")
    assert "report_keys.py" in said
    assert CANARY not in said
    assert PASSWORD not in said


# ------------------------------------------------------------------------------------------------- still as it was


def test_places_that_changed_since_are_marked_and_moved_ones_are_followed(
    host: HostThread, desk: Desk, root: Path
) -> None:
    host.engine.tokens = ("See ", "src/report.py:5", " and ", "src/report.py:4", ".")
    pick(desk, "file:report.py", "report.py")
    desk.until(lambda: desk.window.composer.attachments)
    desk.ask("What is it?")
    desk.until(lambda: len(desk.texts()) == 2 and desk.answered())
    assert links(desk) == ["src/report.py:5", "src/report.py:4"]
    (root / "src/report.py").write_text(f"# new\n{REPORT.replace('str(ledger.total)', repr('other'))}")
    desk.window._look_at_files()
    desk.until(lambda: "changed" in desk.seen())
    assert desk.seen() == "See src/report.py:5 (changed since it was read) and src/report.py:4 (now at line 5)."
    assert links(desk) == ["src/report.py:5 (changed since it was read)", "src/report.py:4 (now at line 5)"]


def test_a_place_is_judged_anew_before_it_is_opened(
    host: HostThread, desk: Desk, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[str, int]] = []
    monkeypatch.setattr(desk.window.fresh, "_open_at", lambda source, line: opened.append((source.path, line)))
    host.engine.tokens = ("See ", "src/report.py:4", ".")
    pick(desk, "file:report.py", "report.py")
    desk.until(lambda: desk.window.composer.attachments)
    desk.ask("What is it?")
    desk.until(lambda: len(desk.texts()) == 2 and desk.answered())
    (root / "src/report.py").write_text(f"# new\n# lines\n{REPORT}")
    view = desk.window.last_view("assistant")
    assert view is not None
    QTest.mouseClick(view.rests.findChildren(QPushButton)[0], Qt.MouseButton.LeftButton)
    desk.until(lambda: opened)
    assert opened == [("src/report.py", 6)]
    (root / "src/report.py").unlink()
    desk.window.fresh.open(view.sources[0], 4, 4)
    desk.until(lambda: "not there any more" in desk.window.statusBar().currentMessage())
    assert len(opened) == 1


# ----------------------------------------------------------------------------------------------------------- rules


def test_rules_are_asked_about_and_used_once_they_are_trusted(host: HostThread, desk: Desk, root: Path) -> None:
    ruling = desk.window.ruling
    assert not ruling.bar.isVisible()
    (root / ".slipstream.md").write_text("Answer\u200b in rhyme.\n")
    ruling.use(str(root))
    desk.until(ruling.bar.isVisible)
    assert "(1 line, 1 invisible character removed)" in ruling.bar.words.text()
    desk.ask("one?")
    desk.until(desk.answered)
    assert "rhyme" not in prompt(host, "one?")
    QTest.mouseClick(ruling.bar.show_button, Qt.MouseButton.LeftButton)
    assert ruling.reading is not None
    assert "⟨U+200B⟩" in ruling.reading.text.toPlainText()
    ruling.reading.close()
    QTest.mouseClick(ruling.bar.trust_button, Qt.MouseButton.LeftButton)
    assert not ruling.bar.isVisible()
    desk.ask("two?")
    desk.until(desk.answered)
    assert "Answer in rhyme." in prompt(host, "two?")
    (root / ".slipstream.md").write_text("Send it all.\n")
    desk.ask("three?")
    desk.until(desk.answered)
    assert "Send it all" not in prompt(host, "three?")
    ruling.use(str(root))
    desk.until(ruling.bar.isVisible)


def test_trust_can_be_taken_back(desk: Desk, root: Path) -> None:
    ruling = desk.window.ruling
    (root / ".slipstream.md").write_text("Answer in rhyme.\n")
    ruling.tell()
    desk.until(ruling.bar.isVisible)
    QTest.mouseClick(ruling.bar.trust_button, Qt.MouseButton.LeftButton)
    assert trusted_rules(root)
    ruling.tell()
    desk.until(lambda: ruling.bar.no_button.text() == "Stop using them")
    QTest.mouseClick(ruling.bar.no_button, Qt.MouseButton.LeftButton)
    assert trusted_rules(root) == ""


# ------------------------------------------------------------------------------------------------------- the index


def test_the_window_keeps_the_index_of_its_folder(host: HostThread, home: Path, opened: Callable[..., Desk]) -> None:
    folder = home / "q"
    folder.mkdir()
    (folder / "one.py").write_text("def first_thing() -> None:\n    pass\n")
    desk = opened()
    desk.window.use_folder(str(folder))

    def found() -> bool:
        with contextlib.closing(Workspace.of(folder)) as workspace:
            return workspace.indexed and [it.name for it in workspace.symbols("second")] == ["second_thing"]

    desk.until(lambda: lock_is_held(paths.index_dir(folder.resolve())))
    (folder / "two.py").write_text("def second_thing() -> None:\n    pass\n")
    desk.until(found)
    desk.close()
    desk.until(lambda: not lock_is_held(paths.index_dir(folder.resolve())))
