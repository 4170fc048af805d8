"""ExLlamaV2 on a CUDA GPU: the same promises as on a processor, its compiled part and kernels, and how fast it is."""

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from copilot.config.settings import EngineSettings
from copilot.engine.process import GpuLoad, WorkerEngine
from copilot.engine.protocol import ModelInfo, SamplingParams
from tests.copilot.engine.contract import EngineContract, collect, different, plan, text
from tests.copilot.engine.paged import PagedContract
from tests.gpu import random_models

pytestmark = pytest.mark.gpu

GUARD = 240.0
RESULTS = Path(os.environ.get("SLIPSTREAM_GPU_RESULTS", "gpu-results"))
HOME = Path(os.environ.get("SLIPSTREAM_GPU_HOME", ".venv-gpu/home")).absolute()
"""Kept, so that the next run need not compile again."""


@pytest.fixture(scope="session", autouse=True)
def folders() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPSTREAM_HOME", str(HOME))
        yield


@pytest.fixture(scope="session")
def extension(folders: None) -> str:
    """The compiled part, built here. Some minutes on sixteen cores."""
    from copilot.engine.exllama import extension as compiled

    found = compiled.ensure("exllamav2", lambda _what, _share: None, threading.Event())
    assert not found or Path(found).is_dir()
    return found


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SmolLM2, from where ``run.sh`` found it."""
    from copilot.weights.convert.gguf_import import import_gguf

    given = os.environ.get("SLIPSTREAM_TEST_TINY", "")
    if not given:
        pytest.fail("there is no model: run tests/gpu/run.sh")
    return import_gguf(Path(given), tmp_path_factory.mktemp("models") / "tiny").folder


@pytest.fixture(scope="session")
def random_tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return random_models.make(tmp_path_factory.mktemp("models") / "random", random_models.TINY)


async def start(folder: Path, extension: str, slots: int = 2, context: int = 2048, **changes: Any) -> WorkerEngine:
    settings = msgspec.structs.replace(EngineSettings(context_tokens=context, slots=slots), **changes)
    info = ModelInfo(id="tiny", family="plain", context_length=32_768)
    gpu = GpuLoad(backend="exllamav2", extension=extension)
    return await asyncio.wait_for(WorkerEngine.start(folder, info, settings, gpu=gpu), GUARD)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tiny: Path, extension: str) -> AsyncIterator[WorkerEngine]:
    engine = await start(tiny, extension)
    yield engine
    await engine.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def single(tiny: Path, extension: str) -> AsyncIterator[WorkerEngine]:
    engine = await start(tiny, extension, slots=1)
    yield engine
    await engine.close()


@pytest.mark.asyncio(loop_scope="module")
class TestPages(PagedContract):
    cancels = 1000


@pytest.mark.asyncio(loop_scope="module")
class TestContract(EngineContract):
    prefill_step = 512


@pytest.mark.parametrize("cache", ["fp16", "q8", "q6", "q4"])
async def test_every_precision_of_the_cache_attends_rightly(tiny: Path, extension: str, cache: str) -> None:
    """The check at the start compares with the plain path, and refuses what is wrong."""
    engine = await start(tiny, extension, cache_type=cache)
    assert any("checked" in note for note in engine.capabilities.notes)
    assert text(await collect(engine, plan("1 2 3 4 5 6 7 8 9"), SamplingParams(max_tokens=8)))
    await engine.close()


async def test_quantised_weights_of_any_kind_are_computed_with(random_tiny: Path, extension: str) -> None:
    engine = await start(random_tiny, extension)
    # Not compared: its products of quantised weights are summed in any order, and random weights decide by a hair.
    events = await collect(engine, plan(different(1)), SamplingParams(max_tokens=32))
    assert text(events)
    await engine.close()


async def test_closing_gives_the_memory_back(tiny: Path, extension: str) -> None:
    import torch

    before = torch.cuda.mem_get_info()[0]
    engine = await start(tiny, extension, context=8192)
    assert torch.cuda.mem_get_info()[0] < before - 100 * 1024**2
    await engine.close()
    assert torch.cuda.mem_get_info()[0] > before - 50 * 1024**2


_REFERENCE = """
import sys, torch
from transformers import AutoModelForCausalLM
from copilot.engine.exllama.attention import sample_ids
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32).cuda().eval()
ids = torch.tensor([sample_ids(model.config.vocab_size)]).cuda()
with torch.inference_mode():
    torch.save(model(ids).logits[0].cpu(), sys.argv[2])
"""
_OURS = """
import sys, torch
sys.path.insert(0, sys.argv[3]) if sys.argv[3] else None
from copilot.engine.exllama import attention, flash
flash.install()
import exllamav2
config = exllamav2.ExLlamaV2Config(sys.argv[1]); config.max_input_len = 512; config.max_seq_len = 2048
model = exllamav2.ExLlamaV2(config)
cache = exllamav2.ExLlamaV2Cache(model, max_seq_len=2048, lazy=True)
model.load_autosplit(cache)
expected = torch.load(sys.argv[2])
def judge(got): return attention.judge([(expected, got)], "fp16")
plain = attention._plain(model, torch.tensor([attention.sample_ids(config.vocab_size)]))[0][:, : expected.shape[-1]]
print(flash.WAYS[flash.way("cuda", torch.float16)], judge(plain))
assert judge(plain).right
assert attention.check(model, cache, "fp16").right
"""


def test_the_plain_path_itself_is_what_transformers_computes(tiny: Path, extension: str, tmp_path: Path) -> None:
    """It is what every other path is held against."""
    pytest.importorskip("transformers")
    logits = str(tmp_path / "logits.pt")
    subprocess.run([sys.executable, "-c", _REFERENCE, str(tiny), logits], check=True, timeout=GUARD)
    subprocess.run([sys.executable, "-c", _OURS, str(tiny), logits, extension], check=True, timeout=GUARD)


@pytest.mark.parametrize("name", ["1.5B", "7B"])
def test_how_fast_it_is_is_written_down(name: str, extension: str, tmp_path: Path) -> None:
    """Random weights are as fast as others. No figure is asserted: they are for docs/measurements.md."""
    shape = {"1.5B": random_models.QWEN_1_5B, "7B": random_models.QWEN_7B}[name]
    folder = random_models.make(tmp_path / f"random-{name}-exl2-4.0bpw", shape)
    RESULTS.mkdir(parents=True, exist_ok=True)
    out = RESULTS / f"exllamav2-{name}.json"
    subprocess.run([sys.executable, "-m", "tests.gpu.speed", str(folder), str(out), extension], check=True, timeout=600)
    assert out.exists()
