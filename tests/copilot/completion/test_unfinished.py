import pytest

from copilot.completion.brackets import Reading
from copilot.completion.lexis import lexis_of
from copilot.completion.unfinished import makeshift_ends, open_words, reading_after, visibly_goes_on
from copilot.syntax.window import Window


@pytest.mark.parametrize(
    ("text", "language", "ends"),
    [
        ("if [ -f x ]; then\n  echo", "shellscript", ["fi"]),
        ("for x in *; do\n  if y; then", "shellscript", ["done", "fi"]),
        ("for x in *; do\n  if y; then\n z\n  fi", "shellscript", ["done"]),
        ('case "$1" in\n  a) b ;;', "shellscript", ["esac"]),
        ("echo if", "shellscript", []),
        ("def f\n  items.each do |item|", "ruby", ["end", "end"]),
        ("x = if y\n  1", "ruby", ["end"]),
        ("return 1 if y", "ruby", []),
        ("while x do\n  y", "ruby", ["end"]),
        ("class A\n  def f\n  end", "ruby", ["end"]),
    ],
)
def test_words_that_end_blocks(text: str, language: str, ends: list[str]) -> None:
    assert open_words(text, lexis_of(language)) == ends


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("for (const x of xs) {", "javascript"),
        ("const f = (a, b) => ({", "javascript"),
        ("while (x)", "c"),
        ("int total = first +", "c"),
        ("#ifdef DEBUG", "c"),
        ("return users.stream()", "java"),
        ("if let Some(x) = y {", "rust"),
        ("for key := range m {", "go"),
        ("if [ -f x ]; then", "shellscript"),
        ("while read -r line", "shellscript"),
        ("items.each do |item|", "ruby"),
        ("unless x", "ruby"),
        ("x = [\n    1,", "python"),
    ],
)
def test_what_is_begun_can_be_finished(text: str, language: str) -> None:
    """With one of the ends the grammar has nothing against it, as it stands in a function."""
    around = {
        "c": ("int f(void) {\n", "\n}\n"),
        "java": ("class A { Object f() {\n", "\n} }\n"),
        "rust": ("fn f() {\n", "\n}\n"),
        "go": ("package a\nfunc f() {\n", "\n}\n"),
    }
    lexis = lexis_of(language)
    window = Window(*around.get(language, ("", "\n")), language)
    assert window.faults == 0
    end = reading_after(text, Reading(), lexis)
    ends = list(makeshift_ends(text, end, lexis, words=bool(lexis.heads)))
    assert 0 in [window.faults_with(text + tail) for tail in ends]


@pytest.mark.parametrize(
    ("line", "goes_on"), [("f(a,", True), ("x = a +", True), ("x =", True), ("f(a)", False), ("x = 1;", False)]
)
def test_lines_that_ask_for_another(line: str, goes_on: bool) -> None:
    lexis = lexis_of("javascript")
    assert visibly_goes_on(line, reading_after(line, Reading(), lexis), lexis) == goes_on
