"""From settings to a loaded engine: find the model, fetch it when it is not here, start the worker."""

import asyncio
import threading

from copilot_models import families
from copilot_models.families import Family

from copilot.config.settings import Settings
from copilot.engine.planning import PromptLimits
from copilot.engine.protocol import ModelInfo
from copilot.errors import SlipstreamError
from copilot.serve.keeper import Loaded, Report
from copilot.weights import store
from copilot.weights.progress import PullProgress
from copilot.weights.pull import pull
from copilot.weights.store import InstalledModel


async def load(settings: Settings, report: Report) -> Loaded:
    """Load the model that ``settings`` names. Raises :class:`SlipstreamError`; cancelling stops a download too."""
    installed = await _installed(settings, report)
    manifest = installed.manifest
    if manifest.format != "gguf":
        raise SlipstreamError(
            f"No engine of this version runs {manifest.format.upper()} models such as {manifest.id}.",
            hint="Choose a GGUF model: `slipstream models list` shows them, and model.completion takes the id of one.",
            code="no_engine",
        )
    family = _family(manifest.family)
    info = ModelInfo(
        id=manifest.id,
        family=manifest.family,
        context_length=min(manifest.context_length, settings.engine.context_tokens),
        sha256=manifest.sha256,
        quantization=manifest.quantization,
    )
    report(f"Loading {manifest.id}")
    # Not before a model is here: the socket answers the sooner.
    from copilot.engine.process import WorkerEngine

    engine = await WorkerEngine.start(
        installed.path, info, settings.engine, lambda share: report(f"Loading {manifest.id}", share)
    )
    limits = PromptLimits(
        prefix_tokens=settings.completion.prefix_tokens, suffix_tokens=settings.completion.suffix_tokens
    )
    return Loaded(engine, family, limits, manifest.order)


def _family(name: str) -> Family:
    try:
        return families.load(name)
    except LookupError as error:
        raise SlipstreamError(
            f"The model is of a family that is not known here: {error}.",
            hint="Correct `family` in the model's manifest, or choose another model.",
            code="unknown_family",
        ) from error


async def _installed(settings: Settings, report: Report) -> InstalledModel:
    model_id = settings.model.completion
    report(f"Looking for {model_id}")
    try:
        return await asyncio.to_thread(store.find, model_id)
    except SlipstreamError as error:
        if error.code != "model_missing":
            raise
    loop = asyncio.get_running_loop()
    cancel = threading.Event()

    def progress(now: PullProgress) -> None:
        share = now.done_bytes / now.total_bytes if now.total_bytes else None
        loop.call_soon_threadsafe(report, f"Fetching {model_id}: {now.message}", share)

    report(f"Fetching {model_id}")
    try:
        return await asyncio.to_thread(pull, model_id, settings.download, progress, cancel)
    finally:
        # Cancelling this task does not reach the thread.
        cancel.set()
