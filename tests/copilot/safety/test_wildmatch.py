"""Patterns as expressions. That they match what Git's do is compared in ``test_gitignore``."""

import re

import pytest

from copilot.safety.wildmatch import expression


def matches(pattern: str, text: str, *, fold: bool = False) -> bool:
    found = expression(pattern.encode(), fold=fold)
    return found is not None and re.fullmatch(found, text.encode(), re.DOTALL) is not None


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("a*c", "abbc", True),
        ("a*c", "a/c", False),
        ("*/b", "a/b", True),
        ("*/b", "x/a/b", False),
        ("**/b", "b", True),
        ("**/b", "x/y/b", True),
        ("**/b", "xb", False),
        ("a/**", "a/b/c", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/x*/**/b", "a/1/xx/2/x/b", True),
        ("a/x**/b", "a/x1/2/b", False),
        ("**\\/b", "b", False),
        ("**\\/b", "x/y/b", True),
        ("?", "é", False),
        ("??", "é", True),
        ("[[:digit:]-a]", "-", True),
        ("[]-a]", "_", True),
        ("[!]]", "a", True),
        ("[a/]", "/", False),
        ("\\*", "*", True),
        ("\\*", "x", False),
        ("*.tar.?z", "a.tar.tar.gz", True),
        ("*ab*ab*", "xabab", True),
        ("*ab*ab", "abxab", True),
        ("*ab*ab", "xab", False),
    ],
)
def test_matching(pattern: str, text: str, expected: bool) -> None:
    assert matches(pattern, text) == expected


@pytest.mark.parametrize("pattern", ["[", "[a", "[]", "[!", "a\\", "[[:none:]]", "[[:alpha:]", "[a-"])
def test_broken_patterns_match_nothing(pattern: str) -> None:
    assert expression(pattern.encode()) is None


def test_case_counts_only_when_asked() -> None:
    assert not matches("Ab[C]?", "aBcd")
    assert matches("Ab[c]*", "aBCd", fold=True)
    assert matches("[[:upper:]][A-B]", "xb", fold=True)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 30 + "b", "a" * 250),
        ("?*" * 40 + "b", "a" * 250),
        ("**/*a*a*a*a/" * 12 + "b", "aaaaaaaa/" * 200 + "c"),
        ("**/a/" * 60 + "b", "a/" * 1000 + "c"),
    ],
)
def test_many_stars_take_no_exponential_time(pattern: str, text: str) -> None:
    """Backtracking through these would outlast the machine."""
    assert not matches(pattern, text)
