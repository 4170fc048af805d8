import random
import subprocess
import sys

import pytest

from copilot.syntax.grammar import LANGUAGES
from copilot.syntax.highlight import Highlighter, Span, highlighted, language_named

CODE = '''\
import os

class Größe(Base):
    """A size 🦀."""

    def total(self, items: list[int]) -> int:
        # adds them
        return sum(items) + 42 + len("é")
'''


def kinds(code: str, language: str) -> dict[str, str]:
    return {code[it.start : it.end]: it.kind for it in highlighted(code, language)}


def test_each_stretch_has_the_colour_of_what_it_is() -> None:
    found = kinds(CODE, "python")
    assert found["import"] == found["class"] == found["def"] == found["return"] == "keyword"
    assert found["# adds them"] == "comment"
    assert found['"é"'] == found['"""A size 🦀."""'] == "string"
    assert found["42"] == "number"
    assert found["total"] == found["sum"] == "function"
    assert "items" not in found


@pytest.mark.parametrize(
    ("fence", "code", "word"),
    [
        ("py", "def f(): pass", "def"),
        ("js", "const a = () => 1", "const"),
        ("ts", "interface A { x: number }", "interface"),
        ("tsx", "const a: number = 1", "const"),
        ("c++", "class A {};", "class"),
        ("sh", "if true; then echo; fi", "if"),
        ("rust", "fn main() {}", "fn"),
        ("go", "func main() {}", "func"),
        ("java", "class A {}", "class"),
        ("C", "return 1;", "return"),
    ],
)
def test_what_a_fence_says_is_understood(fence: str, code: str, word: str) -> None:
    assert kinds(code, fence)[word] == "keyword"


@pytest.mark.parametrize("language", ["", "brainfuck", "plaintext", "../x"])
def test_without_a_grammar_nothing_has_a_colour(language: str) -> None:
    assert highlighted("def f(): pass", language) == []


def test_however_code_comes_its_colours_end_the_same() -> None:
    whole = highlighted(CODE, "python")
    for seed in range(20):
        cut = random.Random(seed)
        grown, at, spans = Highlighter("python"), 0, list[Span]()
        while at < len(CODE):
            end = at + cut.randint(1, 9)
            first, new = grown.grow(CODE[at:end])
            assert first <= at
            spans = [it for it in spans if it.end <= first] + new
            at = end
        assert grown.all() == whole
        assert spans == whole


def test_an_open_string_colours_what_comes_after_it_once_it_closes() -> None:
    grown = Highlighter("python")
    grown.grow('x = """one\n')
    first, spans = grown.grow('two"""\n')
    assert first == 0
    assert Span(4, 17, "string") in spans


def test_every_query_compiles_again_and_again() -> None:
    """A version of tree-sitter crashed on it; in a process of its own, because that took the tests with it."""
    script = (
        "from copilot.syntax import highlight\n"
        "from copilot.syntax.grammar import LANGUAGES\n"
        "for _ in range(50):\n"
        "    highlight._query.cache_clear()\n"
        "    found = [name for name in LANGUAGES if highlight._query(highlight.language_named(name)) is not None]\n"
        "print(len(found))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert int(done.stdout) >= len(LANGUAGES) - 3


def test_names_of_languages() -> None:
    assert language_named(" Py ") == "python"
    assert language_named("rust") == "rust"
