"""`slipstream bench context`, as a user types it."""

import json
from argparse import Namespace
from pathlib import Path

import pytest

from copilot.bench.context.places import Kind
from copilot.cli.bench_context import _Run
from copilot.config.settings import Settings
from tests.copilot.cli.test_complete import slipstream
from tests.fakes import ScriptedEngine
from tests.hosts import running


@pytest.fixture(autouse=True)
def settings(home: Path) -> None:
    (home / "config.toml").write_text('[model]\ncompletion = "scripted"\n')


async def test_a_report_on_standard_output_and_in_a_file(tmp_path: Path) -> None:
    arguments = ("bench", "context", "--packages", "pluggy", "--places", "4", "--show", "1", "--report", "out.json")
    async with running(ScriptedEngine(("return", " hook", "(x)", "\n"))):
        status, output, errors = await slipstream(*arguments, cwd=tmp_path)
    assert (status, errors) == (0, "")
    assert output.startswith("scripted, seed 0, 6 places: pluggy ")
    assert "cross-file names" in output
    report = json.loads((tmp_path / "out.json").read_bytes())
    assert len(report["results"]) == 6
    assert {"no context", "all sources"} <= set(report["results"][0]["outcomes"])
    assert report["summaries"]
    assert report["retrieval_ms"]["again p50"] > 0


@pytest.mark.parametrize(("places", "packages"), [(28, 42), (24, 8), (1, 3), (7, 2)])
def test_places_are_shared_out_among_packages(places: int, packages: int) -> None:
    run = _Run(Namespace(places=places), Settings(), [None] * packages, [])  # type: ignore[list-item]
    wanted = [run._wanted(at) for at in range(packages)]
    assert all(count >= 0 for it in wanted for count in it.values())
    assert sum(it[Kind.OWN] for it in wanted) == places // 2
    assert sum(sum(it.values()) - it[Kind.OWN] for it in wanted) == places


async def test_a_package_that_is_not_installed(tmp_path: Path) -> None:
    status, _, errors = await slipstream("bench", "context", "--packages", "no_such_package", cwd=tmp_path)
    assert status != 0
    assert "no_such_package" in errors


async def test_a_report_to_nowhere_is_refused_before_anything_is_asked(tmp_path: Path) -> None:
    status, _, errors = await slipstream("bench", "context", "--report", "nowhere/out.json", cwd=tmp_path)
    assert status != 0
    assert "nowhere" in errors
