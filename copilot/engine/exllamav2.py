"""ExLlamaV2 0.3.2 in the worker process: EXL2, GPTQ and fp16 folders on a CUDA GPU.

What stands in its source, and is built upon:

- ``generator/dynamic.py``: nothing interrupts an iteration, which is one prefill chunk of every job that is at it and
  one decode step of the others. What a cancelled job computed stays in its pages and is found again.
- The sampler's probabilities are those after cutting: for the likeliest token always 1. The true one comes with
  temperature 1, nothing cut, the random number 0 and the candidates asked for, which sorts them.
- With guesses a job ends ``num_draft_tokens`` early, and ``max_batch_size`` left alone takes 1.2 GB of memory for a
  vocabulary of 152,000.
- ``config.py`` line 357: ``rope_theta`` is read from the top level only, where newer files don't have it.
- ``lora.py`` prefers a pickle to safetensors.
"""

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from copilot.engine.backend import Report
from copilot.engine.exllama import attention, flash, memory, messages, results
from copilot.engine.exllama.adapter import PAGE, PagedBackend
from copilot.engine.exllama.loop import Job, Step
from copilot.engine.exllama.schema import Schemas
from copilot.engine.exllama.vocabulary import Vocabulary
from copilot.engine.slots import Slots
from copilot.engine.wire import Load, Loaded
from copilot.errors import SlipstreamError

DRAFT_TOKENS = 4
NGRAM_TOKENS = 4
"""Of a prompt's n-grams: the longest that is looked up. More are built in more time, once for each job."""

_MOST_QUERIES = 8
"""Tokens of one sequence in one decode step, guesses included."""


def open_model(load: Load, report: Report) -> PagedBackend:
    """Load the folder ``load.path``. Raises :class:`SlipstreamError`: ``engine_failed``, ``out_of_memory``,
    ``wrong_attention``, ``unsafe_model_file``."""
    library = _import(load.extension)
    vocabulary = Vocabulary(Path(load.path), load.name)
    model = _Loading(library, load, report).run()
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
    return PagedBackend(_Library(model, vocabulary), vocabulary, slots, loaded, draft_tokens=model.draft_tokens)


class _Model(msgspec.Struct, kw_only=True):
    """A loaded model. ``notes`` as in ``wire.Loaded``."""

    library: Any
    model: Any
    cache: Any
    generator: Any
    draft: Any
    context_length: int
    cache_tokens: int
    draft_tokens: int
    version: str
    notes: list[str]
    prefill_tokens_per_second: float
    gpu_bytes: int


def _import(extension: str) -> Any:
    """The library, with our attention where flash-attn is missing. Raises :class:`SlipstreamError`."""
    if extension:
        sys.path.insert(0, extension)
    try:
        flash.install()
        import exllamav2
        import exllamav2.generator
    except Exception as error:
        # Not only ImportError: without a compiler it is OSError, with a broken build NameError.
        raise messages.not_importable("ExLlamaV2", error) from error
    return exllamav2


class _Loading:
    """Everything up to a generator that is known to be right."""

    def __init__(self, library: Any, load: Load, report: Report) -> None:
        import torch

        self._torch = torch
        self._library = library
        self._load = load
        self._report = report
        self._folder = Path(load.path)
        self._notes: list[str] = []

    def run(self) -> _Model:
        messages.need_gpu(self._torch)
        self._check_lora()
        config = self._config(self._folder)
        shape = memory.shape(self._folder)
        kind = memory.cache_type(self._load.cache_type, shape.parameters)
        tokens, self._notes = messages.fitting(self._torch, self._load, shape, kind)
        config.max_seq_len = min(config.max_seq_len, tokens, self._load.request_tokens or tokens)
        model, cache = self._weights(config, kind, tokens)
        draft = self._draft(model, cache)
        self._notes.append(attention.choose(lambda: attention.check(model, cache, kind), self._ways(cache)))
        generator = self._generator(model, cache, draft)
        if self._load.lora:
            generator.set_loras(self._library.ExLlamaV2Lora.from_directory(model, self._load.lora))
            self._notes.append(f"LoRA adapter: {Path(self._load.lora).name}.")
        return _Model(
            library=self._library,
            model=model,
            cache=cache,
            generator=generator,
            draft=draft,
            context_length=min(config.max_seq_len, cache.max_seq_len),
            cache_tokens=cache.max_seq_len,
            draft_tokens=generator.num_draft_tokens,
            version=messages.version("exllamav2"),
            notes=self._notes,
            prefill_tokens_per_second=self._prefill_speed(generator, config.vocab_size),
            gpu_bytes=messages.gpu_bytes(self._torch),
        )

    def _ways(self, cache: Any) -> attention.Ways:
        if not flash.installed():
            return attention.Ways(("flash-attn",), lambda: 0, lambda: False)
        device = cache.key_states[0].device
        return attention.Ways(flash.WAYS, lambda: flash.way(device, self._torch.float16), flash.lower)

    def _config(self, folder: Path) -> Any:
        config = self._library.ExLlamaV2Config(str(folder))
        # One chunk is all that is computed at once, and buffers are made for it.
        config.max_input_len = self._load.batch_tokens
        if config.attn_logit_softcapping and flash.installed():
            raise SlipstreamError(
                f"{self._load.name} caps its attention logits, which needs flash-attn.",
                hint="Install flash-attn, or choose another model.",
                code="engine_failed",
            )
        described = json.loads((folder / "config.json").read_bytes())
        rope = described.get("rope_parameters")
        if "rope_theta" not in described and isinstance(rope, dict):
            if rope.get("rope_type", "default") != "default":
                raise SlipstreamError(
                    f"{self._load.name} stretches its positions in a way that ExLlamaV2 does not read from its file.",
                    hint="Convert it again with a config.json that has rope_theta and rope_scaling.",
                    code="engine_failed",
                )
            config.rotary_embedding_base = float(rope["rope_theta"])
        return config

    def _weights(self, config: Any, kind: str, tokens: int) -> tuple[Any, Any]:
        """Load, with a smaller cache when the estimate proves too bold."""
        while True:
            model = self._library.ExLlamaV2(config)
            cache = self._cache(model, kind, tokens)
            if self._filled(model, cache):
                return model, cache
            model.unload()
            del model, cache
            gc.collect()
            self._torch.cuda.empty_cache()
            if tokens // 2 < memory.LEAST_CACHE:
                raise messages.out_of_memory(self._load.name, "it does not fit besides what else is there")
            smaller = tokens // 2 // PAGE * PAGE
            self._notes.append(messages.smaller(tokens, smaller))
            tokens = smaller
            config.max_seq_len = min(config.max_seq_len, tokens)

    def _filled(self, model: Any, cache: Any) -> bool:
        def progress(done: int, total: int) -> None:
            self._report(done / max(1, total))

        try:
            model.load_autosplit(cache, callback=progress)
        except self._torch.OutOfMemoryError:
            return False
        except RuntimeError as error:
            if "Insufficient VRAM" in str(error):
                return False
            raise SlipstreamError(
                f"ExLlamaV2 could not load {self._load.name}.",
                hint="The log engine.log says where it failed; check the folder with `slipstream models verify`.",
                code="engine_failed",
            ) from error
        return True

    def _cache(self, model: Any, kind: str, tokens: int) -> Any:
        names = {
            "fp16": "ExLlamaV2Cache",
            "q8": "ExLlamaV2Cache_Q8",
            "q6": "ExLlamaV2Cache_Q6",
            "q4": "ExLlamaV2Cache_Q4",
        }
        return getattr(self._library, names[kind])(model, max_seq_len=tokens, lazy=True)

    def _draft(self, model: Any, cache: Any) -> Any:
        """A small model that guesses, with a cache of the same size; or None."""
        if self._load.speculation != "draft" or not self._load.draft:
            return None
        config = self._config(Path(self._load.draft))
        # It must take whatever the large one takes.
        config.max_seq_len = max(config.max_seq_len, model.config.max_seq_len)
        draft = self._library.ExLlamaV2(config)
        draft_cache = self._cache(draft, "fp16", cache.max_seq_len)
        if not self._filled(draft, draft_cache):
            draft.unload()
            self._notes.append("There is no room for the draft model; going on without.")
            return None
        return draft, draft_cache

    def _generator(self, model: Any, cache: Any, draft: Any) -> Any:
        generator = self._library.generator.ExLlamaV2DynamicGenerator(
            model=model,
            cache=cache,
            tokenizer=self._library.ExLlamaV2Tokenizer(model.config),
            max_batch_size=self._load.slots,
            max_chunk_size=self._load.batch_tokens,
            max_q_size=_MOST_QUERIES,
            draft_model=draft[0] if draft else None,
            draft_cache=draft[1] if draft else None,
            num_draft_tokens=DRAFT_TOKENS,
            use_ngram_draft=self._load.speculation == "ngram",
            max_ngram=NGRAM_TOKENS,
            paged=True,
        )
        # A burst of copies when the last job ends, just when the next key comes. `tidy` does it in idle time.
        self._defrag = generator.defrag_cache
        generator.defrag_cache = lambda: None
        generator.tidy = self._defrag
        return generator

    def _check_lora(self) -> None:
        folder = Path(self._load.lora)
        bad = not (folder / "adapter_model.safetensors").is_file() or (folder / "adapter_model.bin").exists()
        if self._load.lora and bad:
            raise SlipstreamError(
                f"{folder} can't be used: a LoRA adapter is adapter_model.safetensors, without an adapter_model.bin.",
                hint="Convert it to safetensors; a .bin file can run code when it is opened.",
                code="unsafe_model_file",
            )

    def _prefill_speed(self, generator: Any, vocabulary: int) -> float:
        """Tokens a second of a whole chunk, the second time; leaves no page behind."""
        chunk = self._load.batch_tokens
        for _ in range(2):
            generator.reset_page_table()
            job = self._library.generator.ExLlamaV2DynamicJob(
                input_ids=self._torch.tensor([attention.sample_ids(vocabulary, chunk + 1)]),
                max_new_tokens=1 + generator.num_draft_tokens,
                gen_settings=self._library.generator.ExLlamaV2Sampler.Settings.greedy(),
            )
            began = time.monotonic()
            generator.enqueue(job)
            while generator.num_remaining_jobs():
                generator.iterate()
            seconds = time.monotonic() - began
        generator.reset_page_table()
        return chunk / max(seconds, 1e-6)


class _Library:
    """See :class:`copilot.engine.exllama.loop.Library`."""

    def __init__(self, loaded: _Model, vocabulary: Vocabulary) -> None:
        self._loaded: _Model | None = loaded
        self._generator = loaded.generator
        self._draft_tokens = loaded.draft_tokens
        self._names = loaded.library.generator
        self._schemas = Schemas(vocabulary, loaded.model.config.vocab_size)

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
