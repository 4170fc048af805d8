"""Ghost text of a real model in a real VS Code."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.conftest import LINE, code
from tests.editors.vscode.screen import Screen

pytestmark = [pytest.mark.editor, pytest.mark.model]


@pytest.fixture
def code_server(home: Path, coder_model: Path) -> Iterator[CodeServer]:
    """The extension's server starts the real host, which must not outlive the test."""
    assert coder_model.exists()
    with CodeServer(home / "c") as code_server:
        yield code_server
    subprocess.run([sys.executable, "-m", "copilot", "stop"], check=False, capture_output=True, timeout=60)


def test_ghost_text_of_the_real_model_is_drawn_typed_through_and_accepted(code_server: CodeServer) -> None:
    file = code_server.workspace / "store.py"
    before = code("real")
    file.write_text(before)
    with Screen(code_server) as screen:
        screen.load()
        screen.open(file, LINE)
        # Asked for explicitly, so it waits for the model.
        screen.command("Trigger Inline Suggestion")
        # A frame may show the lines below before the first one.
        first = str(screen.until("ghost text", lambda: screen.ghost.partition("\n")[0], 180))
        screen.type(first[0])
        screen.until("the key", lambda: screen.lines[LINE - 1].startswith(f"    {first[0]}"))
        screen.until("what is left", lambda: screen.ghost.partition("\n")[0] == first[1:])
        screen.press("Tab")
        screen.until("the text", lambda: screen.lines[LINE - 1] == f"    {first}")
        head, tail = before.split("    \n", 1)
        accepted = screen.saved().decode()
        assert accepted.startswith(f"{head}    {first}\n")
        assert accepted.endswith(tail)
        screen.until("the status of one that works", lambda: "tok/s" in screen.status)
        toast = screen.page.query_selector(".notification-toast")
        assert not toast, toast.inner_text()
