"""The command itself: finding commands, passing settings on, and how it ends."""

import argparse
import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from copilot import __version__, cli
from copilot.errors import SlipstreamError

SLIPSTREAM = Path(sysconfig.get_path("scripts")) / "slipstream"

Fake = Callable[[Callable[[argparse.Namespace], int]], None]


def slipstream(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """The installed command, as a shell runs it."""
    return subprocess.run(
        [SLIPSTREAM, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Makes ``slipstream fake [WORD ...]`` run a function."""

    def install(run: Callable[[argparse.Namespace], int]) -> None:
        module = ModuleType("fake_command", "A first paragraph.\n\nNotes for developers.")
        module.add_arguments = lambda parser: parser.add_argument("words", nargs="*")  # type: ignore[attr-defined]
        module.run = run  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "fake_command", module)
        monkeypatch.setitem(cli.COMMANDS, "fake", cli.Command("fake_command", "for tests"))

    return install


def test_alone_it_explains_itself() -> None:
    done = slipstream()
    assert done.returncode == 2
    for name, command in cli.COMMANDS.items():
        assert f"  {name:10} {command.help}" in done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help(arguments: list[str]) -> None:
    done = slipstream(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert "doctor" in done.stdout


def test_version() -> None:
    assert slipstream("--version").stdout == f"slipstream {__version__}\n"


@pytest.mark.parametrize("arguments", [["help", "config"], ["config", "--help"]])
def test_help_about_a_command(arguments: list[str]) -> None:
    done = slipstream(*arguments)
    assert done.returncode == 0
    assert done.stdout.startswith("usage: slipstream config ")
    assert "--set KEY=VALUE" in done.stdout


@pytest.mark.parametrize("arguments", [["docter"], ["help", "docter"]])
def test_an_unknown_command_gets_a_suggestion(arguments: list[str]) -> None:
    done = slipstream(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith("there is no command 'docter'; did you mean doctor?\n")


def test_a_command_that_resembles_none() -> None:
    assert "`slipstream help` lists the commands" in slipstream("xyzzy").stderr


def test_python_m_copilot_is_the_same() -> None:
    done = subprocess.run([sys.executable, "-m", "copilot", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"slipstream {__version__}\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config", "F", "--set", "a=1", "--set=b=2", "fake", "x", "y"],
        ["fake", "--config=F", "--set", "a=1", "--set", "b=2", "x", "y"],
        ["--config", "E", "--set", "a=1", "fake", "x", "--set", "b=2", "y", "--config", "F"],
    ],
)
def test_settings_are_passed_on_wherever_they_stand(fake: Fake, arguments: list[str]) -> None:
    seen: list[argparse.Namespace] = []

    def run(args: argparse.Namespace) -> int:
        seen.append(args)
        return 7

    fake(run)
    assert cli.main(arguments) == 7
    assert vars(seen[0]) == {"config_file": "F", "overrides": ["a=1", "b=2"], "words": ["x", "y"]}


def test_after_two_dashes_nothing_is_an_option(fake: Fake) -> None:
    seen: list[argparse.Namespace] = []

    def run(args: argparse.Namespace) -> int:
        seen.append(args)
        return 0

    fake(run)
    cli.main(["fake", "x", "--", "--set", "y"])
    assert vars(seen[0]) == {"config_file": None, "overrides": [], "words": ["x", "--set", "y"]}


@pytest.mark.parametrize("arguments", [["fake", "--bogus"], ["--bogus", "fake"], ["fake", "--set"], ["--set"]])
def test_called_wrongly(fake: Fake, arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    fake(lambda _args: 0)
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2
    assert capsys.readouterr().out == ""


def test_help_shows_what_is_for_users(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake(lambda _args: 0)
    with pytest.raises(SystemExit) as caught:
        cli.main(["help", "fake"])
    assert caught.value.code == 0
    said = capsys.readouterr().out
    assert "A first paragraph." in said
    assert "Notes for developers" not in said


def raising(error: BaseException) -> Callable[[argparse.Namespace], int]:
    def run(_args: argparse.Namespace) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (SlipstreamError("It broke.", hint="Mend it."), 1, "slipstream fake: It broke.\n  Mend it.\n"),
        (SlipstreamError("It broke."), 1, "slipstream fake: It broke.\n"),
        (PermissionError(13, "Permission denied", "/a/file"), 1, "slipstream fake: Permission denied: /a/file\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_how_it_ends(
    fake: Fake, capsys: pytest.CaptureFixture[str], error: BaseException, status: int, said: str
) -> None:
    fake(raising(error))
    assert cli.main(["fake"]) == status
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", said)


@pytest.mark.parametrize("error", [BrokenPipeError(), OSError("odd"), ValueError("a bug")])
def test_mistakes_of_ours_are_not_hidden(fake: Fake, error: Exception) -> None:
    """A pipe that breaks elsewhere, say to the host, is not the reader of stdout leaving."""
    fake(raising(error))
    with pytest.raises(type(error)):
        cli.main(["fake"])


def test_a_missing_part_of_the_installation_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(cli.COMMANDS, "fake", cli.Command("copilot.no_such_module", "for tests"))
    assert cli.main(["fake"]) == 1
    assert "lacks the Python module copilot.no_such_module" in capsys.readouterr().err


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("lines", [1, 100_000])
def test_a_reader_that_leaves_is_no_mistake(lines: int, unbuffered: str) -> None:
    """``slipstream ... | head``: whether the output is noticed to lead nowhere at once or at the very end."""
    program = (
        "import sys, types, copilot.cli as cli\n"
        "module = types.ModuleType('fake_command')\n"
        "module.add_arguments = lambda parser: None\n"
        f"module.run = lambda args: print('line\\n' * {lines}) or 0\n"
        "sys.modules['fake_command'] = module\n"
        "cli.COMMANDS['fake'] = cli.Command('fake_command', '')\n"
        "sys.exit(cli.main(['fake']))\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-c", program],
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
        )
    finally:
        os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_that_lacks_a_character_is_no_mistake() -> None:
    done = slipstream("--set", "model.completion=modèle", "config", "show", PYTHONIOENCODING="ascii")
    assert done.returncode == 0
    assert "mod\\xe8le" in done.stdout


def test_without_any_stdout(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake(lambda _args: 0)
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["fake"]) == 0


def test_only_the_command_that_was_asked_for_is_imported() -> None:
    program = (
        "import sys, contextlib, io, copilot.cli as cli\n"
        "with contextlib.redirect_stdout(io.StringIO()):\n"
        "    status = cli.main(['config', 'path'])\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.split())
    assert "copilot.cli.config" in loaded
    others = {command.module for name, command in cli.COMMANDS.items() if name != "config"}
    assert loaded.isdisjoint(others | {"rich", "starlette", "httpx"})


def test_every_command_exists_and_keeps_the_contract() -> None:
    for name in cli.COMMANDS:
        done = slipstream("help", name)
        assert (done.returncode, done.stderr) == (0, ""), name
        assert done.stdout.startswith(f"usage: slipstream {name}")
