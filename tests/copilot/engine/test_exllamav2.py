"""ExLlamaV2's own generator, page table, model and cache, on a processor (see ``tests.engines``), behind the worker."""

import asyncio
import contextlib
import sys
import tempfile
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
import pytest_asyncio

from copilot.config.settings import EngineSettings
from copilot.engine import child
from copilot.engine.exllama import extension
from copilot.engine.process import GpuLoad, WorkerEngine
from copilot.engine.protocol import FinishReason, Layout, ModelInfo, SamplingParams, TokenEvent
from copilot.errors import SlipstreamError
from tests.copilot.engine.contract import (
    LETTERS,
    NUMBERS,
    EngineContract,
    collect,
    different,
    finish,
    plan,
    text,
)
from tests.copilot.engine.paged import PagedContract

pytestmark = [pytest.mark.torch, pytest.mark.model]

STEP = 512
"""Tokens of one prefill step, the fewest that there can be."""

GUARD = 240.0
"""Seconds after which a test that hangs fails. Nothing here is timed."""

INFO = ModelInfo(id="tiny", family="plain", context_length=8192)
NOTHING = SamplingParams(max_tokens=0)
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


def worker_that(tmp_path: Path, change: str) -> Path:
    """The worker on a processor, with something changed in it before it begins."""
    begin = "from copilot.engine import worker"
    program = WORKER.read_text().replace(begin, f"{change}\n{begin}")
    script = tmp_path / "worker.py"
    script.write_text(program.replace("Path(__file__).resolve().parents[2]", repr(str(WORKER.parents[2]))))
    return script


async def test_attention_that_sees_the_future_is_refused(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ExLlamaV2's own path without flash-attn would be: the output looks fine and is wrong."""
    change = (
        "from copilot.engine.exllama import flash\n"
        "real = flash._mask\n"
        "flash._mask = lambda *given, causal, window: real(*given, causal=False, window=window)"
    )
    monkeypatch.setattr(child, "COMMAND", ("-P", str(worker_that(tmp_path, change))))
    with pytest.raises(SlipstreamError, match="No way of computing attention is right") as caught:
        await start(tiny_folder)
    assert caught.value.code == "wrong_attention"


WRONG_STEPS = """
from copilot.engine.exllama import flash
real = flash._mask
def mask(total, queries, keys, **more):
    # A step of decoding misses the newest half of what it should see; prefill is right.
    return real(total // 2 if queries == 1 else total, queries, keys, **more)
flash._mask = mask
"""

WRONG_PAGES = """
from copilot.engine.exllama import flash
real = flash.flash_attn_with_kvcache
def attend(*given, block_table, **more):
    # Of two sequences side by side the second reads the pages of the first.
    return real(*given, block_table=block_table[:1].expand_as(block_table), **more)
import exllamav2.attn
exllamav2.attn.flash_attn_with_kvcache = attend
"""


@pytest.mark.parametrize("change", [WRONG_STEPS, WRONG_PAGES])
async def test_a_few_wrong_positions_do_not_hide_behind_many_right_ones(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    monkeypatch.setattr(child, "COMMAND", ("-P", str(worker_that(tmp_path, change))))
    with pytest.raises(SlipstreamError) as caught:
        await start(tiny_folder)
    assert caught.value.code == "wrong_attention"


async def test_the_reference_is_not_the_librarys_own_which_overflows(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with Qwen2.5 7B, whose products of queries and keys are beyond half precision before they are scaled."""
    change = (
        "from exllamav2.attn import ExLlamaV2Attention\n"
        "own = ExLlamaV2Attention._attn_torch\n"
        "def overflown(self, batch, count, q, k, v, *rest, **more):\n"
        "    return own(self, batch, count, q, k, v * float('nan'), *rest, **more)\n"
        "ExLlamaV2Attention._attn_torch = overflown"
    )
    monkeypatch.setattr(child, "COMMAND", ("-P", str(worker_that(tmp_path, change))))
    engine = await start(tiny_folder)
    assert text(await collect(engine, plan(NUMBERS))).startswith(" 16")
    await engine.close()


@pytest.mark.parametrize(("context", "chunk"), [(512, 512), (1024, 4096)])
async def test_a_context_as_small_as_a_step_of_prefill(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch, context: int, chunk: int
) -> None:
    monkeypatch.setattr(child, "COMMAND", ("-P", str(WORKER)))
    engine = await start(tiny_folder, slots=1, context_tokens=context, gpu_batch_tokens=chunk)
    assert engine.model.context_length == context
    assert text(await collect(engine, plan(NUMBERS))).startswith(" 16")
    # A prompt that leaves room for nothing can still be prefilled.
    full = msgspec.structs.replace(plan(" x" * (context - 1)), layout=Layout.PREFIX)
    end = finish(await collect(engine, full, NOTHING))
    assert (end.prompt_tokens, end.generated_tokens) == (context - 1, 0)
    await engine.close()


async def test_the_cache_may_hold_more_than_one_request(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages are shared: many short prompts side by side need room, not a long context."""
    monkeypatch.setattr(child, "COMMAND", ("-P", str(WORKER)))
    info = msgspec.structs.replace(INFO, context_length=1024)
    settings = EngineSettings(context_tokens=4096, slots=4)
    engine = await WorkerEngine.start(tiny_folder, info, settings, gpu=GpuLoad(backend="exllamav2"))
    assert engine.model.context_length == 1024
    params = SamplingParams(max_tokens=500)
    streams = [engine.generate(plan(different(number)), params) for number in range(4)]

    async def begin(stream: AsyncGenerator[TokenEvent]) -> None:
        while not (await anext(stream)).text:
            pass

    # All of them run at once, with 700 tokens each.
    await asyncio.wait_for(asyncio.gather(*map(begin, streams)), GUARD)
    for stream in streams:
        await stream.aclose()
    with pytest.raises(SlipstreamError) as caught:
        await collect(engine, msgspec.structs.replace(plan(different(6) * 8), layout=Layout.PREFIX))
    assert caught.value.code == "context_too_long"
    await engine.close()


async def test_a_gpu_that_is_too_full_gets_a_smaller_cache_and_says_so(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimate is right, or too bold: then the load fails, and is tried with half of it."""
    change = (
        "import exllamav2\n"
        "real = exllamav2.ExLlamaV2.load_autosplit\n"
        "def load(self, cache, **more):\n"
        "    if cache.max_seq_len > 4096:\n"
        "        raise RuntimeError('Insufficient VRAM for model and cache')\n"
        "    real(self, cache, **more)\n"
        "exllamav2.ExLlamaV2.load_autosplit = load"
    )
    monkeypatch.setattr(child, "COMMAND", ("-P", str(worker_that(tmp_path, change))))
    engine = await start(tiny_folder, context_tokens=8192)
    assert engine.model.context_length == 4096
    assert "room for a KV cache of 4096 tokens, not 8192" in " ".join(engine.capabilities.notes)
    assert text(await collect(engine, plan(NUMBERS)))
    await engine.close()


async def test_one_that_has_no_room_at_all_is_said_to_have_none(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = "torch.cuda.mem_get_info = lambda _device=None: (600 * 1024**2, 8 * 1024**3)"
    monkeypatch.setattr(child, "COMMAND", ("-P", str(worker_that(tmp_path, change))))
    with pytest.raises(SlipstreamError, match="not enough memory on the GPU for tiny: it needs about") as caught:
        await start(tiny_folder)
    assert caught.value.code == "out_of_memory"
    assert "slipstream models recommend" in caught.value.hint


async def test_without_a_gpu_it_says_so(tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = worker_that(tmp_path, "torch.cuda.is_available = lambda: False")
    monkeypatch.setattr(child, "COMMAND", ("-P", str(script)))
    with pytest.raises(SlipstreamError, match="no CUDA GPU") as caught:
        await start(tiny_folder)
    assert caught.value.code == "no_gpu"


async def test_memory_that_runs_out_in_a_step_fails_what_runs_and_nothing_later(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    change = (
        "import exllamav2\n"
        "real, steps = exllamav2.ExLlamaV2.forward_chunk, []\n"
        "def forward(self, input_ids, **more):\n"
        "    # The first step in which two are decoded together; the check at the start has four of them.\n"
        "    steps.append(input_ids.shape[0])\n"
        "    if input_ids.shape[0] == 2 and steps.count(2) == 5:\n"
        "        raise torch.OutOfMemoryError('CUDA out of memory')\n"
        "    return real(self, input_ids, **more)\n"
        "exllamav2.ExLlamaV2.forward_chunk = forward"
    )
    monkeypatch.setattr(child, "COMMAND", ("-P", str(worker_that(tmp_path, change))))
    engine = await start(tiny_folder)
    both = (collect(engine, plan(text), SamplingParams(max_tokens=24)) for text in (NUMBERS, LETTERS))
    for failure in await asyncio.gather(*both, return_exceptions=True):
        assert isinstance(failure, SlipstreamError)
        assert (failure.code, failure.retryable) == ("out_of_memory", True)
    assert text(await collect(engine, plan(NUMBERS))).startswith(" 16")
    assert engine.restarts == 0
    await engine.close()


async def test_a_lora_that_may_run_code_is_refused(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "COMMAND", ("-P", str(WORKER)))
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.bin").touch()
    (adapter / "adapter_model.safetensors").touch()
    with pytest.raises(SlipstreamError, match=r"without an adapter_model\.bin") as caught:
        await start(tiny_folder, lora=str(adapter))
    assert caught.value.code == "unsafe_model_file"


async def test_a_lora_that_does_not_suit_is_said_to(
    tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "COMMAND", ("-P", str(WORKER)))
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_model.safetensors").touch()
    with pytest.raises(SlipstreamError, match=r"adapter .* does not suit tiny") as caught:
        await start(tiny_folder, lora=str(adapter))
    assert caught.value.code == "bad_setting"


async def test_guesses_change_the_speed_and_nothing_else(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With n-grams; the counts, stops and ends are as without, although the library ends its jobs early then."""
    monkeypatch.setattr(child, "COMMAND", ("-P", str(WORKER)))
    engine = await start(tiny_folder, speculation="ngram")
    assert engine.capabilities.speculative
    # Shorter than an n-gram.
    for short in ("a", "a b"):
        assert finish(await collect(engine, plan(short), SamplingParams(max_tokens=5))).generated_tokens == 5
    events = await collect(engine, plan(NUMBERS), SamplingParams(max_tokens=9))
    assert text(events).startswith(" 16 17 18")
    assert finish(events).generated_tokens == 9
    stopped = await collect(engine, plan(NUMBERS, stop=(" 19",)), SamplingParams(max_tokens=40))
    assert text(stopped) == " 16 17 18"
    assert finish(stopped).reason is FinishReason.STOP
    whole = SamplingParams(max_tokens=32_000)
    end = finish(await collect(engine, plan("".join(different(number) for number in range(12, 17))), whole))
    # What a step of guesses might need besides is left free.
    assert 0 <= engine.capabilities.patient_tokens - end.prompt_tokens - end.generated_tokens <= 8
    await engine.close()


def test_without_cuda_the_library_itself_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real import of the real library with a torch without CUDA, in a child process as the host does it."""
    # Other tests may have put their own there.
    monkeypatch.delitem(sys.modules, "exllamav2_ext", raising=False)
    with pytest.raises(SlipstreamError, match="ExLlamaV2 can't be used: the torch that is installed") as caught:
        extension.ensure("exllamav2", lambda _what, _share: None, threading.Event())
    assert caught.value.code == "engine_failed"
    assert "CUDA build" in caught.value.hint
