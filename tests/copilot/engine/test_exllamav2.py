"""ExLlamaV2's own generator, page table, model and cache, on a processor (see ``tests.engines``), behind the worker."""

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from copilot.config.settings import EngineSettings
from copilot.engine import child
from copilot.engine.process import GpuLoad, WorkerEngine
from copilot.engine.protocol import (
    FinishReason,
    Keep,
    Layout,
    ModelInfo,
    Part,
    PromptPlan,
    SamplingParams,
)
from copilot.errors import SlipstreamError
from tests.copilot.engine.contract import NUMBERS, EngineContract, collect, different, finish, plan, text

pytestmark = [pytest.mark.torch, pytest.mark.model]

GUARD = 240.0
"""Seconds after which a test that hangs fails. Nothing here is timed."""

INFO = ModelInfo(id="tiny", family="plain", context_length=8192)
WORKER = Path(__file__).parents[2] / "engines" / "cpu_worker.py"


async def start(folder: Path, slots: int = 2, **changes: object) -> WorkerEngine:
    settings = msgspec.structs.replace(EngineSettings(context_tokens=2048, slots=slots), **changes)
    gpu = GpuLoad(backend="exllamav2")
    return await asyncio.wait_for(WorkerEngine.start(folder, INFO, settings, gpu=gpu), GUARD)


@pytest.fixture(autouse=True)
def on_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "COMMAND", ("-P", str(WORKER)))


@pytest.fixture
async def engine(tiny_folder: Path) -> AsyncIterator[WorkerEngine]:
    engine = await start(tiny_folder)
    yield engine
    await engine.close()


@pytest.fixture
async def single(tiny_folder: Path) -> AsyncIterator[WorkerEngine]:
    engine = await start(tiny_folder, slots=1)
    yield engine
    await engine.close()


class TestContract(EngineContract):
    prefill_step = 512
