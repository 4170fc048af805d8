"""Slipstream's own language server with an engine host of its own, so that no other client's work is counted."""

import contextlib
import os
import tempfile
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import NamedTuple

from copilot import paths
from copilot.bench.replay.meter import Reading, cpu_seconds
from copilot.client.host import HostClient
from copilot.client.lsp_session import LspSession, run_server
from copilot.errors import SlipstreamError


class HostMeter:
    """Reads the host's totals; the processor time is that of language server, host and worker."""

    def __init__(self, client: HostClient, server: int) -> None:
        self._client = client
        self._server = server

    async def read(self) -> Reading:
        """Raises :class:`SlipstreamError` with code ``host_lost``."""
        status = await self._client.status()
        if status is None:
            raise SlipstreamError(
                "The engine host ended while a trace was played.",
                hint="`slipstream try` shows whether it works at all.",
                code="host_lost",
            )
        return Reading(
            prompt_tokens=status.prompt_tokens,
            evaluated_tokens=status.prompt_tokens - status.reused_tokens,
            generated_tokens=status.generated_tokens,
            counted=True,
            cpu_seconds=cpu_seconds([self._server, status.pid]),
        )


class ProcessMeter:
    """For a language server of which only the processor time can be known."""

    def __init__(self, process_id: int) -> None:
        self._process_id = process_id

    async def read(self) -> Reading:
        return Reading(cpu_seconds=cpu_seconds([self._process_id]))


class Slipstream(NamedTuple):
    """A running language server, and its meter."""

    session: LspSession
    meter: HostMeter


@contextlib.asynccontextmanager
async def slipstream(command: Sequence[str]) -> AsyncGenerator[Slipstream]:
    """Run ``command`` (``slipstream lsp`` with its options) in a home of its own, with the user's settings and models.

    Leaving the block ends the server and the host that it started.
    """
    # Short: a Unix socket's path may not exceed 107 bytes.
    with tempfile.TemporaryDirectory(prefix="ss-", ignore_cleanup_errors=True) as home:
        environment = {**os.environ, "SLIPSTREAM_HOME": home, "SLIPSTREAM_MODELS_DIR": str(paths.models_dir())}
        if paths.config_file().exists():
            environment["SLIPSTREAM_CONFIG"] = str(paths.config_file())
        async with HostClient(socket=Path(home) / "run" / paths.host_socket().name) as client:
            try:
                async with run_server(command, environment) as session:
                    yield Slipstream(session, HostMeter(client, session.process_id))
            finally:
                await client.shutdown()
