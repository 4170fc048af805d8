"""The whole host with a real (tiny) model: `python -m copilot serve`, its worker, and clients of it."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from copilot.client.failures import HostError
from copilot.client.host import HostClient
from copilot.serve.api import DoneData, HostState, InfillBody, ProgressData, TokenData
from copilot.serve.claim import holder
from tests.conftest import TINY_MODEL
from tests.hosts import http_client, until

pytestmark = [pytest.mark.model, pytest.mark.usefixtures("tiny_model")]
LOAD_SECONDS = 120.0
ONCE = "The quick brown fox jumps over the lazy dog. "


@contextlib.asynccontextmanager
async def served(home: Path) -> AsyncIterator[HostClient]:
    """A host that a client started, ready."""
    (home / "config.toml").write_text(f'[model]\ncompletion = "{TINY_MODEL}"\n[engine]\nslots = 2\n')
    async with HostClient() as client:
        await client.ensure_running()
        try:
            async with asyncio.timeout(LOAD_SECONDS):
                states = [status.state async for status in client.wait_ready(poll_seconds=0.05)]
            assert states[-1] is HostState.READY
            yield client
        finally:
            await client.shutdown()
            await until(lambda: holder() is None)


async def complete(client: HostClient, prefix: str, max_tokens: int = 8) -> tuple[str, DoneData]:
    async with client.infill(InfillBody(prefix=prefix, max_tokens=max_tokens)) as stream:
        events = [event async for event in stream]
    assert isinstance(events[-1], DoneData)
    return "".join(event.text for event in events if isinstance(event, TokenData)), events[-1]


async def idle(client: HostClient) -> bool:
    status = await client.status()
    return status is not None and status.active_streams == 0


async def test_two_clients_complete_at_once_and_keep_the_kv_cache(home: Path) -> None:
    async with served(home) as one, HostClient() as other, http_client() as http:
        (text, done), (other_text, _) = await asyncio.gather(
            complete(one, ONCE * 9), complete(other, "def add(a, b):\n    return")
        )
        assert text.strip()
        assert other_text.strip()
        assert done.prompt_tokens > 60
        again, warm = await complete(one, ONCE * 9 + text)
        assert again
        assert warm.reused_tokens >= done.prompt_tokens - 1

        body = {"messages": [{"role": "user", "content": "Say hello."}], "max_tokens": 8, "temperature": 0}
        answer = (await http.post("/v1/chat/completions", json=body)).json()
        assert answer["choices"][0]["message"]["content"].strip()
        streamed = "".join([text async for text in one.chat(body["messages"], max_tokens=8, temperature=0)])  # type: ignore[arg-type]
        assert streamed == answer["choices"][0]["message"]["content"]
        raw = (await http.post("/v1/completions", json={"prompt": "One, two,", "max_tokens": 4})).json()
        assert raw["usage"]["completion_tokens"] == 4


async def test_cancel_by_closing_in_prefill_and_by_delete_in_decode(home: Path) -> None:
    async with served(home) as client:
        async with client.infill(InfillBody(prefix=ONCE * 60)) as stream:
            async for event in stream:
                if isinstance(event, ProgressData) and event.processed:
                    assert event.processed < event.total
                    break
        async with asyncio.timeout(30):
            while not await idle(client):  # noqa: ASYNC110 - it happens in another process
                await asyncio.sleep(0.01)
        async with client.infill(InfillBody(prefix=ONCE, max_tokens=1000)) as stream:
            events = []
            async for event in stream:
                events.append(event)
                if isinstance(event, TokenData):
                    await client.cancel(stream.id)
        assert isinstance(events[-1], DoneData)
        assert events[-1].reason == "cancelled"
        assert sum(isinstance(event, TokenData) for event in events) < 100
        text, _ = await complete(client, ONCE)
        assert text


async def test_a_worker_killed_in_mid_stream_is_one_error_and_the_next_request_works(home: Path) -> None:
    async with served(home) as client:
        status = await client.status()
        assert status is not None
        (worker,) = psutil.Process(status.pid).children()
        async with client.infill(InfillBody(prefix=ONCE, max_tokens=1000)) as stream:
            with pytest.raises(HostError) as caught:
                async for event in stream:
                    if isinstance(event, TokenData):
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(worker.pid, signal.SIGKILL)
        assert (caught.value.code, caught.value.retryable, caught.value.partial) == ("engine_restarted", True, True)
        text, _ = await complete(client, ONCE)
        assert text
        after = await client.status()
        assert after is not None
        assert (after.pid, after.state, after.worker_restarts) == (status.pid, HostState.READY, 1)
    assert not psutil.pid_exists(worker.pid)
