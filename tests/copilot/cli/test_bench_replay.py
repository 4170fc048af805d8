"""``slipstream bench replay``: what a user sees of it, without a model."""

import json
import sys
from pathlib import Path

import pytest

from copilot.cli import main
from copilot.weights import store
from tests.conftest import CODER_MODEL

SCRIPTED = Path(__file__).parents[1] / "bench" / "replay" / "scripted_lsp.py"
QUICK = ["--traces", "1", "--lines", "3-5", "--jumps", "0"]


def bench(*args: str) -> int:
    return main(["bench", "replay", *args])


def test_help_says_what_it_does(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        bench("--help")
    assert raised.value.code == 0
    said = capsys.readouterr().out
    assert "--virtual" in said
    assert "examples:" in said


def test_without_arguments_but_virtual_it_plays_the_samples(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert bench("--virtual", *QUICK, "--json", str(tmp_path / "r.json"), "--svg", str(tmp_path / "r.svg")) == 0
    said = capsys.readouterr().out
    assert "completed ratio" in said
    assert "slipstream / llama.vim" in said
    found = json.loads((tmp_path / "r.json").read_text())
    assert set(found["results"]["pipelines"]) == {"slipstream", "llama.vim"}
    assert found["results"]["setup"]["clock"] == "virtual"
    assert (tmp_path / "r.svg").read_text().startswith("<svg")


def test_traces_are_saved_and_played_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = str(tmp_path / "traces.json")
    assert bench("--virtual", *QUICK, "--save-traces", file, "--peer", "none") == 0
    first = capsys.readouterr().out
    assert bench("--virtual", "--load-traces", file, "--peer", "none") == 0
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--files", "no/such"], "There is no folder no/such."),
        (["--load-traces", "no/such.json"], "No such file or directory: no/such.json"),
        (["--virtual", "--json", "no/such/r.json", *QUICK], "There is no folder no/such."),
        (["--virtual", "--lines", "5000"], "No file in the samples has a stretch of 5000 lines"),
        (["--virtual", "--lsp", "x", *QUICK], "A language server runs in real time only."),
        (["--lsp", "/no/such/server", "--peer", "none", *QUICK], "No such file or directory: /no/such/server"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence(
    args: list[str], message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert bench(*args) == 1
    assert message in capsys.readouterr().err


def test_a_folder_without_code_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.md").write_text("words\n" * 500)
    assert bench("--files", str(tmp_path)) == 1
    assert "holds no source files" in capsys.readouterr().err


@pytest.mark.parametrize("args", [["--traces", "0"], ["--lines", "9-2"], ["--lines", "x"], ["--speed", "warp"]])
def test_wrong_arguments_are_refused(args: list[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        bench(*args)
    assert raised.value.code == 2


def test_a_model_that_is_not_here_is_said_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", str(tmp_path))
    assert bench(*QUICK) == 1
    assert "models pull" in capsys.readouterr().err


def test_a_server_that_dies_ends_it_with_its_status(capsys: pytest.CaptureFixture[str]) -> None:
    options = json.dumps({"goal": "", "ends_after": 3})
    assert bench("--lsp", f"{sys.executable} {SCRIPTED} '{options}'", "--peer", "none", *QUICK) == 1
    assert "status 3" in capsys.readouterr().err


def test_no_tabby_agent_in_a_folder_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from copilot.bench.replay import tabby
    from copilot.bench.replay.llama_server import LlamaServer
    from copilot.errors import SlipstreamError

    async def enter() -> None:
        async with tabby.tabby_agent(tmp_path, LlamaServer(None, 0, tmp_path)):  # type: ignore[arg-type]
            raise AssertionError("it has started")

    import asyncio

    with pytest.raises(SlipstreamError) as raised:
        asyncio.run(enter())
    assert raised.value.code == "no_tabby_agent"
    assert "npm install" in raised.value.hint


@pytest.mark.model
def test_the_real_thing_beside_its_peer(coder_model: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """One short trace with the real host, worker, language server and llama.cpp's own server."""
    assert store.find(CODER_MODEL).path == coder_model
    file = tmp_path / "r.json"
    assert bench(*QUICK, "--speed", "fast", "--json", str(file)) == 0
    found = json.loads(file.read_text())["results"]["pipelines"]
    assert found["slipstream"]["prompt_tokens"] > 0
    assert found["slipstream"]["cpu_seconds"] > 0
    assert found["llama.vim"]["evaluated_tokens"] > 0
    assert found["llama.vim"]["requests"] > 0
    assert "completed ratio" in capsys.readouterr().out
