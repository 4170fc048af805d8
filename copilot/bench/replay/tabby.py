"""tabby-agent (npm, Apache-2.0) as a peer: the real program, on llama.cpp's server through an API of Tabby's kind.

Version 1.5.0 speaks ``textDocument/completion`` only, waits by itself until typing pauses, keeps a cache and answers
when its text is whole; it drops its own previous request on each new one.
"""

import asyncio
import contextlib
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from copilot.bench.replay.llama_server import LlamaServer
from copilot.bench.replay.lsp import LspPipeline
from copilot.bench.replay.meter import Reading, cpu_seconds
from copilot.bench.replay.session import Contender
from copilot.client.lsp_session import run_server
from copilot.errors import SlipstreamError

_TOKENS = 64
_TEMPERATURE = 0.1
"""As Tabby's server asks for, see ``tabby-inference/src/completion.rs`` there."""

_HEALTH = {
    "model": "local",
    "device": "cpu",
    "arch": "x86_64",
    "cpu_info": "",
    "cpu_count": 1,
    "cuda_devices": [],
    "version": {"build_date": "2024-01-01", "build_timestamp": "", "git_sha": "0", "git_describe": "v0.20.0"},
}
_CONFIG = """[server]
endpoint = "{endpoint}"
token = ""

[anonymousUsageTracking]
disable = true
"""


class _Meter:
    """Tokens as llama.cpp's server counts them; the processor time is that of both."""

    def __init__(self, server: LlamaServer, agent: int) -> None:
        self._server = server
        self._agent = agent

    async def read(self) -> Reading:
        reading = await self._server.read()
        return reading._replace(cpu_seconds=(reading.cpu_seconds or 0.0) + cpu_seconds([self._agent]))


@contextlib.asynccontextmanager
async def tabby_agent(folder: Path, server: LlamaServer) -> AsyncGenerator[Contender]:
    """Run the agent that is installed in ``folder``, with a home of its own and its telemetry off.

    Raises :class:`SlipstreamError` with code ``no_tabby_agent``.
    """
    program = folder / "node_modules" / "tabby-agent" / "dist" / "cli.js"
    node = shutil.which("node")
    if not program.is_file() or node is None:
        raise SlipstreamError(
            f"There is no tabby-agent in {folder}." if node else "node is not installed.",
            hint="Run `npm install --ignore-scripts tabby-agent@1.5.0` there; it needs Node.js.",
            code="no_tabby_agent",
        )
    async with _tabby_api(server) as endpoint:
        with tempfile.TemporaryDirectory(prefix="slipstream-", ignore_cleanup_errors=True) as home:
            config = Path(home) / ".tabby-client" / "agent" / "config.toml"
            config.parent.mkdir(parents=True)
            config.write_text(_CONFIG.format(endpoint=endpoint), encoding="utf-8")
            environment = {**os.environ, "HOME": home, "TABBY_DISABLE_USAGE_COLLECTION": "1"}
            async with run_server([node, str(program), "--lsp", "--stdio"], environment) as session:
                pipeline = LspPipeline(session, "tabby-agent", streaming=False, method="completion")
                await pipeline.start()
                yield Contender(pipeline, _Meter(server, session.process_id))


@contextlib.asynccontextmanager
async def _tabby_api(server: LlamaServer) -> AsyncGenerator[str]:
    """Serve what the agent asks for on a port of this machine; its address."""
    async with httpx.AsyncClient(
        transport=httpx.AsyncHTTPTransport(uds=str(server.socket)), base_url="http://localhost", timeout=120.0
    ) as client:

        async def completions(request: Request) -> Response:
            segments = (await request.json())["segments"]
            work = asyncio.create_task(_complete(client, segments["prefix"], segments.get("suffix") or ""))
            try:
                while not work.done():
                    # An agent that has aborted has closed its side, and llama.cpp stops when we close ours.
                    if await request.is_disconnected():
                        return Response(status_code=499)
                    await asyncio.wait([work], timeout=0.02)
                return JSONResponse({"id": "cmpl-1", "choices": [{"index": 0, "text": work.result()}]})
            finally:
                work.cancel()

        async def health(request: Request) -> Response:
            return JSONResponse(_HEALTH)

        async def other(request: Request) -> Response:
            return JSONResponse({"disable_client_side_telemetry": True})

        routes = [
            Route("/v1/health", health, methods=["GET", "POST"]),
            Route("/v1/completions", completions, methods=["POST"]),
            Route("/{path:path}", other, methods=["GET", "POST"]),
        ]
        config = uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off", access_log=False)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            web = uvicorn.Server(config)
            task = asyncio.create_task(_serve(web, listener))
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                web.should_exit = True
                await asyncio.wait([task], timeout=5.0)


async def _serve(web: uvicorn.Server, listener: socket.socket) -> None:
    # Not `serve`, which would take over this process' signals.
    await web._serve([listener])


async def _complete(client: httpx.AsyncClient, prefix: str, suffix: str) -> str:
    """The whole answer. Its connection is closed when this is cancelled, which frees the slot."""
    body: dict[str, Any] = {
        "prompt": f"<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
        "n_predict": _TOKENS,
        "temperature": _TEMPERATURE,
        "stop": ["\n\n"],
        "cache_prompt": True,
        "stream": True,
        "return_progress": True,
    }
    text = ""
    async with client.stream("POST", "/completion", json=body) as response:
        async for line in response.aiter_lines():
            if line.startswith("data: "):
                text += msgspec.json.decode(line[6:]).get("content", "")
    return text
