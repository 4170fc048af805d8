"""What an index that is being made costs completions: the same completions alone and beside it, in turn.

Through the real host and model: someone types, each request has one more character than the last and asks for a few
tokens. Each round measures them alone, then while a fresh process indexes a generated workspace.

    python -m benchmarks.index_load [--rounds 3] [--completions 60] [--files 30000]

The goal: p99 beside the index at most 1.5 times p99 alone.
"""

import argparse
import asyncio
import os
import shutil
import statistics
import tempfile
import time
from importlib import resources
from pathlib import Path

import msgspec

from benchmarks.index_scale import generate
from benchmarks.storm import TYPED, typing
from copilot import paths
from copilot.client.host import HostClient
from copilot.index.handle import Handle
from copilot.index.status import Status
from copilot.serve.api import TokenData

GOAL = 1.5
ANSWER_TOKENS = 8


async def timed(client: HostClient, text: str, number: int) -> tuple[float, float]:
    """Milliseconds until the first token, and until the last."""
    body = msgspec.structs.replace(typing(text, number % TYPED), max_tokens=ANSWER_TOKENS)
    began, first = time.perf_counter(), 0.0
    async with client.infill(body) as stream:
        async for event in stream:
            if isinstance(event, TokenData) and not first:
                first = time.perf_counter()
    end = time.perf_counter()
    return 1000 * ((first or end) - began), 1000 * (end - began)


async def measure(rounds: int, completions: int, files: int, home: Path) -> bool:
    text = (resources.files("copilot.cli.samples") / "inventory.py").read_text()
    root = home / "workspace"
    generate(root, files)
    alone: list[tuple[float, float]] = []
    beside: list[tuple[float, float]] = []
    busy = 0
    async with HostClient() as client:
        await client.ensure_running()
        async for _ in client.wait_ready():
            pass
        for number in range(TYPED):
            await timed(client, text, number)
        for _ in range(rounds):
            alone += [await timed(client, text, number) for number in range(completions)]
            shutil.rmtree(paths.index_dir(root), ignore_errors=True)
            states: list[Status] = []
            handle = Handle()
            handle.start(root, (), states.append)
            while not any(it.state == "scanning" and it.done for it in states):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            for number in range(completions):
                beside.append(await timed(client, text, number))
                busy += states[-1].state == "scanning"
            await handle.close()
        await client.shutdown()
    print(f"{len(alone)} completions alone, {len(beside)} beside an index ({busy} of them while it was being made)")
    met = True
    for at, name in enumerate(("first token", f"all {ANSWER_TOKENS} tokens")):
        one, other = sorted(it[at] for it in alone), sorted(it[at] for it in beside)
        before, after = (statistics.quantiles(it, n=100) for it in (one, other))
        ratio = after[98] / before[98]
        met = met and ratio <= GOAL
        verdict = "met" if ratio <= GOAL else "MISSED"
        print(f"{name:12} | alone p50 {before[49]:.1f} p99 {before[98]:.1f} ms", end=" | ")
        print(f"beside p50 {after[49]:.1f} p99 {after[98]:.1f} ms", end=" | ")
        print(f"p50 {after[49] / before[49]:.2f} times, p99 {ratio:.2f} times | {verdict}")
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--completions", type=int, default=60)
    parser.add_argument("--files", type=int, default=30_000)
    args = parser.parse_args()
    models = str(paths.models_dir())
    with tempfile.TemporaryDirectory(prefix="ss-") as folder:
        home = Path(folder)
        os.environ.update(SLIPSTREAM_HOME=folder, SLIPSTREAM_MODELS_DIR=models)
        return 0 if asyncio.run(measure(args.rounds, args.completions, args.files, home)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
