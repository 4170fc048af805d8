"""Python, the package, the command and the settings file."""

import importlib.metadata
import sys
from pathlib import Path

import pytest

from copilot.config.load import load
from copilot.doctor import installation
from copilot.doctor.finding import Verdict


@pytest.mark.parametrize(
    ("version", "implementation", "verdict"),
    [
        ((3, 10), "CPython", Verdict.FAIL),
        ((3, 11), "CPython", Verdict.OK),
        ((3, 13), "CPython", Verdict.OK),
        ((3, 14), "CPython", Verdict.FAIL),
        ((3, 11), "PyPy", Verdict.FAIL),
    ],
)
def test_python(version: tuple[int, int], implementation: str, verdict: Verdict) -> None:
    finding = installation.judge_python(version, implementation)
    assert finding.verdict is verdict
    assert bool(finding.next_step) == (verdict is Verdict.FAIL)
    assert sys.executable in finding.detail


def test_this_python_will_do() -> None:
    assert installation.python().verdict is Verdict.OK


def test_another_package_of_our_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert installation.package().verdict is Verdict.OK
    owners = {"copilot": ["slipstream-copilot", "some-sdk"]}
    monkeypatch.setattr(importlib.metadata, "packages_distributions", lambda: owners)
    finding = installation.package()
    assert finding.verdict is Verdict.WARN
    assert "some-sdk also installs a package named copilot" in finding.detail


def command(folder: Path) -> Path:
    folder.mkdir()
    path = folder / "slipstream"
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_command_that_editors_start(tmp_path: Path) -> None:
    own, other = command(tmp_path / "own"), command(tmp_path / "other")
    link = tmp_path / "slipstream"
    link.symlink_to(own)

    assert installation.judge_command(str(own), own).verdict is Verdict.OK
    # As pipx and uv install it.
    assert installation.judge_command(str(link), own).verdict is Verdict.OK

    another = installation.judge_command(str(other), own)
    assert another.verdict is Verdict.WARN
    assert str(other) in another.detail
    assert str(own) in another.next_step

    hidden = installation.judge_command(None, own)
    assert hidden.verdict is Verdict.WARN
    assert str(own) in hidden.next_step

    nowhere = installation.judge_command(None, tmp_path / "nowhere" / "slipstream")
    assert nowhere.next_step.endswith(f"{sys.executable} -m copilot lsp")


def test_the_command_of_this_installation_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    finding = installation.command()
    assert (finding.verdict, finding.detail) == (Verdict.OK, f"{Path(sys.executable).parent / 'slipstream'} lsp")


def test_settings(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "the defaults are used" in installation.config(load()).detail
    (home / "config.toml").write_text("[engine]\nthreads = 2\n")
    finding = installation.config(load())
    assert finding.verdict is Verdict.OK
    assert finding.detail == f"{home / 'config.toml'}; set: engine.threads"
    monkeypatch.setenv("SLIPSTREAM_ENGINE_THREAD", "2")
    finding = installation.config(load())
    assert finding.verdict is Verdict.WARN
    assert "SLIPSTREAM_ENGINE_THREAD is no setting" in finding.detail
