"""`slipstream try`: the places it types at, what it shows, and whole runs against the real language server."""

import asyncio
import io
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from copilot.cli.ghost import PlainScreen, Scene, render
from copilot.cli.typing_places import choose
from copilot.client import lsp_session
from copilot.client.lsp_session import run_server
from copilot.errors import SlipstreamError
from tests.fakes import ScriptedEngine
from tests.hosts import running

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "copilot" / "cli" / "samples" / "inventory.py"
GUARD_SECONDS = 60.0
MODEL_GUARD_SECONDS = 290.0

# --------------------------------------------------------------------------------------------------- where it types


def test_the_sample_has_places_of_each_kind_from_top_to_bottom() -> None:
    places = choose(SAMPLE.read_text().split("\n"))
    assert len({place.what for place in places}) == 4
    assert [place.line for place in places] == sorted(place.line for place in places)


def test_the_sample_is_a_program() -> None:
    compile(SAMPLE.read_text(), SAMPLE.name, "exec")


@pytest.mark.parametrize("file", [SAMPLE, ROOT / "copilot" / "client" / "host.py"])
def test_what_is_typed_is_what_was_removed(file: Path) -> None:
    lines = file.read_text().split("\n")
    places = choose(lines, 6)
    assert len(places) == 6
    for place in places:
        start = place.removed.start
        there = "\n".join([lines[start.line][start.character :], *lines[start.line + 1 :]])
        assert there.startswith("".join(place.keys))
        assert place.removed.end > start


def test_braces_are_code_too() -> None:
    text = "function add(first, second) {\n  const sum = first + second\n  return sum + offset\n}\n"
    found = {(place.what, "".join(place.keys)) for place in choose(text.split("\n"), 1)}
    assert found == {("the parameters of a function", "add(")}


def test_prose_has_places_and_an_empty_file_has_none() -> None:
    assert choose(["Once upon a time there was a caret.", ""])[0].keys[:4] == tuple("Once")
    assert choose([""]) == []
    assert choose(["x", "}"]) == []


# ---------------------------------------------------------------------------------------------------- what it shows


def shown(scene: Scene) -> str:
    console = Console(file=io.StringIO(), width=80, color_system=None)
    console.print(render(scene))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_ghost_text_stands_at_the_caret_between_its_lines() -> None:
    lines = ["a", "def f():", "    return ", "", "g()"]
    picture = shown(Scene(lines, 2, 11, "x +\n        y"))
    assert [row[6:].rstrip() for row in picture.splitlines()][:6] == [
        "a",
        "def f():",
        "    return ▏x +",
        "        y",
        "",
        "g()",
    ]


def test_text_after_the_caret_stays_behind_the_ghost_text() -> None:
    assert "print(▏name)" in shown(Scene(["print()"], 0, 6, "name"))


def test_a_terminal_is_never_told_anything_by_a_model() -> None:
    assert "\x1b" not in shown(Scene(["x\x1b[2J"], 0, 1, "\x1b]0;title\x07"))


def test_plain_output_never_repeats_or_takes_back_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    screen = PlainScreen()
    screen.begin("x.py:1")
    screen.show(Scene(["ret"], 0, 3, "never mind"))
    for ghost in ("", "a", "a\n", "a\n    b", "a\n    b\n    c"):
        screen.show(Scene(["return "], 0, 7, ghost, settled=True))
    screen.end("TTFT 1 ms")
    assert capsys.readouterr().out == "\nx.py:1\n  | return a\n  |     b\n  |     c\n  TTFT 1 ms\n"


def test_plain_output_of_no_suggestion_and_of_an_accepted_one(capsys: pytest.CaptureFixture[str]) -> None:
    screen = PlainScreen()
    screen.begin("one")
    screen.show(Scene(["x = "], 0, 4, "", settled=True))
    screen.end("no suggestion")
    screen.begin("two")
    screen.show(Scene(["x = "], 0, 4, "1", settled=True))
    screen.show(Scene(["x = "], 0, 4, "1", settled=True, accepted=True))
    screen.end("accepted")
    assert capsys.readouterr().out == "\none\n  no suggestion\n\ntwo\n  | x = 1\n  accepted\n"


# --------------------------------------------------------------------------------------------------- whole sessions


@asynccontextmanager
async def trying(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "copilot",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def slipstream(*arguments: str, seconds: float = GUARD_SECONDS) -> tuple[int | None, str, str]:
    async with asyncio.timeout(seconds), trying(*arguments) as process:
        output, errors = await process.communicate()
        return process.returncode, output.decode(), errors.decode()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(GUARD_SECONDS):
        while not condition():  # noqa: ASYNC110 - it happens in other processes
            await asyncio.sleep(0.02)


async def test_it_types_shows_measures_and_leaves_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "inventory.py"
    file.write_bytes(SAMPLE.read_bytes())
    engine = ScriptedEngine(("fir", "st", ", second", "):\n", "        return first\n"))
    async with running(engine):
        status, output, errors = await slipstream("try", str(file), "--places", "2")
    assert (status, errors) == (0, "")
    assert "first, second" in output
    assert "TTFT" in output
    assert "of 128 prompt tokens reused" in output
    assert "accepted" in output
    assert "2 of 2 places got a completion" in output
    assert file.read_bytes() == SAMPLE.read_bytes()
    assert len(engine.calls) > 2


async def test_status_1_and_a_next_step_when_no_completion_came() -> None:
    async with running(ScriptedEngine(("\n", "```", "\nSorry."))):
        status, output, errors = await slipstream("try", "--places", "1")
    assert status == 1
    assert "no suggestion" in output
    assert "slipstream doctor" in errors


async def test_a_model_that_does_not_load_is_told_with_a_next_step() -> None:
    try:
        status, _, errors = await slipstream("--set", "model.completion=no-such-model", "try")
        assert status == 1
        assert "no-such-model" in errors
        assert "slipstream doctor" in errors
        assert "Traceback" not in errors
    finally:
        await slipstream("stop")


async def test_it_gives_up_in_time() -> None:
    hold = asyncio.Event()
    async with running(ScriptedEngine(hold=hold)):
        status, _, errors = await slipstream("try", "--timeout", "3")
        hold.set()
    assert status == 1
    assert "not done within 3 seconds" in errors


async def test_ctrl_c_shuts_the_language_server_down() -> None:
    engine = ScriptedEngine(hold=asyncio.Event())
    async with running(engine), trying("try") as process:
        await until(lambda: engine.busy)
        servers = [child.pid for child in psutil.Process(process.pid).children(recursive=True)]
        assert servers
        process.send_signal(signal.SIGINT)
        async with asyncio.timeout(GUARD_SECONDS):
            assert await process.wait() == 130
        assert not any(psutil.pid_exists(pid) for pid in servers)
        # Its request was cancelled, not left to run.
        await until(lambda: not engine.busy)


async def test_a_file_without_code_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text("")
    status, _, errors = await slipstream("try", str(tmp_path / "empty.py"))
    assert status == 1
    assert "has no line to type" in errors


@pytest.mark.parametrize(
    ("option", "named"),
    [
        ("completion.enabled=false", "completion.enabled is false (command line)"),
        ("completion.disabled_languages=c,python", "completion.disabled_languages holds python (command line)"),
    ],
)
async def test_switched_off_completions_are_told_with_the_setting(option: str, named: str) -> None:
    status, _, errors = await slipstream("--set", option, "try")
    assert status == 1
    assert named in errors


async def test_a_setting_in_the_file_is_told_with_its_line(home: Path) -> None:
    (home / "config.toml").write_text("[completion]\nenabled = false\n")
    status, _, errors = await slipstream("try")
    assert status == 1
    assert "config.toml:2" in errors


async def test_languages_that_are_not_tried_may_be_switched_off(tmp_path: Path) -> None:
    """The server is asked whether it is ready in the document's own language."""
    file = tmp_path / "sum.js"
    file.write_text("function add(first, second) {\n  return first + second\n}\n")
    async with running(ScriptedEngine(("one",))):
        status, output, errors = await slipstream(
            "--set", "completion.disabled_languages=python", "try", str(file), "--places", "1"
        )
    assert (status, errors) == (0, "")
    assert "1 of 1 places got a completion" in output


async def test_a_broken_configuration_file_is_the_error_itself(home: Path) -> None:
    (home / "config.toml").write_text("[completion]\nenabled = 3\n")
    status, _, errors = await slipstream("try")
    assert status == 1
    assert errors.startswith("slipstream try: ")
    assert "config.toml:2" in errors


async def test_settings_that_are_ignored_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_COMPLETION_ENABLE", "true")
    (tmp_path / "empty.py").write_text("")
    _, _, errors = await slipstream("try", str(tmp_path / "empty.py"))
    assert "slipstream try: SLIPSTREAM_COMPLETION_ENABLE is no setting" in errors


@pytest.mark.parametrize(
    "wrong",
    [
        ("--places", "0"),
        ("--places", "-1"),
        ("--places", "x"),
        ("--timeout", "-3"),
        ("--timeout", "0"),
        ("--timeout", "nan"),
        ("--timeout", "inf"),
        ("--timeout", "soon"),
    ],
)
async def test_numbers_that_make_no_sense_are_called_wrongly(wrong: tuple[str, str]) -> None:
    status, _, errors = await slipstream("try", "=".join(wrong))
    assert status == 2
    assert wrong[0] in errors


async def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.py").write_bytes(b"x = 1\n\0\0y")
    status, _, errors = await slipstream("try", str(tmp_path / "data.py"))
    assert status == 1
    assert "is not a text file" in errors


async def test_a_server_that_dies_is_told_with_what_it_said_last() -> None:
    script = "import sys; sys.stdin.buffer.read(1); print('out of luck', file=sys.stderr); sys.exit(3)"
    with pytest.raises(SlipstreamError, match=r"status 3\.\nout of luck"):
        async with run_server([sys.executable, "-c", script]) as session:
            await session.request("initialize", {})


async def test_a_server_that_does_not_listen_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsp_session, "_LEAVE_SECONDS", 0.2)
    script = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
    async with asyncio.timeout(GUARD_SECONDS), run_server([sys.executable, "-c", script]) as session:
        with pytest.raises(SlipstreamError, match="did not answer initialize"):
            await session.request("initialize", {}, 0.2)


@pytest.mark.model
@pytest.mark.usefixtures("coder_model")
async def test_a_real_model_completes_the_sample() -> None:
    try:
        status, output, errors = await slipstream("try", "--places", "2", seconds=MODEL_GUARD_SECONDS)
        assert status == 0, errors
        assert "TTFT" in output
        assert "places got a completion" in output
    finally:
        await slipstream("stop")
