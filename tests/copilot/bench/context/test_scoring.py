"""How near an answer is."""

from copilot.bench.context.places import Kind, Place
from copilot.bench.context.scoring import score

PLACE = Place(
    package="shop", path="a.py", kind=Kind.LINE, line=0, column=4, gold="x = Square(side, 2)", cross=("Square",)
)


def test_the_very_line() -> None:
    assert score(PLACE, "  x = Square(side, 2)\nmore", "python") == (True, 1.0, 1.0, 1.0, 1.0)


def test_a_share_of_the_names() -> None:
    found = score(PLACE, "x = Circle(side)", "python")
    assert not found.exact
    assert 0.4 < found.similarity < 1
    assert found.cross == 0
    assert found.recall == 0.5  # x is too short a name to count


def test_nothing_said() -> None:
    assert score(PLACE, "", "python") == (False, 0.0, 0.0, 0.0, 0.0)


def test_no_names_to_find() -> None:
    assert score(Place(package="", path="a.py", kind=Kind.OWN, line=0, column=0, gold="1)"), "2", "python")[2:] == (
        None,
        None,
        None,
    )


def test_what_the_prompt_shows_anyway_is_not_hidden() -> None:
    place = Place(package="", path="a.py", kind=Kind.LINE, line=0, column=0, gold="ab = cd(ef)", cross=("cd", "ef"))
    found = score(place, "ab = cd(gh)", "python", frozenset({"ef"}))
    assert (found.cross, found.hidden) == (0.5, 1.0)
    assert score(place, "ab = cd(gh)", "python", frozenset({"cd", "ef"})).hidden is None
