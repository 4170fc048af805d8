"""What the engine host costs over calling xllamacpp directly: time to first token and tokens per second.

Both sides run the same model file with the same settings on the same prompt, in turn (A B B A ...), in one run.
The prompt is warm in both KV caches, so that a first token costs one decode step and the host's share shows.

    python -m benchmarks.host_overhead [--rounds 20] [--tokens 64]

Prints medians, and the median of the differences and ratios pair by pair. Goals: at most 3 ms and 3 %.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # before xllamacpp loads OpenMP

import xllamacpp

from copilot import paths
from copilot.client.host import HostClient
from copilot.config.settings import EngineSettings, Settings
from copilot.context.request import CaretPlace
from copilot.serve.api import InfillBody, TokenData
from copilot.weights import store


class Run(NamedTuple):
    ttft_ms: float
    tokens_per_second: float
    tokens: int


def split_sample() -> tuple[str, str]:
    """Prefix and suffix around a caret inside a function body."""
    text = (resources.files("copilot.cli.samples") / "inventory.py").read_text()
    at = text.index("    return", len(text) // 2) + 4
    return text[:at], text[at:].partition("\n")[2]


def load_directly(path: Path, settings: EngineSettings, folder: str, threads: int) -> Any:
    """The same server as the worker's, in this process."""
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.n_ctx, params.n_parallel = settings.context_tokens, settings.slots
    params.n_batch = params.n_ubatch = settings.batch_tokens
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    params.kv_unified, params.cache_ram_mib, params.cache_idle_slots = True, 0, False
    params.verbosity, params.ui = 0, False
    params.hostnames, params.api_keys = [f"{folder}/direct.sock"], ["bench"]
    return xllamacpp.Server(params)


def ask_directly(server: Any, prompt: str, tokens: int) -> Run:
    times: list[float] = []

    def on_chunk(chunk: dict[str, Any]) -> bool:
        if chunk.get("choices") and chunk["choices"][0]["text"]:
            times.append(time.perf_counter())
        return False

    start = time.perf_counter()
    body = {"prompt": prompt, "max_tokens": tokens, "temperature": 0, "stream": True, "cache_prompt": True}
    server.handle_completions({**body, "return_progress": True}, on_chunk)
    return summary(start, times)


async def ask_host(client: HostClient, prefix: str, suffix: str, tokens: int) -> Run:
    start = time.perf_counter()
    body = InfillBody(prefix=prefix, suffix=suffix, max_tokens=tokens, place=CaretPlace.FRESH_LINE)
    async with client.infill(body) as stream:
        times = [time.perf_counter() async for event in stream if isinstance(event, TokenData)]
    return summary(start, times)


def summary(start: float, times: list[float]) -> Run:
    if len(times) < 2:
        raise SystemExit("The model answered with fewer than two tokens; nothing can be measured.")
    return Run((times[0] - start) * 1e3, (len(times) - 1) / (times[-1] - times[0]), len(times))


async def measure(rounds: int, tokens: int) -> None:
    settings = Settings()
    model = store.find(settings.model.completion)
    threads = settings.engine.threads or len(os.sched_getaffinity(0))
    prefix, suffix = split_sample()
    prompt = f"<|fim_prefix|><|fim_suffix|>{suffix}<|fim_middle|>{prefix}"
    os.environ["SLIPSTREAM_ENGINE_THREADS"] = str(threads)
    client = HostClient()
    with tempfile.TemporaryDirectory() as folder:
        server = load_directly(model.path, settings.engine, folder, threads)
        await client.ensure_running()
        async for _status in client.wait_ready():
            pass

        async def direct() -> Run:
            return await asyncio.to_thread(ask_directly, server, prompt, tokens)

        async def hosted() -> Run:
            return await ask_host(client, prefix, suffix, tokens)

        asks: list[Callable[[], Awaitable[Run]]] = [direct, hosted]
        for ask in asks * 2:  # warms both caches
            await ask()
        pairs: list[tuple[Run, Run]] = []
        for turn in range(rounds):
            order = asks if turn % 2 == 0 else asks[::-1]
            runs = {ask.__name__: await ask() for ask in order}
            pairs.append((runs["direct"], runs["hosted"]))
    await client.shutdown()
    await client.aclose()
    report(pairs, threads)


def report(pairs: list[tuple[Run, Run]], threads: int) -> None:
    direct, hosted = zip(*pairs, strict=True)
    print(
        f"{len(pairs)} pairs, {threads} threads, tokens per answer: direct {direct[0].tokens}, host {hosted[0].tokens}"
    )
    for name, runs in (("direct", direct), ("host", hosted)):
        ttft = statistics.median(run.ttft_ms for run in runs)
        speed = statistics.median(run.tokens_per_second for run in runs)
        print(f"  {name:7} TTFT median {ttft:7.1f} ms   decode median {speed:6.2f} tokens/s")
    extra = [host.ttft_ms - plain.ttft_ms for plain, host in pairs]
    ratio = [host.tokens_per_second / plain.tokens_per_second for plain, host in pairs]
    print(f"  host - direct TTFT, median of pairs: {statistics.median(extra):+.2f} ms (goal: at most 3)")
    print(f"  host / direct tokens/s, median of pairs: {statistics.median(ratio):.3f} (goal: at least 0.97)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--tokens", type=int, default=64)
    args = parser.parse_args()
    models = str(paths.models_dir())
    with tempfile.TemporaryDirectory(prefix="ss-") as home:
        os.environ.update(SLIPSTREAM_HOME=home, SLIPSTREAM_MODELS_DIR=models)
        asyncio.run(measure(args.rounds, args.tokens))


if __name__ == "__main__":
    main()
