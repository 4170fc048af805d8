"""ExLlamaV2 0.3.2 in the worker process: EXL2, GPTQ and fp16 folders on a CUDA GPU.

What stands in its source, and is built upon:

- ``generator/dynamic.py``: nothing interrupts an iteration, which is one prefill chunk of every job that is at it and
  one decode step of the others. What a cancelled job computed stays in its pages and is found again.
- The sampler's probabilities are those after cutting: for the likeliest token always 1. The true one comes with
  temperature 1, nothing cut, the random number 0 and the candidates asked for, which sorts them.
"""

import gc
from pathlib import Path
from typing import Any

from copilot.engine.backend import Report
from copilot.engine.exllama import loading, messages, results
from copilot.engine.exllama.adapter import PAGE, PagedBackend
from copilot.engine.exllama.loop import Job, Step
from copilot.engine.exllama.owners import Owners
from copilot.engine.exllama.schema import Schemas
from copilot.engine.exllama.vocabulary import Vocabulary
from copilot.engine.slots import Slots
from copilot.engine.wire import Load, Loaded
from copilot.errors import SlipstreamError


def open_model(load: Load, report: Report) -> PagedBackend:
    """Load the folder ``load.path``. Raises :class:`SlipstreamError`: ``engine_failed``, ``out_of_memory``,
    ``wrong_attention``, ``unsafe_model_file``."""
    words = Vocabulary(Path(load.path), load.name)
    model = loading.load(load, report)
    slots = Slots(load.slots, model.cache_tokens)
    loaded = Loaded(
        context_length=model.context_length,
        patient_tokens=min(slots.patient_tokens, model.context_length),
        version=model.version,
        kv_reuse="pages",
        grammar=True,
        prefill_tokens_per_second=model.prefill_tokens_per_second,
        notes=tuple(model.notes),
        gpu_bytes=model.gpu_bytes,
    )
    return PagedBackend(_Library(model, words), words, slots, loaded, draft_tokens=model.draft_tokens)


class _Library:
    """See :class:`copilot.engine.exllama.loop.Library`."""

    def __init__(self, loaded: loading.Model, vocabulary: Vocabulary) -> None:
        self._loaded: loading.Model | None = loaded
        self._generator = loaded.generator
        self._draft_tokens = loaded.draft_tokens
        self._names = loaded.library.generator
        self._schemas = Schemas(vocabulary, loaded.model.config.vocab_size)
        from exllamav2.generator import dynamic

        self._owners = Owners([dynamic], "_tensor_hash_checksum", loaded.generator)

    def submit(self, job: Job) -> None:
        import torch

        greedy, true = job.params.temperature <= 0, job.params.logprobs
        handle = self._names.ExLlamaV2DynamicJob(
            input_ids=torch.tensor([job.ids], dtype=torch.long),
            max_new_tokens=max(1, job.max_tokens) + self._draft_tokens,
            gen_settings=self._settings(job),
            stop_conditions=sorted(job.stop_tokens),
            seed=job.params.seed,
            identifier=job,
            return_probs=greedy and true,
            return_top_tokens=1 if greedy and true else 0,
            return_logits=true and not greedy,
            filters=self._filters(job),
        )
        if greedy and true:
            handle.rng = _Zero()
        self._owners.keep_apart(handle, job.owner)
        self._generator.enqueue(handle)
        job.handle = handle

    def cancel(self, job: Job) -> None:
        self._generator.cancel(job.handle)
        job.handle = None

    def iterate(self) -> list[tuple[Job, Step | SlipstreamError]]:
        return results.steps(self._generator.iterate(), PAGE)

    def tidy(self) -> None:
        self._generator.tidy()

    def recover(self, error: Exception) -> SlipstreamError | None:
        import torch

        if not isinstance(error, torch.OutOfMemoryError):
            return None
        self._generator.clear_queue()
        # What the pages hold now is not known.
        self._generator.reset_page_table()
        gc.collect()
        torch.cuda.empty_cache()
        return messages.full()

    def close(self) -> None:
        import torch

        self._generator.clear_queue()
        assert self._loaded is not None
        for model in (self._loaded.model, *(self._loaded.draft or ())[:1]):
            model.unload()
        # The library keeps no other references; with these gone the memory is free.
        self._loaded = self._generator = None
        gc.collect()
        torch.cuda.empty_cache()

    def _settings(self, job: Job) -> Any:
        settings = self._names.ExLlamaV2Sampler.Settings
        params = job.params
        if params.temperature > 0:
            # 0 means that nothing is cut.
            top_p = params.top_p if params.top_p < 1 else 0.0
            return settings(
                temperature=params.temperature, top_k=max(0, params.top_k), top_p=top_p, token_repetition_penalty=1.0
            )
        if params.logprobs:
            return settings(temperature=1.0, top_k=0, top_p=0.0, token_repetition_penalty=1.0)
        return settings.greedy()

    def _filters(self, job: Job) -> list[Any]:
        if not job.params.json_schema:
            return []
        return [_filter(self._names, self._schemas.matcher(job.params.json_schema))]


class _Zero:
    """In place of a job's random numbers: the first of the sorted candidates is chosen."""

    @staticmethod
    def random() -> float:
        return 0.0


def _filter(names: Any, matcher: Any) -> Any:
    """The matcher as ExLlamaV2's filter: it masks logits, in the time in which the GPU computes them."""
    from exllamav2.generator.filters import ExLlamaV2Filter

    class Filter(ExLlamaV2Filter):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(None, None)
            self._mask: Any = None

        def begin(self, _prefix: str) -> None:
            matcher.reset()

        def feed(self, token: Any) -> None:
            matcher.take(int(token))

        def can_mask_logits(self) -> bool:
            return True

        def use_background_worker(self) -> bool:
            return True

        def prepare_logit_mask(self) -> bool:
            self._mask = matcher.forbidden()
            return True

        def mask_logits(self, logits: Any) -> Any:
            # Both are padded, not to the same length.
            known = min(len(self._mask), len(logits))
            logits[:known].masked_fill_(self._mask[:known], float("-inf"))
            logits[known:] = float("-inf")
            return logits

    return Filter()
