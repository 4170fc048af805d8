"""The benchmark runs, and on ordinary code our document and pygls' are the same after typing (or it raises)."""

from benchmarks import keystroke


def test_both_documents_hold_the_same_text_after_typing() -> None:
    measured = keystroke.measure(lines=150, keystrokes=400, seed=3)
    assert len(measured.ours) == len(measured.pygls) == 400


def test_type_through_is_answered_at_every_key() -> None:
    assert len(keystroke.type_through(lines=150, keystrokes=60, seed=3)) >= 60
