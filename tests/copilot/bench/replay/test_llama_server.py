"""The peer's server and Tabby's API over it, against a scripted server on a real Unix socket."""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from copilot.bench.replay import tabby
from copilot.bench.replay.llama_server import LlamaServer, llama_server
from copilot.errors import SlipstreamError

METRICS = """# HELP llamacpp:prompt_tokens_total Number of prompt tokens processed.
# TYPE llamacpp:prompt_tokens_total counter
llamacpp:prompt_tokens_total 40
llamacpp:prompt_tokens_cached_total 60
llamacpp:tokens_predicted_total 7
llamacpp:prompt_seconds_total 1.5
llamacpp:requests_processing 0
"""


class Script:
    """What the server got, and whether a streamed answer was broken off."""

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.aborted = asyncio.Event()
        self.endless = False


@contextlib.asynccontextmanager
async def scripted() -> AsyncGenerator[tuple[LlamaServer, Script]]:
    script = Script()

    async def infill(request: Request) -> Response:
        script.bodies.append(await request.json())
        if script.bodies[-1].get("prompt") == "refuse":
            return JSONResponse({"error": {}}, 400)
        return JSONResponse({"content": "answer"})

    async def completion(request: Request) -> Response:
        script.bodies.append(await request.json())

        async def chunks() -> AsyncIterator[bytes]:
            try:
                for text in ("one", " two"):
                    yield b"data: %s\n\n" % json.dumps({"content": text}).encode()
                while script.endless:
                    yield b"data: {}\n\n"
                    await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                script.aborted.set()
                raise

        return StreamingResponse(chunks(), media_type="text/event-stream")

    async def metrics(request: Request) -> Response:
        return PlainTextResponse(METRICS)

    routes = [
        Route("/infill", infill, methods=["POST"]),
        Route("/completion", completion, methods=["POST"]),
        Route("/metrics", metrics),
    ]
    with tempfile.TemporaryDirectory(prefix="ss-") as folder:
        socket = Path(folder) / "llama.sock"
        web = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), uds=str(socket), log_config=None, lifespan="off"))
        task = asyncio.create_task(web._serve())
        while not web.started:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        transport = httpx.AsyncHTTPTransport(uds=str(socket))
        try:
            async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
                yield LlamaServer(client, os.getpid(), socket), script
        finally:
            web.should_exit = True
            script.endless = False
            await task


async def test_infill_gives_the_text_and_none_when_refused() -> None:
    async with scripted() as (server, script):
        assert await server.infill({"prompt": "x", "n_predict": 3}) == "answer"
        assert script.bodies == [{"prompt": "x", "n_predict": 3}]
        assert await server.infill({"prompt": "refuse"}) is None


async def test_totals_are_those_of_its_metrics_and_its_process() -> None:
    async with scripted() as (server, _):
        reading = await server.read()
    assert (reading.prompt_tokens, reading.evaluated_tokens, reading.generated_tokens) == (100, 40, 7)
    assert reading.counted
    assert reading.cpu_seconds


async def test_a_server_that_is_gone_is_told(tmp_path: Path) -> None:
    transport = httpx.AsyncHTTPTransport(uds=str(tmp_path / "nobody.sock"))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with pytest.raises(SlipstreamError) as raised:
            await LlamaServer(client, os.getpid(), tmp_path).infill({})
    assert raised.value.code == "peer_gone"


async def test_a_server_that_cannot_start_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "broken.gguf").write_bytes(b"no model at all")
    with pytest.raises(SlipstreamError) as raised:
        async with llama_server(tmp_path / "broken.gguf", threads=1, context_tokens=512):
            raise AssertionError("it has started")
    assert raised.value.code == "peer_failed"
    assert "--peer none" in raised.value.hint


async def test_tabby_is_answered_with_the_whole_text() -> None:
    async with scripted() as (server, script), tabby._tabby_api(server) as address, httpx.AsyncClient() as client:
        assert (await client.get(f"{address}/v1/health")).json()["model"] == "local"
        assert (await client.get(f"{address}/v1beta/server_setting")).json()["disable_client_side_telemetry"] is True
        body = {"language": "python", "segments": {"prefix": "a = ", "suffix": "\nb"}}
        answer = await client.post(f"{address}/v1/completions", json=body)
        assert answer.json()["choices"] == [{"index": 0, "text": "one two"}]
        assert script.bodies[-1]["prompt"] == "<|fim_prefix|>a = <|fim_suffix|>\nb<|fim_middle|>"
        assert script.bodies[-1]["n_predict"] == 64


async def test_what_tabby_drops_is_stopped_at_the_server() -> None:
    async with scripted() as (server, script), tabby._tabby_api(server) as address:
        script.endless = True
        with pytest.raises(httpx.ReadTimeout):
            async with httpx.AsyncClient(timeout=0.3) as client:
                await client.post(f"{address}/v1/completions", json={"segments": {"prefix": "a"}})
        await asyncio.wait_for(script.aborted.wait(), 30)
