"""ExLlamaV3 1.6 in the worker process: EXL3 and fp16 folders on a CUDA GPU. What differs from ``exllamav2``.

It brings its own attention over pages, so nothing stands in for flash-attn here; an error of one job does not end the
others; and prompts share the GPU with answers that are being written (``shared_chunk_size``, ``prefill_cooldown``).
"""

import gc
import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from copilot.engine import json_schema
from copilot.engine.backend import Report
from copilot.engine.exllama import memory, messages, results, vocabulary
from copilot.engine.exllama.adapter import PAGE, PagedBackend
from copilot.engine.exllama.loop import Job, Step
from copilot.engine.exllama.owners import Owners
from copilot.engine.exllama.vocabulary import Vocabulary
from copilot.engine.slots import Slots
from copilot.engine.wire import Load, Loaded
from copilot.errors import SlipstreamError

DRAFT_TOKENS = 4
NGRAM_TOKENS = 3
"""So many tokens must have stood in the text before for what followed them to be the guess."""

_BITS = {"q8": 8, "q6": 6, "q4": 4}


def open_model(load: Load, report: Report) -> PagedBackend:
    """Load the folder ``load.path``. Raises :class:`SlipstreamError`: ``engine_failed``, ``out_of_memory``."""
    library = _import(load.extension)
    import torch

    messages.need_gpu(torch)
    folder = Path(load.path)
    words = Vocabulary(folder, load.name)
    shape = memory.shape(folder)
    kind = memory.cache_type(load.cache_type, shape.parameters)
    tokens, notes = messages.fitting(torch, load, shape, kind)
    while (loaded_model := _filled(library, torch, load, (kind, tokens), report)) is None:
        smaller = messages.halved(tokens, load.name)
        notes.append(messages.smaller(tokens, smaller))
        tokens = smaller
    config, model, cache = loaded_model
    draft = _draft(library, torch, load, tokens)
    if load.speculation == "draft" and load.draft and draft is None:
        notes.append(messages.NO_ROOM_FOR_DRAFT)
    generator = library.Generator(
        model=model,
        cache=cache,
        tokenizer=library.Tokenizer.from_config(config),
        max_batch_size=load.slots,
        max_chunk_size=load.batch_tokens,
        draft_model=draft[0] if draft else None,
        draft_cache=draft[1] if draft else None,
        num_draft_tokens=DRAFT_TOKENS if draft else None,
        ngram_match_min=NGRAM_TOKENS if load.speculation == "ngram" else 0,
        # Copies in the moment in which the last job ends, just when the next key comes.
        enable_defrag=False,
    )
    slots = Slots(load.slots, tokens)
    length = min(tokens, load.request_tokens or tokens)
    loaded = Loaded(
        context_length=length,
        patient_tokens=min(slots.patient_tokens, length),
        version=messages.version("exllamav3"),
        kv_reuse="pages",
        grammar=True,
        notes=tuple(notes),
        gpu_bytes=messages.gpu_bytes(torch),
    )
    # `Job.prepare_for_queue` wants one token more than is generated.
    besides = 1 + (DRAFT_TOKENS if load.speculation != "off" else 0)
    return PagedBackend(_Library(library, model, draft, generator), words, slots, loaded, draft_tokens=besides)


def _import(extension: str) -> Any:
    if extension:
        sys.path.insert(0, extension)
    try:
        import exllamav3
    except Exception as error:
        raise messages.not_importable("ExLlamaV3", error) from error
    return exllamav3


def _layers(kind: str) -> dict[str, Any]:
    """The arguments that choose the precision of a cache."""
    if kind == "fp16":
        return {}
    from exllamav3.cache import CacheLayer_quant

    return {"layer_type": CacheLayer_quant, "k_bits": _BITS[kind], "v_bits": _BITS[kind]}


def _filled(library: Any, torch: Any, load: Load, cache_of: tuple[str, int], report: Report) -> Any:
    """Configuration, model and cache with everything loaded; None where that does not fit. ``cache_of``: precision and
    tokens of the cache."""
    kind, tokens = cache_of
    config = library.Config.from_directory(load.path)
    model = library.Model.from_config(config)
    cache = library.Cache(model, max_num_tokens=tokens, max_batch_size=load.slots, **_layers(kind))

    def progress(done: int, total: int) -> None:
        report(done / max(1, total))

    if not _fits(
        torch, model, lambda: model.load(max_chunk_size=load.batch_tokens, callback=progress, generator=False)
    ):
        return None
    return config, model, cache


def _fits(torch: Any, model: Any, load: Callable[[], object]) -> bool:
    try:
        load()
    except RuntimeError as error:
        if not messages.does_not_fit(torch, error):
            raise
    else:
        return True
    # Not above, where the error holds on to what was loaded.
    model.unload()
    gc.collect()
    torch.cuda.empty_cache()
    return False


def _draft(library: Any, torch: Any, load: Load, tokens: int) -> Any:
    """A small model that guesses, and its cache; None where there is none, or no room for it."""
    if load.speculation != "draft" or not load.draft:
        return None
    vocabulary.need_the_same(Path(load.path), Path(load.draft))
    model = library.Model.from_config(library.Config.from_directory(load.draft))
    cache = library.Cache(model, max_num_tokens=tokens)
    return (model, cache) if _fits(torch, model, lambda: model.load(generator=False)) else None


class _Library:
    """See :class:`copilot.engine.exllama.loop.Library`."""

    def __init__(self, library: Any, model: Any, draft: Any, generator: Any) -> None:
        self._library = library
        self._models = [model, *(draft or ())[:1]]
        self._generator = generator
        modules = [importlib.import_module(f"exllamav3.generator.{name}") for name in ("job", "pagetable")]
        self._owners = Owners(modules, "tensor_hash_checksum", generator.pagetable)

    def submit(self, job: Job) -> None:
        import torch

        params = job.params
        handle = self._library.Job(
            input_ids=torch.tensor([job.ids], dtype=torch.long),
            max_new_tokens=max(1, job.max_tokens),
            sampler=self._sampler(job),
            seed=params.seed,
            stop_conditions=sorted(job.stop_tokens),
            identifier=job,
            # Its probabilities are those after cutting, and 1 for the likeliest.
            return_logits=params.logprobs,
            filters=self._filters(job),
        )
        self._owners.keep_apart(handle, job.owner)
        self._generator.enqueue(handle)
        job.handle = handle

    def cancel(self, job: Job) -> None:
        self._generator.cancel(job.handle)
        job.handle = None

    def iterate(self) -> list[tuple[Job, Step | SlipstreamError]]:
        return results.steps(self._generator.iterate(), PAGE)

    def tidy(self) -> None:
        """It has no idle work without a disk cache."""

    def recover(self, error: Exception) -> SlipstreamError | None:
        import torch

        if not isinstance(error, torch.OutOfMemoryError):
            return None
        self._generator.clear_queue()
        gc.collect()
        torch.cuda.empty_cache()
        return messages.full()

    def close(self) -> None:
        import torch

        self._generator.clear_queue()
        self._generator.close()
        for model in self._models:
            model.unload()
        self._models, self._generator = [], None
        gc.collect()
        torch.cuda.empty_cache()

    def _sampler(self, job: Job) -> Any:
        params = job.params
        if params.temperature <= 0:
            return self._library.ArgmaxSampler()
        return self._library.ComboSampler(
            temperature=params.temperature, top_k=max(0, params.top_k), top_p=min(1.0, params.top_p)
        )

    def _filters(self, job: Job) -> list[Any]:
        if not job.params.json_schema:
            return []
        json_schema.grammar(job.params.json_schema, extra="gpu3")
        return [
            self._library.LLGuidanceFilter(
                self._generator.tokenizer, json_schema=job.params.json_schema, eos_after_completed=True
            )
        ]
