"""A thousand requests in about a second, each left by its client for the next one: when is the engine free again?

Through the real host and model, over its socket. Two storms: someone who types, each request one character longer than
the last (its prompt is in the KV cache but for that), and someone whose every request asks about another place, so that
each has to prefill. After the last client has left, the host is asked until it has been without work for a second.

    python -m benchmarks.storm [--requests 1000] [--rounds 3]

The goal: 250 ms after the last client has left, no slot is in use.
"""

import argparse
import asyncio
import contextlib
import functools
import os
import tempfile
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from copilot import paths
from copilot.client.host import HostClient
from copilot.serve.api import InfillBody

GOAL_MS = 250.0
QUIET_SECONDS = 1.0
TYPED = 40


class Storm(NamedTuple):
    """``seconds``: from the first request until the last client left; ``busy_ms``: how long a slot was in use then."""

    seconds: float
    busy_ms: float


def typing(text: str, number: int) -> InfillBody:
    """One more character of a line, and from the line's beginning again when it is whole."""
    at = text.index("    return", len(text) // 2)
    end = at + 4 + number % TYPED
    prefix, begun = text[: at + 4], text[at + 4 : end]
    return InfillBody(prefix=prefix, begun=begun, suffix=text[at + TYPED :], layout="spm", session="storm")


def jumping(text: str, number: int) -> InfillBody:
    """Another place of the file each time."""
    lines = text.splitlines(keepends=True)
    at = len(lines) // 2 + number % (len(lines) // 3)
    prefix, suffix = "".join(lines[number % 7 : at]), "".join(lines[at:])
    return InfillBody(prefix=prefix, suffix=suffix, layout="psm", session="storm")


async def ask(client: HostClient, body: InfillBody) -> None:
    async with client.infill(body) as stream:
        async for _ in stream:
            pass


async def storm(client: HostClient, requests: int, body: Callable[[int], InfillBody]) -> Storm:
    began = time.perf_counter()
    last: asyncio.Task[None] | None = None
    for number in range(requests):
        task = asyncio.create_task(ask(client, body(number)))
        if last is not None:
            last.cancel()
        last = task
        await asyncio.sleep(max(0.0, began + (number + 1) / requests - time.perf_counter()))
    assert last is not None
    last.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await last
    left = time.perf_counter()
    busy = left
    while time.perf_counter() < busy + QUIET_SECONDS:
        status = await client.status()
        if status is None or status.active_streams or status.queued_streams:
            busy = time.perf_counter()
        await asyncio.sleep(0.002)
    return Storm(left - began, 1000 * (busy - left))


async def measure(requests: int, rounds: int) -> bool:
    """Print a line for each storm; returns whether all met the goal."""
    text = (resources.files("copilot.cli.samples") / "inventory.py").read_text()
    met = True
    async with HostClient() as client:
        await client.ensure_running()
        async for _ in client.wait_ready():
            pass
        await ask(client, typing(text, 0))
        print(f"{requests} requests; milliseconds from the last client's leaving until no slot is in use")
        for name, body in (("typing", typing), ("jumping", jumping)):
            for _ in range(rounds):
                result = await storm(client, requests, functools.partial(body, text))
                good = result.busy_ms <= GOAL_MS
                met = met and good
                rate = requests / result.seconds
                print(
                    f"{name:8} | sent in {result.seconds:.2f} s ({rate:.0f} a second) | {result.busy_ms:5.0f} ms |"
                    f" {'met' if good else 'MISSED'}",
                    flush=True,
                )
        await client.shutdown()
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    models = str(paths.models_dir())
    with tempfile.TemporaryDirectory(prefix="ss-") as home:
        os.environ.update(SLIPSTREAM_HOME=str(Path(home)), SLIPSTREAM_MODELS_DIR=models)
        return 0 if asyncio.run(measure(args.requests, args.rounds)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
