"""Code that is like the code at the caret."""

from copilot.context.candidates import Source
from copilot.context.similar import WINDOW, jaccard, windows
from copilot.context.view import Cache
from copilot.context.view import Source as Text
from tests.copilot.context.conftest import Plant
from tests.copilot.context.tree import of

HERE = "def load_invoice(invoice, ledger):\n    total = ledger.total(invoice)\n    ledger.close(invoice, total)\n    ¦"
LIKE = HERE.replace("invoice", "order").replace("¦", "notify(order)\n")
UNLIKE = "def paint(canvas, brush):\n    canvas.fill(brush)\n"


def test_similar_code_of_the_workspace(plant: Plant) -> None:
    tree = plant({"a.py": LIKE, "b.py": UNLIKE})
    (found,) = of(tree.ask("main.py", HERE), Source.SIMILAR)
    assert found.path == "a.py"
    assert "notify(order)" in found.text
    assert "%" in found.reason


def test_similar_code_of_an_open_document_is_not_found_twice(plant: Plant) -> None:
    tree = plant({"a.py": LIKE})
    found = tree.ask("main.py", HERE, buffers=(("a.py", LIKE),))
    assert [it.path for it in of(found, Source.OPEN)] == ["a.py"]
    assert not of(found, Source.SIMILAR)


def test_what_repeats_the_text_at_the_caret_is_left_out(plant: Plant) -> None:
    tree = plant({"a.py": HERE.replace("¦", "return total\n")})
    assert not of(tree.ask("main.py", HERE), Source.SIMILAR)


def test_jaccard() -> None:
    assert jaccard(frozenset("ab"), frozenset("bc")) == 1 / 3
    assert jaccard(frozenset(), frozenset()) == 0


def test_windows_cover_a_text_and_overlap() -> None:
    lines = tuple(f"name{at} = 1" for at in range(73))
    found = windows(Text("a.py", "python", "\n".join(lines), lines), Cache())
    assert {at for it in found for at in range(it.first, it.last + 1)} == set(range(1, 74))
    assert all(it.last - it.first < WINDOW for it in found)
    assert "name3" in found[0].words


def test_windows_begin_and_end_with_text() -> None:
    lines = ("", "", "name = 1", "", "")
    (window,) = windows(Text("a.py", "python", "\n".join(lines), lines), Cache())
    assert (window.first, window.last) == (3, 3)
