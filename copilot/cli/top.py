"""How fast the engine host answers, live: this machine's own, or the shared one after `slipstream login`.

Ctrl-C ends it. Exit status 0; with --once 1 where no host answers.
"""

import argparse
import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from copilot.client.host import HostClient
    from copilot.serve.api import HostStatus, Sample

WINDOW_SECONDS = 60

_REFRESH_SECONDS = 2.0
_MOST_TENANTS = 10
_OF_TENANTS = {
    "slipstream_streams_running": "running",
    "slipstream_streams_waiting": "waiting",
    "slipstream_requests_admitted_total": "requests",
    "slipstream_generated_tokens_total": "tokens",
    "slipstream_requests_refused_total": "refused",
}
"""What is shown of each tenant, by the name of its samples at ``/metrics``."""


class Tenant(NamedTuple):
    """Streams at this moment; the other counts since the host started. ``name`` is empty for whoever runs it."""

    name: str
    running: int = 0
    waiting: int = 0
    requests: int = 0
    tokens: int = 0
    refused: int = 0


class Look(NamedTuple):
    """What the host said. ``status``: None where none answers. ``tenants``: None where one may not see them, or can't
    read them. ``error``: why there is nothing to see."""

    status: "HostStatus | None" = None
    samples: "Sequence[Sample]" = ()
    tenants: Sequence[Tenant] | None = None
    error: SlipstreamError | None = None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--once", action="store_true", help="print it once and end")


def run(args: argparse.Namespace) -> int:
    from rich.console import Console

    console = Console(highlight=False)
    if args.once:
        return asyncio.run(_once(console))
    # It has no other end.
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_watch(console))
    return 0


async def _once(console: "Console") -> int:
    async with _client() as (client, place):
        found = await look(client)
    if found.error is not None:
        raise found.error
    console.print(frame(found, place))
    return 0 if found.status is not None else 1


async def _watch(console: "Console") -> None:
    from rich.live import Live

    async with _client() as (client, place):
        with Live(console=console, auto_refresh=False) as live:
            while True:
                live.update(frame(await look(client), place), refresh=True)
                await asyncio.sleep(_REFRESH_SECONDS)


@contextlib.asynccontextmanager
async def _client() -> AsyncIterator[tuple["HostClient", str]]:
    """With where its host is, in words."""
    from copilot.client.host import HostClient
    from copilot.client.login import current

    login = current()
    async with HostClient(login=login) as client:
        yield client, "this machine" if login is None else login.url


async def look(client: "HostClient") -> Look:
    """Never raises: what is gone may come back."""
    try:
        status = await client.status()
        if status is None:
            return Look()
        samples = (await client.samples(WINDOW_SECONDS)).samples
        return Look(status, samples, await _tenants(client) if status.shared else None)
    except SlipstreamError as error:
        return Look() if error.code == "host_lost" else Look(error=error)


async def _tenants(client: "HostClient") -> Sequence[Tenant] | None:
    from copilot.client.failures import HostError

    try:
        return tenants(await client.metrics())
    except HostError as error:
        if error.code in {"forbidden_scope", "no_metrics", "not_found"}:
            return None
        raise
    except ModuleNotFoundError:
        return None


def tenants(exposition: str) -> list[Tenant]:
    """Who generated most comes first. Raises ``ModuleNotFoundError`` where prometheus_client is not installed."""
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, Tenant] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            field = _OF_TENANTS.get(sample.name)
            if field is not None:
                name = sample.labels["tenant"]
                tenant = found.setdefault(name, Tenant(name))
                found[name] = tenant._replace(**{field: getattr(tenant, field) + int(sample.value)})
    return sorted(found.values(), key=lambda tenant: (-tenant.tokens, tenant.name))


def frame(found: Look, place: str) -> "RenderableType":
    """What is shown of it. ``place``: where the host is."""
    from rich.console import Group
    from rich.text import Text

    if found.error is not None:
        return _text(f"{place}: {found.error}")
    if found.status is None:
        return _text(f"{place}: no engine host answers.")
    parts: list[RenderableType] = [_text(line) for line in _lines(found.status, found.samples, place)]
    if not found.status.shared:
        whose = ""
    elif found.tenants is None:
        whose = ", yours"
    else:
        whose = ", everyone's"
    parts += [Text(), Text(f"Last {WINDOW_SECONDS} s{whose}", style="bold"), _lanes(found.samples)]
    if found.tenants:
        parts += [Text(), Text("Since the start", style="bold"), _table_of_tenants(found.tenants)]
    return Group(*parts)


def _lines(status: "HostStatus", samples: "Sequence[Sample]", place: str) -> Iterator[str]:
    backend = f" on {status.backend}" if status.backend else ""
    yield f"{place}: {status.state}, {status.model or 'no model'}{backend}"
    if status.error is not None:
        yield f"error   {status.error.message}"
    yield f"slots   {status.active_streams} of {status.slots} used, {status.queued_streams} waiting"
    seconds = max(1.0, min(WINDOW_SECONDS, status.uptime_s))
    generated = sum(sample.generated_tokens for sample in samples)
    prompt = sum(sample.prompt_tokens for sample in samples)
    reused = sum(sample.reused_tokens for sample in samples)
    share = f", {reused / prompt:.0%} of the prompts were in the KV cache" if prompt else ""
    yield f"tokens  {generated / seconds:.1f} per second{share}"
    gpu = f", {status.gpu_bytes / 1e9:.1f} GB of the GPU's" if status.gpu_bytes else ""
    yield f"memory  {status.memory_bytes / 1e9:.1f} GB{gpu}"


def _lanes(samples: "Sequence[Sample]") -> "RenderableType":
    from rich.text import Text

    from copilot.bench.replay.metrics import percentile
    from copilot.serve.api import Lane

    if not samples:
        return Text("Nothing was answered.", style="dim")
    table = _table("lane", "answers", "TTFT p50", "p95", "queue p50", "p95")
    for lane in Lane:
        own = [sample for sample in samples if sample.lane is lane]
        columns = [sample.ttft_ms for sample in own], [sample.queue_ms for sample in own]
        if own:
            times = (percentile(values, share) for values in columns for share in (0.5, 0.95))
            table.add_row(lane.value, str(len(own)), *(_milliseconds(value) for value in times))
    return table


def _table_of_tenants(all_of_them: Sequence[Tenant]) -> "Table":
    table = _table("user", "running", "waiting", "requests", "tokens", "refused")
    for tenant in all_of_them[:_MOST_TENANTS]:
        table.add_row(_text(tenant.name or "(this machine)"), *map(str, tenant[1:]))
    if (more := len(all_of_them) - _MOST_TENANTS) > 0:
        table.add_row(f"and {more} more")
    return table


def _table(first: str, *others: str) -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0), header_style="dim")
    table.add_column(first)
    for other in others:
        table.add_column(other, justify="right")
    return table


def _text(line: str) -> "RenderableType":
    """Not a string: what another machine says may be markup, or control a terminal."""
    from rich.text import Text

    return Text("".join(character if character.isprintable() else "?" for character in line))


def _milliseconds(value: float | None) -> str:
    return "" if value is None else f"{value:.0f} ms"
