"""``slipstream config``: where the file is, what is set, and from where."""

import json
import os
import re
import subprocess
import sysconfig
import tomllib
from pathlib import Path

import pytest

from copilot.cli import main
from copilot.config.document import sample
from copilot.config.schema import SETTINGS, value_of
from copilot.config.settings import Settings

SLIPSTREAM = Path(sysconfig.get_path("scripts")) / "slipstream"


def test_path_is_the_usual_file_or_the_named_one(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["config", "path"]) == 0
    assert capsys.readouterr().out == f"{home / 'config.toml'}\n"
    monkeypatch.setenv("SLIPSTREAM_CONFIG", "/elsewhere/c.toml")
    main(["config", "path"])
    assert capsys.readouterr().out == "/elsewhere/c.toml\n"
    main(["--config", "named.toml", "config", "path"])
    assert capsys.readouterr().out == "named.toml\n"


def test_show_tells_every_value_and_where_it_came_from(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = home / "config.toml"
    file.write_text("[engine]\nthreads = 2\n")
    assert main(["--set", "engine.slots=3", "config", "show"]) == 0
    said = capsys.readouterr().out
    origins = {line.split(" = ")[0]: line.split("   # ")[1] for line in said.splitlines()}
    assert set(origins) == set(SETTINGS)
    assert origins["engine.threads"] == f"{file}:2"
    assert origins["engine.slots"] == "command line"
    assert origins["engine.gpu_layers"] == "default"

    values = tomllib.loads(said)
    assert values["engine"] == {
        "threads": 2,
        "slots": 3,
        "context_tokens": 8192,
        "batch_tokens": 32,
        "gpu_layers": -1,
        "speculation": "off",
        "gpu_batch_tokens": 512,
        "gpu_devices": [],
        "cache_type": "auto",
        "lora": "",
    }
    assert values["completion"]["disabled_languages"] == []


def test_show_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "config.toml").write_text("[engine]\n\nthreads = 2\n")
    assert main(["config", "show", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    file = str(home / "config.toml")
    assert (said["path"], said["found"], said["warnings"]) == (file, True, [])
    assert said["settings"]["engine.threads"] == {"value": 2, "origin": "file", "name": file, "line": 3}
    defaults = {name: entry["value"] for name, entry in said["settings"].items() if entry["origin"] == "default"}
    assert len(defaults) == len(SETTINGS) - 1
    assert defaults["completion.disabled_languages"] == []
    assert defaults["host.idle_minutes"] == value_of(Settings(), "host.idle_minutes")


def test_show_warns_aside(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SLIPSTREAM_ENGINE_THREAD", "2")
    assert main(["config", "show", "--json"]) == 0
    captured = capsys.readouterr()
    assert "SLIPSTREAM_ENGINE_THREAD is no setting" in captured.err
    assert "SLIPSTREAM_ENGINE_THREAD is no setting" in json.loads(captured.out)["warnings"][0]


def test_sample(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config", "sample"]) == 0
    assert capsys.readouterr().out == sample()


def test_the_first_steps_of_someone_who_configures(home: Path) -> None:
    """Write the sample where ``path`` says, change a line, make a mistake, read what is said."""

    def config(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [SLIPSTREAM, "config", *arguments], capture_output=True, text=True, check=False, timeout=60, env=os.environ
        )

    file = Path(config("path").stdout.rstrip("\n"))
    file.write_text(config("sample").stdout.replace("#threads = 0", "threads = 2"))
    assert re.search(rf"^engine.threads = 2 +# {file}:\d+$", config("show").stdout, re.MULTILINE)
    file.write_text(file.read_text().replace("threads = 2", "threads = two"))
    done = config("show")
    assert (done.returncode, done.stdout) == (1, "")
    line = file.read_text().splitlines().index("threads = two") + 1
    assert done.stderr.startswith(f"slipstream config: {file}:{line}:11: Invalid value.\n  `slipstream config sample`")
    assert config("path").stdout.rstrip("\n") == str(file)


def test_without_an_action_it_says_which_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["config"])
    assert caught.value.code == 2
    assert "path | show | sample" in capsys.readouterr().err
