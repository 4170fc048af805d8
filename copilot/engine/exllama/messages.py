"""What both libraries have to say when something is missing or too small, and the facts behind it."""

from importlib import metadata
from typing import Any

from copilot.engine.exllama import memory
from copilot.engine.exllama.adapter import PAGE
from copilot.engine.wire import Load
from copilot.errors import SlipstreamError


def version(package: str) -> str:
    return metadata.version(package)


def need_gpu(torch: Any) -> None:
    """Raises :class:`SlipstreamError` with code ``no_gpu``."""
    if not torch.cuda.is_available():
        raise SlipstreamError(
            "There is no CUDA GPU that torch can use.",
            hint="Choose a GGUF model, which also runs on the processor; `slipstream doctor` tells more.",
            code="no_gpu",
        )


def free_bytes(torch: Any) -> int:
    """Of all GPUs that may be used."""
    return sum(int(torch.cuda.mem_get_info(device)[0]) for device in range(torch.cuda.device_count()))


def gpu_bytes(torch: Any) -> int:
    """What this process holds of them."""
    return sum(int(torch.cuda.memory_reserved(device)) for device in range(torch.cuda.device_count()))


def fitting(torch: Any, load: Load, shape: memory.Shape, kind: str) -> tuple[int, list[str]]:
    """Tokens of KV cache that there is room for before anything is loaded, and what to say about it.

    Raises :class:`SlipstreamError` with code ``out_of_memory``.
    """
    free = free_bytes(torch)
    wanted = -(-load.context_tokens // PAGE) * PAGE
    chunk = load.batch_tokens
    tokens = memory.fitting_cache(shape, free=free, cache_tokens=wanted, cache=kind, chunk=chunk)
    if not tokens:
        least = memory.needs(shape, cache_tokens=min(wanted, memory.LEAST_CACHE), cache=kind, chunk=chunk)
        raise out_of_memory(load.name, f"it needs about {_gib(least.total)}, {_gib(free)} are free")
    return tokens, [] if tokens == wanted else [smaller(wanted, tokens)]


def does_not_fit(torch: Any, error: Exception) -> bool:
    """Whether an error of loading says that the GPUs are too full: torch's own, or that of dividing the layers, which
    hides torch's in both libraries."""
    return isinstance(error, torch.OutOfMemoryError) or "Insufficient VRAM" in str(error)


def halved(tokens: int, name: str) -> int:
    """The next smaller KV cache to try. Raises :class:`SlipstreamError` with code ``out_of_memory``."""
    if tokens // 2 < memory.LEAST_CACHE:
        raise out_of_memory(name, "it does not fit besides what else is there")
    return tokens // 2 // PAGE * PAGE


NO_ROOM_FOR_DRAFT = "There is no room for the draft model; going on without."


def smaller(wanted: int, tokens: int) -> str:
    return f"The GPU has room for a KV cache of {tokens} tokens, not {wanted}."


def out_of_memory(name: str, why: str) -> SlipstreamError:
    return SlipstreamError(
        f"There is not enough memory on the GPU for {name}: {why}.",
        hint="Close what else uses the GPU, choose a smaller model (`slipstream models recommend`), or lower "
        "engine.context_tokens.",
        code="out_of_memory",
    )


def full() -> SlipstreamError:
    """It ran out of memory in the middle of a step."""
    return SlipstreamError(
        "The GPU's memory was full.",
        hint="Ask again; lower engine.context_tokens or engine.slots if it happens often.",
        code="out_of_memory",
        retryable=True,
    )


def not_importable(name: str, error: Exception) -> SlipstreamError:
    return SlipstreamError(
        f"{name} can't be used ({type(error).__name__}).",
        hint="`slipstream doctor` looks into it: it needs a CUDA build of torch and its compiled extension.",
        code="engine_failed",
    )


def _gib(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB"
