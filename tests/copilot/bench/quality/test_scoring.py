"""What counts of an answer, and what is wrong with it."""

import pytest

from copilot.bench.quality.problems import Check, Problem, Stratum
from copilot.bench.quality.scoring import Flaws, counted, exact, filled, flaws, is_whole, passes, similarity

CHECK = Check("def check(f):\n    assert f(2) == 4\n", "double")


def problem(
    prefix: str, gold: str, suffix: str, stratum: Stratum = Stratum.FRESH_LINE, *, language: str = "python"
) -> Problem:
    one_line = stratum not in {Stratum.BLOCK, Stratum.SPAN}
    return Problem(
        id="p",
        stratum=stratum,
        prefix=prefix,
        gold=gold,
        suffix=suffix,
        one_line=one_line,
        language=language,
        check=CHECK,
    )


LINE = problem("def double(x):\n", "    return x * 2", "\n")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("    return x * 2\n    more\n", "    return x * 2"),
        ("    return x", "    return x"),
        ("\n    return x\n", "\n    return x"),
        ("  \n\n    return x\nmore", "\n    return x"),
        ("", ""),
        ("\n \n", ""),
    ],
)
def test_of_a_line_the_first_with_something_on_it_counts(text: str, line: str) -> None:
    assert counted(LINE, text) == line


def test_of_more_than_a_line_everything_counts_up_to_a_fence() -> None:
    block = problem("def double(x):\n", "    y = x\n    return 2 * y", "\n", Stratum.BLOCK)
    assert counted(block, "    y = x\n    return 2 * y\n```\nThis doubles.") == "    y = x\n    return 2 * y\n"
    assert not is_whole(block, "    y = x\n    return 2 * y\n")
    assert is_whole(block, "    y = x\n```")


@pytest.mark.parametrize(
    ("text", "whole"), [("", False), ("\n", False), ("a", False), ("\n  a", False), ("a\n", True), ("\n a\nb", True)]
)
def test_a_line_is_whole_when_it_has_ended(text: str, whole: bool) -> None:
    assert is_whole(LINE, text) is whole


def test_as_published_the_line_end_goes_with_the_line() -> None:
    published = problem("def double(x):\n", "    y = x * 2\n", "    return y\n", Stratum.PUBLISHED)
    text = counted(published, "    y = 2 * x\n    return y\n")
    assert filled(published, text) == "def double(x):\n    y = 2 * x\n    return y\n"


def test_what_gives_way_is_part_of_the_gold() -> None:
    closer = problem("print(f(", "a, b", "))\n", Stratum.BEFORE_CLOSER)
    assert exact(closer, "a, b")
    assert exact(closer, "a, b))", 2)
    assert not exact(closer, "a, b))")
    assert similarity(closer, "a, b))", 2) == 1.0
    assert filled(closer, "a, b))", 2) == "print(f(a, b))\n"
    assert 0 < similarity(closer, "a, c") < 1


def test_white_space_around_it_is_not_compared() -> None:
    assert exact(LINE, "return x * 2  ")
    assert not exact(LINE, "return x*2")
    assert similarity(LINE, "  return x * 2") == 1.0


@pytest.mark.parametrize(
    ("text", "passed"),
    [("    return x * 2", True), ("    return x + x", True), ("    return x", False), ("    pass", False)],
)
def test_execution_decides_not_the_wording(text: str, passed: bool) -> None:
    outcome = passes(LINE, text)
    assert outcome is not None
    assert outcome.passed is passed


def test_nothing_is_never_a_pass() -> None:
    """A line can be missing without the test noticing, but nobody was helped."""
    needless = problem("def double(x):\n", "    x = x", "\n    return x * 2\n")
    outcome = passes(needless, "  ")
    assert outcome == (False, "nothing suggested")
    assert passes(needless, "    x = x") == (True, "")


def test_a_problem_without_a_test_is_not_run() -> None:
    bare = Problem(id="p", stratum=Stratum.BEGUN, prefix="x", gold="y", suffix="", one_line=True, language="python")
    assert passes(bare, "y") is None


CALL = ("value = f(g(", "a", "))\n", Stratum.BEFORE_CLOSER)


@pytest.mark.parametrize(
    ("hole", "text", "replaced", "doubled"),
    [
        (CALL, "a", 0, False),
        (CALL, "a)", 0, True),
        (CALL, "b)", 0, True),
        (CALL, "b)", 1, False),
        (CALL, "h(b)", 0, False),
        (CALL, "'('", 0, False),
        (CALL, "h(b))", 0, True),
        # Nothing to close right of it.
        (("value = f(", "a)", "\n", Stratum.BEGUN), "b)", 0, False),
        (("x = [", "1", "]\n", Stratum.BEFORE_CLOSER), "2]", 0, True),
        # The gold itself ends so.
        (("f((", "a, b)", ")\n", Stratum.MID_LINE), "c, d)", 0, False),
    ],
)
def test_doubled_brackets(hole: tuple[str, str, str, Stratum], text: str, replaced: int, doubled: bool) -> None:
    assert flaws(problem(*hole), text, replaced).doubled_bracket is doubled


BELOW = ("def f(a):\n", "    first = a", "\n    second = first + 1\n    return second\n", Stratum.FRESH_LINE)
RIGHT = ("total = add(", "a", ", other)\n", Stratum.MID_LINE)


@pytest.mark.parametrize(
    ("hole", "text", "repeated"),
    [
        (BELOW, "    first = a", False),
        (BELOW, "    second = first + 1", True),
        (BELOW, "    first = a\n    second = first + 1", True),
        (BELOW, "    first = a\n    return first", False),
        (RIGHT, "a", False),
        (RIGHT, "b, other)", True),
        (("x = [", "f(a", ")]\n", Stratum.MID_LINE), "f(b)]", False),
        (("a = 1\n", "step()", "\nstep()\n", Stratum.FRESH_LINE), "step()", False),
        (("if a:\n    b\n", "elif c:\n    d", "\nelse:\n    e\n", Stratum.BLOCK), "else:", False),
    ],
)
def test_repeated_suffixes(hole: tuple[str, str, str, Stratum], text: str, repeated: bool) -> None:
    assert flaws(problem(*hole), text).repeated_suffix is repeated


@pytest.mark.parametrize(
    ("hole", "text", "unparsable"),
    [
        (BELOW, "    first = a", False),
        (BELOW, "    first = (a", True),
        (BELOW, "    if a:", True),
        (BELOW, "", False),
        # It never parsed.
        (("def (:\n", "x", "\n", Stratum.FRESH_LINE), "y", False),
        # Unfinished before, and as unfinished after.
        (("if a:\n", "    b", "\n", Stratum.FRESH_LINE), "    c", False),
    ],
)
def test_what_no_longer_parses(hole: tuple[str, str, str, Stratum], text: str, unparsable: bool) -> None:
    assert flaws(problem(*hole), text).unparsable is unparsable


def test_other_languages_are_parsed_by_their_grammar() -> None:
    script = problem("let x = ", "f(1)", ";\n", language="javascript")
    assert flaws(script, "g(2)") == Flaws(unparsable=False)
    assert flaws(script, "g(2") == Flaws(unparsable=True)
    assert flaws(problem("words ", "here", "\n", language="klingon"), "(") == Flaws(unparsable=None)
