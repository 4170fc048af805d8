"""``slipstream models`` as a user meets it."""

import json
import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from copilot.cli import main
from copilot.weights import store
from tests.copilot.weights import tiny
from tests.copilot.weights.hub_server import HubServer
from tests.copilot.weights.test_added import REPO, published

Output = pytest.CaptureFixture[str]
DEFAULT = "qwen2.5-coder-0.5b-instruct-q4_k_m"


@pytest.fixture(autouse=True)
def models_dir(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", str(home / "models"))
    return home / "models"


@pytest.fixture
def hub() -> Iterator[HubServer]:
    with HubServer(tiny.model_bytes()).running() as server:
        published(server, "tiny-Q4_K_M.gguf")
        yield server


def models(*words: str, hub: HubServer | None = None) -> int:
    settings: Sequence[str] = ["--set", f"download.hub={hub.url}"] if hub else []
    return main([*settings, "models", *words])


def test_list_shows_what_is_known(capsys: Output) -> None:
    assert models("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(rf"\* {re.escape(DEFAULT)} +missing +491 MB  Apache-2\.0", lines[0])
    assert lines[1].startswith("  qwen2.5-coder-1.5b")


def test_list_for_programs(capsys: Output, models_dir: Path) -> None:
    assert models("list", "--json") == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["id"] for row in rows if row["default"]] == [DEFAULT]
    row = next(row for row in rows if row["id"] == DEFAULT)
    assert row["path"] == str(models_dir / f"{DEFAULT}.gguf")
    assert (row["state"], row["size_bytes"], row["family"]) == ("missing", 491_400_064, "qwen")


def test_a_repository_from_add_to_remove(hub: HubServer, capsys: Output, models_dir: Path) -> None:
    assert models("add", REPO, hub=hub) == 0
    told = capsys.readouterr().out
    assert "Added tiny-q4_k_m (prompt format plain, Q4_K_M, 3 MB, mit)." in told
    assert "slipstream models pull tiny-q4_k_m" in told

    assert models("path", "tiny-q4_k_m") == 1
    assert "slipstream models pull tiny-q4_k_m" in capsys.readouterr().err

    assert main(["--set", f"download.hub={hub.url}", "--set", "model.completion=tiny-q4_k_m", "models", "pull"]) == 0
    output = capsys.readouterr()
    path = models_dir / "tiny-q4_k_m.gguf"
    assert output.out == f"tiny-q4_k_m is ready: {path}\n"
    assert "fetching from the hub" in output.err
    assert path.read_bytes() == hub.content

    assert models("path", "tiny-q4_k_m") == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert models("verify") == 0
    assert "tiny-q4_k_m: right (" in capsys.readouterr().out

    assert models("remove", "tiny-q4_k_m") == 0
    assert f"removed {path}" in capsys.readouterr().out
    assert not path.exists()
    assert models("remove", "tiny-q4_k_m") == 1
    assert "No model is called 'tiny-q4_k_m'" in capsys.readouterr().err


def test_a_file_of_the_users_own(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(tiny.gguf())
    assert models("add", str(path), "--id", "mine", "--family", "plain") == 0
    told = capsys.readouterr().out
    assert "Added mine (prompt format plain" in told
    assert "model.completion=mine" in told
    assert "slipstream stop" in told
    assert models("path", "mine") == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert models("remove", "mine") == 0
    assert path.exists()


def test_a_folder_for_a_gpu_is_said_to_be_one(tmp_path: Path, capsys: Output) -> None:
    assert models("add", str(tiny.exl2_folder(tmp_path / "coder"))) == 0
    told = capsys.readouterr().out
    assert "runs on a CUDA GPU, with `pip install 'slipstream-copilot[gpu]'`" in told
    assert "model.completion=coder" in told


def test_verify_names_what_is_wrong(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(tiny.gguf())
    models("add", str(path))
    path.write_bytes(tiny.gguf()[:-1] + b"\0")
    capsys.readouterr()
    assert models("verify") == 1
    assert "own should be: its SHA-256 differs." in capsys.readouterr().err
    assert models("verify", "own") == 1
    assert "its SHA-256 differs." in capsys.readouterr().err


def test_nothing_to_verify(capsys: Output) -> None:
    assert models("verify") == 0
    assert "No model is here yet" in capsys.readouterr().out


def test_remove_when_nothing_is_here(capsys: Output) -> None:
    assert models("remove", DEFAULT) == 0
    assert capsys.readouterr().out == f"Nothing of {DEFAULT} is here.\n"


def test_errors_are_a_sentence_and_the_next_step(capsys: Output) -> None:
    assert models("pull", "qwen2.5-coder-0.5b") == 1
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "slipstream models: No model is called 'qwen2.5-coder-0.5b'."
    assert DEFAULT in said[1]
    assert len(said) == 2


def test_a_broken_manifest_is_named_and_can_be_removed(capsys: Output) -> None:
    broken = store.added_path("broken")
    broken.parent.mkdir(parents=True)
    broken.write_text("nonsense")
    assert models("list") == 0
    assert f"{broken} is not a usable manifest" in capsys.readouterr().err
    assert models("remove", "broken") == 0
    assert not broken.exists()


def test_a_terminal_gets_a_bar(hub: HubServer, capsys: Output) -> None:
    models("add", REPO, hub=hub)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "copilot", "--set", f"download.hub={hub.url}", "models", "pull", "tiny-q4_k_m"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=theirs, text=True, env=environment)
    os.close(theirs)
    shown = b""
    while True:
        try:
            block = os.read(ours, 65536)
        except OSError:  # what Linux says when the other side of a terminal is closed
            break
        if not block:
            break
        shown += block
    os.close(ours)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out.startswith("tiny-q4_k_m is ready: ")
    assert "━".encode() in shown


@pytest.mark.parametrize("name", ["added", "made", "partial", "verified", "locks"])
def test_no_model_is_called_like_a_folder_of_slipstreams_own(tmp_path: Path, capsys: Output, name: str) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(tiny.gguf())
    assert models("add", str(path), "--id", name) == 1
    told = capsys.readouterr().err
    assert f"A model can't be called {name}" in told
    assert "--id" in told


@pytest.mark.parametrize("option", ["--vram", "--ram", "--bandwidth"])
@pytest.mark.parametrize("amount", ["0", "-1", "nan", "much"])
def test_recommend_wants_amounts(capsys: Output, option: str, amount: str) -> None:
    with pytest.raises(SystemExit) as caught:
        models("recommend", option, amount)
    assert caught.value.code == 2
    assert option in capsys.readouterr().err


def test_recommend_says_how_to_come_by_what_it_recommends(capsys: Output) -> None:
    assert models("recommend", "--vram", "24", "--bandwidth", "1008") == 0
    told = capsys.readouterr().out
    assert "Completion  Qwen2.5-Coder-7B-Instruct as EXL2" in told
    assert "slipstream models convert FOLDER-OF-Qwen2.5-Coder-7B-Instruct --bpw" in told


def test_interrupting_says_that_nothing_is_lost(hub: HubServer) -> None:
    models("add", REPO, hub=hub)
    hub.stall_after = 100_000
    command = [sys.executable, "-m", "copilot", "--set", f"download.hub={hub.url}", "models", "pull", "tiny-q4_k_m"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    while "fetching" not in (line := process.stderr.readline()):
        assert line, "it ended before it fetched anything"
    process.send_signal(2)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "What came is kept" in errors
    assert "Traceback" not in errors
