import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.syntax.window import Window

FUNCTION = "def area(radius):\n    ", "\n\nprint(area(2))\n"


def test_a_language_without_a_grammar_has_no_window() -> None:
    assert Window.of("a", "b", "markdown") is None
    assert Window.of("a", "b", None) is None
    assert Window.of("a", "b", "go") is not None


@pytest.mark.parametrize(
    ("text", "faults"),
    [("return 3 * radius", 0), ("return 3 * (radius", 1), ("return 3 * radius\n\n\ndef f(:", 1)],
)
def test_what_is_put_in_is_judged_with_what_is_around_it(text: str, faults: int) -> None:
    window = Window(*FUNCTION, "python")
    assert window.faults == 0
    assert (window.faults_with(text) > 0) == (faults > 0)


def test_what_is_replaced_is_left_out() -> None:
    window = Window("print(", ")\n", "python")
    assert window.faults_with("x).y(1)", replaced=1) == 0
    assert window.faults_with("x).y(1)") > 0


def test_a_half_typed_line_does_not_hide_what_is_wrong_below_it() -> None:
    window = Window("x = 'it\n\ny = (", "\n\nz = [1, 2\n", "python")
    assert window.faults_elsewhere >= 1


def test_a_line_end_that_is_missing_is_a_fault() -> None:
    """The grammar has no name for it."""
    window = Window("def f(n):\n    s ", '""\n    for i in n:\n        s += i\n    return s\n', "python")
    assert (window.faults_with("= "), window.faults_with("= ''.join(n)")) == (0, 1)


def test_faults_of_other_lines_are_told_from_those_here() -> None:
    window = Window("x = = 1\ny = = 2\nz = = 3\n", "\nw = 4\n", "python")
    assert (window.faults > 2, window.faults_here, window.faults_here_with("a = 1")) == (True, 0, 0)
    assert window.faults_here_with("a = = 1") > 0


def test_text_may_be_nested_deeply() -> None:
    window = Window("(" * 5_000, "", "python")
    assert window.faults > 0
    assert window.faults_with(")" * 5_000) == 0


_text = st.text(alphabet="ab1 ()[]{}\"'=:;,.\n\té𝕏", max_size=40)


@settings(max_examples=150)
@given(_text, _text, _text, st.sampled_from(["python", "javascript", "c", "rust", "shellscript"]), st.integers(0, 5))
def test_a_window_reads_what_the_whole_text_reads(
    prefix: str, suffix: str, text: str, language: str, replaced: int
) -> None:
    """The tree after an edit is that of the text after the edit."""
    window = Window(prefix, suffix, language)
    replaced = min(replaced, len(suffix.partition("\n")[0]))
    tree = window.parse_with(text, replaced)
    assert tree.root_node.end_byte <= len((prefix + text + suffix[replaced:]).encode())
    whole = Window(prefix + text, suffix[replaced:], language)
    assert (window.faults_with(text, replaced) == 0) == (whole.faults == 0)


def test_names_and_strings_in_any_script_are_letters() -> None:
    window = Window("größe = '→ 𝕏'\nprint(größe, ", ")\n", "python")
    assert window.faults == 0
    assert window.faults_with("'°', π") == 0


@pytest.mark.parametrize("text", ["f(a, b", "{\U000fb267{\U0010ffff", "x\x00{1..\U0010ffff}", "<<\U0010ffff"])
def test_grammars_survive_any_text(text: str) -> None:
    """In a process of its own: native code that damages memory takes the process with it, sooner or later."""
    program = """
import sys
from copilot.syntax.grammar import LANGUAGES
from copilot.syntax.window import Window
for language in sorted(LANGUAGES):
    for round in range(60):
        Window(sys.stdin.buffer.read().decode() or "{" * round, ")\\n", language).faults_with("{\U0010ffff" * round)
"""
    done = subprocess.run([sys.executable, "-c", program], input=text.encode(), check=False, timeout=120)
    assert done.returncode == 0
