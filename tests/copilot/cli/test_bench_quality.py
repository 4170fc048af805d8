"""`slipstream bench quality`, as a user types it."""

import asyncio
import json
import signal
import sys
from pathlib import Path

import pytest

from copilot.cli import main
from tests.copilot.cli.test_complete import slipstream
from tests.fakes import ScriptedEngine
from tests.hosts import running

ROW = {
    "task_id": "double/1",
    "prompt": "def double(x):\n",
    "canonical_solution": "    y = x * 2\n",
    "suffix": "    return y\n",
    "test": "\n\ndef check(f):\n    assert f(2) == 4\n",
    "entry_point": "double",
}
# What an instruct model likes to write: the line, the one below, a fence, an explanation.
WRITTEN = ("    y", " = x", " * 2", "\n", "    return y", "\n", "```", "\n", "This doubles.")
GUARD_SECONDS = 60.0


@pytest.fixture(autouse=True)
def settings(home: Path, request: pytest.FixtureRequest) -> None:
    if request.node.get_closest_marker("model") is None:
        (home / "config.toml").write_text('[model]\ncompletion = "scripted"\n')


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "set.jsonl"
    path.write_text("".join(json.dumps(ROW | {"task_id": f"double/{n}"}) + "\n" for n in range(3)))
    return path


async def test_a_report_by_place_on_standard_output(data: Path, tmp_path: Path) -> None:
    async with running(ScriptedEngine(WRITTEN)):
        status, output, errors = await slipstream(
            "bench", "quality", "--data", "set.jsonl", "--places", "fresh-line,line-end", "--show", "1", cwd=tmp_path
        )
    assert (status, errors) == (0, "")
    assert "scripted, 1 set in set.jsonl, seed 0: 6 results" in output
    (row,) = [line.split() for line in output.splitlines() if line.startswith("fresh-line")][:1]
    assert row[1:5] == ["3", "prefix", "1.000", "(.44-1.00)"]
    assert "what trimming saved and broke" in output


async def test_results_are_kept_and_not_asked_for_again(data: Path, tmp_path: Path) -> None:
    arguments = ("bench", "quality", "--data", "set.jsonl", "--places", "fresh-line", "--json", "out.jsonl")
    engine = ScriptedEngine(WRITTEN)
    async with running(engine):
        assert (await slipstream(*arguments, "--limit", "2", cwd=tmp_path))[0] == 0
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert [row["stratum"] for row in rows] == ["fresh-line"] * 2
        assert rows[0]["shown"]["passed"] is True
        asked = len(engine.calls)
        status, output, _errors = await slipstream(*arguments, cwd=tmp_path)
    assert status == 0
    assert "3 results" in output
    assert len((tmp_path / "out.jsonl").read_text().splitlines()) == 3
    assert 0 < len(engine.calls) - asked <= asked


async def test_recorded_answers_need_no_model(data: Path, tmp_path: Path) -> None:
    arguments = ("bench", "quality", "--data", "set.jsonl", "--places", "fresh-line")
    async with running(ScriptedEngine(WRITTEN)):
        assert (await slipstream(*arguments, "--json", "out.jsonl", cwd=tmp_path))[0] == 0
    status, output, errors = await slipstream(*arguments, "--again", "out.jsonl", cwd=tmp_path)
    assert (status, errors) == (0, "")
    (row,) = [line.split() for line in output.splitlines() if line.startswith("fresh-line")][:1]
    assert row[1:6] == ["3", "1.000", "(.44-1.00)", "1.000", "(.44-1.00)"]
    status, _output, errors = await slipstream("bench", "quality", "--again", "out.jsonl", cwd=tmp_path)
    assert status == 1
    assert "out.jsonl holds no results for the sample that comes with Slipstream" in errors


async def test_masked_lines_of_any_folder(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.js").write_text("function add(a, b) {\n  return sum(a, b);\n}\n")
    async with running(ScriptedEngine(("  return sum(a, b);", "\n"))):
        status, output, errors = await slipstream("bench", "quality", "--data", "src", cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert "lines of 1 source file in src" in output
    assert "fresh-line" in output
    # Nothing to run here, so nothing is said about passing.
    (row,) = [line.split() for line in output.splitlines() if line.startswith("fresh-line")][:1]
    assert row[3] == "-"


async def test_orders_end_in_a_table_for_the_manifest(data: Path, tmp_path: Path) -> None:
    async with running(ScriptedEngine(WRITTEN)):
        status, output, _errors = await slipstream(
            "bench", "quality", "--data", "set.jsonl", "--places", "fresh-line", "--orders", cwd=tmp_path
        )
    assert status == 0
    assert output.rstrip().splitlines()[-2:] == ["[order]", 'fresh_line = "prefix"  # best of 3, p = 1']


async def test_the_sample_needs_no_data(tmp_path: Path) -> None:
    async with running(ScriptedEngine(("x",))):
        status, output, _errors = await slipstream("bench", "quality", "--limit", "1", "--no-run", cwd=tmp_path)
    assert status == 0
    assert "the sample that comes with Slipstream" in output
    assert "too small for a verdict" in output
    assert "programs ran" not in output


async def test_interrupted_it_says_what_there_is(data: Path, tmp_path: Path) -> None:
    engine = ScriptedEngine(WRITTEN, step_seconds=0.05)
    async with running(engine):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "copilot", "bench", "quality", "--data", "set.jsonl", "--json", "out.jsonl"),
            cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(GUARD_SECONDS):
            while not (tmp_path / "out.jsonl").exists():  # noqa: ASYNC110 - another process makes it
                await asyncio.sleep(0.01)
            process.send_signal(signal.SIGINT)
            output, errors = await process.communicate()
    assert process.returncode == 130
    assert b"suggestions by where the caret stands" in output
    assert b"interrupted; this is what there is" in errors
    assert b"Traceback" not in errors


async def test_an_engine_that_fails_ends_it_with_what_there_is(data: Path, tmp_path: Path) -> None:
    async with running(ScriptedEngine(WRITTEN, fail_at=1)):
        status, output, errors = await slipstream("bench", "quality", "--data", "set.jsonl", cwd=tmp_path)
    assert (status, output) == (1, "")
    assert errors == "slipstream bench: The engine worker died.\n  Ask again.\n"


async def test_another_model_than_the_host_has_is_said(data: Path, tmp_path: Path) -> None:
    async with running(ScriptedEngine(WRITTEN)):
        status, _output, errors = await slipstream(
            *("--set", "model.completion=other", "bench", "quality", "--data", "set.jsonl", "--limit", "1"),
            cwd=tmp_path,
        )
    assert status == 0
    assert "the running host uses scripted, not other; that is measured" in errors


async def test_an_order_that_the_model_lacks_is_said(data: Path, tmp_path: Path) -> None:
    async with running(ScriptedEngine(WRITTEN)):
        arguments = ("bench", "quality", "--data", "set.jsonl", "--layouts", "spm")
        status, _output, errors = await slipstream(*arguments, cwd=tmp_path)
    assert status == 1
    assert "The model has no order 'spm'.\n  It has prefix" in errors


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--data", "nowhere"], "There is no file or folder nowhere."),
        (["--data", "empty"], "holds no source files and no infilling sets"),
        (["--data", "set.jsonl", "--json", "no/such/out.jsonl"], "There is no folder"),
        (["--data", "set.jsonl", "--json", "set.jsonl"], "is no file of results"),
        (["--again", "nowhere"], "There is no file nowhere."),
        (["--data", "set.jsonl", "--places", "span"], "nothing to measure at span"),
    ],
)
def test_what_can_not_be_done_is_one_sentence_and_status_1(
    data: Path,
    arguments: list[str],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(data.parent)
    (data.parent / "empty").mkdir()
    assert main(["bench", "quality", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert sentence in printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--places", "here"], "there is no place 'here'"),
        (["--limit", "-1"], "is not a number from 0 on"),
        (["--suffix-tokens", "16,many"], "'many' is not a number"),
        (["--timeout", "0"], "is not a number of seconds above 0"),
        (["--layouts", ","], "name at least one"),
    ],
)
def test_called_wrongly_it_says_how(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["bench", "quality", *arguments])
    assert caught.value.code == 2
    assert sentence in capsys.readouterr().err


def test_help_names_the_places(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "quality", "--help"])
    text = capsys.readouterr().out
    for word in ("fresh-line", "before-closer", "--orders", "--suffix-tokens", "--data PATH"):
        assert word in text


@pytest.mark.model
@pytest.mark.usefixtures("coder_model")
async def test_a_real_model_on_the_sample(tmp_path: Path) -> None:
    try:
        arguments = ("bench", "quality", "--limit", "3", "--places", "fresh-line,begun", "--json", "out.jsonl")
        status, output, errors = await slipstream(*arguments, cwd=tmp_path)
        assert status == 0, errors
        assert "no network" in output or sys.platform != "linux"
        rows = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
        assert len(rows) == 6
        assert any(row["shown"]["passed"] for row in rows)
        orders = {generation["layout"] for row in rows for generation in row["generations"]}
        assert orders <= {"spm", "psm", "prefix"}
    finally:
        await slipstream("stop", cwd=tmp_path)
