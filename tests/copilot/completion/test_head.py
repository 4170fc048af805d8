import pytest

from copilot.completion.brackets import Reading
from copilot.completion.head import restated, wants_rest
from copilot.completion.lexis import lexis_of


@pytest.mark.parametrize(
    ("head", "text", "whole", "want"),
    [
        ("    total = sum(", "total = sum(items)", False, "items)"),
        ("    total = sum(", "total = s", False, None),
        ("    total = sum(", "total = s", True, ""),
        ("    total = sum(", "total = sum(", False, None),
        ("    total = sum(", "items)", False, ""),
        # Too short to tell: a call in a call.
        ("f(", "f(x))", False, ""),
        ("// ---- ", "// ---- x", False, ""),
    ],
)
def test_a_line_that_is_said_again_from_its_start(head: str, text: str, whole: bool, want: str | None) -> None:
    assert restated(head, text, whole) == want


@pytest.mark.parametrize(
    ("head", "language", "wants"),
    [
        ("x = ", "python", True),
        ("    return ", "python", True),
        ("user.", "javascript", True),
        ("if a and", "python", True),
        ("x = f(", "python", False),
        ("returned ", "python", False),
        ("x = 1", "python", False),
        # By layout a body may stand below.
        ("f x =", "haskell", False),
    ],
)
def test_lines_that_can_not_end_here(head: str, language: str, wants: bool) -> None:
    assert wants_rest(head, Reading(), lexis_of(language)) == wants


def test_a_comment_may_end_anywhere() -> None:
    assert not wants_rest("# a = ", Reading(inside="\n"), lexis_of("python"))
