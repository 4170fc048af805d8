"""A llama.cpp server for peers, started as a child process: its ``/infill``, and what it counts."""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import psutil

from copilot.bench.replay.llama_vim import Fields
from copilot.bench.replay.meter import Reading, cpu_seconds
from copilot.errors import SlipstreamError

_START_SECONDS = 120.0
_ANSWER_SECONDS = 120.0
_LEAVE_SECONDS = 5.0
_TAIL = 2_000


class LlamaServer:
    """An :class:`~copilot.bench.replay.llama_vim.InfillServer` and its meter. ``socket``: where it listens."""

    def __init__(self, client: httpx.AsyncClient, process_id: int, socket: Path) -> None:
        self.socket = socket
        self._client = client
        self._process_id = process_id

    async def infill(self, fields: Fields) -> str | None:
        """Raises :class:`SlipstreamError` with code ``peer_gone``; None when it refuses the request."""
        answer = await self._send("POST", "/infill", fields)
        if answer.status_code != httpx.codes.OK:
            return None
        content = answer.json().get("content")
        return content if isinstance(content, str) else None

    async def read(self) -> Reading:
        """Totals of ``/metrics``."""
        answer = await self._send("GET", "/metrics")
        rows = (line.split() for line in answer.text.splitlines() if line.startswith("llamacpp:"))
        totals = {row[0].removeprefix("llamacpp:"): int(float(row[1])) for row in rows if row[0].endswith("_total")}
        evaluated = totals.get("prompt_tokens_total", 0)
        return Reading(
            prompt_tokens=evaluated + totals.get("prompt_tokens_cached_total", 0),
            evaluated_tokens=evaluated,
            generated_tokens=totals.get("tokens_predicted_total", 0),
            counted=True,
            cpu_seconds=cpu_seconds([self._process_id]),
        )

    async def _send(self, method: str, path: str, body: Fields | None = None) -> httpx.Response:
        try:
            return await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise SlipstreamError(
                f"The llama.cpp server for the peer does not answer ({type(error).__name__}).",
                hint="Little memory may be the reason: two copies of the model are loaded.",
                code="peer_gone",
            ) from error


@contextlib.asynccontextmanager
async def llama_server(model: Path, *, threads: int, context_tokens: int) -> AsyncGenerator[LlamaServer]:
    """Start a server with ``model``; leaving the block ends it. Raises :class:`SlipstreamError` ``peer_failed``."""
    with tempfile.TemporaryDirectory(prefix="slipstream-") as folder, tempfile.TemporaryFile() as log:
        socket = Path(folder) / "llama.sock"
        command = [sys.executable, "-P", "-m", "copilot.bench.replay.llama_child"]
        process = await asyncio.create_subprocess_exec(
            *(*command, str(model), str(socket), str(threads), str(context_tokens)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            # Threads that wait must not spin: the other pipeline computes on the same cores.
            env={**os.environ, "OMP_WAIT_POLICY": "passive", "GOMP_SPINCOUNT": "0"},
            start_new_session=True,
        )
        try:
            await _until_ready(process, log.fileno())
            transport = httpx.AsyncHTTPTransport(uds=str(socket))
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost", timeout=_ANSWER_SECONDS
            ) as client:
                yield LlamaServer(client, process.pid, socket)
        finally:
            await _end(process)


def threads_by_default() -> int:
    """As many as Slipstream's engine takes: the physical cores that this process may use."""
    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed))


async def _until_ready(process: asyncio.subprocess.Process, log: int) -> None:
    assert process.stdout is not None
    line = b""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_START_SECONDS):
            # llama.cpp may have something to say first.
            while (line := await process.stdout.readline()) and line.strip() != b"ready":
                pass
    if line.strip() != b"ready":
        size = os.fstat(log).st_size
        tail = os.pread(log, _TAIL, max(0, size - _TAIL)).decode(errors="replace").strip()
        raise SlipstreamError(
            f"The llama.cpp server for the peer did not start.\n{tail}".strip(),
            hint="It needs the extra `cpu` (xllamacpp) and memory for a second copy of the model; "
            "`--peer none` leaves it out.",
            code="peer_failed",
        )


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _LEAVE_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
