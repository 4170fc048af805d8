from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.text.lines import Lines


@pytest.fixture(autouse=True, scope="module", params=[1, 3, 256])
def chunk(request: pytest.FixtureRequest) -> Iterator[int]:
    """Small chunks bring the seams between them into short documents."""
    size: int = request.param
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Lines, "CHUNK", size)
        yield size


@settings(max_examples=100, deadline=None)
@given(
    count=st.integers(1, 40),
    edits=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12), st.integers(0, 12)), max_size=8),
    ends=st.tuples(*[st.none() | st.integers(-45, 45)] * 2),
)
def test_lines_are_a_list_that_never_changes(
    count: int, edits: list[tuple[int, int, int]], ends: tuple[int | None, int | None]
) -> None:
    lines = Lines.of("\n".join(map(str, range(count))))
    plain = list(lines)
    for number, (first, dropped, added) in enumerate(edits):
        if first >= len(plain) or (added == 0 and first == 0 and dropped >= len(plain)):
            continue
        after = min(first + dropped, len(plain))
        new = [f"edit {number}.{at}\n" for at in range(added)]
        before, was = lines, list(plain)
        lines = lines.replaced(first, after, new)
        plain[first:after] = new
        assert list(before) == was
    assert len(lines) == len(plain)
    assert list(lines) == plain
    assert [lines[at] for at in range(-len(plain), len(plain))] == plain + plain
    for step in (None, 2, -1):
        assert lines[ends[0] : ends[1] : step] == tuple(plain[ends[0] : ends[1] : step])
    for outside in (len(plain), -len(plain) - 1):
        with pytest.raises(IndexError):
            lines[outside]


def test_lines_with_the_same_text_are_equal_however_they_came_about() -> None:
    made = Lines.of("a\nb\nc\nd\ne")
    edited = Lines.of("a\nX\nd\ne").replaced(1, 2, ["b\n", "c\n"])
    assert made == edited
    assert hash(made) == hash(edited)
    assert made != Lines.of("a\nb")
    assert "secret" not in repr(Lines.of("secret")), "a log must not show text by accident"
