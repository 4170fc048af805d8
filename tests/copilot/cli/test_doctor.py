"""``slipstream doctor`` as a person and as a program reads it."""

import json
import os
import pty
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from copilot import __version__
from copilot.cli.doctor import as_text, summary
from copilot.doctor.finding import Finding, Verdict

SLIPSTREAM = Path(sysconfig.get_path("scripts")) / "slipstream"

OK = Finding(id="a", title="A", verdict=Verdict.OK, detail="fine")
WARN = Finding(id="b", title="Long title", verdict=Verdict.WARN, detail="so so\nand so", next_step="Do this.")
FAIL = Finding(id="c", title="C", verdict=Verdict.FAIL, detail="[bad]", next_step="Do that.")


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [SLIPSTREAM, "doctor", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", str(tmp_path / "models"))


def test_text() -> None:
    assert as_text([OK, WARN, FAIL]) == (
        "ok    A           fine\n"
        "warn  Long title  so so\n"
        "                  and so\n"
        "                  -> Do this.\n"
        "fail  C           [bad]\n"
        "                  -> Do that.\n"
        "\n"
        "No completion can come yet: C."
    )
    assert summary([OK]) == "Everything is ready."
    assert summary([OK, WARN]) == "Completions can come; 1 thing could be better."


def test_json_has_a_stable_shape(no_models: None) -> None:
    done = doctor("--json")
    said = json.loads(done.stdout)
    assert list(said) == ["version", "ok", "findings"]
    assert (said["version"], said["ok"], done.returncode) == (__version__, False, 1)
    for finding in said["findings"]:
        assert list(finding) == ["id", "title", "verdict", "detail", "next_step"]
        assert finding["verdict"] in {"ok", "warn", "fail"}
        assert finding["next_step"] or finding["verdict"] == "ok"


def test_without_a_model_it_fails_and_says_what_to_do(no_models: None) -> None:
    done = doctor()
    assert (done.returncode, done.stderr) == (1, "")
    assert "-> Run `slipstream models pull " in done.stdout
    assert done.stdout.endswith("No completion can come yet: Model.\n")
    assert "\x1b" not in done.stdout


@pytest.mark.model
def test_with_everything_in_place_it_succeeds(coder_model: Path) -> None:
    done = doctor("--json", PATH=f"{SLIPSTREAM.parent}:{os.environ['PATH']}")
    said = json.loads(done.stdout)
    verdicts = {finding["id"]: finding["verdict"] for finding in said["findings"]}
    assert done.returncode == 0, said
    assert said["ok"] is True
    assert (verdicts["model"], verdicts["engine.llama_cpp"], verdicts["command"]) == ("ok", "ok", "ok")


def test_a_named_file_that_is_missing_is_a_finding(no_models: None) -> None:
    done = doctor("--config", "nowhere.toml")
    assert done.returncode == 1
    assert "There is no configuration file nowhere.toml." in done.stdout


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_on_a_terminal(no_models: None, no_color: str, coloured: bool) -> None:
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100"}
    environment.pop("NO_COLOR", None)
    if no_color:
        environment["NO_COLOR"] = no_color
    ours, theirs = pty.openpty()
    with subprocess.Popen([SLIPSTREAM, "doctor"], stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        seen = b""
        # A terminal whose other side is closed ends with an error on Linux, with nothing elsewhere.
        try:
            while chunk := os.read(ours, 65536):
                seen += chunk
        except OSError:
            pass
        finally:
            os.close(ours)
        assert process.wait(timeout=60) == 1
    text = seen.decode()
    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    assert ("\x1b[32mok" in text) == coloured
    assert re.search(r"^fail +Model ", plain, re.MULTILINE)
    assert "No completion can come yet: Model." in plain
