"""Questions about code, and the package as Emacs' own checks see it."""

import subprocess
from pathlib import Path

import pytest

from tests.editors.emacs.conftest import TEXT
from tests.editors.emacs.screen import PACKAGE, Emacs, lisp_string, needed
from tests.lsp.fake_host import FakeHost

pytestmark = pytest.mark.editor

OLD, NEW = '    write_json(Path("copy.json"), {})', '    write_json(Path("new.json"), {})'
FIXED = f"```python\ndef main() -> None:\n{NEW}\n```"


def test_an_explanation_is_read_while_it_is_written(file: Path, host: FakeHost) -> None:
    host.hold_after = 2
    with Emacs(file, line=11) as emacs:
        emacs.command("slipstream-explain")
        emacs.sees("It adds two")
        assert "numbers." not in emacs.screen()
        host.release()
        emacs.sees("It adds two numbers.")


def test_a_fix_is_a_diff_that_is_applied_and_taken_back(file: Path, host: FakeHost) -> None:
    host.chat = (FIXED,)
    with Emacs(file, line=11) as emacs:
        emacs.command("slipstream-fix")
        emacs.sees(f"-{OLD}", f"+{NEW}", "C-c C-c: apply")
        assert file.read_text() == TEXT
        emacs.press("C-c", "C-c")
        emacs.sees("Slipstream: applied")
        assert emacs.saved().decode() == TEXT.replace(OLD, NEW)
        emacs.press("C-/")
        emacs.sees("copy.json")
        assert emacs.saved().decode() == TEXT


def test_a_fix_that_is_discarded_changes_nothing(file: Path, host: FakeHost) -> None:
    host.chat = (FIXED,)
    with Emacs(file, line=11) as emacs:
        emacs.command("slipstream-fix")
        emacs.sees(f"+{NEW}")
        emacs.press("C-c", "C-k")
        emacs.sees("nothing was changed")
        # The answer itself can still be read beside the file.
        emacs.press("C-x", "1")
        emacs.sees_no("new.json")
        assert file.read_text() == TEXT


def test_a_fix_of_text_that_changed_is_not_made(file: Path, host: FakeHost) -> None:
    host.chat, host.hold_after = (FIXED, ""), 1
    with Emacs(file, line=11) as emacs:
        emacs.command("slipstream-fix")
        emacs.until("the question", lambda: host.asked_chat)
        emacs.type("x")
        # A key asks for a completion, so the server knows of it then.
        emacs.until("the key", lambda: any(asked.prefix.endswith("x") for asked in host.questions))
        host.release()
        emacs.sees("changed meanwhile")
        assert emacs.saved().decode() == TEXT.replace(OLD, f"x{OLD}")


def test_a_proposal_is_not_applied_to_what_was_written_since(file: Path, host: FakeHost) -> None:
    host.chat = (FIXED,)
    with Emacs(file, line=11) as emacs:
        emacs.command("slipstream-fix")
        emacs.sees(f"+{NEW}")
        emacs.press("C-x", "o")
        emacs.type("x")
        emacs.sees(f"x{OLD}")
        emacs.press("C-x", "o", "C-c", "C-c")
        emacs.sees("The text has changed since; ask again")
        emacs.press("C-x", "o")
        assert emacs.saved().decode() == TEXT.replace(OLD, f"x{OLD}")


def test_it_compiles_without_warnings_and_its_documentation_is_in_order(tmp_path: Path) -> None:
    copy = tmp_path / PACKAGE.name
    copy.write_bytes(PACKAGE.read_bytes())
    check = f"""(with-current-buffer (find-file-noselect {lisp_string(str(copy))})
      (checkdoc-current-buffer t)
      (with-current-buffer "*Style Warnings*" (princ (buffer-string))))"""
    compile_it = ["--eval", "(setq byte-compile-error-on-warn t)", "-f", "batch-byte-compile", str(copy)]
    compiled = subprocess.run(
        [needed("emacs"), "-Q", "--batch", *compile_it], capture_output=True, text=True, check=False, timeout=120
    )
    assert compiled.returncode == 0, compiled.stderr
    said = subprocess.run(
        [needed("emacs"), "-Q", "--batch", "--eval", check], capture_output=True, text=True, check=False, timeout=120
    )
    assert [line for line in said.stdout.splitlines() if line.startswith(f"{PACKAGE.name}:")] == [], said.stdout
