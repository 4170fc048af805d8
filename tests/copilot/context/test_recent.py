"""What was edited or viewed a short time ago."""

from copilot.context.candidates import Region, Source
from copilot.context.recent import HALF_LIFE, LINES
from tests.copilot.context.conftest import Plant
from tests.copilot.context.tree import of

FILES = {"a.py": "".join(f"first{at} = {at}\n" for at in range(60)), "b.py": "other = 1\n"}


def _scores(plant: Plant, *regions: Region) -> dict[str, float]:
    found = of(plant(FILES).ask("main.py", "x = ¦", regions=regions, now=HALF_LIFE), Source.RECENT)
    return {it.path: it.score for it in found}


def test_an_edit_counts_more_than_a_view(plant: Plant) -> None:
    scores = _scores(plant, Region("a.py", 1, 4, 0.0, True), Region("b.py", 1, 1, 0.0, False))
    assert scores["a.py"] > scores["b.py"] > 0


def test_what_is_long_ago_counts_half(plant: Plant) -> None:
    scores = _scores(plant, Region("a.py", 1, 4, 0.0, True), Region("b.py", 1, 1, HALF_LIFE, True))
    assert scores["a.py"] == scores["b.py"] / 2


def test_lines_are_shown_as_they_are_now_and_not_too_many(plant: Plant) -> None:
    tree = plant(FILES)
    (found,) = of(tree.ask("main.py", "x = ¦", regions=(Region("a.py", 1, 60, 0.0, True),), now=5.0), Source.RECENT)
    assert found.last - found.first + 1 == LINES
    assert found.text.split("\n")[0] == f"first{found.first - 1} = {found.first - 1}"
    assert found.reason == "edited 5 s ago"


def test_a_region_of_a_file_that_became_shorter(plant: Plant) -> None:
    assert "b.py" not in _scores(plant, Region("b.py", 50, 60, 0.0, True))
