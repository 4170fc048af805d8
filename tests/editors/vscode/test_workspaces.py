"""Workspaces of several folders, workspaces that are not trusted, servers that are missing or end."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.editors.vscode.code_server import OUR_SERVER, CodeServer
from tests.editors.vscode.conftest import LINE, code
from tests.editors.vscode.screen import Screen
from tests.lsp.fake_host import FakeHost

pytestmark = pytest.mark.editor

GHOST = "ath.touch()"
TRUST = {"security.workspace.trust.enabled": True, "security.workspace.trust.startupPrompt": "never"}


@contextmanager
def opened(
    code_server: CodeServer, *, url: str | None = None, log: str = "The language server runs."
) -> Iterator[Screen]:
    with code_server, Screen(code_server) as screen:
        screen.load(url, log=log)
        yield screen


def window_of(user: Path, name: str, **options: Any) -> CodeServer:
    """One of the module's user, whose engine host is the fake one."""
    env = {"SLIPSTREAM_HOME": str(user / "s"), **options.pop("env", {})}
    return CodeServer(user / name, env=env, **options)


def offers(screen: Screen, host: FakeHost, file: Path) -> None:
    """Ghost text comes in ``file``."""
    file.write_text(code(str(file)))
    screen.open(file, LINE)
    host.answers, host.tokens = [(GHOST,)], ()
    screen.type("p")
    screen.until_ghost(GHOST)
    screen.press("Tab")
    assert screen.saved().decode() == code(str(file), "path.touch()")


def servers(folder: Path) -> list[psutil.Process]:
    """Language servers of the window whose files lie below ``folder``."""
    found = []
    for process in psutil.process_iter():
        try:
            words = process.cmdline()
            if "lsp" in words and process.environ().get("HOME") == str(folder / "h"):
                found.append(process)
        except psutil.Error:
            continue
    return found


def test_several_folders_share_one_server(user: Path, module_host: FakeHost) -> None:
    code_server = window_of(user, "m")
    folders = [user / "m" / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir()
    workspace = user / "m" / "both.code-workspace"
    workspace.write_text(json.dumps({"folders": [{"path": str(folder)} for folder in folders]}))
    with code_server, Screen(code_server) as screen:
        screen.load(f"http://127.0.0.1:{code_server.port}/?workspace={workspace}")
        for folder in folders:
            offers(screen, module_host, folder / f"in_{folder.name}.py")
        assert len(servers(code_server.folder)) == 1
        assert code_server.extension_log().count("Starting ") == 1


def test_an_untrusted_workspace_names_no_program(user: Path, module_host: FakeHost) -> None:
    code_server = window_of(user, "u", settings=TRUST)
    trap = code_server.workspace / "slipstream"
    trap.write_text(f"#!/bin/sh\ntouch {user}/sprung\n")
    trap.chmod(0o755)
    own = code_server.workspace / ".vscode"
    own.mkdir()
    (own / "settings.json").write_text(
        json.dumps({"slipstream.serverPath": str(trap), "slipstream.host": "unix:/nowhere", "slipstream.maxLines": 1})
    )
    with opened(code_server) as screen:
        screen.until("VS Code's word about it", lambda: screen.shows("Restricted Mode"))
        offers(screen, module_host, code_server.workspace / "a.py")
        assert not (user / "sprung").exists()
        assert str(trap) not in code_server.extension_log()
        # The explanation works, and what runs git does not.
        module_host.chat = ("It writes ", "nothing.")
        screen.command("Slipstream: Explain")
        screen.until("the answer", lambda: screen.shows("It writes nothing."))
        screen.press("F1")
        screen.type("Slipstream: ")
        row = ".quick-input-list .monaco-list-row"
        screen.until("the commands", lambda: screen.page.query_selector(f"{row}:has-text('Slipstream: Explain')"))
        screen.type("Write a")
        screen.until("fewer", lambda: not screen.page.query_selector(f"{row}:has-text('Slipstream: Explain')"))
        assert not screen.page.query_selector(f"{row}:has-text('Write a Commit Message')")


def test_a_workspace_names_no_program_where_it_is_trusted_either(user: Path, module_host: FakeHost) -> None:
    code_server = window_of(user, "t")
    trap = code_server.workspace / "slipstream"
    trap.write_text(f"#!/bin/sh\ntouch {user}/sprung\n")
    trap.chmod(0o755)
    own = code_server.workspace / ".vscode"
    own.mkdir()
    (own / "settings.json").write_text(json.dumps({"slipstream.serverPath": str(trap)}))
    with opened(code_server) as screen:
        offers(screen, module_host, code_server.workspace / "a.py")
        assert not (user / "sprung").exists()


def test_a_server_that_ends_is_started_again(user: Path, module_host: FakeHost) -> None:
    code_server = window_of(user, "e")
    with opened(code_server) as screen:
        offers(screen, module_host, code_server.workspace / "a.py")
        (first,) = servers(code_server.folder)
        first.kill()
        screen.until(
            "another server",
            lambda: [one for one in servers(code_server.folder) if one.pid != first.pid],
        )
        screen.open(code_server.workspace / "a.py", 1)
        screen.until("its status", lambda: screen.status_has(".codicon-zap"))
        offers(screen, module_host, code_server.workspace / "b.py")
        assert not screen.page.query_selector(".notification-toast")


def test_a_missing_server_is_offered_and_fetched_only_when_asked_for(user: Path, module_host: FakeHost) -> None:
    path = [folder for folder in os.environ["PATH"].split(":") if not Path(folder, "slipstream").exists()]
    code_server = window_of(user, "n", server=None, env={"PATH": ":".join(path)})
    assert shutil.which("node", path=":".join(path))
    with code_server, Screen(code_server) as screen:
        screen.load(log="")
        screen.until("the question", lambda: screen.shows("language server is not on this machine"))
        assert screen.page.query_selector(".notification-toast .monaco-button:has-text('Install')")
        screen.until("the icon", lambda: screen.status_has(".codicon-circle-slash"))
        storage = code_server.data / "User" / "globalStorage" / "slipstream.slipstream"
        assert not storage.exists() or not list(storage.iterdir())


def test_a_program_that_is_not_there_is_named(user: Path, module_host: FakeHost) -> None:
    code_server = window_of(user, "p", server=user / "no-such-slipstream")
    with code_server, Screen(code_server) as screen:
        screen.load(log="")
        screen.until("the words", lambda: screen.shows(f"names {user}/no-such-slipstream"))
        assert screen.page.query_selector(".notification-toast .monaco-button:has-text('Open Settings')")
        (user / "no-such-slipstream").symlink_to(OUR_SERVER)
        screen.command("Slipstream: Restart the Language Server")
        screen.until("a server", lambda: "The language server runs." in code_server.extension_log())
        offers(screen, module_host, code_server.workspace / "a.py")


def test_a_commit_message_goes_into_the_box_and_commits_nothing(user: Path, module_host: FakeHost) -> None:
    code_server = window_of(user, "g")

    def git(*words: str) -> str:
        command = ["git", "-c", "user.name=A", "-c", "user.email=a@example.org", *words]
        done = subprocess.run(
            command, cwd=code_server.workspace, check=True, capture_output=True, text=True, timeout=60
        )
        return done.stdout

    git("init", "-q")
    git("commit", "-q", "--allow-empty", "-m", "First")
    (code_server.workspace / "a.py").write_text(code("commit"))
    git("add", ".")
    module_host.chat = ("Write bytes ", "to a file")
    with opened(code_server) as screen:
        screen.open(code_server.workspace / "a.py", LINE)
        screen.command("Slipstream: Write a Commit Message")
        screen.until("the message", lambda: screen.shows("Write bytes to a file"))
        assert git("log", "--format=%s").split() == ["First"]
