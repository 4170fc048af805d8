import subprocess
import sys

import pytest
from tree_sitter import Parser

from copilot.completion.lexis import lexis_of
from copilot.syntax.grammar import LANGUAGES, grammar_of

# A whole file each, and one that lacks something.
SNIPPETS = {
    "python": ("def f(x):\n    return x + 1\n", "def f(x:\n    return\n"),
    "javascript": ("const f = (x) => x + 1;\n", "const f = (x => ;\n"),
    "javascriptreact": ("const a = <b>{x}</b>;\n", "const a = <b>{x;\n"),
    "typescript": ("const f = (x: number): number => <number>x;\n", "const f = (x: ) => {\n"),
    "typescriptreact": ("const a = <T,>(x: T) => <b>{x}</b>;\n", "const a = <b>{x;\n"),
    "go": ("package m\n\nfunc f() int { return 1 }\n", "package m\n\nfunc f( {\n"),
    "rust": ("fn f<'a>(x: &'a str) -> usize { x.len() }\n", "fn f( -> {\n"),
    "c": ("int f(void) { return 1; }\n", "int f(void) { return 1 \n"),
    "cpp": ("template <class T> T f(T x) { return x; }\n", "template <class T T f(T x) {\n"),
    "java": ("class A { int f() { return 1; } }\n", "class A { int f( { return 1; }\n"),
    "csharp": ("class A { int F() => 1; }\n", "class A { int F( => 1; }\n"),
    "ruby": ("def f(x)\n  x + 1\nend\n", "def f(x)\n  x +\n"),
    "shellscript": ('if [ -n "$1" ]; then echo "$1"; fi\n', 'if [ -n "$1" ]; then\n'),
    "json": ('{"a": [1, 2]}\n', '{"a": [1, 2}\n'),
    "css": ("a { color: red }\n", "a { color: red\n"),
}


@pytest.mark.parametrize("language", SNIPPETS)
def test_a_grammar_tells_right_from_wrong(language: str) -> None:
    grammar = grammar_of(language)
    assert grammar is not None
    right, wrong = (Parser(grammar).parse(text.encode()).root_node.has_error for text in SNIPPETS[language])
    assert (right, wrong) == (False, True)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_grammar_loads(language: str) -> None:
    assert grammar_of(language) is not None


@pytest.mark.parametrize("language", sorted(LANGUAGES - {"json", "jsonc"}))
def test_trimming_knows_every_language_with_a_grammar(language: str) -> None:
    assert lexis_of(language) is not lexis_of(None)


@pytest.mark.parametrize("language", ["markdown", "yaml", "no such language", "", None])
def test_other_languages_are_text(language: str | None) -> None:
    assert grammar_of(language) is None


def test_nothing_of_tree_sitter_is_loaded_before_it_is_asked_for() -> None:
    program = """
import sys
import copilot.completion.trim
from copilot.syntax.grammar import grammar_of
def loaded(): return sorted(name for name in sys.modules if name.startswith("tree_sitter") and "." not in name)
print(loaded())
grammar_of("go")
print(loaded())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "[]\n['tree_sitter', 'tree_sitter_go']\n"
