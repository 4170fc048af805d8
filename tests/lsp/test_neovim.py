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
def test_ghost_text_of_the_real_model_is_drawn_typed_through_and_accepted(file: Path, real_host: None) -> None:
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
    """Type ``keys``, each as soon as the host was asked about the one before and has sent what it says."""
    for count, key in enumerate(keys, 1):
        nvim.type(key)
        nvim.until(f"request {count}", partial(_sent, host, count))


def _sent(host: FakeHost, count: int) -> bool:
    return len(host.questions) == count and host.questions[-1].sent == host.hold_after


def _asked_by_editor(nvim: Neovim, count: int) -> bool:
    return nvim.log.count("request") == count


def test_fast_typing_that_no_suggestion_foresaw_leaves_one_stream(file: Path, host: FakeHost) -> None:
    host.tokens = ("path", ".write", "_text(", ")")
    host.hold_after = 1
    with Neovim(file) as nvim:
        nvim.lua("Ghost.debounce_ms = 0")
        nvim.start()
        nvim.type(f"{BEFORE.count(chr(10)) + 1}GA")
        type_each(nvim, host, "x=yz")
        nvim.until("the end of the others", lambda: all(asked.ended == "closed" for asked in host.questions[:-1]))
        assert host.questions[-1].ended is None
        assert [asked.prefix.rpartition("\n")[2] for asked in host.questions] == [
            "    x", "    x=", "    x=y", "    x=yz",
        ]  # fmt: skip
        host.release()
        nvim.until("the ghost text", lambda: "x=yzpath.write_text()" in nvim.screen())
        nvim.until("the answer", lambda: "answer" in nvim.log)
        assert nvim.log.count("answer") == 1
        assert not [line for line in nvim.log if line.startswith(("error", "message"))]


@pytest.mark.parametrize("cancels", ["true", "false"])
def test_fast_typing_that_a_suggestion_foresaw_keeps_its_stream(file: Path, host: FakeHost, cancels: str) -> None:
    host.tokens = ("path", ".write_text(", "value)")
    host.hold_after = 1
    with Neovim(file) as nvim:
        nvim.lua(f"Ghost.debounce_ms = 0; Ghost.cancels = {cancels}")
        nvim.start()
        nvim.type(f"{BEFORE.count(chr(10)) + 1}GA")
        nvim.lua("Ghost.request(2)")
        nvim.until("the request", partial(_sent, host, 1))
        for count, key in enumerate("path", 2):
            nvim.type(key)
            nvim.until(f"request {count}", partial(_asked_by_editor, nvim, count))
        host.release()
        nvim.until("the ghost text", lambda: "path.write_text(value)" in nvim.screen())
        assert nvim.frames == [".write_text(value)"]
        nvim.type("<Tab>")
        nvim.until("the text", lambda: "    path.write_text(value)" in nvim.buffer)
        assert len(host.questions) == 1
        assert not [line for line in nvim.log if line.startswith(("error", "message"))]


def test_ghost_text_grows_by_lines(file: Path, host: FakeHost) -> None:
    host.tokens = ("for key in value:\n", "        path", ".write_text(key)\n", "        done(key)\n")
    host.hold_after = 2
    with Neovim(file) as nvim:
        nvim.start()
        nvim.type(f"{BEFORE.count(chr(10)) + 1}GA")
        nvim.lua("Ghost.request(2)")
        nvim.until("the first line", lambda: "    for key in value:" in nvim.screen())
        assert nvim.frames == ["for key in value:"]
        host.release()
        nvim.until("the last line", lambda: "        done(key)" in nvim.screen())
        assert all(later.startswith(earlier) for earlier, later in itertools.pairwise(nvim.frames))


def test_a_bracket_that_the_editor_closes_is_not_doubled(file: Path, host: FakeHost) -> None:
    host.tokens = ("path.write_text(", "value)")
    with Neovim(file) as nvim:
        nvim.lua("Ghost.debounce_ms = 0; vim.keymap.set('i', '(', '()<Left>')")
        nvim.start()
        nvim.type(f"{BEFORE.count(chr(10)) + 1}GA")
        nvim.lua("Ghost.request(2)")
        nvim.until("the ghost text", lambda: "path.write_text(value)" in nvim.screen())
        nvim.type("path.write_text(")
        nvim.until("what is left", lambda: nvim.frames[-1] == "value)")
        nvim.type("<Tab>")
        nvim.until("the text", lambda: "    path.write_text(value)" in nvim.buffer)
        assert len(host.questions) == 1


def test_an_editor_that_never_cancels_is_superseded(file: Path, host: FakeHost) -> None:
    host.tokens, host.hold_after = ("1",), 1
    with Neovim(file) as nvim:
        nvim.lua("Ghost.debounce_ms = 0; Ghost.cancels = false")
        nvim.start()
        nvim.type(f"{BEFORE.count(chr(10)) + 1}GA")
        type_each(nvim, host, "abc")
        ends = ["closed", "closed", None]
        nvim.until("the end of the others", lambda: [asked.ended for asked in host.questions] == ends)
        host.release()
        nvim.until("the ghost text", lambda: "abc1" in nvim.screen())
        assert [line for line in nvim.log if line != "request"] == ["stale", "stale", "answer"]
