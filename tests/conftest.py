"""Shared fixtures. Each test gets user folders of its own; model files come from the real shared cache."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from copilot import paths

# Read before any fixture moves the folders: model files are large and checked, tests share them.
REAL_MODELS_DIR = paths.models_dir()

# A shell's background job ignores Ctrl-C, and so would every child that a test interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A deadline would be a timed assertion, and the machine may be busy.
hypothesis.settings.register_profile("untimed", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("untimed")

CODER_MODEL = "qwen2.5-coder-0.5b-instruct-q4_k_m"
TINY_MODEL = "smollm2-135m-instruct-q4_1"


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A user's folders of this test's own; short, because a Unix socket's path may not exceed 107 bytes."""
    folder = Path(tempfile.mkdtemp(prefix="ss-"))
    for name in [name for name in os.environ if name.startswith("SLIPSTREAM_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("SLIPSTREAM_HOME", str(folder))
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", str(REAL_MODELS_DIR))
    # Idle OpenMP threads that spin starve everything else on a small machine.
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    # A test may change the environment, but the user's own host is not to be stopped for it.
    environment, socket = dict(os.environ), paths.host_socket()
    yield folder
    if socket.exists():
        # Started on demand by something this test ran, it would outlive the test as it should outlive its clients.
        stop = [sys.executable, "-m", "copilot", "stop"]
        subprocess.run(stop, check=False, capture_output=True, timeout=60, env=environment)
    shutil.rmtree(folder, ignore_errors=True)


def _model(model_id: str) -> Path:
    from copilot.config.settings import DownloadSettings
    from copilot.errors import SlipstreamError
    from copilot.weights import pull, store

    try:
        return store.find(model_id).path
    except SlipstreamError:
        return pull.pull(model_id, DownloadSettings(), lambda _progress: None).path


@pytest.fixture
def coder_model(home: Path) -> Path:
    """The default model's file (491 MB, has FIM tokens); fetched once into the real cache."""
    return _model(CODER_MODEL)


@pytest.fixture
def tiny_model(home: Path) -> Path:
    """A 98 MB model without FIM tokens, for tests of mechanics."""
    return _model(TINY_MODEL)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same model as a folder of safetensors, for the GPU libraries."""
    from copilot.weights.convert.gguf_import import import_gguf

    return import_gguf(_model(TINY_MODEL), tmp_path_factory.mktemp("models") / "tiny").folder
