"""The command, as a user starts it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from copilot_desktop.entry import entry


def run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    gone = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
    given = {name: value for name, value in os.environ.items() if name not in gone} | environment
    command = [sys.executable, "-m", "copilot", "desktop", *arguments]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=120, check=False)


def test_without_a_screen_it_says_so() -> None:
    done = run()
    assert done.returncode == 1
    assert "There is no screen" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_is_none_is_said() -> None:
    done = run("/nowhere/at/all")
    assert "is no folder" in done.stderr


def test_it_puts_itself_into_the_menu(home: Path) -> None:
    done = run("--install", XDG_DATA_HOME=str(home / "data"))
    file = home / "data" / "applications" / "slipstream.desktop"
    assert done.stdout.strip() == str(file)
    text = file.read_text()
    assert text.startswith("[Desktop Entry]\n")
    assert "\nExec=" in text
    assert (home / "data" / "icons" / "hicolor" / "scalable" / "apps" / "slipstream.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["/usr/bin/slipstream", "desktop"], "Exec=/usr/bin/slipstream desktop"),
        (["/home/a b/slip", "100%"], 'Exec="/home/a b/slip" 100%%'),
        (['/x/"q$'], 'Exec="/x/\\\\"q\\\\$"'),
    ],
)
def test_a_path_is_quoted_as_the_menu_wants_it(command: list[str], line: str) -> None:
    assert line in entry(command).split("\n")


def test_a_signal_closes_it_in_order(home: Path) -> None:
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    with subprocess.Popen([sys.executable, "-m", "copilot", "desktop"], env=environment) as window:
        socket = home / "run" / "window.sock"
        while not socket.exists():
            assert window.poll() is None
        window.terminate()
        assert window.wait(60) == 0
    assert (home / "conversations.sqlite").exists()
    assert (home / "window.ini").exists()
