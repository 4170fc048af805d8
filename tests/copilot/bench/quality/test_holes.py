"""Holes in lines: whatever is cut, the text stays what it was and the caret stands where it should."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from copilot.bench.quality.holes import holes_in_line
from copilot.bench.quality.problems import Stratum
from copilot.context.request import CaretPlace, caret_place

BEFORE = "def f(a):\n    x = 1\n"
LINE = "    return max(a, g[x], (a + 1))"
AFTER = "\n\n\nprint(f(2))\n"
SEEDS = range(40)


def holes(line: str = LINE, seed: int = 0) -> dict[Stratum, tuple[str, str, str]]:
    return {
        hole.stratum: (hole.before, hole.gold, hole.after) for hole in holes_in_line(BEFORE, line, AFTER, Random(seed))
    }


@given(line=st.text(st.characters(exclude_characters="\n"), max_size=40), seed=st.integers())
def test_prefix_gold_and_suffix_are_the_original(line: str, seed: int) -> None:
    for hole in holes_in_line(BEFORE, line, AFTER, Random(seed)):
        assert hole.before + hole.gold + hole.after == BEFORE + line + AFTER
        assert hole.gold.strip()


def test_every_place_of_the_caret_is_made_of_a_line() -> None:
    made = {stratum for seed in SEEDS for stratum in holes(seed=seed)}
    assert made == {
        Stratum.FRESH_LINE,
        Stratum.INDENTED,
        Stratum.LINE_END,
        Stratum.BEGUN,
        Stratum.MID_LINE,
        Stratum.BEFORE_CLOSER,
    }


def test_whole_lines() -> None:
    made = holes()
    assert made[Stratum.FRESH_LINE] == (BEFORE, LINE, AFTER)
    assert made[Stratum.INDENTED] == (BEFORE + "    ", LINE.lstrip(), AFTER)
    assert made[Stratum.LINE_END] == (BEFORE[:-1], "\n" + LINE, AFTER)


def test_the_caret_stands_where_the_stratum_says() -> None:
    places = {
        Stratum.FRESH_LINE: CaretPlace.FRESH_LINE,
        Stratum.INDENTED: CaretPlace.FRESH_LINE,
        Stratum.LINE_END: CaretPlace.LINE_END,
        Stratum.BEGUN: CaretPlace.LINE_END,
        Stratum.MID_LINE: CaretPlace.MID_LINE,
        Stratum.BEFORE_CLOSER: CaretPlace.MID_LINE,
    }
    for seed in SEEDS:
        for stratum, (before, _gold, after) in holes(seed=seed).items():
            assert caret_place(before, after) is places[stratum]


def test_lines_are_cut_between_tokens_only() -> None:
    for seed in SEEDS:
        for stratum in (Stratum.BEGUN, Stratum.MID_LINE, Stratum.BEFORE_CLOSER):
            before, gold, after = holes("    alpha = beta(gamma, delta)", seed)[stratum]
            for left, right in ((before, gold), (gold, after)):
                assert not (left[-1].isalnum() and right[0].isalnum()), (stratum, left, right)
            assert not gold[0].isspace()


def test_before_a_closer_it_is_the_closer_that_comes_next() -> None:
    seen = set()
    for seed in SEEDS:
        before, gold, after = holes(seed=seed)[Stratum.BEFORE_CLOSER]
        seen.add(after[0])
        assert after[0] in ")]"
        assert gold.count("(") == gold.count(")")
        assert before.count("(") > before.count(")")
    assert seen == {")", "]"}


def test_cuts_depend_on_the_seed_and_on_nothing_else() -> None:
    assert holes(seed=3) == holes(seed=3)
    assert len({holes(seed=seed)[Stratum.BEGUN] for seed in SEEDS}) > 3


def test_lines_that_have_no_such_place_give_none() -> None:
    assert holes("") == {}
    assert holes("    ") == {}
    assert set(holes("x")) == {Stratum.FRESH_LINE, Stratum.LINE_END}
    assert Stratum.BEFORE_CLOSER not in holes("f()")
    assert {hole.stratum for hole in holes_in_line("", "a = b + c", "", Random(0))} == {
        Stratum.FRESH_LINE,
        Stratum.BEGUN,
        Stratum.MID_LINE,
    }
