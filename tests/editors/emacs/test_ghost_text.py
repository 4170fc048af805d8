"""Ghost text on the screen of a real Emacs."""

from functools import partial
from pathlib import Path

import pytest

from copilot.serve.api import HostState, HostStatus
from tests.editors.emacs.conftest import LINE, TEXT
from tests.editors.emacs.screen import Emacs, lisp_string
from tests.lsp.fake_host import FakeHost

pytestmark = pytest.mark.editor

LOOP = ("or key in value:\n", "        path", ".write_text(key)\n", "        done(key)\n")
ONE_LINE = ("ath.write_text(value.decode())",)


def with_line(line: str, text: str = TEXT) -> str:
    """``text`` with its empty line filled."""
    return text.replace("    \n", f"    {line}\n", 1)


def test_it_appears_while_the_rest_still_streams_and_grows_by_lines(file: Path, host: FakeHost) -> None:
    host.tokens, host.hold_after = LOOP, 2
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.type("f")
        emacs.sees("    for key in value:")
        assert host.questions[-1].ended is None
        assert "path.write_text(key)" not in emacs.screen()
        # The cursor stays where one types, in front of the ghost text.
        assert emacs.cursor() == (LINE - 1, 5)
        host.release()
        emacs.sees("        path.write_text(key)", "        done(key)", "def main() -> None:")


def test_tab_takes_it_and_one_undo_takes_it_back(file: Path, host: FakeHost) -> None:
    host.answers, host.tokens = [LOOP], ()
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.type("f")
        emacs.sees("done(key)")
        emacs.press("Tab")
        taken = with_line("for key in value:\n        path.write_text(key)\n        done(key)")
        assert emacs.saved().decode() == taken
        emacs.press("C-/")
        emacs.until("the caret's place before", lambda: emacs.cursor() == (LINE - 1, 5))
        assert emacs.saved().decode() == with_line("f")


def test_it_survives_typing_along_and_vanishes_when_the_text_speaks_against_it(file: Path, host: FakeHost) -> None:
    host.tokens, host.hold_after = LOOP, 2
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.type("f")
        emacs.sees("for key in value:")
        for count, key in enumerate("or ", 6):
            emacs.type(key)
            emacs.until("the caret", partial(_at, emacs, count))
            assert emacs.line(LINE) == "    for key in value:"
        assert len(host.questions) == 1
        host.tokens = ()
        emacs.type("x")
        emacs.until("its end", lambda: emacs.line(LINE) == "    for x")
        assert emacs.saved().decode() == with_line("for x")


def test_tab_means_what_the_major_mode_says_where_there_is_none(file: Path, host: FakeHost) -> None:
    host.tokens = ()
    with Emacs(file, line=LINE, then="(forward-line 0) (delete-horizontal-space)") as emacs:
        emacs.press("Tab")
        emacs.until("the indentation", lambda: emacs.cursor() == (LINE - 1, 4))
        emacs.until("a question", lambda: host.questions)
        host.tokens = ONE_LINE
        emacs.type("p")
        emacs.sees("    path.write_text(value.decode())")
        # Elsewhere there is no ghost text any more, and Tab indents there.
        emacs.press("Up", "C-a", "Tab")
        emacs.until("the caret's place", lambda: emacs.cursor() == (LINE - 2, 4))
        assert emacs.line(LINE) == "    p"
        assert emacs.saved().decode() == with_line("p")


@pytest.mark.parametrize("key", ["C-g", "Escape"])
def test_it_is_dismissed_and_does_not_come_back_by_itself(file: Path, host: FakeHost, key: str) -> None:
    host.tokens = ONE_LINE
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.type("p")
        emacs.sees("path.write_text")
        # In a terminal, Escape alone is the beginning of a key; three of them say what one says in a window.
        emacs.press(*([key] * (3 if key == "Escape" else 1)))
        emacs.until("its end", lambda: emacs.line(LINE) == "    p")
        assert emacs.saved().decode() == with_line("p")
        assert emacs.line(LINE) == "    p"


def test_words_and_lines_are_taken_one_by_one(file: Path, host: FakeHost) -> None:
    host.tokens = LOOP
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.type("f")
        emacs.sees("done(key)")
        host.tokens = ()
        emacs.press("C-Right")
        emacs.until("a word", lambda: emacs.cursor() == (LINE - 1, 7))
        emacs.press("C-Right")
        emacs.until("two words", lambda: emacs.cursor() == (LINE - 1, 11))
        emacs.sees("    for key in value:", "done(key)")
        emacs.press("C-Down")
        emacs.until("the line", lambda: emacs.cursor() == (LINE - 1, len("    for key in value:")))
        emacs.press("C-Down")
        emacs.until("another line", lambda: emacs.cursor() == (LINE, len("        path.write_text(key)")))
        assert emacs.saved().decode() == with_line("for key in value:\n        path.write_text(key)")
        assert "done(key)" in emacs.screen()


def test_another_suggestion_is_shown_and_taken(file: Path, host: FakeHost) -> None:
    host.answers = [("ath.touch()",), ("ath.unlink()",), ("ath.rename(value)",)]
    host.tokens = ()
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.type("p")
        emacs.sees("path.touch()")
        emacs.press("M-n")
        emacs.sees("path.unlink()", "2 of")
        emacs.press("M-p")
        emacs.sees("path.touch()", "1 of")
        emacs.press("M-n")
        emacs.sees("path.unlink()")
        emacs.press("Tab")
        assert emacs.saved().decode() == with_line("path.unlink()")


def test_brackets_that_the_editor_closes_are_not_doubled(file: Path, host: FakeHost) -> None:
    host.answers, host.tokens = [ONE_LINE], ()
    with Emacs(file, line=LINE, column=5, init="(electric-pair-mode 1)") as emacs:
        emacs.type("p")
        emacs.sees("path.write_text(value.decode())")
        emacs.type("ath.write_text(")
        emacs.until("the caret", lambda: emacs.cursor() == (LINE - 1, len("    path.write_text(")))
        assert emacs.line(LINE) == "    path.write_text(value.decode())"
        emacs.press("C-Right")
        emacs.until("a word", lambda: emacs.cursor() == (LINE - 1, len("    path.write_text(value")))
        assert emacs.line(LINE) == "    path.write_text(value.decode())"
        emacs.press("Tab")
        assert emacs.saved().decode() == with_line("path.write_text(value.decode())")


def test_a_file_with_crlf_keeps_its_line_ends(file: Path, host: FakeHost) -> None:
    crlf = TEXT.replace("\n", "\r\n")
    file.write_bytes(crlf.encode())
    host.answers, host.tokens = [LOOP], ()
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.type("f")
        emacs.sees("done(key)")
        assert "^M" not in emacs.screen()
        emacs.press("Tab")
        taken = with_line("for key in value:\n        path.write_text(key)\n        done(key)").replace("\n", "\r\n")
        assert emacs.saved() == taken.encode()
        # The model sees the document as Emacs does.
        assert "\r" not in host.questions[0].body["prefix"]


def test_a_file_with_mixed_line_ends_is_damaged_nowhere(file: Path, host: FakeHost) -> None:
    mixed = TEXT.replace("json\n", "json\r\n").replace("None:\n", "None:\r\r\n")
    file.write_bytes(mixed.encode())
    host.answers, host.tokens = [("ath.touch()",)], ()
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.type("p")
        emacs.sees("path.touch()")
        assert host.questions[-1].prefix.endswith('"""Write the file."""\n    p')
        emacs.press("Tab")
        assert emacs.saved() == with_line("path.touch()", mixed).encode()


def test_places_are_right_beside_wide_and_rare_characters(file: Path, host: FakeHost) -> None:
    file.write_text(TEXT.replace('"""Write', 'name = "𝒳😀é漢"; """Write'))
    host.tokens = ('= "😀"', "[:1]")
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.type("😀é ")
        emacs.sees('😀"[:1]')
        assert host.questions[-1].prefix.endswith('name = "𝒳😀é漢"; """Write the file."""\n    😀é ')
        host.tokens = ()
        emacs.press("Tab")
        expected = TEXT.replace('"""Write', 'name = "𝒳😀é漢"; """Write').replace("    \n", '    😀é = "😀"[:1]\n', 1)
        assert emacs.saved().decode() == expected


def test_the_server_reads_what_edits_of_all_kinds_have_made(file: Path, host: FakeHost) -> None:
    host.tokens = ("zzz",)
    then = (
        "(replace-string \"write_json\" \"Store\" nil 1 (point-max)) (upcase-initials-region 1 30)"
        " (let ((inhibit-modification-hooks t)) (save-excursion (goto-char 1) (insert \"# unseen\\n\")))"
        f" (goto-char 1) (forward-line {LINE}) (end-of-line) (narrow-to-region (line-beginning-position) (point))"
    )  # fmt: skip
    # With little time, the model is not given what comes after the caret.
    with Emacs(file, line=LINE, column=5, init="(setq slipstream-settings '(:budgetMs 10000))", then=then) as emacs:
        # One after the other: C-g throws away what Emacs has not read yet.
        emacs.type("x = ")
        emacs.sees("x = ")
        emacs.press("C-Space", "C-g")
        emacs.press("C-t", "C-/")
        emacs.type("1")
        emacs.sees("x = 1")
        emacs.press("BSpace")
        emacs.sees("x = zzz")
        emacs.type("y")
        # A second try may leave out what comes after the caret.
        asked = emacs.until(
            "the last question",
            lambda: [asked for asked in host.questions if asked.prefix.endswith("x = y") and asked.body["suffix"]],
        )
        emacs.press("C-x", "n", "w")
        text = emacs.saved().decode()
        assert "# unseen\nImport" in text
        assert f"{asked[0].prefix}{asked[0].body['suffix']}" == text


def test_there_is_none_in_a_region_nor_in_what_cannot_be_written(file: Path, host: FakeHost) -> None:
    host.tokens = ONE_LINE
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.command("read-only-mode")
        emacs.sees("%%")
        emacs.command("slipstream-complete")
        emacs.press("C-x", "C-q")
        emacs.type("p")
        emacs.sees("path.write_text")
        assert len(host.questions) == 1


@pytest.mark.parametrize("connected", [False, True], ids=["before the server is there", "after it"])
def test_what_was_asked_while_the_model_came_up_is_answered_then(file: Path, host: FakeHost, connected: bool) -> None:
    ready = host.status
    host.status = HostStatus(state=HostState.STARTING, version="0", pid=1)
    called = {name: file.parent / name for name in ("slipstream--initialized", "slipstream--take-answer")}
    note = '(advice-add \'{} :after (lambda (&rest _) (write-region "" nil {})))'
    init = "".join(note.format(name, lisp_string(str(path))) for name, path in called.items())
    emacs = Emacs(file, line=LINE, column=5, init=init)
    try:
        emacs.sees("Slip:starting")
        if connected:
            emacs.until("the server", called["slipstream--initialized"].exists)
        emacs.type("p")
        if connected:
            emacs.until("the empty answer", called["slipstream--take-answer"].exists)
        emacs.until("the key", lambda: emacs.line(LINE) == "    p")
        host.tokens = ONE_LINE
        host.status = ready
        emacs.sees("    path.write_text(value.decode())", "Slip:ready")
    finally:
        emacs.__exit__()


def test_it_is_switched_off_and_on(file: Path, host: FakeHost) -> None:
    host.tokens = ONE_LINE
    with Emacs(file, line=LINE, column=5) as emacs:
        emacs.type("p")
        emacs.sees("path.write_text")
        emacs.command("slipstream-mode")
        emacs.sees_no("Slip:")
        emacs.until("its end", lambda: emacs.line(LINE) == "    p")
        emacs.press("Tab")
        emacs.type("ath")
        emacs.until("the text", lambda: emacs.line(LINE).endswith("ath"))
        asked = len(host.questions)
        emacs.press("BSpace", "BSpace", "BSpace")
        emacs.command("slipstream-mode")
        emacs.sees("Slip:ready")
        assert len(host.questions) == asked
        emacs.type("x")
        emacs.press("BSpace")
        emacs.sees("path.write_text")


def test_a_missing_server_is_told_once_and_says_what_to_do(file: Path, host: FakeHost) -> None:
    emacs = Emacs(file, line=LINE, column=5, init='(setq slipstream-server-command \'("no-such-slipstream" "lsp"))')
    try:
        emacs.until("words", lambda: "slipstream-server-command" in emacs.screen().replace("\\\n", ""))
        emacs.sees("there is no program", "no-such-slipstream")
        emacs.type("pass")
        emacs.sees("    pass", "Slip:failed")
        assert emacs.saved().decode() == with_line("pass")
        # Told once: typing is not interrupted by it again.
        assert "no-such-slipstream" not in emacs.screen()
    finally:
        emacs.__exit__()


def _at(emacs: Emacs, column: int) -> bool:
    return emacs.cursor() == (LINE - 1, column)
