"""A cache of models of each test's own, instead of the shared real one."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
import tomli_w
from copilot_models.manifests import Manifest

from copilot.weights import disk, store
from tests.conftest import REAL_MODELS_DIR
from tests.copilot.weights import tiny
from tests.copilot.weights.hub_server import HubServer


@pytest.fixture(autouse=True)
def models_dir(home: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Path:
    if {"coder_model", "tiny_model"} & set(request.fixturenames):
        return REAL_MODELS_DIR  # a test that reads a real model fetches none
    for name in [name for name in os.environ if name.lower().endswith("_proxy") or name == "HF_TOKEN"]:
        monkeypatch.delenv(name)
    folder = home / "models"
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", str(folder))
    return folder


@pytest.fixture
def content() -> bytes:
    return tiny.model_bytes()


@pytest.fixture
def hub(content: bytes) -> Iterator[HubServer]:
    with HubServer(content).running() as server:
        yield server


@pytest.fixture
def know() -> Callable[[Manifest], Manifest]:
    """Make a manifest known, as if the user had added it."""

    def write(manifest: Manifest) -> Manifest:
        toml = tomli_w.dumps(msgspec.to_builtins(manifest)).encode()
        disk.write_atomic(store.added_path(manifest.id), toml)
        return manifest

    return write


@pytest.fixture
def wheel_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of wheels that is all that pip looks at, by the user's own configuration."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder
