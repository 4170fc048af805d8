"""All checks together: each for itself, in a stable order."""

from collections.abc import Callable
from pathlib import Path

import pytest

from copilot.doctor import examination, installation, machine
from copilot.doctor.finding import Finding, Verdict, isolated
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus

IDS = [
    "python",
    "package",
    "command",
    "config",
    "cpu",
    "memory",
    "disk",
    "gpu",
    "engine.llama_cpp",
    "model",
    "runtime",
    "host",
]


def examined(config_file: str | None = None, *overrides: str) -> dict[str, Finding]:
    return {finding.id: finding for finding in examination.examine(config_file, overrides)}


@pytest.fixture
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", str(tmp_path / "models"))
    return tmp_path / "models"


def test_every_check_answers_once_in_order_and_changes_nothing(home: Path, no_models: Path) -> None:
    findings = examination.examine()
    assert [finding.id for finding in findings if not finding.id.startswith("engine.") or "llama" in finding.id] == IDS
    assert not any("could not be checked" in finding.detail for finding in findings)
    assert list(home.iterdir()) == []
    assert not no_models.exists()


def test_a_missing_model_is_essential(no_models: Path) -> None:
    found = examined()
    assert found["model"].verdict is Verdict.FAIL
    assert "slipstream models pull qwen2.5-coder-0.5b-instruct-q4_k_m" in found["model"].next_step
    assert not examination.healthy(list(found.values()))


def test_a_missing_model_that_the_host_fetches_is_awaited(no_models: Path) -> None:
    status = HostStatus(state=HostState.STARTING, version="1", pid=1, detail="Fetching it, 40 %")
    finding = examination.model("qwen2.5-coder-0.5b-instruct-q4_k_m", status)
    assert finding.verdict is Verdict.WARN
    assert "Fetching it, 40 %" in finding.detail


def test_an_unknown_model_is_told_with_the_nearest(no_models: Path) -> None:
    found = examined(None, "model.completion=qwen2.5-coder-0.5b")
    assert found["model"].verdict is Verdict.FAIL
    assert "qwen2.5-coder-0.5b-instruct-q4_k_m" in found["model"].next_step
    assert "memory" not in found


def test_a_damaged_model_is_noticed(no_models: Path) -> None:
    from copilot.weights import store

    model_id = "qwen2.5-coder-0.5b-instruct-q4_k_m"
    path = store.location(store.manifest(model_id))
    path.parent.mkdir(parents=True)
    path.write_bytes(b"GGUF")
    found = examined()["model"]
    assert found.verdict is Verdict.FAIL
    assert str(path) in found.detail
    assert found.next_step == f"Run `slipstream models pull {model_id}` to replace it."


@pytest.mark.model
def test_the_real_model_is_verified(coder_model: Path) -> None:
    found = examined()
    assert found["model"].verdict is Verdict.OK
    assert str(coder_model) in found["model"].detail
    assert examination.healthy(list(found.values()))


def test_settings_with_mistakes_are_a_finding_and_the_rest_goes_on(home: Path, no_models: Path) -> None:
    file = home / "config.toml"
    file.write_text("[engine]\nthreads = 'x'\nslots = 0\n")
    found = examined()
    assert found["config"].verdict is Verdict.FAIL
    assert f"{file}:2: " in found["config"].detail
    assert f"{file}:3: " in found["config"].detail
    assert set(IDS) <= set(found)


def test_a_check_that_fails_itself_fails_alone(monkeypatch: pytest.MonkeyPatch, no_models: Path) -> None:
    def broken() -> Finding:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(machine, "gpu", broken)
    monkeypatch.setattr(installation, "command", broken)
    found = examined()
    assert found["gpu"].verdict is Verdict.WARN
    assert found["gpu"].detail == "This could not be checked: ZeroDivisionError: by zero"
    assert found["command"].title == "Command"
    assert set(IDS) <= set(found)


def raising(error: Exception) -> Callable[[], Finding]:
    def check() -> Finding:
        raise error

    return check


def test_what_a_check_raises_becomes_its_finding() -> None:
    told = isolated("x", "X", raising(SlipstreamError("It broke.", hint="Mend it.")))
    assert told == Finding(id="x", title="X", verdict=Verdict.FAIL, detail="It broke.", next_step="Mend it.")
    missing = isolated("x", "X", raising(ModuleNotFoundError("No module named 'httpx'")))
    assert missing is not None
    assert missing.verdict is Verdict.FAIL
    assert "httpx" in missing.detail
