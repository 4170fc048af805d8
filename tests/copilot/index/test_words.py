"""Identifiers whole and in parts, as they are searched."""

import pytest

from copilot.index.words import parts, searchable, words_in


@pytest.mark.parametrize(
    ("identifier", "expected"),
    [
        ("parseHTTPHeader_v2", ("parsehttpheader_v2", "parse", "http", "header", "v", "2")),
        ("snake_case", ("snake_case", "snake", "case")),
        ("word", ("word",)),
        ("utf8", ("utf8", "utf", "8")),
        ("__init__", ("__init__", "init")),
        ("$scope", ("$scope", "scope")),
        ("größeÄndern", ("größeändern", "gr", "öß", "e", "ä", "ndern")),
        ("x" * 200, ()),
    ],
)
def test_parts(identifier: str, expected: tuple[str, ...]) -> None:
    assert parts(identifier) == expected


def test_keywords_and_single_letters_are_not_worth_looking_for() -> None:
    assert searchable("return") == ()
    assert searchable("x") == ()
    assert searchable("returnValue_1") == ("returnvalue_1", "value")


def test_words_come_as_often_as_they_occur() -> None:
    assert list(words_in(["if user.name == user.id:", "    return 5"])) == ["user", "name", "user", "id"]
