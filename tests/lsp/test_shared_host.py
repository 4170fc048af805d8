"""An editor whose user is logged in to a shared host."""

import asyncio
from pathlib import Path

from copilot.client import login
from copilot.client.login import Login
from copilot.serve.callers import Scope
from tests.fakes import ScriptedEngine
from tests.lsp.jrpc import Client, inline
from tests.teams import Team, team

URI = "file:///project/a.py"
TEXT = "def area(width, height):\n    return "


def logged_in(shared: Team) -> None:
    login.save(Login(url=shared.url, ca=str(shared.ca), token=shared.token("ada")), keyring=False)


async def test_suggestions_come_from_the_shared_host(tmp_path: Path) -> None:
    engine = ScriptedEngine(("width", " * ", "height", "\n"))
    async with team(engine, tmp_path) as shared:
        logged_in(shared)

        def typed() -> list[str]:
            with Client() as editor:
                editor.initialize(initializationOptions={"prefetch": False, "index": False})
                editor.open(URI, TEXT)
                result = editor.result("textDocument/inlineCompletion", inline(URI, 1, 11, context={"triggerKind": 1}))
                assert editor.stop() == 0
                told = [note["message"] for note in editor.of("window/showMessage")]
                # Which model it has is not for its users to say.
                assert told == []
                return [item["insertText"] for item in result["items"]]

        assert await asyncio.to_thread(typed) == ["width * height"]
    assert engine.calls[0].plan.owner == "ada"


async def test_a_token_that_is_good_no_more_is_said(tmp_path: Path) -> None:
    async with team(ScriptedEngine(), tmp_path) as shared:
        logged_in(shared)
        shared.users.revoke("ada")
        shared.token("ada", Scope.CHAT)

        def told() -> str:
            with Client() as editor:
                editor.initialize(initializationOptions={"prefetch": False, "index": False})
                editor.open(URI, TEXT)
                editor.call("textDocument/inlineCompletion", inline(URI, 1, 11, context={"triggerKind": 1}))
                messages = editor.until("a message", lambda: editor.of("window/showMessage"))
                return str(messages[0]["message"])

        message = await asyncio.to_thread(told)
    assert "token" in message
    assert "slipstream login" in message
