"""What the names near a caret mean, asked of a real index."""

import pytest

from copilot.context.candidates import Candidate, Source
from tests.copilot.context.conftest import Plant
from tests.copilot.context.tree import about, of

STORE = '''"""Keeps things."""


class Store:
    """A place for rows."""

    def __init__(self, path: str, limit: int = 10) -> None:
        self.path = path
        self.limit = limit

    def put(self, key: str, value: bytes, *, replace: bool = False) -> int:
        """Keep a value."""
        first = len(key)
        second = len(value)
        third = first + second
        if replace:
            third += 1
        if third > self.limit:
            third = self.limit
        return third


def open_store(path: str) -> Store:
    """Open what lies at a path."""
    return Store(path)


def _secret_part() -> None:
    pass
'''


def _defined(found: list[Candidate]) -> list[Candidate]:
    return of(found, Source.DEFINITION)


def test_a_call_of_an_imported_function_gets_its_definition(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE, "app/other.py": "def open_store(): ...\n"})
    best = _defined(tree.ask("app/main.py", "from app.store import open_store\n\nx = open_store(¦"))[0]
    assert best.path == "app/store.py"
    assert "def open_store(path: str) -> Store:" in best.text
    assert (best.first, best.last) == (23, 25)
    assert "`open_store`" in best.reason


def test_a_class_is_shown_by_its_members_and_not_by_their_bodies(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    best = _defined(tree.ask("app/main.py", "from app.store import Store\n\nx = Store(¦"))[0]
    assert "class Store:" in best.text
    assert "def __init__(self, path: str, limit: int = 10) -> None" in best.text
    assert "def put(self, key: str, value: bytes, *, replace: bool = False) -> int" in best.text
    assert "third" not in best.text


def test_an_import_under_another_name(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    found = _defined(tree.ask("app/main.py", "from .store import open_store as begin\n\nx = begin(¦"))
    assert about(found, "def open_store")


def test_a_function_of_an_imported_module(plant: Plant) -> None:
    tree = plant({"app/__init__.py": "", "app/store.py": STORE, "app/other.py": "def open_store(): ...\n"})
    best = _defined(tree.ask("app/main.py", "from app import store\n\nx = store.open_store(¦"))[0]
    assert (best.path, best.first) == ("app/store.py", 23)


@pytest.mark.parametrize(
    "made", ["x = Store('a')", "x: Store = given()", "def f(x: Store) -> None:", "x = store.Store('a')"]
)
def test_a_member_of_what_a_variable_was_made_of(plant: Plant, made: str) -> None:
    other = "class Sink:\n    def put(self, drop): ...\n    def put_all(self): ...\n"
    tree = plant({"app/store.py": STORE, "app/sink.py": other})
    text = f"from app.store import Store\nfrom app import store\n\n{made}\n    x.put(¦"
    best = _defined(tree.ask("app/main.py", text))[0]
    assert best.path == "app/store.py"
    assert "def put(self, key: str, value: bytes" in best.text
    assert "class Store:" in best.text


def test_behind_the_dot_of_a_variable_stands_what_its_type_offers(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    best = _defined(tree.ask("app/main.py", "from app.store import Store\n\nx = Store('a')\nx.¦"))[0]
    assert "def put(self" in best.text
    assert "`x` is a `Store`" in best.reason


def test_behind_the_dot_of_a_class_stands_what_it_offers(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    best = _defined(tree.ask("app/main.py", "from app.store import Store\n\nx = Store.¦"))[0]
    assert "def put(self" in best.text
    assert "a member of which is written" in best.reason


def test_behind_a_dot_stands_what_is_inherited_too(plant: Plant) -> None:
    base = "class Base:\n    def flush(self, hard: bool) -> None:\n        pass\n"
    child = "from app.base import Base\n\nclass Child(Base):\n    def put(self):\n        pass\n"
    tree = plant({"app/base.py": base, "app/child.py": child})
    found = _defined(tree.ask("app/main.py", "from app.child import Child\n\nx = Child()\nx.¦"))
    texts = [it.text for it in found if "`x` is a `Child`" in it.reason]
    assert any("def put(self)" in it for it in texts)
    assert any("def flush(self, hard: bool)" in it for it in texts)


def test_types_that_inherit_from_each_other_end(plant: Plant) -> None:
    tree = plant({"app/a.py": "class A(B):\n    x = 1\n\nclass B(A):\n    y = 1\n"})
    found = _defined(tree.ask("app/main.py", "from app.a import A\n\nv = A()\nv.¦"))
    assert {it.text.split("(")[0] for it in found} >= {"class A", "class B"}


@pytest.mark.parametrize(
    "made", ["x = app_store('a')", "y = Opener()\nx = y.opened()", "x = x.app_store()\nx = app_store()"]
)
def test_what_a_function_returns_is_what_the_variable_is(plant: Plant, made: str) -> None:
    opening = "from app.store import Store\n\ndef app_store(path: str = '') -> Store:\n    return Store(path)\n\n"
    opening += "class Opener:\n    def opened(self) -> 'Store | None':\n        return None\n"
    tree = plant({"app/store.py": STORE, "app/opening.py": opening})
    text = f"from app.opening import Opener, app_store\n\n{made}\nx.¦"
    best = _defined(tree.ask("app/main.py", text))[0]
    assert "def put(self" in best.text
    assert "`x` is a `Store`" in best.reason


def test_a_method_of_the_base_of_the_class_that_is_being_written(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE, "app/sink.py": "class Sink:\n    def put(self, drop): ...\n"})
    text = "from app.store import Store\n\nclass Other(Store):\n    def go(self):\n        self.put(¦"
    best = _defined(tree.ask("app/main.py", text))[0]
    assert best.path == "app/store.py"


def test_what_a_package_passes_on(plant: Plant) -> None:
    tree = plant({"app/__init__.py": "from app.store import open_store\n", "app/store.py": STORE})
    best = _defined(tree.ask("tool/main.py", "from app import open_store\n\nx = open_store(¦"))[0]
    assert best.path == "app/store.py"


def test_a_name_that_is_defined_everywhere_says_nothing_unless_it_is_imported(plant: Plant) -> None:
    files = {f"app/m{at}.py": "def run(given: int) -> int: ...\n" for at in range(6)}
    tree = plant(files)
    assert not _defined(tree.ask("app/main.py", "x = run(¦"))
    assert [it.path for it in _defined(tree.ask("app/main.py", "from app.m3 import run\nx = run(¦"))] == ["app/m3.py"]


def test_a_name_of_one_place_is_found_without_an_import(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    (found,) = _defined(tree.ask("app/main.py", "x = open_store(¦"))
    assert found.path == "app/store.py"
    imported = _defined(tree.ask("app/main.py", "from app.store import open_store\nx = open_store(¦"))
    assert imported[0].score > found.score


def test_what_the_file_defines_itself_is_not_looked_for_elsewhere(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    assert not _defined(tree.ask("app/main.py", "def open_store(): ...\n\nopen_store\n¦"))


def test_the_nearer_name_counts_more(plant: Plant) -> None:
    tree = plant({"app/a.py": "def near_one(a):\n    pass\n", "app/b.py": "def far_one(b):\n    pass\n"})
    text = "from app.a import near_one\nfrom app.b import far_one\n\nfar_one(1)\n\n\n\n\nnear_one(2)\n¦"
    scores = {it.path: it.score for it in tree.ask("app/main.py", text, off=frozenset({Source.SIMILAR}))[:2]}
    assert scores["app/a.py"] > scores["app/b.py"]


def test_an_imported_name_that_is_begun(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    found = _defined(tree.ask("app/main.py", "from app.store import open_store\n\nx = open_st¦"))
    assert "begins with `open_st`" in found[0].reason


def test_typescript(plant: Plant) -> None:
    store = (
        "export class Store {\n  constructor(private path: string) {}\n  put(key: string): number { return 1; }\n}\n"
    )
    tree = plant({"src/store.ts": store})
    text = 'import { Store } from "./store";\n\nconst x = new Store(¦'
    assert "constructor(private path: string)" in _defined(tree.ask("src/main.ts", text))[0].text


def test_go_needs_no_import_inside_a_package(plant: Plant) -> None:
    tree = plant({"store/a.go": "package store\n\nfunc Open(path string, limit int) error {\n\treturn nil\n}\n"})
    found = _defined(tree.ask("store/b.go", "package store\n\nfunc run() {\n\tOpen(¦"))
    assert "func Open(path string, limit int) error" in found[0].text


def test_c_by_its_header(plant: Plant) -> None:
    tree = plant({"store.h": "int store_put(struct store *s, const char *key);\n"})
    found = tree.ask("main.c", '#include "store.h"\n\nint main(void) {\n    store_put(¦')
    assert about(found, "store_put(struct store *s, const char *key)")


def test_another_language_is_not_meant(plant: Plant) -> None:
    tree = plant({"app/store.py": STORE})
    assert not _defined(tree.ask("app/main.ts", "const x = open_store(¦"))
