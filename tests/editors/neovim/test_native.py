"""Suggestions that Neovim itself draws, from 0.12 on."""

from functools import partial
from pathlib import Path

import pytest

from tests.editors.neovim.conftest import CARET_LINE
from tests.editors.neovim.driver import Neovim
from tests.editors.neovim.test_ghost_text import line_is
from tests.lsp.fake_host import FakeHost

NATIVE = {"ghost": "native"}


def has_its_own(nvim: Neovim) -> bool:
    return bool(nvim.lua("return vim.lsp.inline_completion ~= nil"))


def test_the_core_draws_and_our_key_accepts(file: Path, host: FakeHost) -> None:
    host.answers, host.tokens = [("path", ".write_text(value)")], ()
    with Neovim(file, options=NATIVE) as nvim:
        if not has_its_own(nvim):
            pytest.skip("this Neovim draws no suggestions itself")
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until_seen("path.write_text(value)")
        nvim.type("<Tab>")
        nvim.until("the text", partial(line_is, nvim, "    path.write_text(value)"))
        nvim.until("the news", lambda: nvim.sent("workspace/executeCommand"))


def test_an_older_neovim_is_told_and_gets_our_own(file: Path, host: FakeHost) -> None:
    host.tokens = ("path",)
    with Neovim(file, options=NATIVE) as nvim:
        if has_its_own(nvim):
            pytest.skip("this Neovim draws suggestions itself")
        nvim.until("the words", lambda: any("cannot draw suggestions itself" in it for it in nvim.told))
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until("the ghost text", lambda: nvim.ghost == "path")
