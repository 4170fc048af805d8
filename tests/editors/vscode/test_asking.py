"""Questions to the model about the code, as one asks them in VS Code."""

import pytest

from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import Opened, code
from tests.editors.vscode.screen import Screen
from tests.editors.vscode.test_ghost_text import line_is
from tests.lsp.fake_host import FakeHost

pytestmark = pytest.mark.editor

ANSWER = ("It opens ", "the file ", "and writes ", "the bytes.")


def explain(screen: Screen) -> None:
    screen.caret(5)
    screen.press("Home", "Shift+ArrowDown")
    screen.command("Slipstream: Explain")


def asks(screen: Screen, host: FakeHost) -> None:
    """Ask, with the answer held after its first words."""
    host.chat, host.hold_after = ANSWER, 2
    explain(screen)
    screen.until("the beginning of the answer", lambda: screen.shows("It opens the file"))
    assert not screen.shows("and writes")
    assert host.asked_chat[-1].ended is None


def test_an_explanation_streams_into_a_document(opened: Opened, screen: Screen, host: FakeHost) -> None:
    file = opened()
    asks(screen, host)
    asked = "".join(message["content"] for message in host.asked_chat[-1].body["messages"])
    assert "def write(path: Path, value: bytes) -> None:" in asked
    host.release()
    screen.until("all of it", lambda: screen.shows("It opens the file and writes the bytes."))
    screen.until("the end of the progress", lambda: not screen.page.query_selector(".notification-toast"))
    assert not screen.shows("It was stopped here.")
    assert file.read_text() == code("an_explanation_streams_into_a_document")


def test_an_explanation_is_cancelled_and_what_came_stays(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    asks(screen, host)
    screen.page.click(".notification-toast .monaco-button:has-text('Cancel')")
    screen.until("a word about it", lambda: screen.shows("It was stopped here."))
    assert screen.shows("It opens the file")
    screen.until("the host let go", lambda: host.asked_chat[-1].ended == "closed")


def test_closing_the_document_cancels(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    asks(screen, host)
    screen.page.hover(".tab[aria-label*='Explanation']")
    screen.page.click(".tab[aria-label*='Explanation'] .codicon-close")
    screen.until("the host let go", lambda: host.asked_chat[-1].ended == "closed")


def test_a_conversation_goes_on(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.chat_answers = [("Bytes, ", "not text.")]
    screen.command("Slipstream: Ask About the Code")
    screen.page.wait_for_selector(".quick-input-widget .quick-input-message:has-text('Ask about')")
    screen.type("What is written?")
    screen.press("Enter")
    screen.until("the answer", lambda: screen.shows("Bytes, not text."))
    assert screen.shows("What is written?")
    host.chat_answers = [("Into ", "path.")]
    screen.page.click(".tab[aria-label*='Chat']")
    screen.command("Slipstream: Ask About the Code")
    screen.page.wait_for_selector(".quick-input-widget .quick-input-message:has-text('Ask further')")
    screen.type("And where?")
    screen.press("Enter")
    screen.until("the second answer", lambda: screen.shows("Into path."))
    assert screen.shows("Bytes, not text.")
    said = [message["content"] for message in host.asked_chat[-1].body["messages"]]
    assert any("What is written?" in text for text in said)
    assert any("Bytes, not text." in text for text in said)


def test_it_says_why_it_suggested_something(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.answers, host.tokens = [("ath.touch()",)], ()
    screen.type("p")
    screen.until_ghost("ath.touch()")
    screen.command("Slipstream: Why This Suggestion?")
    screen.until("the report", lambda: screen.page.query_selector(".tab[aria-label*='Why this suggestion']"))
    screen.until("its times", lambda: screen.shows(" ms"))


def test_the_logs_hold_no_code(opened: Opened, screen: Screen, host: FakeHost, code_server: CodeServer) -> None:
    opened(code("secrets").replace("Write the file.", "Zanzibar"))
    host.answers, host.tokens = [("ath.quagga()",)], ()
    host.chat = ("The okapi ", "sleeps.")
    screen.type("p")
    screen.until_ghost("ath.quagga()")
    screen.press("Tab")
    line_is(screen, "    path.quagga()")
    explain(screen)
    screen.until("the answer", lambda: screen.shows("The okapi sleeps."))
    assert "The language server runs." in code_server.extension_log()
    logs = [file for file in (code_server.data / "logs").rglob("*.log") if "slipstream" in str(file)]
    logs += list((code_server.folder.parent / "s").rglob("*.log"))
    assert logs
    for file in logs:
        text = file.read_text()
        assert not [word for word in ("Zanzibar", "quagga", "okapi") if word in text], f"{file}: {text}"
