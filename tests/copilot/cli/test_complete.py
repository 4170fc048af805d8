"""`slipstream complete`, as a user types it."""

import asyncio
import sys
from pathlib import Path

import pytest

from copilot.cli import main
from copilot.cli.complete import Place, locate, parse_place
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.text.document import Document
from copilot.text.languages import language_of
from tests.fakes import ScriptedEngine
from tests.hosts import running

ROOT = Path(__file__).parents[3]
GUARD_SECONDS = 60.0
MODEL_GUARD_SECONDS = 280.0

CODE = "import math\n\n\ndef area(radius):\n    return \n\n\nprint(area(2))\n"
# What an instruct model likes to write: the line, a fence, an explanation.
WRITTEN = ("math.pi", " * radius", " ** 2", "\n", "```", "\n", "This returns the area.")


async def slipstream(*arguments: str, cwd: Path, text: str = "") -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "copilot",
        *arguments,
        cwd=cwd,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(MODEL_GUARD_SECONDS):
        output, errors = await process.communicate(text.encode())
    assert process.returncode is not None
    return process.returncode, output.decode(), errors.decode()


@pytest.fixture(autouse=True)
def settings(home: Path, request: pytest.FixtureRequest) -> None:
    """Of a user whose model is the scripted one."""
    if request.node.get_closest_marker("model") is None:
        (home / "config.toml").write_text('[model]\ncompletion = "scripted"\n')


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "area.py"
    path.write_text(CODE)
    return path


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("app.py:12", Place("app.py", 12)),
        ("app.py:12:5", Place("app.py", 12, 5)),
        ("a:b/c d.py:1:1", Place("a:b/c d.py", 1, 1)),
        ("./12:3:4", Place("./12", 3, 4)),
    ],
)
def test_places(text: str, place: Place) -> None:
    assert parse_place(text) == place


@pytest.mark.parametrize("text", ["app.py", "app.py:", "app.py:x", "app.py:0", "app.py:1:0", ":3", "app.py:1:-2", ""])
def test_what_is_no_place_is_said(text: str) -> None:
    with pytest.raises(SlipstreamError, match="counted from 1"):
        parse_place(text)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_lines_and_columns_are_counted_as_editors_do(ending: str) -> None:
    document = Document.from_text("file:///x", "plaintext", 1, f"ab\tc{ending}é𝄞{ending}")
    assert locate(document, Place("x", 1, 1)) == (0, 0)
    assert locate(document, Place("x", 1, 5)) == (0, 4)
    assert locate(document, Place("x", 1)) == (0, 4)
    assert locate(document, Place("x", 2)) == (1, 2)
    assert locate(document, Place("x", 3, 1)) == (2, 0)
    with pytest.raises(SlipstreamError, match="ends at column 5"):
        locate(document, Place("x", 1, 6))
    with pytest.raises(SlipstreamError, match="has 3 lines"):
        locate(document, Place("x", 4))


def test_languages_by_name() -> None:
    names = ("a.py", "b/C.TSX", "Makefile", "x.unknown", "noext")
    assert [language_of(Path(name)) for name in names] == [
        "python",
        "typescriptreact",
        "makefile",
        "plaintext",
        "plaintext",
    ]


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("nothing.py:1", "There is no file nothing.py."),
        ("area.py:99", "there is no line 99"),
        ("area.py:1:99", "there is no column 99"),
        ("area.py", "is not FILE:LINE"),
        ("binary:1", "is not text in UTF-8"),
        (".:1", "can't be read"),
    ],
)
def test_a_place_that_is_not_there_is_one_sentence_and_status_1(
    file: Path,
    place: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (file.parent / "binary").write_bytes(b"\xff\xfe\x00")
    monkeypatch.chdir(file.parent)
    assert main(["complete", place]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert "Traceback" not in printed.err


async def test_the_suggestion_and_nothing_else_goes_to_standard_output(file: Path) -> None:
    engine = ScriptedEngine(WRITTEN, ignore_limit=True, step_seconds=0.01)
    async with running(engine):
        status, output, errors = await slipstream("complete", "area.py:5:12", cwd=file.parent)
        assert (status, output, errors) == (0, "math.pi * radius ** 2", "")
        # Nothing more could come, so the engine was not kept busy.
        async with asyncio.timeout(GUARD_SECONDS):
            while engine.busy:  # noqa: ASYNC110 - it happens in the host
                await asyncio.sleep(0.01)
    assert engine.calls[0].ended == "cancelled"


async def test_raw_is_all_that_the_model_writes(file: Path) -> None:
    async with running(ScriptedEngine(WRITTEN)):
        assert await slipstream("complete", "area.py:5", "--raw", cwd=file.parent) == (0, "".join(WRITTEN), "")


async def test_no_suggestion_is_empty_output_and_status_0(file: Path) -> None:
    async with running(ScriptedEngine((" ", "\n", "```", "\nNothing to add."))):
        assert await slipstream("complete", "area.py:5", cwd=file.parent) == (0, "", "")


async def test_stats_go_to_standard_error(file: Path) -> None:
    async with running(ScriptedEngine(("math.pi", " * radius"))):
        status, output, errors = await slipstream("complete", "area.py:5", "--stats", cwd=file.parent)
    assert (status, output) == (0, "math.pi * radius")
    assert "TTFT" in errors
    assert "tokens/s" in errors
    assert "2 tokens, prompt 128, 0 reused" in errors


async def test_the_model_sees_the_text_around_the_place_and_the_limits_of_the_settings(file: Path) -> None:
    engine = ScriptedEngine(("x",))
    async with running(engine):
        arguments = ("--set", "completion.max_tokens=7", "complete", "area.py:5:12")
        assert (await slipstream(*arguments, cwd=file.parent))[0] == 0
    call = engine.calls[0]
    assert call.params.max_tokens == 7
    prompt = "".join(part.text for part in call.plan.parts)
    assert "def area(radius):\n    return" in prompt
    assert call.plan.held == " "


async def test_text_from_standard_input_under_a_name(tmp_path: Path) -> None:
    engine = ScriptedEngine(("a + b",))
    async with running(engine):
        answer = await slipstream(
            "complete", "unsaved.py:2", "--stdin", cwd=tmp_path, text="def add(a, b):\n    return "
        )
    assert answer == (0, "a + b", "")
    assert "def add(a, b):\n    return" in "".join(part.text for part in engine.calls[0].plan.parts)


async def test_a_host_that_fails_says_why(file: Path) -> None:
    # Half a line is of no use to anyone.
    engine = ScriptedEngine(("math", ".pi"), fail_at=1)
    async with running(engine):
        status, output, errors = await slipstream("complete", "area.py:5", cwd=file.parent)
    assert (status, output) == (1, "")
    assert errors == "slipstream complete: The engine worker died.\n  Ask again.\n"


async def test_another_model_than_the_host_has_is_not_just_ignored(file: Path) -> None:
    async with running(ScriptedEngine(("math.pi",))):
        arguments = ("--set", "model.completion=other", "complete", "area.py:5:12")
        status, output, errors = await slipstream(*arguments, cwd=file.parent)
    assert (status, output) == (0, "math.pi")
    assert "The running host uses scripted, not other." in errors
    assert "`slipstream stop` first to use other" in errors


@pytest.mark.model
@pytest.mark.usefixtures("coder_model")
async def test_a_real_model_completes_from_nothing_running(file: Path) -> None:
    try:
        status, output, errors = await slipstream("complete", "area.py:5:12", "--stats", cwd=file.parent)
        assert status == 0, errors
        assert "radius" in output
        assert "\n" not in output
        assert Settings().model.completion in errors
        assert "TTFT" in errors
    finally:
        await slipstream("stop", cwd=file.parent)
