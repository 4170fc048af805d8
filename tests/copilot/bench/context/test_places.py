"""Where a name of another file is used, and where only the file's own are."""

from copilot.bench.context.places import Kind, Place, chosen, places, tells
from copilot.bench.context.workspace import Workspace


def _places(workspace: Workspace) -> list[Place]:
    with workspace.without("shop/page.py") as text:
        return list(places(text, "shop/page.py", workspace))


def test_a_line_that_uses_names_of_another_file(workspace: Workspace) -> None:
    lines = {place.gold: place for place in _places(workspace) if place.kind is Kind.LINE}
    square = lines["shape = Square(side, filled=True)"]
    assert (square.line, square.column) == (10, 4)
    assert square.cross == ("Square",)
    assert set(lines) == {
        "shape = Square(side, filled=True)",
        "total = surface_of(shape, 2) + surface_of(shape, 3)",
    }


def test_calls_and_their_arguments(workspace: Workspace) -> None:
    found = _places(workspace)
    assert [place.gold for place in found if place.kind is Kind.CALL] == [
        "Square(side, filled=True)",
        "surface_of(shape, 2) + surface_of(shape, 3)",
    ]
    assert [place.gold for place in found if place.kind is Kind.ARGUMENTS] == [
        "side, filled=True)",
        "shape, 2) + surface_of(shape, 3)",
    ]


def test_lines_that_need_only_their_own_file(workspace: Workspace) -> None:
    own = [place.gold for place in _places(workspace) if place.kind is Kind.OWN]
    assert own == ["doubled = DEFAULT_SIDE + painted(DEFAULT_SIDE)"]


def test_imports_are_no_places(workspace: Workspace) -> None:
    assert not [place for place in _places(workspace) if place.gold.startswith(("import", "from"))]


def test_a_name_that_stands_elsewhere_in_the_file_is_seen(workspace: Workspace) -> None:
    file = workspace.root / "shop/page.py"
    file.write_text(file.read_text() + "\n\nother = Square(1)\n")
    seen = {place.gold: place.seen for place in _places(workspace)}
    assert seen["shape = Square(side, filled=True)"]
    assert not seen["total = surface_of(shape, 2) + surface_of(shape, 3)"]


def test_the_seed_chooses(workspace: Workspace) -> None:
    wanted = {Kind.LINE: 1, Kind.OWN: 1}
    found = chosen(workspace, wanted, 0)
    assert [place.kind for place in found] == [Kind.LINE, Kind.OWN]
    assert chosen(workspace, wanted, 0) == found
    assert len({chosen(workspace, {Kind.LINE: 1}, seed)[0].gold for seed in range(12)}) == 2


def test_the_very_line_in_another_file_tells_all() -> None:
    assert tells("a\n  x = f(1)\nb", "\tx = f(1) ")
    assert not tells("y = g(x = f(1))", "x = f(1)")


def test_one_line_is_asked_about_once(workspace: Workspace) -> None:
    found = chosen(workspace, dict.fromkeys(Kind, 5), 0)
    assert len({(place.path, place.line) for place in found}) == len(found)
