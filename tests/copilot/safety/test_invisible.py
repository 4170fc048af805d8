"""Characters that nobody sees."""

import pytest

from copilot.safety.invisible import without_invisible


@pytest.mark.parametrize("character", list("\x00\x1b\x7f\x85\u00ad\u200b\u200e\u202e\u2066\ufeff\U000e0041"))
def test_they_are_taken_out(character: str) -> None:
    assert without_invisible(f"a{character}b") == "ab"


@pytest.mark.parametrize("text", ["a\tb\r\nc\n", "größe 漢字 ✓", "👩\u200d👧", "e\u0301"])
def test_what_people_write_stays(text: str) -> None:
    assert without_invisible(text) == text


def test_code_has_no_joiners() -> None:
    assert without_invisible("na\u200dme", code=True) == "name"
