"""From settings to an engine: what ends before one is started."""

from pathlib import Path

import msgspec
import pytest

from copilot.config.settings import DownloadSettings, ModelSettings, Settings
from copilot.errors import SlipstreamError
from copilot.serve.loading import load
from copilot.weights import added
from tests.copilot.weights import tiny


async def test_a_model_of_a_format_without_an_engine_is_said_to_be_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", str(tmp_path / "models"))
    of = added.add(str(tiny.exl2_folder(tmp_path / "coder")), added.Wanted(), DownloadSettings())
    settings = msgspec.structs.replace(Settings(), model=ModelSettings(completion=of.id))
    with pytest.raises(SlipstreamError, match="No engine of this version runs EXL2 models") as caught:
        await load(settings, lambda _detail, _progress=None: None)
    assert caught.value.code == "no_engine"
    assert "GGUF" in caught.value.hint
