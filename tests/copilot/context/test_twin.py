"""The file that belongs to a file by its name."""

import pytest

from copilot.context.candidates import Source
from copilot.context.twin import twins_of
from tests.copilot.context.conftest import Plant
from tests.copilot.context.tree import of


@pytest.mark.parametrize(
    ("path", "twin", "what"),
    [
        ("pkg/test_foo.py", "foo.py", "tested"),
        ("pkg/foo_test.py", "foo.py", "tested"),
        ("pkg/foo.py", "test_foo.py", "test"),
        ("src/foo.c", "foo.h", "header"),
        ("src/foo.h", "foo.c", "source"),
        ("src/foo.test.ts", "foo.ts", "tested"),
        ("src/foo.spec.tsx", "foo.tsx", "tested"),
        ("src/foo.ts", "foo.test.ts", "test"),
        ("src/FooTest.java", "Foo.java", "tested"),
        ("src/Foo.java", "FooTest.java", "test"),
        ("pkg/foo_test.go", "foo.go", "tested"),
        ("pkg/foo.go", "foo_test.go", "test"),
    ],
)
def test_names_of_twins(path: str, twin: str, what: str) -> None:
    assert (twin, what) in twins_of(path)


def test_a_file_without_a_twin() -> None:
    assert twins_of("README.md") == []


def test_a_test_sees_what_it_tests(plant: Plant) -> None:
    body = "\n".join(f"    step{at} = {at}" for at in range(12))
    tree = plant(
        {"app/store.py": f"def open_store(path: str) -> int:\n{body}\n    return 1\n", "lib/store.py": "x = 1\n"}
    )
    (found,) = of(tree.ask("tests/app/test_store.py", "def test_it():\n    ¦"), Source.TWIN)
    assert found.path == "app/store.py"
    assert "def open_store(path: str) -> int" in found.text
    assert "step3" not in found.text


def test_a_source_sees_its_header(plant: Plant) -> None:
    tree = plant({"src/store.h": "int store_open(const char *path, int limit);\n"})
    (found,) = of(tree.ask("src/store.c", "int other(void) {\n    ¦"), Source.TWIN)
    assert "store_open(const char *path, int limit)" in found.text


def test_a_source_sees_where_its_test_is_like_it(plant: Plant) -> None:
    test = (
        "def test_first():\n    assert unrelated() == 1\n" + "\n" * 30 + "def test_second():\n    put_row(table, key)\n"
    )
    tree = plant({"tests/test_store.py": test})
    text = "def put_row(table, key):\n    table.add(key)\n    ¦"
    (found,) = of(tree.ask("app/store.py", text, off=frozenset({Source.SIMILAR, Source.CALLER})), Source.TWIN)
    assert "put_row(table, key)" in found.text
    assert "unrelated" not in found.text
