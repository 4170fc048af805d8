"""The adapter of ExLlamaV3: against its source, of which every argument that is passed must be known, and driven with a
library that does what it is told. Its kernels need a GPU."""

import ast
import importlib.util
import json
import sys
import threading
import time
import types
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

torch = pytest.importorskip("torch")

from copilot.engine import exllamav3  # noqa: E402
from copilot.engine.backend import Cancellation  # noqa: E402
from copilot.engine.protocol import (  # noqa: E402
    FinishReason,
    Layout,
    Part,
    PromptPlan,
    SamplingParams,
)
from copilot.engine.wire import Event, Load  # noqa: E402
from copilot.errors import SlipstreamError  # noqa: E402

pytestmark = [pytest.mark.torch, pytest.mark.model]

PLAN = PromptPlan(parts=(Part(text="def area(width, height):\n", name="prompt"),), layout=Layout.PREFIX)


# ---------------------------------------------------------------------------------------------- against its source


def parameters(file: str, function: str, of: str = "") -> set[str]:
    """The names of a function's parameters in the installed source, which is not imported."""
    spec = importlib.util.find_spec("exllamav3")
    assert spec is not None
    assert spec.submodule_search_locations
    tree = ast.parse((Path(next(iter(spec.submodule_search_locations))) / file).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == of:
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and inner.name == function:
                    given = (*inner.args.args, *inner.args.kwonlyargs)
                    return {argument.arg for argument in given}
    raise AssertionError(f"{of}.{function} is not in {file} any more")


def passed(call: str) -> set[str]:
    """The keyword arguments that the adapter passes to what ends with ``call``."""
    tree = ast.parse(Path(exllamav3.__file__).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith(call):
            return {keyword.arg for keyword in node.keywords if keyword.arg is not None}
    raise AssertionError(f"{call} is not called")


@pytest.mark.parametrize(
    ("call", "file", "of", "function"),
    [
        ("library.Cache", "cache/cache.py", "Cache", "__init__"),
        ("library.Generator", "generator/generator.py", "Generator", "__init__"),
        ("library.Job", "generator/job.py", "Job", "__init__"),
        ("library.ComboSampler", "generator/sampler/presets.py", "ComboSampler", "__init__"),
        ("library.LLGuidanceFilter", "generator/filter/llguidance.py", "LLGuidanceFilter", "__init__"),
        ("model.load", "model/model.py", "Model", "load_gen"),
    ],
)
def test_every_argument_is_one_that_the_library_knows(call: str, file: str, of: str, function: str) -> None:
    """Most of them take ``**kwargs`` and would ignore one that is misspelled, or that a new version calls otherwise."""
    given = passed(f"_{call}") if f"self._{call}" in Path(exllamav3.__file__).read_text() else passed(call)
    assert given
    assert given <= parameters(file, function, of)


def test_the_results_have_the_form_that_is_read() -> None:
    spec = importlib.util.find_spec("exllamav3")
    assert spec is not None
    root = Path(next(iter(spec.submodule_search_locations or [])))
    job, generator = ((root / "generator" / name).read_text() for name in ("job.py", "generator.py"))
    for field in ("curr_progress", "token_ids", "logits", "eos_reason", "new_tokens", "held"):
        assert f'"{field}"' in job
    assert '"stage": "error"' in generator
    assert "self.cached_pages" in job
    # What copilot.engine.exllama.owners relies on.
    table = (root / "generator" / "pagetable.py").read_text()
    for text in (job, table):
        assert "tensor_hash_checksum(page_ids, " in text
    assert "prev_hash = None if p0 == 0 else" in job
    assert "for page in self.pagetable.all_pages:" in job
    assert job.count("all_pages") == 1
    assert "self.cached_tokens" in job


# ------------------------------------------------------------------------------------------- driven by a fake library


class Generator:
    """Prefills in two steps, then says the bytes of ``answer``; then the token that ends the text."""

    answer = b"    return width * height\n"
    end = 0
    fail: Exception | None = None
    gate: threading.Event | None = None
    """Where given, the second letter waits for it."""
    made: ClassVar[list["Generator"]] = []

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.tokenizer = given["tokenizer"]
        self.pagetable = SimpleNamespace(all_pages=[])
        self.jobs: list[Any] = []
        self.enqueued: list[Any] = []
        self.cancelled: list[Any] = []
        self.closed = False
        Generator.made.append(self)

    def enqueue(self, job: Any) -> None:
        self.jobs.append(job)
        self.enqueued.append(job)

    def cancel(self, job: Any) -> None:
        self.jobs.remove(job)
        self.cancelled.append(job)

    def clear_queue(self) -> None:
        self.jobs.clear()

    def close(self) -> None:
        self.closed = True

    def iterate(self) -> list[dict[str, Any]]:
        return [result for job in list(self.jobs) for result in self._step(job)]

    def _step(self, job: Any) -> Iterator[dict[str, Any]]:
        told = {"job": job, "identifier": job.identifier, "eos": False}
        job.at += 1
        if job.at <= 2:
            yield {**told, "stage": "prefill", "curr_progress": job.at * (job.length - 1) // 2}
            return
        if self.fail is not None:
            self.jobs.remove(job)
            yield {"job": job, "stage": "error", "eos": True, "error": self.fail}
            return
        at = job.at - 3
        if at == 1 and self.gate is not None:
            assert self.gate.wait(20)
        limit = job.given["max_new_tokens"]
        if at >= len(self.answer):
            self.jobs.remove(job)
            held = {"token_ids": torch.tensor([[self.end]])}
            yield {
                **told,
                "stage": "streaming",
                "eos": True,
                "eos_reason": "stop_token",
                "held": held,
                "new_tokens": at + 1,
            }
            return
        done = at + 1 == limit
        if done:
            self.jobs.remove(job)
        logits = torch.zeros(1, 1, 49_152)
        logits[0, 0, job.letters[at]] = 20.0
        result = {**told, "stage": "streaming", "eos": done, "token_ids": torch.tensor([[job.letters[at]]])}
        if job.given["return_logits"]:
            result["logits"] = logits
        if done:
            result |= {"eos_reason": "max_new_tokens", "new_tokens": limit}
        yield result


class Job:
    letters: ClassVar[list[int]] = []

    def __init__(self, **given: Any) -> None:
        self.given = given
        self.identifier = given["identifier"]
        self.length = given["input_ids"].shape[-1]
        self.at = 0
        self.cached_pages = self.cached_tokens = 0
        self.sequences: list[Any] = []

    def prepare_for_queue(self) -> None: ...
    def prefill(self) -> None: ...
    def receive_sample(self) -> None: ...


class Model:
    unloaded: ClassVar[list["Model"]] = []
    refusals: ClassVar[list[Exception]] = []
    """Raised by the next loads, in turn."""

    def __init__(self, config: Any) -> None:
        self.config = config

    @staticmethod
    def from_config(config: Any) -> "Model":
        return Model(config)

    def load(self, *, callback: Any = None, **_given: Any) -> None:
        if Model.refusals:
            raise Model.refusals.pop(0)
        for done in range(5):
            if callback is not None:
                callback(done, 4)

    def unload(self) -> None:
        Model.unloaded.append(self)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch, tiny_folder: Path) -> Iterator[type[Generator]]:
    from tests.engines import cpu_exllamav2

    module = types.ModuleType("exllamav3")
    vars(module).update(
        Config=SimpleNamespace(from_directory=lambda folder: SimpleNamespace(directory=folder)),
        Model=Model,
        Cache=lambda model, **given: SimpleNamespace(model=model, **given),
        Tokenizer=SimpleNamespace(from_config=lambda config: SimpleNamespace(config=config)),
        Generator=Generator,
        Job=Job,
        ArgmaxSampler=lambda: "argmax",
        ComboSampler=lambda **given: given,
        LLGuidanceFilter=lambda _tokenizer, **given: given,
    )
    monkeypatch.setitem(sys.modules, "exllamav3", module)
    monkeypatch.setitem(sys.modules, "exllamav3.cache", SimpleNamespace(CacheLayer_quant="quantised"))
    for name in ("job", "pagetable"):
        hashing = SimpleNamespace(tensor_hash_checksum=lambda _tensor, before: before)
        monkeypatch.setitem(sys.modules, f"exllamav3.generator.{name}", hashing)
    cpu_exllamav2._pretend_cuda()
    from copilot.engine.exllama.vocabulary import Vocabulary

    vocabulary = Vocabulary(tiny_folder, "tiny")
    Job.letters = [vocabulary.tokenizer.content(chr(byte))[0] for byte in Generator.answer]
    Generator.end = max(vocabulary.ends)
    Generator.gate = None
    Generator.made, Generator.fail, Model.unloaded, Model.refusals = [], None, [], []
    yield Generator


def load(folder: Path, **changes: Any) -> Load:
    given: dict[str, Any] = {
        **{"path": str(folder), "folder": "", "name": "tiny", "context_tokens": 2048, "slots": 3, "batch_tokens": 512},
        **{"threads": 0, "gpu_layers": 0, "backend": "exllamav3"},
    }
    return Load(**{**given, **changes})


def cancelled(generator: Generator) -> Any:
    """The job that was cancelled last, which is a step after its request ended."""
    deadline = time.monotonic() + 20
    while not generator.cancelled and time.monotonic() < deadline:
        time.sleep(0.005)
    return generator.cancelled[-1]


def test_an_answer_comes_out_byte_by_byte_and_ends(library: type[Generator], tiny_folder: Path) -> None:
    shares: list[float] = []
    backend = exllamav3.open_model(load(tiny_folder), shares.append)
    assert shares[-1] == 1.0
    assert (backend.loaded.kv_reuse, backend.loaded.context_length) == ("pages", 2048)
    events: list[Event] = []
    end = backend.generate(1, PLAN, SamplingParams(max_tokens=96, logprobs=True), Cancellation(), events.append)
    assert b"".join(event.data for event in events) == Generator.answer
    assert end.reason is FinishReason.STOP
    assert end.generated_tokens == len(Generator.answer) + 1
    progress = [event.progress for event in events if event.progress]
    assert (progress[0].processed, progress[-1].processed) == (0, end.prompt_tokens)
    assert all(
        event.logprob is not None and -1e-3 < event.logprob <= 0 for event in events if event.token_id is not None
    )
    (made,) = library.made
    assert made.given["max_chunk_size"] == 512
    assert made.given["enable_defrag"] is False
    backend.close()
    assert made.closed
    assert len(Model.unloaded) == 1


def test_limits_stops_and_samplers_are_passed_on(library: type[Generator], tiny_folder: Path) -> None:
    backend = exllamav3.open_model(load(tiny_folder, cache_type="q6"), lambda _share: None)
    cut = backend.generate(1, PLAN, SamplingParams(max_tokens=4), Cancellation(), lambda _event: None)
    assert (cut.reason, cut.generated_tokens) == (FinishReason.LENGTH, 4)
    events: list[Event] = []
    params = SamplingParams(max_tokens=96, stop=(" * ",), temperature=0.7, top_p=0.9, seed=3, json_schema="{}")
    stopped = backend.generate(2, PLAN, params, Cancellation(), events.append)
    assert stopped.reason is FinishReason.STOP
    assert b"height" not in b"".join(event.data for event in events)
    (made,) = library.made
    job = made.enqueued[-1]
    assert job.given["sampler"] == {"temperature": 0.7, "top_k": 0, "top_p": 0.9}
    assert job.given["seed"] == 3
    assert job.given["filters"] == [{"json_schema": "{}", "eos_after_completed": True}]
    assert made.given["cache"].layer_type == "quantised"
    assert (made.given["cache"].k_bits, made.given["cache"].v_bits) == (6, 6)
    backend.close()


def test_one_job_that_fails_leaves_the_others(library: type[Generator], tiny_folder: Path) -> None:
    backend = exllamav3.open_model(load(tiny_folder), lambda _share: None)
    library.fail = ValueError("a filter of this job")
    with pytest.raises(SlipstreamError) as caught:
        backend.generate(1, PLAN, SamplingParams(), Cancellation(), lambda _event: None)
    assert caught.value.retryable
    library.fail = None
    assert backend.generate(2, PLAN, SamplingParams(max_tokens=2), Cancellation(), lambda _event: None).generated_tokens
    backend.close()


def test_memory_that_runs_out_in_a_job_is_told_as_that(library: type[Generator], tiny_folder: Path) -> None:
    backend = exllamav3.open_model(load(tiny_folder), lambda _share: None)
    library.fail = torch.OutOfMemoryError("CUDA out of memory")
    with pytest.raises(SlipstreamError) as caught:
        backend.generate(1, PLAN, SamplingParams(), Cancellation(), lambda _event: None)
    assert (caught.value.code, caught.value.retryable) == ("out_of_memory", True)
    library.fail = None
    assert backend.generate(2, PLAN, SamplingParams(max_tokens=2), Cancellation(), lambda _event: None).generated_tokens
    backend.close()


def test_where_it_does_not_fit_the_cache_is_made_smaller(library: type[Generator], tiny_folder: Path) -> None:
    Model.refusals = [RuntimeError("Insufficient VRAM in split for model and cache"), torch.OutOfMemoryError("full")]
    backend = exllamav3.open_model(load(tiny_folder, context_tokens=8192), lambda _share: None)
    assert backend.loaded.context_length == 2048
    assert "room for a KV cache of 2048 tokens, not 4096" in " ".join(backend.loaded.notes)
    assert len(Model.unloaded) == 2
    backend.close()
    Model.refusals = [RuntimeError("Insufficient VRAM in split for model and cache")]
    with pytest.raises(SlipstreamError) as caught:
        exllamav3.open_model(load(tiny_folder), lambda _share: None)
    assert caught.value.code == "out_of_memory"


def test_a_draft_model_that_has_no_room_is_gone_without(library: type[Generator], tiny_folder: Path) -> None:
    class Second(list[Exception]):
        """The first load is the model's own."""

        calls = 0

        def __bool__(self) -> bool:
            self.calls += 1
            return self.calls == 2

    Model.refusals = Second([torch.OutOfMemoryError("full")])
    backend = exllamav3.open_model(load(tiny_folder, speculation="draft", draft=str(tiny_folder)), lambda _share: None)
    assert any("no room for the draft model" in note for note in backend.loaded.notes)
    assert library.made[0].given["draft_model"] is None
    backend.close()


def test_a_draft_model_with_other_tokens_is_refused(
    library: type[Generator], tiny_folder: Path, tmp_path: Path
) -> None:
    described = json.loads((tiny_folder / "tokenizer.json").read_text())
    described["added_tokens"].append({"id": 99_999, "content": "<|more|>", "special": True})
    (tmp_path / "tokenizer.json").write_text(json.dumps(described))
    with pytest.raises(SlipstreamError, match="has other tokens") as caught:
        exllamav3.open_model(load(tiny_folder, speculation="draft", draft=str(tmp_path)), lambda _share: None)
    assert caught.value.code == "bad_setting"


def test_a_cancel_is_passed_on_before_the_next_step(library: type[Generator], tiny_folder: Path) -> None:
    backend = exllamav3.open_model(load(tiny_folder), lambda _share: None)
    cancellation = Cancellation()
    library.gate = gate = threading.Event()

    def take(event: Event) -> None:
        if event.data:
            cancellation.set()
            gate.set()

    end = backend.generate(1, PLAN, SamplingParams(max_tokens=96), cancellation, take)
    assert end.reason is FinishReason.CANCELLED
    assert end.generated_tokens < len(Generator.answer)
    assert cancelled(library.made[0])
    backend.close()


def test_without_the_library_it_says_so(monkeypatch: pytest.MonkeyPatch, tiny_folder: Path) -> None:
    monkeypatch.setitem(sys.modules, "exllamav3", None)
    with pytest.raises(SlipstreamError, match="ExLlamaV3 can't be used") as caught:
        exllamav3.open_model(load(tiny_folder), lambda _share: None)
    assert "doctor" in caught.value.hint
