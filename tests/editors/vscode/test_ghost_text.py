"""Ghost text on the screen of a real VS Code."""

from functools import partial

import pytest

from tests.editors.vscode.conftest import LINE, Opened, code
from tests.editors.vscode.screen import Screen
from tests.lsp.fake_host import FakeHost

pytestmark = pytest.mark.editor

LOOP = ("or key in value:\n", "        path", ".touch(key)\n", "        done(key)\n")
LOOP_GHOST = "or key in value:\n        path.touch(key)\n        done(key)"
ONE_LINE = ("ath.write_bytes(value)",)


def line_is(screen: Screen, text: str, number: int = LINE) -> None:
    screen.until(f"the line {text!r}", lambda: screen.lines[number - 1] == text)


def test_it_appears_while_the_rest_still_streams_and_grows(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.tokens, host.hold_after = LOOP, 2
    screen.type("f")
    screen.until_ghost("or key in value:")
    assert host.questions[-1].ended is None
    host.hold_after = 3
    screen.until_ghost("or key in value:\n        path.touch(key)")
    assert host.questions[-1].ended is None
    host.release()
    screen.until_ghost(LOOP_GHOST)
    assert screen.lines[LINE - 1] == "    f"


def test_tab_takes_it_and_one_undo_takes_it_back(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.answers, host.tokens = [LOOP], ()
    screen.type("f")
    screen.until_ghost(LOOP_GHOST)
    screen.press("Tab")
    line_is(screen, "        done(key)", LINE + 2)
    taken = code("tab_takes_it_and_one_undo_takes_it_back", "f" + LOOP_GHOST)
    assert screen.saved().decode() == taken
    screen.press("Control+z")
    line_is(screen, "", LINE + 2)
    assert screen.saved().decode() == code("tab_takes_it_and_one_undo_takes_it_back", "f")


def test_it_survives_typing_along_and_vanishes_when_the_text_speaks_against_it(
    opened: Opened, screen: Screen, host: FakeHost
) -> None:
    opened()
    host.tokens, host.hold_after = LOOP, 2
    screen.type("f")
    screen.until_ghost("or key in value:")
    for count, key in enumerate("or ", 1):
        screen.type(key)
        screen.until_ghost("or key in value:"[count:])
    assert len(host.questions) == 1
    assert host.questions[0].ended is None
    host.release()
    screen.until_ghost(LOOP_GHOST[3:])
    host.tokens = ()
    screen.type("x")
    screen.until_ghost("")
    line_is(screen, "    for x")
    assert screen.saved().decode().splitlines()[LINE - 1] == "    for x"


def test_escape_dismisses_it_until_the_next_key(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.tokens = ONE_LINE
    screen.type("p")
    screen.until_ghost("ath.write_bytes(value)")
    screen.press("Escape")
    screen.until_ghost("")
    assert screen.saved().decode().splitlines()[LINE - 1] == "    p"
    assert screen.ghost == ""
    screen.type("a")
    screen.until_ghost("th.write_bytes(value)")


def test_words_and_lines_are_taken_one_by_one(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.tokens = LOOP
    screen.type("f")
    screen.until_ghost(LOOP_GHOST)
    host.tokens = ()
    screen.press("Control+ArrowRight")
    line_is(screen, "    for")
    # VS Code counts the space as a word of its own.
    screen.press("Control+ArrowRight", "Control+ArrowRight")
    line_is(screen, "    for key")
    screen.until_ghost(LOOP_GHOST[len("or key") :])
    screen.press("Control+Alt+ArrowRight")
    screen.until("the line", lambda: "in value:" in screen.lines[LINE - 1])
    screen.until("the rest", lambda: "done(key)" in screen.ghost)
    assert "path.touch(key)" not in "".join(screen.lines)


def test_another_suggestion_is_shown_and_taken(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.answers, host.tokens = [("ath.touch()",), ("ath.unlink()",), ("ath.rename(value)",)], ()
    screen.type("p")
    screen.until_ghost("ath.touch()")
    screen.press("Alt+]")
    screen.until_ghost("ath.unlink()")
    screen.press("Alt+]")
    screen.until_ghost("ath.rename(value)")
    screen.press("Alt+[")
    screen.until_ghost("ath.unlink()")
    screen.press("Tab")
    line_is(screen, "    path.unlink()")


def test_brackets_that_the_editor_closes_are_not_doubled(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened()
    host.answers, host.tokens = [ONE_LINE], ()
    screen.type("p")
    screen.until_ghost("ath.write_bytes(value)")
    screen.type("ath.write_bytes(")
    line_is(screen, "    path.write_bytes()")
    screen.until("what is left", lambda: "value" in screen.ghost)
    screen.press("Tab")
    line_is(screen, "    path.write_bytes(value)")
    assert screen.saved().decode() == code("brackets_that_the_editor_closes_are_not_doubled", "path.write_bytes(value)")


def test_a_file_with_crlf_keeps_its_line_ends(opened: Opened, screen: Screen, host: FakeHost) -> None:
    crlf = partial(str.replace, code("crlf"), "\n", "\r\n")
    opened(crlf())
    host.answers, host.tokens = [LOOP], ()
    screen.type("f")
    screen.until_ghost(LOOP_GHOST)
    screen.press("Tab")
    line_is(screen, "        done(key)", LINE + 2)
    assert screen.saved().decode() == code("crlf", "f" + LOOP_GHOST).replace("\n", "\r\n")


def test_several_carets_damage_nothing(opened: Opened, screen: Screen, host: FakeHost) -> None:
    opened("# several carets\nalpha = 1\nalpha = 2\nalpha = 3\n", line=2)
    host.answers, host.tokens = [("+ 7",)], ()
    screen.press("Shift+Alt+ArrowDown", "Shift+Alt+ArrowDown")
    screen.until("three carets", lambda: screen.page.locator(".editor-instance .cursors-layer .cursor").count() == 3)
    screen.type(" ")
    # VS Code draws what it would write, at each caret.
    screen.until_ghost("+ 7" * 3)
    screen.press("Tab")
    line_is(screen, "alpha = 1 + 7", 2)
    assert screen.saved() == b"# several carets\nalpha = 1 + 7\nalpha = 2 + 7\nalpha = 3 + 7\n"
    screen.press("Control+z")
    line_is(screen, "alpha = 1 ", 2)
    screen.type("# x")
    line_is(screen, "alpha = 3 # x", 4)
    assert screen.saved() == b"# several carets\nalpha = 1 # x\nalpha = 2 # x\nalpha = 3 # x\n"


def test_places_are_right_beside_wide_and_rare_characters(opened: Opened, screen: Screen, host: FakeHost) -> None:
    text = code("rare").replace('"""Write', 'name = "𝒳😀é漢"; """Write')
    opened(text)
    host.answers, host.tokens = [('= "😀"', "[:1]")], ()
    screen.type("é ")
    screen.until_ghost('= "😀"[:1]')
    assert host.questions[-1].prefix.endswith('name = "𝒳😀é漢"; """Write the file."""\n    é ')
    screen.press("Tab")
    line_is(screen, '    é = "😀"[:1]')
    assert screen.saved().decode() == text.replace("    \n", '    é = "😀"[:1]\n', 1)
