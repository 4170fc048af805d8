"""Ghost text on a real screen: comes while the rest still streams, keeps in step with what is typed, never lies."""

from functools import partial
from pathlib import Path

import pytest

from copilot.serve.api import HostState, HostStatus
from tests.editors.neovim.conftest import CARET_LINE
from tests.editors.neovim.driver import Neovim
from tests.lsp.fake_host import FakeHost

LOOP = ("for key in value:\n", "        path", ".write_text(key)\n", "        done(key)\n")


def line_is(nvim: Neovim, text: str) -> bool:
    return nvim.buffer[CARET_LINE - 1] == text


def test_ghost_text_appears_while_the_rest_still_streams_and_grows(file: Path, host: FakeHost) -> None:
    host.tokens, host.hold_after = LOOP, 2
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until_seen("    for key in value:")
        assert "write_text(key)" not in nvim.screen()
        assert host.asked[-1].ended is None
        host.release()
        nvim.until_seen("        done(key)")
        rows = nvim.rows()
        first = rows.index("    for key in value:")
        assert rows[first + 1 : first + 3] == ["        path.write_text(key)", "        done(key)"]
        assert nvim.buffer[CARET_LINE - 1] == "    "


def test_ghost_text_survives_typing_it_and_vanishes_with_a_mismatch(file: Path, host: FakeHost) -> None:
    host.tokens = ("path", ".write_text(value)")
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until_seen("path.write_text(value)")
        asked = len(host.questions)
        for end, key in enumerate("pat", 1):
            nvim.type(key)
            nvim.until("the key", partial(line_is, nvim, "    " + "pat"[:end]))
            assert "    path.write_text(value)" in nvim.rows()
        assert len(host.questions) == asked
        host.tokens, host.hold_after = ("y()",), 0
        nvim.type("x")
        nvim.until("the mismatch", partial(line_is, nvim, "    patx"))
        assert ".write_text(value)" not in nvim.screen()
        assert nvim.ghost is None


def test_leaving_insert_mode_hides_it_and_says_so(file: Path, host: FakeHost) -> None:
    host.tokens = ("path.write_text(value)",)
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until_seen("path.write_text(value)")
        nvim.type("<Esc>")
        nvim.until("normal mode", lambda: nvim.mode() == "n")
        assert "path.write_text(value)" not in nvim.screen()
        shown, dismissed = nvim.sent("textDocument/didShowCompletion"), nvim.sent("slipstream/didDismissCompletion")
        assert len(shown) == len(dismissed) == 1
        assert shown[0]["item"]["command"] == dismissed[0]["item"]["command"]


def test_dismissing_stays_in_insert_mode(file: Path, host: FakeHost) -> None:
    host.tokens = ("path.write_text(value)",)
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until_seen("path.write_text(value)")
        nvim.type("<C-]>")
        nvim.until("an empty line", lambda: "path.write_text(value)" not in nvim.screen())
        assert nvim.mode() == "i"
        assert len(nvim.sent("slipstream/didDismissCompletion")) == 1


def test_moving_away_and_another_buffer_hide_it(file: Path, host: FakeHost) -> None:
    host.tokens = ("path.write_text(value)",)
    other = file.with_name("other.py")
    other.write_text("x = 1\n")
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until_seen("path.write_text(value)")
        nvim.type("<Left>")
        nvim.until("nothing", lambda: "path.write_text(value)" not in nvim.screen())
        nvim.type("<Esc>")
        nvim.insert_at(CARET_LINE, "A ")
        nvim.until_seen("path.write_text(value)")
        nvim.nvim.command("split other.py")
        nvim.until("nothing", lambda: "path.write_text(value)" not in nvim.screen())


def test_closers_that_it_replaces_are_not_doubled(file: Path, host: FakeHost) -> None:
    host.tokens = ("path.write_text(", "value)")
    with Neovim(file, before="vim.keymap.set('i', '(', '()<Left>')") as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until_seen("path.write_text(value)")
        nvim.type("path.write_text(")
        nvim.until("the bracket", partial(line_is, nvim, "    path.write_text()"))
        nvim.until("what is left", lambda: nvim.ghost == "value)")
        assert "    path.write_text(value)" in nvim.rows()
        nvim.type("<Tab>")
        nvim.until("the text", partial(line_is, nvim, "    path.write_text(value)"))
        assert len(host.questions) == 1


def test_a_closer_on_a_later_line_looks_replaced_too(file: Path, host: FakeHost) -> None:
    with Neovim(file) as nvim:
        nvim.ready()
        lines = nvim.buffer
        nvim.nvim.current.buffer[CARET_LINE - 1] = "    call()"
        nvim.lua("require('slipstream.ghost').draw(0, ...)", CARET_LINE - 1, 9, "\n        1,\n    )", 1)
        rows = nvim.rows()
        at = rows.index("    call(")
        assert rows[at : at + 3] == ["    call(", "        1,", "    )"]
        assert len(nvim.buffer) == len(lines)


def test_the_rest_of_a_line_stays_behind_it(file: Path, host: FakeHost) -> None:
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.nvim.current.buffer[CARET_LINE - 1] = "\tprint(é, rest)"
        nvim.nvim.command("set tabstop=4 noexpandtab")
        nvim.lua("require('slipstream.ghost').draw(0, ...)", CARET_LINE - 1, 10, "ü\tß, ", 0)
        assert "    print(éüß, , rest)".replace("üß", "ü  ß") in nvim.rows() or "rest)" in nvim.screen()


def test_multibyte_text_in_every_encoding(file: Path, host: FakeHost) -> None:
    host.tokens = ('"ü𝄞ß"', " + x")
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE, "Aé𝄞 = ")
        nvim.until_seen('é𝄞 = "ü𝄞ß" + x')
        nvim.type("<Tab>")
        nvim.until("the text", partial(line_is, nvim, '    é𝄞 = "ü𝄞ß" + x'))


def test_a_file_with_crlf_stays_whole(file: Path, host: FakeHost) -> None:
    file.write_bytes(b"def f():\r\n    x = 1\r\n    \r\n    z = 3\r\n")
    host.tokens = ("if x:\n", "        y = 2\n", "    w = 4\n")
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(3)
        nvim.until("the whole", lambda: (nvim.ghost or "").endswith("y = 2\n    w = 4"))
        nvim.type("<Tab>")
        nvim.until("the text", lambda: "    w = 4" in nvim.buffer)
        nvim.type("<Esc>")
        nvim.nvim.command("write")
    assert file.read_bytes() == (b"def f():\r\n    x = 1\r\n    if x:\r\n        y = 2\r\n    w = 4\r\n    z = 3\r\n")


@pytest.mark.parametrize("where", ["vim.bo.buftype = 'nofile'", "vim.b.slipstream = false"])
def test_not_where_nobody_wants_it(file: Path, host: FakeHost, where: str) -> None:
    host.tokens = ("path",)
    before = f"vim.api.nvim_create_autocmd('BufReadPre', {{ callback = function() {where} end }})"
    with Neovim(file, before=before) as nvim:
        nvim.insert_at(CARET_LINE, "Ax = ")
        assert nvim.lua("return #vim.lsp.get_clients()") == 0
        assert not host.questions


def test_what_was_asked_while_the_model_came_up_is_answered_then(file: Path, host: FakeHost) -> None:
    host.tokens = ("path",)
    ready = host.status
    host.status = HostStatus(state=HostState.STARTING, version="0", pid=1)
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.type("p")
        nvim.until("the answer to the key", lambda: len(nvim.sent("textDocument/inlineCompletion")) >= 1)
        nvim.until("its state", lambda: "starting" in nvim.lua("return require('slipstream').statusline()"))
        pending = "local n = 0 for _ in pairs(vim.lsp.get_clients()[1].requests) do n = n + 1 end return n"
        nvim.until("an empty answer", lambda: nvim.lua(pending) == 0)
        assert nvim.ghost is None
        host.status = ready
        host.tokens = ("ath",)
        nvim.until("the ghost text", lambda: nvim.ghost == "ath")
