"""Stop the engine host. Answers that are under way get a few seconds to end."""

import argparse
import asyncio
import os
import signal
import time

from copilot.errors import SlipstreamError

_WAIT_SECONDS = 20.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(args: argparse.Namespace) -> int:
    from copilot.serve.claim import holder

    if holder() is None:
        print("The engine host is not running.")
        return 0
    if not asyncio.run(_ask_to_leave()):
        _signal(holder())
    until = time.monotonic() + _WAIT_SECONDS
    while (process := holder()) is not None:
        if time.monotonic() > until:
            raise SlipstreamError(
                f"The engine host (process {process}) has not left after {_WAIT_SECONDS:.0f} seconds.",
                hint=f"`kill -9 {process}` ends it.",
                code="host_stuck",
            )
        time.sleep(0.05)
    print("The engine host has stopped.")
    return 0


async def _ask_to_leave() -> bool:
    from copilot.client.host import HostClient

    async with HostClient() as client:
        return await client.shutdown()


def _signal(process: int | None) -> None:
    """For a host that holds its lock but does not answer."""
    if process:
        try:
            os.kill(process, signal.SIGTERM)
        except ProcessLookupError:
            return
