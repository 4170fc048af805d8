"""A window of the test's own. Without a screen: what a screen would show is looked at by people, in docs/window."""

import os

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from collections.abc import Callable, Iterator

import pytest
from copilot_desktop.code_card import CodeCard
from copilot_desktop.prose import Prose
from copilot_desktop.window import Window
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from pytestqt.qtbot import QtBot

from copilot import paths
from copilot.client.host import HostClient
from copilot.config.settings import Settings
from tests.desktop.hosting import HostThread

GUARD_MS = 15_000


@pytest.fixture(scope="session")
def qapp_args() -> list[str]:
    return ["slipstream"]


class Desk:
    """What a user has before them."""

    def __init__(self, window: Window, qtbot: QtBot) -> None:
        self.window = window
        self.qtbot = qtbot

    def until(self, condition: Callable[[], object]) -> None:
        self.qtbot.waitUntil(lambda: bool(condition()), timeout=GUARD_MS)

    def ask(self, text: str) -> None:
        edit = self.window.composer.edit
        edit.setFocus()
        QTest.keyClicks(edit, text)
        self.press("Enter")

    def press(self, key: str) -> None:
        QTest.keyClick(self.window.composer.edit, getattr(Qt.Key, f"Key_{key}"))

    def texts(self) -> list[str]:
        """Every message of the conversation that is looked at."""
        return [it.text for it in self.window.talk.thread.branch()]

    def answered(self) -> bool:
        return not self.window.talk.busy

    def seen(self) -> str:
        """What stands in the laid out answers."""
        found = []
        for number in sorted(self.window.transcript.views):
            answer = self.window.transcript.views[number].answer
            for part in answer.parts if answer is not None else []:
                found.append(_text(part))  # noqa: PERF401
        return "\n".join(found)

    def close(self) -> None:
        self.window.leave()


def _text(part: object) -> str:
    if isinstance(part, CodeCard):
        return part.code
    return part.toPlainText() if isinstance(part, Prose) else ""


@pytest.fixture
def opened(qtbot: QtBot, home: object) -> Iterator[Callable[..., Desk]]:
    """Opens windows, and closes them at the end."""
    desks: list[Desk] = []

    def open_window(*, spawn: bool = False, settings: Settings | None = None) -> Desk:
        window = Window(settings or Settings(), paths.history_file(), lambda: HostClient(spawn=spawn))
        # Not for qtbot to close: its way of doing so comes before the fixtures end.
        window.show()
        desk = Desk(window, qtbot)
        desks.append(desk)
        return desk

    yield open_window
    for desk in desks:
        desk.close()
        desk.window.deleteLater()
    qtbot.wait(1)


@pytest.fixture
def desk(host: HostThread, opened: Callable[..., Desk]) -> Desk:
    """A window beside a host that is ready."""
    desk = opened()
    desk.until(lambda: desk.window._status is not None)
    return desk
