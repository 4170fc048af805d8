"""Ghost text of a real model on a real screen."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.client.host import HostClient
from tests.editors.neovim.conftest import AFTER, BEFORE, CARET_LINE
from tests.editors.neovim.driver import Neovim
from tests.lsp.jrpc import Client, inline


@pytest.fixture
def real_host(coder_model: Path) -> Iterator[None]:
    """The real engine host is started by the language server; it must not outlive the test."""
    assert coder_model.exists()
    yield

    async def stop() -> None:
        async with HostClient() as client:
            await client.shutdown()
            while await client.status() is not None:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(stop(), 60))


async def _host_process() -> int:
    async with HostClient() as client:
        status = await client.status()
    assert status is not None
    return status.pid


@pytest.mark.model
def test_ghost_text_of_the_real_model_is_drawn_typed_through_and_accepted(file: Path, real_host: None) -> None:
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        # Asked for explicitly, so it waits for the model; whoever types meanwhile gets nothing and is not kept waiting.
        nvim.lua("require('slipstream').trigger()")
        offered = str(nvim.until("ghost text", lambda: nvim.ghost))
        first = offered.partition("\n")[0]
        nvim.until_seen(f"    {first}")
        nvim.type(first[0])
        nvim.until("the key", lambda: nvim.buffer[CARET_LINE - 1] == f"    {first[0]}")
        nvim.until_seen(f"    {first}")
        nvim.type("<Tab>")
        nvim.until("the text", lambda: nvim.buffer[CARET_LINE - 1] == f"    {first}")
        accepted = "\n".join(nvim.buffer)
        assert accepted.startswith(BEFORE + first)
        assert accepted.endswith(("\n" + AFTER).rstrip("\n"))
        # A second editor asks the same host.
        with Client() as other:
            process = asyncio.run(_host_process())
            other.initialize()
            other.open("file:///w/a.py", BEFORE)
            params = inline("file:///w/a.py", CARET_LINE - 1, 4, context={"triggerKind": 1})
            assert other.result("textDocument/inlineCompletion", params, timeout=120)["items"]
            assert asyncio.run(_host_process()) == process
            assert other.stop() == 0
        assert not nvim.told
