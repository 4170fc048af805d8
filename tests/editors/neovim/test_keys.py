"""Keys: Tab takes what is visible at the caret, and does what it always did everywhere else."""

from functools import partial
from pathlib import Path

from tests.editors.neovim.conftest import CARET_LINE
from tests.editors.neovim.driver import Neovim
from tests.editors.neovim.test_ghost_text import line_is
from tests.lsp.fake_host import FakeHost

CALL = ("path", ".write_text(value)")


def begin(nvim: Neovim, ghost: str = "path.write_text(value)") -> None:
    nvim.ready()
    nvim.insert_at(CARET_LINE)
    nvim.until("the ghost text", lambda: nvim.ghost == ghost)


def test_tab_accepts_in_one_undo_step_and_the_server_hears_of_it(file: Path, host: FakeHost) -> None:
    host.answers, host.tokens = [CALL], ()
    with Neovim(file) as nvim:
        begin(nvim)
        before = nvim.buffer
        nvim.type("<Tab> # x")
        nvim.until("the text", partial(line_is, nvim, "    path.write_text(value) # x"))
        commands = nvim.sent("workspace/executeCommand")
        assert [command["command"] for command in commands] == ["slipstream.didAcceptCompletion"]
        nvim.type("<Esc>u")
        nvim.until("what was typed is gone", partial(line_is, nvim, "    path.write_text(value)"))
        nvim.type("u")
        nvim.until("the suggestion is gone", lambda: nvim.buffer == before)


def test_tab_indents_where_nothing_is_visible(file: Path, host: FakeHost) -> None:
    host.tokens = ()
    with Neovim(file) as nvim:
        nvim.nvim.command("set expandtab shiftwidth=4 softtabstop=4")
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.type("<Tab>x")
        nvim.until("the indentation", partial(line_is, nvim, "        x"))


def test_a_mapping_that_was_there_is_reached(file: Path, host: FakeHost) -> None:
    host.answers, host.tokens = [CALL], ()
    with Neovim(file, before="vim.keymap.set('i', '<Tab>', function() return 'mine' end, { expr = true })") as nvim:
        begin(nvim)
        nvim.type("<Tab>")
        nvim.until("the text", partial(line_is, nvim, "    path.write_text(value)"))
        nvim.type("<Tab>")
        nvim.until("the mapping", partial(line_is, nvim, "    path.write_text(value)mine"))


def test_a_mapping_of_the_buffer_is_reached(file: Path, host: FakeHost) -> None:
    host.answers, host.tokens = [CALL], ()
    before = """vim.api.nvim_create_autocmd('FileType', { callback = function()
        vim.cmd('inoremap <buffer> <Tab> mine') end })"""
    with Neovim(file, before=before) as nvim:
        begin(nvim)
        nvim.type("<Tab><Tab>")
        nvim.until("both", partial(line_is, nvim, "    path.write_text(value)mine"))


def test_the_popup_menu_keeps_its_mapped_tab(file: Path, host: FakeHost) -> None:
    host.tokens = CALL
    before = "vim.cmd([[inoremap <expr> <Tab> pumvisible() ? '<C-n>' : '<Tab>']])"
    with Neovim(file, before=before) as nvim:
        begin(nvim)
        nvim.lua("vim.o.completeopt = 'menuone,noselect'; vim.fn.complete(5, { 'parse', 'partial' })")
        nvim.until("the menu", lambda: nvim.lua("return vim.fn.pumvisible()") == 1)
        nvim.type("<Tab>")
        nvim.until("the menu's text", partial(line_is, nvim, "    parse"))


def test_a_word_and_a_line_at_a_time(file: Path, host: FakeHost) -> None:
    host.tokens = ("for key in value:\n", "        done(key)\n")
    with Neovim(file) as nvim:
        begin(nvim, "for key in value:\n        done(key)")
        nvim.type("<M-Right>")
        nvim.until("a word", partial(line_is, nvim, "    for"))
        nvim.until("the rest", lambda: nvim.ghost == " key in value:\n        done(key)")
        nvim.type("<M-C-Right>")
        nvim.until("a line", partial(line_is, nvim, "    for key in value:"))
        nvim.until("the next", lambda: nvim.ghost == "\n        done(key)")
        nvim.type("<M-C-Right>")
        nvim.until("all of it", lambda: "        done(key)" in nvim.buffer)
        parts = nvim.sent("textDocument/didPartiallyAcceptCompletion")
        taken = [part["item"]["insertText"][: part["acceptedLength"]] for part in parts]
        assert taken[0] == "for"
        assert taken[1].endswith("key in value:")


def test_leafing_through_candidates(file: Path, host: FakeHost) -> None:
    host.answers, host.tokens = [("one()",), ("two()",), ("three()",)], ("one()",)
    with Neovim(file) as nvim:
        begin(nvim, "one()")
        nvim.type("<M-]>")
        nvim.until("another", lambda: nvim.ghost not in (None, "one()"))
        other = nvim.ghost
        nvim.type("<Tab>")
        nvim.until("the text", partial(line_is, nvim, f"    {other}"))
