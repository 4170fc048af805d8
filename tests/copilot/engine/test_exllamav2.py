"""ExLlamaV2's own generator, page table, model and cache, on a processor (see ``tests.engines``), behind the worker."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from copilot.config.settings import EngineSettings
from copilot.engine import child
from copilot.engine.process import GpuLoad, WorkerEngine
from copilot.engine.protocol import ModelInfo
from tests.copilot.engine.contract import EngineContract
from tests.copilot.engine.paged import PagedContract

pytestmark = [pytest.mark.torch, pytest.mark.model]

STEP = 512
"""Tokens of one prefill step, the fewest that there can be."""

GUARD = 240.0
"""Seconds after which a test that hangs fails. Nothing here is timed."""

INFO = ModelInfo(id="tiny", family="plain", context_length=8192)
WORKER = Path(__file__).parents[2] / "engines" / "cpu_worker.py"


@contextlib.contextmanager
def on_a_processor() -> Iterator[None]:
    """Workers run the library on a processor, and have folders of their own."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(prefix="ss-") as folder:
        patch.setattr(child, "COMMAND", ("-P", str(WORKER)))
        patch.setenv("SLIPSTREAM_HOME", folder)
        yield


async def start(folder: Path, slots: int = 2, **changes: object) -> WorkerEngine:
    settings = EngineSettings(context_tokens=2048, slots=slots, gpu_batch_tokens=STEP)
    settings = msgspec.structs.replace(settings, **changes)
    return await asyncio.wait_for(WorkerEngine.start(folder, INFO, settings, gpu=GpuLoad(backend="exllamav2")), GUARD)


# One engine for all: loading takes longer than most of the tests.
@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine(tiny_folder: Path) -> AsyncIterator[WorkerEngine]:
    with on_a_processor():
        engine = await start(tiny_folder)
        yield engine
        await engine.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def single(tiny_folder: Path) -> AsyncIterator[WorkerEngine]:
    with on_a_processor():
        engine = await start(tiny_folder, slots=1)
        yield engine
        await engine.close()


# Before the other, which closes the engine in the end.
@pytest.mark.asyncio(loop_scope="module")
class TestPages(PagedContract):
    pass


@pytest.mark.asyncio(loop_scope="module")
class TestContract(EngineContract):
    prefill_step = STEP
