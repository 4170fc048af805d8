"""How others use and implement what is written here."""

from copilot.context.candidates import Source
from tests.copilot.context.conftest import Plant
from tests.copilot.context.tree import of

HELPER = "def frobnicate(table, depth):\n    return len(table) + depth\n"
USER = (
    "from helper import frobnicate\n\n\ndef prepare(rows):\n    rows = sorted(rows)\n    return frobnicate(rows, 3)\n"
)


def test_a_call_elsewhere_is_shown_with_a_few_lines_around(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER, "user.py": USER})
    (found,) = of(tree.ask("main.py", "from helper import frobnicate\n\nx = frobnicate(¦"), Source.CALLER)
    assert (found.path, found.first, found.last) == ("user.py", 4, 6)
    assert found.text.split("\n")[-1] == "    return frobnicate(rows, 3)"
    assert "frobnicate" in found.reason


def test_an_import_is_no_use(plant: Plant) -> None:
    tree = plant({"helper.py": HELPER, "user.py": "from helper import frobnicate\n\n__all__ = [frobnicate]\n"})
    assert not of(tree.ask("main.py", "from helper import frobnicate\n\nx = frobnicate(¦"), Source.CALLER)


def test_the_function_being_written_and_who_uses_it(plant: Plant) -> None:
    tree = plant({"user.py": USER})
    (found,) = of(tree.ask("helper.py", "def frobnicate(table, depth):\n    ¦"), Source.CALLER)
    assert found.path == "user.py"
    assert "being written" in found.reason


def test_the_same_method_of_a_sibling(plant: Plant) -> None:
    base = "class Shape:\n    def area(self): ...\n"
    round_one = (
        "from base import Shape\n\n\nclass Circle(Shape):\n    def area(self):\n        return 3 * self.radius ** 2\n"
    )
    other = "class Plot:\n    def area(self):\n        return 7\n"
    tree = plant({"base.py": base, "circle.py": round_one, "plot.py": other})
    text = "from base import Shape\n\n\nclass Square(Shape):\n    def area(self):\n        ¦"
    (found,) = of(tree.ask("square.py", text), Source.SIBLING)
    assert found.path == "circle.py"
    assert "3 * self.radius" in found.text
    assert "`Circle`" in found.reason


def test_a_class_without_a_base_has_no_siblings(plant: Plant) -> None:
    tree = plant({"circle.py": "class Circle:\n    def area(self):\n        return 3\n"})
    assert not of(tree.ask("square.py", "class Square:\n    def area(self):\n        ¦"), Source.SIBLING)
