"""Changes that a model proposes: exactly what was meant, in a document that may have moved on."""

from hypothesis import given
from hypothesis import strategies as st

from copilot.chat.place import Lines
from copilot.chat.proposal import insert_lines, replace_lines, whole_file
from copilot.text.document import Document

_lines = st.lists(st.sampled_from(["a", "b", "", "  c", "d\u2028e", "😀"]), min_size=1, max_size=8)
_ends = st.sampled_from(["\n", "\r\n"])


def document(text: str) -> Document:
    return Document.from_text("file:///a.py", "python", 1, text)


@given(old=_lines, new=_lines, end=_ends, data=st.data())
def test_the_text_is_the_old_one_with_the_new_lines(
    old: list[str], new: list[str], end: str, data: st.DataObject
) -> None:
    before = document(end.join(old))
    first = data.draw(st.integers(0, len(old) - 1))
    after = data.draw(st.integers(first + 1, len(old)))
    proposal = replace_lines(before, Lines(first, after), "\n".join(new))
    # A file of one line has no line end that could be taken over.
    end = end if len(old) > 1 else "\n"
    assert proposal.text == end.join([*old[:first], *new, *old[after:]])


@given(old=_lines, new=_lines)
def test_what_is_the_same_is_not_touched(old: list[str], new: list[str]) -> None:
    proposal = replace_lines(document("\n".join(old)), Lines(0, len(old)), "\n".join(new))
    assert bool(proposal.hunks) == (old != new)
    for hunk in proposal.hunks:
        assert list(hunk.lines) != list(proposal.document.lines[hunk.first : hunk.after])


@given(above=_lines, below=_lines)
def test_it_moves_along_with_edits_elsewhere(above: list[str], below: list[str]) -> None:
    old = ["one", "two", "three"]
    proposal = replace_lines(document("\n".join(["x", *old, "y"])), Lines(1, 4), "one\n2\nthree")
    moved = proposal.on(document("\n".join([*above, "x", *old, "y"])))
    assert moved is not None
    assert moved.text == "\n".join([*above, "x", "one", "2", "three", "y"])
    moved = proposal.on(document("\n".join(["x", *old, "y", *below])))
    assert moved is not None
    assert moved.text == "\n".join(["x", "one", "2", "three", "y", *below])


def test_it_does_not_fit_what_was_changed_itself() -> None:
    proposal = replace_lines(document("a\nb\nc\n"), Lines(1, 2), "B")
    assert proposal.on(document("a\nb!\nc\n")) is None
    assert proposal.on(document("a\nc\n")) is None


def test_lines_are_put_in_between() -> None:
    text = document("a\r\nb\r\n")
    assert insert_lines(text, 1, "x\ny", rests=Lines(0, 2)).text == "a\r\nx\r\ny\r\nb\r\n"


def test_a_new_file_is_all_new() -> None:
    proposal = whole_file("file:///t.py", "python", "a\nb\n")
    assert (proposal.creates, proposal.text) == (True, "a\nb\n")
