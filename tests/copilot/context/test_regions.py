"""Where someone was lately."""

from copilot.context.regions import MOST, Regions


def seen(regions: Regions) -> list[tuple[str, int, int, bool]]:
    return [(it.path, it.first, it.last, it.edited) for it in regions.newest_first]


def test_the_newest_comes_first() -> None:
    regions = Regions()
    regions.edited("a.py", 10, 0, 0, now=1.0)
    regions.viewed("b.py", 100, now=2.0)
    assert seen(regions) == [("b.py", 88, 112, False), ("a.py", 10, 10, True)]
    assert [it.at for it in regions.newest_first] == [2.0, 1.0]


def test_edits_that_are_near_each_other_are_one() -> None:
    regions = Regions()
    for line in (10, 11, 18):
        regions.edited("a.py", line, 0, 1, now=float(line))
    assert seen(regions) == [("a.py", 10, 19, True)]
    regions.edited("a.py", 40, 0, 0, now=50.0)
    assert seen(regions) == [("a.py", 40, 40, True), ("a.py", 10, 19, True)]


def test_what_is_written_above_moves_them() -> None:
    regions = Regions()
    regions.edited("a.py", 50, 0, 2, now=1.0)
    regions.edited("a.py", 5, 0, 10, now=2.0)
    assert seen(regions) == [("a.py", 5, 15, True), ("a.py", 60, 62, True)]
    regions.edited("a.py", 20, 30, 0, now=3.0)
    assert [(it[1], it[2]) for it in seen(regions)][-1] == (30, 32)


def test_reading_down_a_file_is_no_region_of_all_of_it() -> None:
    regions = Regions()
    for line in range(1, 400, 10):
        regions.viewed("a.py", line, now=float(line))
    ((_, first, last, _),) = seen(regions)
    assert last == 403
    assert first == last - 48


def test_what_is_looked_at_does_not_become_what_was_edited() -> None:
    regions = Regions()
    regions.edited("a.py", 10, 0, 0, now=1.0)
    regions.viewed("a.py", 12, now=2.0)
    assert seen(regions) == [("a.py", 1, 24, False), ("a.py", 10, 10, True)]


def test_the_oldest_are_forgotten() -> None:
    regions = Regions()
    for number in range(MOST + 5):
        regions.edited(f"{number}.py", 1, 0, 0, now=float(number))
    assert len(seen(regions)) == MOST
    assert seen(regions)[-1][0] == "5.py"
