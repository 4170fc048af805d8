"""A model folder to a generator of ExLlamaV2 0.3.2 that is known to be right: weights, KV cache, attention, adapters.

What stands in its source, and is built upon:

- With guesses a job ends ``num_draft_tokens`` early, and ``max_batch_size`` left alone takes 1.2 GB of memory for a
  vocabulary of 152,000 (``generator/dynamic.py``).
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
from copilot.engine.exllama import attention, flash, memory, messages, vocabulary
from copilot.engine.exllama.adapter import PAGE
from copilot.engine.wire import Load
from copilot.errors import SlipstreamError

DRAFT_TOKENS = 4
NGRAM_TOKENS = 4
"""Of a prompt's n-grams: the longest that is looked up. More are built in more time, once for each job."""

_MOST_QUERIES = 8
"""Tokens of one sequence in one decode step, guesses included."""


def load(load: Load, report: Report) -> "Model":
    """Load the folder ``load.path``. Raises :class:`SlipstreamError`: ``engine_failed``, ``out_of_memory``,
    ``wrong_attention``, ``unsafe_model_file``, ``bad_setting``."""
    return _Loading(_import(load.extension), load, report).run()


class Model(msgspec.Struct, kw_only=True):
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

    def run(self) -> Model:
        messages.need_gpu(self._torch)
        self._check_lora()
        config = self._config(self._folder)
        shape = memory.shape(self._folder)
        kind = memory.cache_type(self._load.cache_type, shape.parameters)
        tokens, self._notes = messages.fitting(self._torch, self._load, shape, kind)
        config.max_seq_len = min(config.max_seq_len, tokens, self._load.request_tokens or tokens)
        model, cache = self._weights(config, kind, tokens)
        draft = self._draft(model, cache)
        try:
            return self._checked(model, cache, draft, kind)
        except self._torch.OutOfMemoryError as error:
            raise messages.out_of_memory(self._load.name, "it fits, but nothing can be computed besides") from error

    def _checked(self, model: Any, cache: Any, draft: Any, kind: str) -> Model:
        self._notes.append(attention.choose(lambda: attention.check(model, cache, kind), self._ways(cache)))
        # Buffers were made for no more than that.
        chunk = min(self._load.batch_tokens, model.config.max_input_len, model.config.max_seq_len) // PAGE * PAGE
        generator = self._generator(model, cache, draft, chunk)
        if self._load.lora:
            self._set_lora(model, generator)
        return Model(
            library=self._library,
            model=model,
            cache=cache,
            generator=generator,
            draft=draft,
            context_length=min(model.config.max_seq_len, cache.max_seq_len),
            cache_tokens=cache.max_seq_len,
            draft_tokens=generator.num_draft_tokens,
            version=messages.version("exllamav2"),
            notes=self._notes,
            prefill_tokens_per_second=self._prefill_speed(generator, model.config.vocab_size, chunk),
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
            smaller = messages.halved(tokens, self._load.name)
            self._notes.append(messages.smaller(tokens, smaller))
            tokens = smaller
            config.max_seq_len = min(config.max_seq_len, tokens)

    def _filled(self, model: Any, cache: Any) -> bool:
        def progress(done: int, total: int) -> None:
            self._report(done / max(1, total))

        try:
            model.load_autosplit(cache, callback=progress)
        except RuntimeError as error:
            if messages.does_not_fit(self._torch, error):
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
        vocabulary.need_the_same(self._folder, Path(self._load.draft))
        config = self._config(Path(self._load.draft))
        # It must take whatever the large one takes.
        config.max_seq_len = max(config.max_seq_len, model.config.max_seq_len)
        draft = self._library.ExLlamaV2(config)
        draft_cache = self._cache(draft, "fp16", cache.max_seq_len)
        if not self._filled(draft, draft_cache):
            draft.unload()
            self._notes.append(messages.NO_ROOM_FOR_DRAFT)
            return None
        return draft, draft_cache

    def _generator(self, model: Any, cache: Any, draft: Any, chunk: int) -> Any:
        generator = self._library.generator.ExLlamaV2DynamicGenerator(
            model=model,
            cache=cache,
            tokenizer=self._library.ExLlamaV2Tokenizer(model.config),
            max_batch_size=self._load.slots,
            max_chunk_size=chunk,
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
        _guess_short_texts(generator)
        return generator

    def _set_lora(self, model: Any, generator: Any) -> None:
        try:
            generator.set_loras(self._library.ExLlamaV2Lora.from_directory(model, self._load.lora))
        except (OSError, LookupError, ValueError, AssertionError, RuntimeError) as error:
            if messages.does_not_fit(self._torch, error):
                raise
            raise SlipstreamError(
                f"The LoRA adapter {self._load.lora} does not suit {self._load.name} ({type(error).__name__}).",
                hint="Name one that was made for this model, with its adapter_config.json, in engine.lora.",
                code="bad_setting",
            ) from error
        self._notes.append(f"LoRA adapter: {Path(self._load.lora).name}.")

    def _check_lora(self) -> None:
        folder = Path(self._load.lora)
        bad = not (folder / "adapter_model.safetensors").is_file() or (folder / "adapter_model.bin").exists()
        if self._load.lora and bad:
            raise SlipstreamError(
                f"{folder} can't be used: a LoRA adapter is adapter_model.safetensors, without an adapter_model.bin.",
                hint="Convert it to safetensors; a .bin file can run code when it is opened.",
                code="unsafe_model_file",
            )

    def _prefill_speed(self, generator: Any, vocabulary: int, chunk: int) -> float:
        """Tokens a second of a whole chunk, the second time; leaves no page behind."""
        # With the tokens that are decoded no longer than the cache, nor than the positions that were computed.
        chunk = min(chunk, min(generator.max_total_tokens, generator.model.config.max_seq_len) - PAGE)
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


def _guess_short_texts(generator: Any) -> None:
    """Have n-grams guessed for texts that are shorter than one, where the library fails (``iterate_ngram_gen`` takes
    ``max_ngram - 1`` tokens of any): whatever is guessed for them, a wrong guess costs nothing that is lasting."""
    guess = generator.iterate_ngram_gen

    def guess_any(results: list[Any]) -> Any:
        import torch

        jobs = [job for job in generator.active_jobs if job.is_prefill_done()]
        if all(len(job.sequences[0].sequence_ids) >= generator.max_ngram - 1 for job in jobs):
            return guess(results)
        last = [job.sequences[0].sequence_ids.torch()[:, -1:] for job in jobs]
        return torch.cat(last).repeat(1, generator.num_draft_tokens)

    generator.iterate_ngram_gen = guess_any
