"""Keys: Tab takes what is visible at the caret, and does what it always did everywhere else."""

import json

import pytest

from tests.editors.vscode.conftest import LINE, Opened, code
from tests.editors.vscode.screen import Screen
from tests.editors.vscode.test_ghost_text import line_is
from tests.lsp.fake_host import FakeHost

pytestmark = pytest.mark.editor

GHOST = "ath.touch()"
WIDGET = ".suggest-widget.visible .monaco-list-row"


def test_tab_indents_where_nothing_is_visible(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.tokens = ()
    screen.press("Tab")
    line_is(screen, "        ")
    screen.type("x")
    line_is(screen, "        x")
    # At the beginning of a line, too.
    screen.press("Home", "Home", "Tab")
    line_is(screen, "            x")


def test_tab_indents_after_the_caret_went_elsewhere(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.answers, host.tokens = [(GHOST,)], ()
    screen.type("p")
    screen.until_ghost(GHOST)
    screen.press("ArrowUp")
    screen.until_ghost("")
    screen.press("Home", "Tab")
    line_is(screen, '        """Write the file."""', LINE - 1)
    assert screen.saved().decode() == code("tab_indents_after_the_caret_went_elsewhere", "p").replace(
        '    """Write', '        """Write'
    )


def test_tab_indents_a_selection_of_lines(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened("# a selection\na = 1\nb = 2\n", line=2)
    host.tokens = ()
    screen.press("Home", "Shift+ArrowDown", "Shift+End", "Tab")
    line_is(screen, "    a = 1", 2)
    line_is(screen, "    b = 2", 3)


def test_tab_jumps_between_the_places_of_a_snippet(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.tokens = ()
    (screen.workspace / ".vscode").mkdir(exist_ok=True)
    snippet = {"pair": {"scope": "python", "prefix": "pair", "body": ["pair(${1:one}, ${2:two})$0"]}}
    (screen.workspace / ".vscode" / "own.code-snippets").write_text(json.dumps(snippet))
    screen.command("Snippets: Insert Snippet")
    screen.until("the list of snippets", lambda: screen.page.query_selector("input[placeholder*='snippet']"))
    screen.type("pair")
    screen.until("the snippet", lambda: screen.page.locator(".quick-input-list .monaco-list-row").count() == 1)
    screen.press("Enter")
    line_is(screen, "    pair(one, two)")
    # There is ghost text at the first place, and Tab goes on to the second all the same.
    host.answers = [("bc",)]
    screen.type("a")
    line_is(screen, "    pair(a, two)")
    screen.until_ghost("bc")
    screen.press("Tab")
    screen.type("z")
    line_is(screen, "    pair(a, z)")
    screen.press("Tab")
    screen.type(".x")
    line_is(screen, "    pair(a, z).x")


def test_tab_takes_the_entry_of_an_open_list(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened("# a list\nalphabet = 1\nal\n", line=3)
    host.tokens = ("together",)
    screen.press("Control+Space")
    screen.until("the list", lambda: screen.page.query_selector(WIDGET))
    screen.press("Tab")
    line_is(screen, "alphabet", 3)


def test_tab_takes_the_ghost_text_of_a_file_indented_with_tabs(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened("package main\n\nfunc main() {\n\t\n}\n", line=4, suffix=".go")
    host.answers, host.tokens = [("or {\n", "\t\tx()\n", "\t}\n")], ()
    screen.type("f")
    screen.until("the ghost text", lambda: "x()" in screen.ghost)
    screen.press("Tab")
    screen.until("the text", lambda: "x()" in "".join(screen.lines))
    assert screen.saved() == b"package main\n\nfunc main() {\n\tfor {\n\t\tx()\n\t}\n}\n"
    screen.press("Home", "Tab")
    screen.until("the indentation", lambda: screen.page.query_selector(".tab.active.dirty"))
    assert b"\n\t\t}\n}\n" in screen.saved()


def test_escape_closes_an_open_list_before_it_dismisses(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened("# closing\nalphabet = 1\nal\n", line=3)
    host.tokens = ()
    screen.press("Control+Space")
    screen.until("the list", lambda: screen.page.query_selector(WIDGET))
    screen.press("Escape")
    screen.until("no list", lambda: not screen.page.query_selector(WIDGET))
    host.tokens = ("p() # x",)
    screen.type("p")
    screen.until_ghost("p() # x")
    screen.press("Escape")
    screen.until_ghost("")
    line_is(screen, "alp", 3)
