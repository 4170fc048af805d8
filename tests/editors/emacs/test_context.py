"""What of other files the model is shown, in a project with its index."""

import subprocess
import time
from pathlib import Path

import pytest

from tests.editors.emacs.screen import Emacs
from tests.lsp.fake_host import FakeHost

pytestmark = pytest.mark.editor

HELPER = '''def frobnicate(table: str, *, depth: int = 3) -> list[int]:
    """Count what is in a table."""
    return [len(table)] * depth
'''
MAIN = "from helper import frobnicate\n\n\ndef run(name):\n    rows = \n    return rows\n"
SIGNATURE = "def frobnicate(table: str, *, depth: int = 3) -> list[int]"


@pytest.fixture
def main(home: Path) -> Path:
    project = home / "project"
    project.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=project, check=True, timeout=60)
    (project / "helper.py").write_text(HELPER)
    (project / "main.py").write_text(MAIN)
    return project / "main.py"


def ask(emacs: Emacs, host: FakeHost) -> str:
    """Write another word, until the host is asked for it; what it is shown of the helper."""
    before = len(host.questions)
    emacs.press("C-a", "C-k")
    emacs.type(f"    rows = q{before} + ")
    emacs.until("the question", lambda: len(host.questions) > before and host.questions[-1].ended)
    return "".join(it["text"] for it in host.questions[-1].body["snippets"] if it["path"] == "helper.py")


def until_shown(emacs: Emacs, host: FakeHost) -> None:
    """Type on, with pauses: what is new to a prompt comes into it while the caret rests."""

    def found() -> bool:
        time.sleep(0.5)
        return SIGNATURE in ask(emacs, host)

    emacs.until("the signature in the prompt", found)


def test_the_next_prompt_holds_nothing_of_a_file_that_is_never_used(main: Path, host: FakeHost) -> None:
    with Emacs(main, line=5, column=12, home=main.parents[1]) as emacs:
        until_shown(emacs, host)
        emacs.press("C-x", "C-f")
        emacs.type("helper.py")
        emacs.press("Enter")
        emacs.sees("Count what is in a table.")
        emacs.command("slipstream-never-this-file")
        emacs.sees("nothing of this file is shown")
        emacs.press("C-x", "k", "Enter")
        emacs.sees("def run")
        for _ in range(3):
            assert ask(emacs, host) == ""
        emacs.command("slipstream-reset-context")
        emacs.sees("nothing is pinned or banned")
        until_shown(emacs, host)


def test_the_line_of_point_is_pinned(main: Path, host: FakeHost) -> None:
    with Emacs(main, line=4, home=main.parents[1]) as emacs:
        emacs.command("slipstream-pin-region")
        emacs.sees("these lines are shown to the model")


def test_rules_are_shown_and_chosen(main: Path, host: FakeHost) -> None:
    with Emacs(main, line=4, home=main.parents[1]) as emacs:
        emacs.command("slipstream-review-rules")
        emacs.sees("no rules in .slipstream.md")
        (main.parent / ".slipstream.md").write_text("Answer in rhyme.\n")
        emacs.command("slipstream-review-rules")
        emacs.sees("Answer in rhyme.", "Use these rules?")
        emacs.type("yes")
        emacs.press("Enter")
        emacs.sees("the rules are used from now on")
        emacs.command("slipstream-review-rules")
        emacs.sees("Stop using them?")
        emacs.type("yes")
        emacs.press("Enter")
        emacs.sees("the rules are not used any more")
