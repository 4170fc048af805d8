"""Ghost text in a real Neovim: what is drawn on the screen, from a real model and while typing fast."""

import asyncio
import itertools
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from copilot.client.host import HostClient
from copilot.serve.api import HostState
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, inline
from tests.lsp.neovim import Neovim

BEFORE = '''import json
from pathlib import Path


def read_json(path: Path) -> object:
    """Parse the file."""
    return json.loads(path.read_text())


def write_json(path: Path, value: object) -> None:
    """Write the file."""
    '''
AFTER = """

def main() -> None:
    settings = read_json(Path("settings.json"))
    write_json(Path("copy.json"), settings)
"""


@pytest.fixture
def file(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STATE", "DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / "nvim"))
    path = home / "store.py"
    path.write_text(BEFORE + "\n" + AFTER)
    return path


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
    assert status.state is HostState.READY
    return status.pid


@pytest.mark.model
def test_ghost_text_of_the_real_model_grows_on_the_screen(file: Path, real_host: None) -> None:
    caret_line = BEFORE.count("\n") + 1
    with Neovim(file) as nvim:
        nvim.start()
        nvim.type(f"{caret_line}GA")
        nvim.until("insert mode", lambda: nvim.lua("return vim.fn.mode()") == "i")
        # Asked for explicitly, so it waits for the model; whoever types meanwhile gets nothing and is not kept waiting.
        nvim.lua("Ghost.request(1)")
        nvim.until("an answer", lambda: "answer" in nvim.log)
        nvim.type("p")
        nvim.until("the answer to a key", lambda: nvim.log.count("answer") == 2)
        frames = nvim.frames
        last = frames[-1]
        assert last.strip()
        growing = [frame for frame in frames if last.startswith(frame)]
        assert len(growing) > 2, frames
        assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(growing))
        first_line = last.partition("\n")[0]
        assert f"    p{first_line}" in nvim.screen()
        assert nvim.buffer[caret_line - 1] == "    p"
        nvim.type("<Tab>")
        nvim.until("the text", lambda: nvim.buffer[caret_line - 1] == f"    p{first_line}")
        accepted = "\n".join(nvim.buffer)
        assert accepted == (BEFORE + "p" + last + "\n" + AFTER).rstrip("\n")
        # A second editor asks the same host.
        with Client() as other:
            process = asyncio.run(_host_process())
            other.initialize()
            other.open("file:///w/a.py", BEFORE)
            params = inline("file:///w/a.py", caret_line - 1, 4, context={"triggerKind": 1})
            assert other.result("textDocument/inlineCompletion", params, timeout=120)["items"]
            assert asyncio.run(_host_process()) == process
            assert other.stop() == 0
        assert not [line for line in nvim.log if line.startswith("message")]


def type_each(nvim: Neovim, host: FakeHost, keys: str) -> None:
    """Type ``keys``, each as soon as the host was asked about the one before."""
    for count, key in enumerate(keys, 1):
        nvim.type(key)
        nvim.until(f"request {count}", partial(_asked, host, count))


def _asked(host: FakeHost, count: int) -> bool:
    return len(host.asked) == count


def test_fast_typing_leaves_one_stream(file: Path, host: FakeHost) -> None:
    host.tokens = ("path", ".write", "_text(", ")")
    host.hold_after = 1
    with Neovim(file) as nvim:
        nvim.lua("Ghost.debounce_ms = 0")
        nvim.start()
        nvim.type(f"{BEFORE.count(chr(10)) + 1}GA")
        type_each(nvim, host, "x = y")
        nvim.until("the end of the others", lambda: all(asked.ended == "closed" for asked in host.asked[:-1]))
        assert host.asked[-1].ended is None
        assert [asked.body["prefix"].rpartition("\n")[2] for asked in host.asked] == [
            "    x", "    x ", "    x =", "    x = ", "    x = y",
        ]  # fmt: skip
        nvim.until("the ghost text", lambda: "x = ypath" in nvim.screen())
        host.release()
        nvim.until("all of it", lambda: "x = ypath.write_text()" in nvim.screen())
        # The last partial result shows as much as the answer, which comes a moment later.
        nvim.until("the answer", lambda: "answer" in nvim.log)
        assert nvim.log.count("answer") == 1
        assert not [line for line in nvim.log if line.startswith(("error", "message"))]


def test_an_editor_that_never_cancels_is_superseded(file: Path, host: FakeHost) -> None:
    host.hold_after = 0
    with Neovim(file) as nvim:
        nvim.lua("Ghost.debounce_ms = 0; Ghost.cancels = false")
        nvim.start()
        nvim.type(f"{BEFORE.count(chr(10)) + 1}GA")
        type_each(nvim, host, "abc")
        nvim.until("the end of the others", lambda: [asked.ended for asked in host.asked] == ["closed", "closed", None])
        host.release()
        nvim.until("the ghost text", lambda: "abc1" in nvim.screen())
        assert [line for line in nvim.log if line != "request"] == ["stale", "stale", "answer"]
