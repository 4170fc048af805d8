from copilot.chat.place import Lines
from copilot.chat.proposal import replace_lines, whole_file
from copilot.chat.reviewing import review_of
from copilot.text.document import Document


def test_each_hunk_is_shown_with_the_lines_around_it() -> None:
    document = Document.from_text("file:///a", "python", 1, "a\r\nb\r\nc\r\nd\r\ne\r\n")
    review = review_of(replace_lines(document, Lines(2, 3), "C\nX"), "n", "Change a", "a")
    (change,) = review.changes
    assert (change.first, change.old, change.new) == (3, ("c",), ("C", "X"))
    assert (change.above, change.below) == (("a", "b"), ("d", "e", ""))


def test_a_new_file_has_nothing_old() -> None:
    review = review_of(whole_file("file:///t", "python", "x\n"), "n", "t", "t.py")
    assert review.creates
    assert review.changes[0].old == ()
    assert review.changes[0].new[0] == "x"
