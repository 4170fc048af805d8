"""Stop the engine host. Answers that are under way get a few seconds to end."""

import argparse
import asyncio
import contextlib
import os
import signal
import time

from copilot.errors import SlipstreamError

_WAIT_SECONDS = 20.0
# Between taking the lock and writing whose it is.
_UNKNOWN_SECONDS = 2.0
_POLL_SECONDS = 0.05


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(args: argparse.Namespace) -> int:
    from copilot.serve.claim import holder

    first = _first_holder()
    if first is None:
        print("The engine host is not running.")
        return 0
    # Asking one that hangs takes a while, and its number may be someone else's by then.
    if not asyncio.run(_ask_to_leave()) and holder() == first:
        _signal(first)
    until = time.monotonic() + _WAIT_SECONDS
    # 0 is the first one on its way out, or another one that just came.
    while (process := holder()) in {first, 0}:
        if time.monotonic() > until:
            raise _stuck(first)
        time.sleep(_POLL_SECONDS)
    print("The engine host has stopped.")
    if process is not None:
        print(f"Something, an editor perhaps, has started a new one since: process {process}.")
    return 0


def _first_holder() -> int | None:
    """Who is to leave; 0 when that can't be known."""
    from copilot.serve.claim import holder

    until = time.monotonic() + _UNKNOWN_SECONDS
    while (process := holder()) == 0 and time.monotonic() < until:
        time.sleep(_POLL_SECONDS)
    return process


async def _ask_to_leave() -> bool:
    from copilot.client.host import HostClient

    async with HostClient() as client:
        return await client.shutdown()


def _signal(process: int) -> None:
    """For a host that holds its lock but does not answer."""
    if process:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process, signal.SIGTERM)
            # One that was suspended hears the other signal only then.
            os.kill(process, signal.SIGCONT)


def _stuck(process: int) -> SlipstreamError:
    waited = f"has not left after {_WAIT_SECONDS:.0f} seconds"
    if not process:
        return SlipstreamError(
            f"The engine host {waited}.", hint="`slipstream doctor` shows what is known of it.", code="host_stuck"
        )
    return SlipstreamError(
        f"The engine host (process {process}) {waited}.", hint=f"`kill -9 {process}` ends it.", code="host_stuck"
    )
