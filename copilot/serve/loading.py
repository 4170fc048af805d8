"""From settings to a loaded engine: find the model, fetch it when it is not here, start the worker."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from copilot_models import families
from copilot_models.families import Family

from copilot.config.settings import Settings
from copilot.engine.planning import QUICK_SECONDS, PromptLimits
from copilot.engine.protocol import ModelInfo
from copilot.errors import SlipstreamError
from copilot.serve.failures import describe_crash, internal_error
from copilot.serve.keeper import Load, Loaded, Report
from copilot.weights import store
from copilot.weights.progress import PullProgress
from copilot.weights.pull import pull
from copilot.weights.store import InstalledModel

BACKENDS = {"gguf": "llama.cpp", "exl2": "exllamav2", "safetensors": "exllamav2", "exl3": "exllamav3"}
"""What runs a model of which format."""

T = TypeVar("T")

log = logging.getLogger(__name__)


async def load(settings: Settings, report: Report) -> Loaded:
    """Load the model that completes. Raises :class:`SlipstreamError`; cancelling stops a download or a build too."""
    installed = await _installed(settings.model.completion, settings, report)
    manifest = installed.manifest
    family = _family(manifest.family)
    info = ModelInfo(
        id=manifest.id,
        family=manifest.family,
        context_length=min(manifest.context_length, settings.engine.context_tokens),
        sha256=manifest.sha256,
        quantization=manifest.quantization,
    )
    # Not before a model is here: the socket answers the sooner.
    from copilot.engine.process import GpuLoad, WorkerEngine

    backend = BACKENDS[manifest.format]
    gpu = None
    if backend != "llama.cpp":
        extension = await _extension(backend, report)
        draft = await _draft(settings, report)
        gpu = GpuLoad(backend=backend, extension=extension, draft=draft)
    report(f"Loading {manifest.id}")
    engine = await WorkerEngine.start(
        installed.path, info, settings.engine, lambda share: report(f"Loading {manifest.id}", share), gpu
    )
    limits = PromptLimits(
        prefix_tokens=settings.completion.prefix_tokens,
        suffix_tokens=settings.completion.suffix_tokens,
        snippet_tokens=settings.completion.snippet_tokens,
        quick_tokens=int(engine.capabilities.prefill_tokens_per_second * QUICK_SECONDS),
    )
    return Loaded(engine, family, limits, manifest.order)


def with_completion(settings: Settings, model_id: str) -> Settings:
    """The same, but that model completes. An adapter and a draft model belong to the one that the settings name."""
    model, engine = settings.model, settings.engine
    if model_id != model.completion:
        speculation = "off" if engine.speculation == "draft" else engine.speculation
        engine = msgspec.structs.replace(engine, lora="", speculation=speculation)
    return msgspec.structs.replace(settings, model=msgspec.structs.replace(model, completion=model_id), engine=engine)


async def load_stand_in(settings: Settings, report: Report) -> Loaded:
    """Load ``model.stand_in``. Raises as :func:`load` does, and ``bad_setting`` for one that needs a GPU as well."""
    if store.manifest(settings.model.stand_in).format != "gguf":
        raise SlipstreamError(
            f"{settings.model.stand_in} needs a GPU itself.",
            hint="Set model.stand_in to the id of a GGUF model, or to nothing.",
            code="bad_setting",
        )
    return await load(with_completion(settings, settings.model.stand_in), report)


def standing_in(preferred: Load, stand_in: Load) -> Load:
    """Load ``preferred``, or where that fails ``stand_in``. What is loaded knows what to load when that changes."""

    async def load_preferred(report: Report) -> Loaded:
        return (await preferred(report))._replace(stand_in=instead_of)

    def instead_of(error: SlipstreamError) -> Load:
        async def load_stand_in(report: Report) -> Loaded:
            return (await stand_in(report))._replace(instead=error, preferred=load_preferred)

        return load_stand_in

    async def load_either(report: Report) -> Loaded:
        try:
            return await load_preferred(report)
        except SlipstreamError as error:
            first = error
        except Exception as error:
            log.error("loading failed: %s", describe_crash(error))
            first = internal_error()
        try:
            return await instead_of(first)(report)
        except SlipstreamError as second:
            # What the user chose comes first.
            hint = f"{first.hint} A smaller model could not stand in: {second.message}".strip()
            raise SlipstreamError(first.message, hint=hint, code=first.code, retryable=first.retryable) from second

    return load_either


def _family(name: str) -> Family:
    try:
        return families.load(name)
    except LookupError as error:
        raise SlipstreamError(
            f"The model is of a family that is not known here: {error}.",
            hint="Correct `family` in the model's manifest, or choose another model.",
            code="unknown_family",
        ) from error


async def _installed(model_id: str, settings: Settings, report: Report) -> InstalledModel:
    report(f"Looking for {model_id}")
    try:
        return await asyncio.to_thread(store.find, model_id)
    except SlipstreamError as error:
        if error.code != "model_missing":
            raise
    loop = asyncio.get_running_loop()

    def progress(now: PullProgress) -> None:
        share = now.done_bytes / now.total_bytes if now.total_bytes else None
        loop.call_soon_threadsafe(report, f"Fetching {model_id}: {now.message}", share)

    report(f"Fetching {model_id}")
    return await _cancellable(lambda cancel: pull(model_id, settings.download, progress, cancel))


async def _draft(settings: Settings, report: Report) -> str:
    """The folder of the model that guesses, or nothing."""
    if settings.engine.speculation != "draft":
        return ""
    if not settings.model.draft:
        raise SlipstreamError(
            "engine.speculation is `draft`, but no draft model is named.",
            hint="Set model.draft to the id of a small model of the same family, or engine.speculation to `ngram`.",
            code="bad_setting",
        )
    return str((await _installed(settings.model.draft, settings, report)).path)


async def _extension(backend: str, report: Report) -> str:
    from copilot.engine.exllama import extension

    loop = asyncio.get_running_loop()

    def told(what: str, share: float | None) -> None:
        loop.call_soon_threadsafe(report, what, share)

    return await _cancellable(lambda cancel: extension.ensure(backend, told, cancel))


async def _cancellable(work: Callable[[threading.Event], T]) -> T:
    """Run in a thread, which is told when this task is cancelled: that does not reach it by itself."""
    cancel = threading.Event()
    running: Awaitable[T] = asyncio.to_thread(work, cancel)
    try:
        return await running
    finally:
        cancel.set()
