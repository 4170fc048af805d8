import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.completion.brackets import Reading
from copilot.completion.closers import go_past, only_closers
from copilot.completion.lexis import lexis_of

LEXIS = lexis_of("javascript")


@pytest.mark.parametrize(
    ("line", "rest", "inside", "want"),
    [
        ("x).y", ")", "", ("x).y", 1)),
        ("x).y;", ");", "", ("x).y", 1)),
        ("x)", ")", "", None),
        ("x);", ");", "", None),
        ("x);", ")", "", ("x);", 1)),
        ("x)] + y", ")];", "", ("x)] + y", 2)),
        ("x) + y]", ")]", "", ("x) + y", 1)),
        ("f(x) + g(y)", ")", "", None),
        ('a", b', '")', '"', ('a", b', 1)),
        ('a").b()', '")', '"', ('a").b()', 2)),
        ('a \\" b', '")', '"', None),
        # Nothing but punctuation behind.
        (");", ")", "", None),
        # A bracket of its own is still open there.
        ("(]x", "]", "", None),
        # It closes what is not right of the caret.
        ("x)} + y", ")]", "", None),
    ],
)
def test_going_past(line: str, rest: str, inside: str, want: tuple[str, int] | None) -> None:
    past = go_past(line, rest, Reading(inside=inside), LEXIS)
    assert (past and (line[: past.end], past.replaced)) == want


@pytest.mark.parametrize(("rest", "only"), [(")", True), (") {", True), ('"):', True), ("", False), (", b)", False)])
def test_what_says_nothing_by_itself(rest: str, only: bool) -> None:
    assert only_closers(rest) == only


_marks = st.text(alphabet="()[]{}\"'`;,: xy", max_size=12)


@given(_marks, _marks, st.sampled_from(["", '"', "'", "`"]))
def test_what_is_replaced_is_a_subsequence_of_what_replaces_it(line: str, rest: str, inside: str) -> None:
    past = go_past(line, rest, Reading(inside=inside), LEXIS)
    if past is not None:
        coming = iter(line[: past.end])
        assert all(char in coming for char in rest[: past.replaced])
