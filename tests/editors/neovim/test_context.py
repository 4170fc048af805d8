"""What of other files the model is shown: seen and steered from Neovim, in a project on a disk with its index."""

import time
from pathlib import Path

import pytest

from tests.editors.neovim.driver import Neovim
from tests.lsp.fake_host import Asked, FakeHost

HELPER = '''"""Helpers."""


def frobnicate(table: str, *, depth: int = 3) -> list[int]:
    """Count what is in a table."""
    return [len(table)] * depth
'''
MAIN = "from helper import frobnicate\n\n\ndef run(name):\n    rows = \n    return rows\n"
LINE = 5
SIGNATURE = "def frobnicate(table: str, *, depth: int = 3) -> list[int]"
MADE = "class Odd:\n    def hidden_name(self, a):\n        return a\n"

CHOOSE = """
Offered = {}
vim.ui.select = function(items, options, done)
  local words = vim.tbl_map(options.format_item or tostring, items)
  Offered[#Offered + 1] = words
  for index, item in ipairs(items) do
    if words[index]:find(Wanted[#Offered] or '', 1, true) then return done(item, index) end
  end
  done(nil)
end
"""
"""Someone who takes the first entry that holds the next of the words in ``Wanted``."""

OTHER_SERVER = """
Asked = {}
vim.api.nvim_create_autocmd('FileType', { pattern = 'python', callback = function(event)
  vim.lsp.start({ name = 'other', root_dir = vim.fn.getcwd(), cmd = function(here)
    local function leave() here.on_exit(0, 0) end
    return {
      request = function(method, params, answer)
        if method == 'initialize' then
          answer(nil, { capabilities = { definitionProvider = true, positionEncoding = 'utf-16' } })
        elseif method == 'textDocument/definition' then
          Asked[#Asked + 1] = params.position
          if not Silent then
            local start = { line = 1, character = 8 }
            local place = { start = start, ['end'] = start }
            answer(nil, { { targetUri = vim.uri_from_fname(vim.fn.getcwd() .. '/deep/made.py'),
              targetRange = place, targetSelectionRange = place } })
          end
        else
          answer(nil, vim.NIL)
        end
        return true, #Asked
      end,
      notify = function(method)
        if method == 'exit' then vim.schedule(leave) end
        return true
      end,
      is_closing = function() return false end,
      terminate = leave,
    }
  end }, { bufnr = event.buf })
end })
"""
"""A language server for Python that knows one definition."""


@pytest.fixture
def main(file: Path, home: Path) -> Path:
    """In a project; ``file`` keeps Neovim's own folders away."""
    project = home / "project"
    (project / "deep").mkdir(parents=True)
    (project / "pyproject.toml").write_text("[project]\n")
    (project / "helper.py").write_text(HELPER)
    (project / "main.py").write_text(MAIN)
    return project / "main.py"


def shown(asked: Asked) -> dict[str, str]:
    """Text by path."""
    return {it["path"]: it["text"] for it in asked.body["snippets"]}


def ask(nvim: Neovim, host: FakeHost) -> Asked:
    """Type on at the caret, until the host is asked for it."""
    before = len(host.questions)
    nvim.type("<Esc>")
    nvim.until("normal mode", lambda: nvim.mode() == "n")
    nvim.type(f"{LINE}G0C    rows = q{before}")
    nvim.type(" + ")
    nvim.until("the question", lambda: len(host.questions) > before)
    nvim.until("its end", lambda: host.questions[-1].ended)
    return host.questions[-1]


def until_shown(nvim: Neovim, host: FakeHost, path: str, text: str) -> None:
    """Type on, with pauses: what is new to a prompt comes into it while the caret rests."""

    def found() -> bool:
        time.sleep(0.5)
        return text in shown(ask(nvim, host)).get(path, "")

    nvim.until(f"{path} in the prompt", found)


def run(nvim: Neovim, command: str) -> None:
    nvim.type("<Esc>")
    nvim.until("normal mode", lambda: nvim.mode() == "n")
    nvim.nvim.command(f"Slipstream {command}")


def told(nvim: Neovim, words: str) -> None:
    nvim.until(f"{words!r} said", lambda: any(words in it for it in nvim.told))


def test_the_next_prompt_holds_nothing_of_a_file_that_is_never_used(main: Path, host: FakeHost) -> None:
    with Neovim(main, before=CHOOSE) as nvim:
        nvim.ready()
        until_shown(nvim, host, "helper.py", SIGNATURE)
        nvim.lua("Wanted = { 'helper.py:4-6', 'Never from this file' }")
        run(nvim, "context")
        told(nvim, "nothing of helper.py is shown to the model any more")
        (pieces, _) = nvim.lua("return Offered")
        assert "frobnicate" in pieces[0]
        assert "tokens, score" in pieces[0]
        for _ in range(3):
            assert "helper.py" not in shown(ask(nvim, host))
        nvim.lua("Offered, Wanted = {}, { 'helper.py  never shown' }")
        run(nvim, "choices")
        told(nvim, "nothing is pinned or banned of helper.py any more")
        until_shown(nvim, host, "helper.py", SIGNATURE)


def test_a_piece_is_banned_and_everything_taken_back(main: Path, host: FakeHost) -> None:
    with Neovim(main, before=CHOOSE) as nvim:
        nvim.ready()
        until_shown(nvim, host, "helper.py", SIGNATURE)
        nvim.lua("Wanted = { 'helper.py', 'this piece' }")
        run(nvim, "context")
        told(nvim, "this piece of helper.py")
        assert SIGNATURE not in shown(ask(nvim, host)).get("helper.py", "")
        run(nvim, "reset")
        told(nvim, "in this project any more")
        until_shown(nvim, host, "helper.py", SIGNATURE)


def test_a_piece_is_opened_where_it_is(main: Path, host: FakeHost) -> None:
    with Neovim(main, before=CHOOSE) as nvim:
        nvim.ready()
        until_shown(nvim, host, "helper.py", SIGNATURE)
        nvim.lua("Wanted = { 'helper.py', 'Open' }; vim.cmd('set hidden')")
        run(nvim, "context")
        nvim.until("the file", lambda: nvim.buffer == HELPER.splitlines())
        nvim.until("the line", lambda: nvim.cursor == (4, 0))


def test_selected_lines_are_pinned(main: Path, host: FakeHost) -> None:
    notes = main.parent / "notes.txt"
    notes.write_text("first of all\nunrelated = nothing to do with it\nlast of all\n")
    with Neovim(main) as nvim:
        nvim.ready()
        nvim.nvim.command("edit notes.txt")
        nvim.ready()
        nvim.nvim.command("2Slipstream pin")
        told(nvim, "these lines are shown")
        nvim.nvim.command("edit main.py")
        until_shown(nvim, host, "notes.txt", "unrelated = nothing to do with it")
        assert all("last of all" not in text for text in shown(host.questions[-1]).values())


def test_a_piece_is_pinned_without_going_there(main: Path, host: FakeHost) -> None:
    with Neovim(main, before=CHOOSE) as nvim:
        nvim.ready()
        until_shown(nvim, host, "helper.py", SIGNATURE)
        nvim.lua("Wanted = { 'helper.py', 'Pin' }")
        run(nvim, "context")
        told(nvim, "helper.py:4-6 is shown")
        assert nvim.lua("return vim.fn.expand('%:t')") == "main.py"
        assert nvim.lua("return vim.fn.bufloaded('helper.py')") == 0
        nvim.lua("Offered, Wanted = {}, { 'nothing' }")
        run(nvim, "choices")
        nvim.until("the list", lambda: nvim.lua("return Offered[1]"))
        assert nvim.lua("return Offered[1]") == ["helper.py  lines 4-6 pinned"]


def test_this_file_is_never_used(main: Path, host: FakeHost) -> None:
    with Neovim(main) as nvim:
        nvim.ready()
        until_shown(nvim, host, "helper.py", SIGNATURE)
        run(nvim, "never helper.py")
        told(nvim, "nothing of helper.py")
        assert "helper.py" not in shown(ask(nvim, host))


def test_rules_are_shown_and_chosen(main: Path, host: FakeHost) -> None:
    with Neovim(main, before=CHOOSE) as nvim:
        nvim.ready()
        run(nvim, "rules")
        told(nvim, "no rules in .slipstream.md")
        (main.parent / ".slipstream.md").write_text("Answer\u200b in rhyme.\n")
        nvim.lua("Wanted = { 'Show', 'Trust' }")
        run(nvim, "rules")
        nvim.until("the rules", lambda: nvim.buffer == ["Answer⟨U+200B⟩ in rhyme."])
        nvim.until("two questions", lambda: nvim.lua("return #Offered") == 2)
        nvim.nvim.command("edit main.py")

        def asked_again() -> bool:
            nvim.lua("Offered, Wanted = {}, { 'Keep' }")
            run(nvim, "rules")
            nvim.until("a question", lambda: nvim.lua("return #Offered") == 1)
            return "Stop using them" in str(nvim.lua("return Offered[1]"))

        nvim.until("that they are used", asked_again)


def test_the_other_servers_of_the_buffer_say_where_names_are_defined(main: Path, host: FakeHost) -> None:
    (main.parent / "deep" / "made.py").write_text(MADE)
    with Neovim(main, before=OTHER_SERVER) as nvim:
        nvim.ready()
        until_shown(nvim, host, "deep/made.py", "def hidden_name(self, a):")
        assert {"line": 4, "character": 4} in nvim.lua("return Asked")
        assert nvim.told == []


def test_one_that_does_not_answer_holds_nothing_up(main: Path, host: FakeHost) -> None:
    with Neovim(main, before="Silent = true\n" + OTHER_SERVER) as nvim:
        nvim.ready()
        until_shown(nvim, host, "helper.py", SIGNATURE)
        assert nvim.lua("return #Asked") > 0
        assert nvim.told == []


def test_settings_leave_files_out(main: Path, host: FakeHost) -> None:
    (main.parent / "other.py").write_text(HELPER.replace("frobnicate", "multiply").replace("depth", "floors"))
    main.write_text(MAIN.replace("\n\n", "\nfrom other import multiply\n", 1))
    with Neovim(main, options={"settings": {"exclude": ["helper.py"]}}) as nvim:
        nvim.ready()
        until_shown(nvim, host, "other.py", "floors: int")
        assert all("helper.py" not in shown(asked) for asked in host.asked)
        assert nvim.told == []


def test_the_index_is_in_the_statusline_while_it_is_made_and_nowhere_else(main: Path, host: FakeHost) -> None:
    before = """
        Lines = {}
        vim.api.nvim_create_autocmd('LspProgress', { callback = function(event)
          local value = event.data.params.value
          Lines[#Lines + 1] = { value.kind, value.title or '', require('slipstream').statusline() }
        end })
    """
    for number in range(300):
        (main.parent / f"made_{number}.py").write_text(f"def made_{number}():\n    return {number}\n")
    with Neovim(main, before=before) as nvim:
        nvim.until("the end", lambda: any(kind == "end" for kind, _, _ in nvim.lua("return Lines")))
        lines = nvim.lua("return Lines")
        assert ("begin", "Slipstream: index") in [(kind, title) for kind, title, _ in lines]
        assert any("index" in line for _, _, line in lines[:-1])
        nvim.until("the end of it", lambda: "index" not in nvim.lua("return require('slipstream').statusline()"))
        assert nvim.told == []
        assert nvim.nvim.command_output("messages").strip() == ""
