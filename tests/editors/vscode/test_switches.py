"""The status bar, and switching completions on and off."""

import json
from typing import Any

import pytest

from copilot.serve.api import ErrorData, HostState, HostStatus
from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import LINE, Opened
from tests.editors.vscode.screen import Screen
from tests.editors.vscode.test_ghost_text import LOOP, LOOP_GHOST
from tests.lsp.fake_host import FakeHost

pytestmark = pytest.mark.editor

GHOST = "ath.touch()"
SWITCH = "Slipstream: Switch Completions On or Off"
OFF, READY = ".codicon-circle-slash", ".codicon-zap"


def offers(screen: Screen, host: FakeHost) -> None:
    host.answers, host.tokens = [(GHOST,)], ()
    screen.type("p")
    screen.until_ghost(GHOST)
    screen.press("Escape", "Backspace")


def offers_nothing(screen: Screen, host: FakeHost) -> None:
    """The model is not asked about a ``q``. Whether it was is seen when :func:`offers` has asked it after that."""
    screen.type("q")
    screen.command("Trigger Inline Suggestion")
    assert screen.ghost == ""
    screen.press("Backspace")


def was_never_asked(host: FakeHost) -> None:
    assert host.asked
    assert not [asked for asked in host.asked if asked.prefix.endswith("q")]


def user_settings(code_server: CodeServer) -> dict[str, Any]:
    return dict(json.loads((code_server.data / "User" / "settings.json").read_text()))


def test_the_status_bar_says_what_the_model_does(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.tokens, host.hold_after = LOOP, 2
    screen.type("f")
    screen.until_ghost("or key in value:")
    screen.until("its work", lambda: screen.status_has(".codicon-pulse"))
    host.release()
    screen.until_ghost(LOOP_GHOST)
    screen.until("its rest", lambda: screen.status_has(READY))
    assert "qwen2.5-coder" in screen.status
    screen.until("its speed", lambda: "tok/s" in screen.status)


def test_a_model_that_fails_is_told_with_what_to_do(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.refuse = ErrorData(
        code="engine", message="The model could not be loaded.", hint="Look at the memory.", retryable=False
    )
    screen.type("p")
    screen.until("the words", lambda: screen.shows("The model could not be loaded."))
    assert screen.page.query_selector(".notification-toast .monaco-button:has-text('Doctor')")
    screen.until("the icon", lambda: screen.status_has(".codicon-error"))
    host.refuse = None
    screen.press("Backspace")
    offers(screen, host)
    screen.until("the icon of one that works", lambda: screen.status_has(READY))


def test_what_was_asked_while_the_model_came_up_is_answered_then(
    opened: Opened, screen: Screen, host: FakeHost
) -> None:
    opened()
    ready = host.status
    host.status = HostStatus(state=HostState.STARTING, version="0", pid=1)
    screen.command("Slipstream: Restart the Language Server")
    screen.until("its start", lambda: screen.status_has(".codicon-loading"))
    screen.focus()
    host.tokens = ("ath.touch()",)
    screen.type("p")
    screen.until("the key", lambda: screen.lines[LINE - 1] == "    p")
    host.status = ready
    screen.until_ghost("ath.touch()")
    screen.until("its state", lambda: screen.status_has(READY))


def test_completions_are_switched_off_and_on_from_the_status_bar(
    opened: Opened, screen: Screen, host: FakeHost, code_server: CodeServer
) -> None:
    opened()
    screen.click_status()
    screen.page.click(".quick-input-list .monaco-list-row:has-text('Switch completions off') >> nth=0")
    screen.until("the icon", lambda: screen.status_has(OFF))
    assert user_settings(code_server)["slipstream.enabled"] is False
    screen.focus()
    offers_nothing(screen, host)
    screen.click_status()
    screen.page.click(".quick-input-list .monaco-list-row:has-text('Switch completions on') >> nth=0")
    screen.until("the icon", lambda: screen.status_has(READY))
    screen.focus()
    offers(screen, host)
    was_never_asked(host)


def test_a_language_is_switched_off_and_on(
    opened: Opened, screen: Screen, host: FakeHost, code_server: CodeServer
) -> None:
    opened()
    screen.command(f"{SWITCH} for This Language")
    screen.until("the icon", lambda: screen.status_has(OFF))
    assert user_settings(code_server)["slipstream.disabledLanguages"] == ["python"]
    offers_nothing(screen, host)
    # Another language is not affected.
    opened("func f(path int) {\n\t\n}\n", line=2, suffix=".go")
    screen.until("the icon of one that is on", lambda: screen.status_has(READY))
    offers(screen, host)
    was_never_asked(host)
    opened()
    screen.command(f"{SWITCH} for This Language")
    screen.until("the icon", lambda: screen.status_has(READY))
    offers(screen, host)


def test_a_workspace_is_switched_off_and_on(
    opened: Opened, screen: Screen, host: FakeHost, code_server: CodeServer
) -> None:
    opened()
    screen.command(f"{SWITCH} in This Workspace")
    screen.until("the icon", lambda: screen.status_has(OFF))
    of_workspace = code_server.workspace / ".vscode" / "settings.json"
    assert json.loads(of_workspace.read_text()) == {"slipstream.enabled": False}
    assert user_settings(code_server).get("slipstream.enabled", True) is True
    offers_nothing(screen, host)
    screen.command(f"{SWITCH} in This Workspace")
    screen.until("the icon", lambda: screen.status_has(READY))
    offers(screen, host)
    was_never_asked(host)
