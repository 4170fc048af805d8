"""Ranks on graphs small enough to reckon by hand."""

import pytest

from copilot.index.ranking import DAMPING, pagerank, ranked


def test_ranks_sum_up_to_one_and_follow_the_links() -> None:
    found = pagerank({"a": {"c": 1.0}, "b": {"c": 1.0}, "c": {"a": 1.0}})
    assert sum(found.values()) == pytest.approx(1.0)
    assert found["c"] > found["a"] > found["b"]
    # Nobody links to b: it has what jumps give it.
    assert found["b"] == pytest.approx((1 - DAMPING) / 3)


def test_two_nodes_as_the_formula_has_them() -> None:
    """b passes nothing on, so that goes to both alike: with x for a, x = (1 - d + d (1 - x)) / 2."""
    found = pagerank({"a": {"b": 1.0}})
    assert found["a"] == pytest.approx(1 / (2 + DAMPING), abs=1e-3)
    assert found["a"] + found["b"] == pytest.approx(1.0)


def test_heavier_links_pass_on_more() -> None:
    found = pagerank({"a": {"b": 3.0, "c": 1.0}})
    assert found["b"] > found["c"] > found["a"]


def test_what_is_favoured_and_what_it_links_to_rises() -> None:
    links = {"a": {"x": 1.0}, "b": {"y": 1.0}}
    plain, favoured = pagerank(links), pagerank(links, {"a": 20.0})
    assert plain["x"] == pytest.approx(plain["y"])
    assert favoured["x"] > favoured["y"]


def test_nothing_is_ranked_where_there_is_nothing() -> None:
    assert pagerank({}) == {}
    assert ranked([]).definitions == {}


def test_a_name_that_few_define_says_more_than_one_that_all_do() -> None:
    edges = [("user.py", f"m{at}.py", "run", 1) for at in range(9)] + [("user.py", "core.py", "Ledger", 1)]
    scores = ranked(edges).definitions
    assert max(scores, key=lambda key: scores[key]) == ("core.py", "Ledger")


def test_many_uses_count_by_their_root() -> None:
    scores = ranked([("u.py", "a.py", "often", 9), ("u.py", "b.py", "once", 1)]).definitions
    assert scores["a.py", "often"] == pytest.approx(3 * scores["b.py", "once"])


def test_names_that_are_asked_for_and_files_at_hand_come_first() -> None:
    edges = [("u.py", f"{it}.py", it, 1) for it in ("alpha", "beta")] + [("v.py", "c.py", "gamma", 1)]
    assert (
        ranked(edges, wanted={"beta"}).definitions["beta.py", "beta"] > ranked(edges).definitions["alpha.py", "alpha"]
    )
    near = ranked(edges, near={"v.py"}).definitions
    assert near["c.py", "gamma"] > near["alpha.py", "alpha"]


def test_a_file_does_not_vote_for_itself() -> None:
    assert ranked([("a.py", "a.py", "own", 50)]).definitions == {}


def test_a_common_word_says_less_than_a_name_that_someone_made() -> None:
    names = ("get", "_private", "Sequence", "read_rules", "Gate", "openFile")
    scores = ranked([("u.py", "a.py", name, 1) for name in names]).definitions
    assert sorted(names, key=lambda name: scores["a.py", name])[:3] == ["get", "_private", "Sequence"]


def test_languages_that_cannot_use_each_other_do_not() -> None:
    edges = [("a.py", "b.ts", "open_file", 3), ("a.ts", "b.js", "open_file", 1), ("a.c", "b.h", "open_file", 1)]
    assert set(ranked(edges).definitions) == {("b.js", "open_file"), ("b.h", "open_file")}
