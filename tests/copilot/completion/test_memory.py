"""Suggestions are found again where the text around them reads as it did, and nowhere else."""

import pytest

from copilot.completion.memory import Memory
from copilot.completion.suggestion import Base, End, Offer
from tests.spots import CARET, spot_in

F = "import os\n\n\ndef f(a):\n    ‸\n\n\nx = 1\n"


def offered(place: str, text: str, generation: int = 1, *, alternative: bool = False) -> Offer:
    offer = Offer(Base.of(spot_in(place)), generation=generation, alternative=alternative)
    offer.grow(text, whole=len(text))
    offer.end(End.WHOLE)
    return offer


def found(memory: Memory, place: str) -> list[int]:
    return [offer.generation for offer, _ in memory.find(spot_in(place))]


@pytest.mark.parametrize(
    ("now", "there"),
    [
        (F, True),
        (F.replace(CARET, f"return{CARET}"), True),
        (F.replace(CARET, f"return a{CARET}"), False),
        (F.replace(CARET, f"x{CARET}"), False),
        ("import re\n" + "# far above\n" * 9 + F, False),
        (F.replace("    ‸", "‸"), False),
        (F.replace("    ‸", "  ‸"), False),
        (F.replace("x = 1", "x = 2"), False),
        (F.replace("\n\n\nx = 1", "\nx = 1"), True),
        (F.replace("f(a)", "g(a)"), False),
    ],
)
def test_where_the_text_around_reads_as_it_did(now: str, there: bool) -> None:
    memory = Memory()
    memory.keep(offered(F, "return a"))
    assert found(memory, now) == ([1] if there else [])


def test_far_from_the_top_an_edit_above_what_is_looked_at_costs_nothing() -> None:
    deep = "# line\n" * 30 + F
    memory = Memory()
    memory.keep(offered(deep, "return a"))
    assert found(memory, "import sys\n" * 4 + deep) == [1]


def test_lines_further_down_it_is_still_found() -> None:
    body = "\n    ".join(f"a{number} = {number}" for number in range(12))
    memory = Memory()
    memory.keep(offered(F, body))
    for lines in (1, 6, 11):
        typed = "\n    ".join(body.split("\n    ")[:lines])
        assert found(memory, F.replace(CARET, typed + CARET)) == [1]


@pytest.mark.parametrize("place", ["‸", "\n\n\n‸", "‸\nx = 1\n", "\n  \n\t\n    ‸"])
def test_below_nothing_but_blank_lines_too(place: str) -> None:
    memory = Memory()
    memory.keep(offered(place, "import os"))
    assert found(memory, place) == [1]
    assert found(memory, place.replace(CARET, f"imp{CARET}")) == [1]


def test_the_newest_comes_first_and_alternatives_last() -> None:
    memory = Memory()
    memory.keep(offered(F, "return a", 1))
    memory.keep(offered(F, "return b", 2))
    memory.keep(offered(F, "return c", 3, alternative=True))
    assert found(memory, F) == [2, 1, 3]


def test_the_one_not_used_for_longest_is_forgotten() -> None:
    memory = Memory(size=2)
    places = [F.replace("f(a)", f"{name}(a)") for name in "pqr"]
    for number, place in enumerate(places[:2], 1):
        memory.keep(offered(place, "return a", number))
    assert found(memory, places[0]) == [1]
    memory.keep(offered(places[2], "return a", 3))
    assert [found(memory, place) for place in places] == [[1], [], [3]]
    assert len(memory) == 2


def test_one_that_was_dropped_is_gone_and_the_others_stay() -> None:
    memory = Memory()
    first, second = offered(F, "return a", 1), offered(F, "return b", 2)
    for offer in (first, second, second):
        memory.keep(offer)
    memory.drop(first)
    memory.drop(first)
    assert found(memory, F) == [2]
    assert len(memory) == 1
