"""Questions about code: the answer streams into a split, and a change is made only after yes."""

from functools import partial
from pathlib import Path

import pytest

from tests.editors.neovim.driver import Neovim
from tests.lsp.fake_host import FakeHost

FIXED = (
    '```python\ndef read_json(path: Path) -> object:\n    """Parse the file."""\n    return json.load(path.open())\n```'
)
OLD, NEW = "    return json.loads(path.read_text())", "    return json.load(path.open())"


def ask(nvim: Neovim, words: str) -> None:
    nvim.ready()
    nvim.type("7G")
    nvim.until("the line", lambda: nvim.cursor[0] == 7)
    nvim.nvim.command(f"Slipstream {words}")


def holds(nvim: Neovim, line: str) -> bool:
    """Whether the file's own window shows it."""
    return line in nvim.lua("return vim.api.nvim_buf_get_lines(vim.fn.bufnr('store.py'), 0, -1, false)")


def to_the_answer(nvim: Neovim) -> None:
    nvim.type("<C-w>l")
    nvim.until("the answer's window", lambda: nvim.lua("return vim.bo.filetype") in ("markdown", "diff"))


def test_an_explanation_is_read_while_it_is_written(file: Path, host: FakeHost) -> None:
    host.hold_after = 2
    with Neovim(file, size=(140, 24)) as nvim:
        ask(nvim, "explain")
        nvim.until_seen("It adds two")
        assert "numbers." not in nvim.screen()
        assert "Explain read_json" in nvim.screen()
        host.release()
        nvim.until_seen("It adds two numbers.")
        nvim.until_seen("<CR> asks on")


def test_closing_its_window_stops_the_model(file: Path, host: FakeHost) -> None:
    host.hold_after = 1
    with Neovim(file) as nvim:
        ask(nvim, "explain")
        nvim.until_seen("It adds")
        to_the_answer(nvim)
        nvim.type("q")
        nvim.until("the end at the host", lambda: host.asked_chat[0].ended == "closed")
        assert nvim.lua("return #vim.api.nvim_list_wins()") == 1


@pytest.mark.parametrize(("key", "line", "gone"), [("a", NEW, OLD), ("q", OLD, NEW)])
def test_a_fix_is_a_diff_and_made_only_when_accepted(
    file: Path, host: FakeHost, key: str, line: str, gone: str
) -> None:
    host.chat = (FIXED,)
    with Neovim(file, size=(140, 24)) as nvim:
        ask(nvim, "fix")
        nvim.until_seen("a accepts")
        assert f"-{OLD}" in nvim.screen()
        assert f"+{NEW}" in nvim.screen()
        assert holds(nvim, OLD)
        to_the_answer(nvim)
        nvim.type(key)
        nvim.until("the answer's end", lambda: nvim.lua("return #vim.api.nvim_list_wins()") == 1)
        nvim.until("the text", partial(holds, nvim, line))
        assert not holds(nvim, gone)
        assert NEW not in file.read_text()
        if key == "a":
            nvim.type("u")
            nvim.until("the text before", partial(holds, nvim, OLD))


def test_a_fix_of_text_that_changed_is_not_made(file: Path, host: FakeHost) -> None:
    host.chat = (FIXED,)
    with Neovim(file, size=(140, 24)) as nvim:
        ask(nvim, "fix")
        nvim.until_seen("a accepts")
        nvim.type("x")
        to_the_answer(nvim)
        nvim.type("a")
        nvim.until("the words", lambda: any("changed meanwhile" in it for it in nvim.told))
        assert not holds(nvim, NEW)


def test_a_name_is_chosen_from_several(file: Path, host: FakeHost) -> None:
    host.chat = ("load_json\nparse_file\n",)
    choose = "vim.ui.select = function(names, _, done) Names = names; done(names[2]) end"
    with Neovim(file, before=choose, size=(140, 24)) as nvim:
        nvim.ready()
        nvim.type("5G5|")
        nvim.until("the name", lambda: nvim.cursor == (5, 4))
        nvim.nvim.command("Slipstream rename")
        nvim.until_seen("a accepts")
        assert nvim.lua("return Names") == ["load_json", "parse_file"]
        to_the_answer(nvim)
        nvim.type("a")
        nvim.until("the name", partial(holds, nvim, "def parse_file(path: Path) -> object:"))
        assert holds(nvim, '    settings = parse_file(Path("settings.json"))')


def test_the_help_is_found(file: Path, host: FakeHost, tmp_path: Path) -> None:
    with Neovim(file) as nvim:
        plugin = nvim.lua("return vim.api.nvim_get_runtime_file('doc/slipstream.txt', false)[1]")
        # Tags are the user's own file, so they are made for a copy.
        (tmp_path / "doc").mkdir()
        (tmp_path / "doc" / "slipstream.txt").write_bytes(Path(plugin).read_bytes())
        nvim.nvim.command(f"helptags {tmp_path / 'doc'}")
        nvim.nvim.command(f"set runtimepath^={tmp_path}")
        for tag in ("slipstream", "slipstream-keys", "slipstream-settings", ":Slipstream"):
            nvim.nvim.command(f"help {tag}")
            assert nvim.lua("return vim.fn.expand('%:t')") == "slipstream.txt"
