"""What the engine host does. Exit status 0 when it is ready or starting, 1 when it failed, hangs or does not run."""

import argparse
import asyncio

import msgspec

from copilot.serve.api import HostState, HostStatus


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print everything as JSON")


def run(args: argparse.Namespace) -> int:
    from copilot.serve.claim import holder

    status = asyncio.run(_ask())
    process = None if status is not None else holder()
    if args.json:
        print(msgspec.json.encode(status or _without_status(process)).decode())
    else:
        print("\n".join(describe(status, process)))
    return 0 if status is not None and status.state is not HostState.FAILED else 1


async def _ask() -> HostStatus | None:
    from copilot.client.host import HostClient
    from copilot.client.login import current

    async with HostClient(login=current()) as client:
        return await client.status()


def _without_status(process: int | None) -> dict[str, str | int]:
    return {"state": "silent", "pid": process} if process else {"state": "stopped"}


def describe(status: HostStatus | None, process: int | None = None) -> list[str]:
    """The status in lines for a person. ``process``: what holds the host's lock when there is no status."""
    if status is None and process:
        return [
            f"Process {process} holds the engine host's lock but does not answer.",
            "If it stays so, `slipstream stop` ends it.",
        ]
    if status is None:
        return ["The engine host is not running. It starts by itself with the first completion."]
    host = "shared engine host" if status.shared else "engine host"
    stays = "stays" if status.shared else f"leaves after {_duration(status.idle_limit_s)}"
    return [
        f"The {host} is {_state(status)}.",
        f"  model    {status.model or 'none'}" + (f" on {status.backend}" if status.backend else ""),
        *([f"  chat     {status.chat_model}"] if status.chat_model else []),
        *([f"  error    {_error(status)}"] if status.error else []),
        *(f"  note     {note}" for note in status.notes),
        f"  work     {status.active_streams} running, {status.queued_streams} waiting, {status.slots} slots",
        *([f"  worker   restarted {status.worker_restarts} times"] if status.worker_restarts else []),
        f"  idle     {_duration(status.idle_s)}, {stays}",
        f"  process  {status.pid}, version {status.version}, up {_duration(status.uptime_s)}",
    ]


def _state(status: HostStatus) -> str:
    match status.state:
        case HostState.STARTING:
            share = "" if status.progress is None else f" ({status.progress:.0%})"
            return f"starting: {status.detail}{share}" if status.detail else "starting"
        case HostState.FAILED:
            return "running, but no model is loaded"
        case _:
            return str(status.state)


def _error(status: HostStatus) -> str:
    return f"{status.error.message} {status.error.hint}".strip() if status.error else ""


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
