import pytest

from copilot.completion.indent import Levels, Style, style_of
from copilot.completion.lexis import lexis_of

TWO = "function f() {\n  if (a) {\n    b();\n  }\n  for (;;) {\n    c();\n  }\n}\n"


@pytest.mark.parametrize(
    ("text", "language", "style"),
    [
        ("", "python", Style()),
        ("a = 1\nb = 2\n", "python", Style()),
        (TWO, "javascript", Style(tabs=False, unit=2)),
        (TWO.replace("  ", "\t"), "javascript", Style(tabs=True, unit=4)),
        # One block is no habit yet.
        ("def f():\n    return 1\n", "python", Style(tabs=False)),
        # Arguments on a line of their own say nothing about blocks.
        ("f(\n        a,\n)\ng(\n        b,\n)\nh(\n        c,\n)\n", "python", Style(tabs=False)),
        # Half and half.
        ("\ta\n  b\n\tc\n  d\n", "go", Style()),
    ],
)
def test_style(text: str, language: str, style: Style) -> None:
    assert style_of(text, lexis_of(language)) == style


@pytest.mark.parametrize(
    ("style", "wrote", "space"),
    [
        (Style(tabs=True), "        ", "\t\t"),
        (Style(tabs=True), "      ", "\t  "),
        (Style(tabs=True), "\t\t", "\t\t"),
        (Style(tabs=False), "\t", "    "),
        (Style(tabs=False), "   ", "   "),
        (Style(), "\t  ", "\t  "),
    ],
)
def test_white_space(style: Style, wrote: str, space: str) -> None:
    assert style.space(wrote) == space


def test_levels_of_a_model_that_indents_by_four_in_a_file_that_does_by_two() -> None:
    levels = Levels(2, Style(tabs=False, unit=2), lexis_of("javascript"))
    columns = []
    above = "if (x) {"
    for wrote, line in [(6, "if (y) {"), (10, "return 1;"), (6, "}"), (2, "}")]:
        columns.append(levels.column(wrote, above))
        levels.keep(wrote, above)
        above = line
    assert columns == [4, 6, 4, 2]


def test_what_is_aligned_stays_aligned() -> None:
    levels = Levels(2, Style(tabs=False, unit=2), lexis_of("javascript"))
    assert levels.column(9, "foo(a,") == 9
