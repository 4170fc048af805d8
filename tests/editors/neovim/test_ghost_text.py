"""Ghost text on a real screen: comes while the rest still streams, keeps in step with what is typed, never lies."""

from pathlib import Path

from tests.editors.neovim.conftest import CARET_LINE
from tests.editors.neovim.driver import Neovim
from tests.lsp.fake_host import FakeHost

LOOP = ("for key in value:\n", "        path", ".write_text(key)\n", "        done(key)\n")


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
    host.tokens, host.hold_after = ("path", ".write_text(value)\n", "    done()\n"), 2
    with Neovim(file) as nvim:
        nvim.ready()
        nvim.insert_at(CARET_LINE)
        nvim.until_seen("path.write_text(value)")
        # Each state of the screen is looked at with the key's own drawing, before any answer could have come.
        for typed in ("p", "a", "t"):
            nvim.type(typed)
            nvim.until("the key", lambda typed=typed: nvim.buffer[CARET_LINE - 1].endswith(typed))
            assert "    path.write_text(value)" in nvim.rows()
        nvim.type("x")
        nvim.until("the mismatch", lambda: nvim.buffer[CARET_LINE - 1] == "    patx")
        assert ".write_text(value)" not in nvim.screen()
