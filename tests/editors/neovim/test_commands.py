"""The statusline, `:Slipstream` and `:checkhealth`."""

from pathlib import Path

from tests.editors.neovim.conftest import CARET_LINE
from tests.editors.neovim.driver import Neovim
from tests.lsp.fake_host import FakeHost


def test_the_statusline_tells_state_and_speed(file: Path, host: FakeHost) -> None:
    host.tokens = ("path",)
    with Neovim(file) as nvim:
        nvim.nvim.command("set laststatus=2 statusline=%{%v:lua.require'slipstream'.statusline()%}")
        nvim.until_seen("slipstream ready")
        nvim.insert_at(CARET_LINE)
        nvim.until_seen(" t/s")


def test_switched_off_and_on_again(file: Path, host: FakeHost) -> None:
    host.tokens = ("path",)
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until("the ghost text", lambda: nvim.ghost == "path")
        nvim.lua("vim.cmd('Slipstream disable python')")
        assert nvim.ghost is None
        nvim.type("x")
        nvim.until("the key", lambda: nvim.buffer[CARET_LINE - 1] == "    x")
        assert "slipstream off" in nvim.lua("return require('slipstream').statusline()")
        nvim.lua("vim.cmd('Slipstream toggle python')")
        nvim.type(" = ")
        nvim.until("the ghost text", lambda: nvim.ghost == "path")


def test_why_is_shown(file: Path, host: FakeHost) -> None:
    host.tokens = ("path",)
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until("the ghost text", lambda: nvim.ghost == "path")
        nvim.type("<Esc>")
        nvim.until("normal mode", lambda: nvim.mode() == "n")
        nvim.nvim.command("Slipstream why")
        nvim.until_seen("why this suggestion")
        nvim.until_seen("Model: qwen2.5-coder-0.5b-instruct-q4_k_m")


def test_a_server_that_is_not_there_is_told_once(file: Path, home: Path) -> None:
    with Neovim(file, options={"cmd": str(home / "nowhere")}, command=None) as nvim:
        nvim.nvim.command("edit other.py")
        assert len([message for message in nvim.told if "no `slipstream` command was found" in message]) == 1


def test_the_health_check_finds_nothing_wrong(file: Path, host: FakeHost, coder_model: Path) -> None:
    assert coder_model.exists()
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.nvim.command("checkhealth slipstream")
        report = "\n".join(nvim.buffer)
        assert "ERROR" not in report
        assert "Slipstream 0" in report
        assert "All keys are mapped" in report
