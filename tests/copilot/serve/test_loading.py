"""From settings to an engine: what ends before one is started."""

import importlib.util
from pathlib import Path

import msgspec
import pytest
from copilot_models import families

from copilot.config.settings import DownloadSettings, Settings
from copilot.errors import SlipstreamError
from copilot.serve.keeper import Loaded, Report
from copilot.serve.loading import load, load_stand_in, standing_in, with_completion
from copilot.weights import added
from tests.copilot.weights import tiny
from tests.fakes import ScriptedEngine


def gpu_settings(folder: Path) -> Settings:
    of = added.add(str(tiny.exl2_folder(folder)), added.Wanted(), DownloadSettings())
    return with_completion(Settings(), of.id)


@pytest.fixture(autouse=True)
def no_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", str(tmp_path / "models"))


async def test_without_its_library_a_gpu_model_says_what_to_install(tmp_path: Path) -> None:
    if importlib.util.find_spec("exllamav2") is not None:
        pytest.skip("ExLlamaV2 is installed")
    with pytest.raises(SlipstreamError, match="ExLlamaV2 is not installed") as caught:
        await load(gpu_settings(tmp_path / "coder"), lambda _detail, _progress=None: None)
    assert caught.value.code == "no_engine"
    assert "slipstream-copilot[gpu]" in caught.value.hint
    assert "GGUF" in caught.value.hint


async def test_guessing_with_a_draft_model_needs_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot.engine.exllama.extension.ensure", lambda *_: "")
    settings = gpu_settings(tmp_path / "coder")
    engine = msgspec.structs.replace(settings.engine, speculation="draft")
    with pytest.raises(SlipstreamError, match="no draft model is named") as caught:
        await load(msgspec.structs.replace(settings, engine=engine), lambda _detail, _progress=None: None)
    assert "model.draft" in caught.value.hint


async def test_what_stands_in_knows_for_what_and_what_to_return_to() -> None:
    broken = SlipstreamError("The GPU is gone.", code="no_gpu")
    works = False

    async def preferred(_report: Report) -> Loaded:
        if not works:
            raise broken
        return Loaded(ScriptedEngine([]), families.load("qwen"))

    async def small(_report: Report) -> Loaded:
        return Loaded(ScriptedEngine([]), families.load("plain"))

    def report(_detail: str, _progress: float | None = None, /) -> None: ...

    loaded = await standing_in(preferred, small)(report)
    assert (loaded.family.name, loaded.instead) == ("plain", broken)
    assert loaded.preferred is not None
    with pytest.raises(SlipstreamError, match="is gone"):
        await loaded.preferred(report)
    works = True
    returned = await loaded.preferred(report)
    assert (returned.family.name, returned.instead, returned.preferred) == ("qwen", None, None)
    assert returned.stand_in is not None
    again = await returned.stand_in(SlipstreamError("It crashed.", code="engine_failed"))(report)
    assert again.family.name == "plain"
    assert again.instead is not None
    assert again.instead.message == "It crashed."


async def test_whatever_goes_wrong_another_model_stands_in() -> None:
    async def preferred(_report: Report) -> Loaded:
        raise OSError("disk")

    async def small(_report: Report) -> Loaded:
        return Loaded(ScriptedEngine([]), families.load("plain"))

    loaded = await standing_in(preferred, small)(lambda _detail, _progress=None: None)
    assert loaded.instead is not None
    assert loaded.instead.code == "internal"


async def test_where_both_fail_the_chosen_one_is_told_of_first() -> None:
    async def preferred(_report: Report) -> Loaded:
        raise SlipstreamError("7b does not fit.", hint="Choose a smaller one.", code="out_of_memory")

    async def small(_report: Report) -> Loaded:
        raise SlipstreamError("There is no network.", hint="Connect.", code="no_network")

    with pytest.raises(SlipstreamError, match="7b does not fit") as caught:
        await standing_in(preferred, small)(lambda _detail, _progress=None: None)
    assert caught.value.code == "out_of_memory"
    assert caught.value.hint.startswith("Choose a smaller one.")
    assert "could not stand in: There is no network." in caught.value.hint


def test_an_adapter_and_a_draft_model_belong_to_one_model() -> None:
    engine = msgspec.structs.replace(Settings().engine, lora="adapter", speculation="draft", slots=3)
    settings = msgspec.structs.replace(Settings(), engine=engine)
    assert with_completion(settings, settings.model.completion) == settings
    other = with_completion(settings, "other")
    assert (other.engine.lora, other.engine.speculation, other.engine.slots) == ("", "off", 3)


async def test_what_needs_a_gpu_can_not_stand_in_for_a_gpu(tmp_path: Path) -> None:
    settings = gpu_settings(tmp_path / "coder")
    model = msgspec.structs.replace(settings.model, stand_in=settings.model.completion)
    with pytest.raises(SlipstreamError, match="needs a GPU itself"):
        await load_stand_in(msgspec.structs.replace(settings, model=model), lambda _detail, _progress=None: None)


async def test_one_that_is_not_known_is_named(tmp_path: Path) -> None:
    model = msgspec.structs.replace(Settings().model, stand_in="qwen2.5-coder-0.5")
    with pytest.raises(SlipstreamError, match=r"No model is called 'qwen2\.5-coder-0\.5'"):
        await load_stand_in(msgspec.structs.replace(Settings(), model=model), lambda _detail, _progress=None: None)
