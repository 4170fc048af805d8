"""Snippets within a budget, in an order that stays."""

from copilot.context.candidates import Candidate, Source
from copilot.context.packing import MOST, OVERHEAD, packed
from copilot.context.request import Snippet


def _candidate(
    path: str = "a.py", first: int = 1, lines: int = 3, score: float = 0.5, source: Source = Source.DEFINITION
) -> Candidate:
    text = "\n".join(f"{path} line {first + at}" for at in range(lines))
    return Candidate(path, first, first + lines - 1, text, source, score, f"{path}:{first}")


def _characters(snippets: tuple[Snippet, ...]) -> int:
    return sum(len(it.text) + len(it.path) + OVERHEAD for it in snippets)


def test_the_most_useful_stands_last_where_the_prefix_begins() -> None:
    scores = {"a.py": 0.3, "b.py": 0.9, "c.py": 0.6}
    snippets = packed([_candidate(path, score=score) for path, score in scores.items()], 5000)
    assert [it.path for it in snippets] == ["a.py", "c.py", "b.py"]
    assert snippets[-1].score == 0.9
    assert (snippets[-1].source, snippets[-1].reason) == ("definition", "b.py:1")


def test_everything_is_within_the_budget() -> None:
    found = [_candidate(f"{at}.py", lines=20, score=0.2 + at / 100) for at in range(30)]
    for budget in (0, 100, 400, 1000, 3000):
        assert _characters(packed(found, budget)) <= budget
    assert len(packed(found, 3000)) > 3


def test_there_are_never_too_many() -> None:
    assert len(packed([_candidate(f"{at}.py") for at in range(40)], 100_000)) == MOST


def test_what_says_little_is_left_out_even_where_there_is_room() -> None:
    assert packed([_candidate(score=0.05)], 5000) == ()


def test_what_is_there_already_may_say_less() -> None:
    kept = packed([_candidate(score=0.4)], 5000)
    assert packed([_candidate(score=0.22)], 5000) == ()
    assert [it.path for it in packed([_candidate(score=0.22)], 5000, kept)] == ["a.py"]
    assert packed([_candidate(score=0.1)], 5000, kept) == ()


def test_overlapping_lines_of_a_file_become_one_stretch() -> None:
    (snippet,) = packed([_candidate(first=1, lines=5), _candidate(first=4, lines=5)], 5000)
    assert (snippet.start_line, snippet.end_line) == (1, 8)
    assert snippet.text.split("\n") == [f"a.py line {at}" for at in range(1, 9)]


def test_a_stretch_inside_another_is_shown_once() -> None:
    (snippet,) = packed([_candidate(first=1, lines=9, score=0.9), _candidate(first=4, lines=2)], 5000)
    assert (snippet.start_line, snippet.end_line) == (1, 9)


def test_an_outline_and_lines_of_the_same_are_not_shown_both() -> None:
    outline = Candidate("a.py", 1, 40, "class A:\n    def f(self): ...", Source.DEFINITION, 0.9, "outline")
    assert [it.text for it in packed([outline, _candidate(first=10, lines=3)], 5000)] == [outline.text]


def test_snippets_of_a_file_stand_together_in_the_order_of_lines() -> None:
    found = [_candidate("a.py", 30, score=0.9), _candidate("b.py", 1, score=0.5), _candidate("a.py", 1, score=0.4)]
    assert [(it.path, it.start_line) for it in packed(found, 5000)] == [("b.py", 1), ("a.py", 1), ("a.py", 30)]


def test_what_was_there_keeps_its_place_and_what_is_new_comes_behind() -> None:
    first = packed([_candidate("a.py", score=0.5), _candidate("b.py", score=0.6)], 5000)
    again = packed(
        [_candidate("a.py", score=0.9), _candidate("b.py", score=0.22), _candidate("c.py", score=0.35)], 5000, first
    )
    assert [it.path for it in again] == ["a.py", "b.py", "c.py"]


def test_what_is_not_wanted_any_more_goes() -> None:
    first = packed([_candidate("a.py"), _candidate("b.py")], 5000)
    assert [it.path for it in packed([_candidate("b.py")], 5000, first)] == ["b.py"]


def test_a_text_that_changed_is_new() -> None:
    before = packed([_candidate("a.py"), _candidate("b.py")], 5000)
    changed = _candidate("a.py")._replace(text="a.py line 1\nother\na.py line 3")
    after = packed([changed, _candidate("b.py")], 5000, before)
    assert [(it.path, "other" in it.text) for it in after] == [("b.py", False), ("a.py", True)]


def test_where_there_is_no_room_for_both_what_is_there_stays_unless_the_other_is_clearly_better() -> None:
    room = len(_candidate().text) + len("a.py") + OVERHEAD
    kept = packed([_candidate("a.py", score=0.5)], room)
    assert [it.path for it in packed([_candidate("a.py", score=0.5), _candidate("b.py", score=0.6)], room, kept)] == [
        "a.py"
    ]
    assert [it.path for it in packed([_candidate("a.py", score=0.5), _candidate("b.py", score=0.9)], room, kept)] == [
        "b.py"
    ]


def test_long_lines_of_code_are_cut_at_a_line_end() -> None:
    (snippet,) = packed([_candidate(lines=60)], 400)
    assert 0 < snippet.end_line < 60
    assert snippet.text.split("\n")[-1] == f"a.py line {snippet.end_line}"


def test_what_is_pinned_comes_before_everything() -> None:
    room = len(_candidate().text) + len("a.py") + OVERHEAD
    found = [_candidate("a.py", score=9.0), _candidate("b.py", score=0.2, source=Source.PINNED)]
    assert [it.path for it in packed(found, room)] == ["b.py"]


def test_the_order_of_the_candidates_says_nothing() -> None:
    found = [_candidate(f"{at % 5}.py", at * 10 + 1, score=0.5) for at in range(20)]
    assert packed(found, 900) == packed(found[::-1], 900)


def test_nothing_from_nothing() -> None:
    assert packed([], 1000) == ()
    assert packed([Candidate("a.py", 1, 1, "  \n", Source.OPEN, 1.0, "empty")], 1000) == ()
