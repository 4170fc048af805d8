"""The units for systemd: what they start is there, and systemd understands them."""

import argparse
import importlib
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from copilot.cli import COMMANDS

UNITS = sorted((Path(__file__).parents[2] / "deploy" / "systemd").glob("*.service"))


def started(unit: Path) -> list[str]:
    found = re.search(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    assert found
    return shlex.split(found[1])


def test_there_are_some() -> None:
    assert {unit.stem for unit in UNITS} == {"slipstream", "slipstream-team"}


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_it_starts_a_command_that_takes_these_options(unit: Path) -> None:
    program, command, *options = started(unit)
    assert Path(program).name == "slipstream"
    parser = argparse.ArgumentParser()
    importlib.import_module(COMMANDS[command].module).add_arguments(parser)
    assert parser.parse_args(options).team is ("team" in unit.stem)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_systemd_finds_nothing_wrong(unit: Path, tmp_path: Path) -> None:
    text = unit.read_text().replace(started(unit)[0], "/bin/true")
    # A user that is not there on this machine.
    (tmp_path / unit.name).write_text(text.replace("User=slipstream\n", "User=daemon\n"))
    manager = "--system" if "team" in unit.stem else "--user"
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", manager, str(tmp_path / unit.name)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
    )
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []
