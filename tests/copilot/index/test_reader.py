"""Answers: what is found and in which order, and nothing where there is no index."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot import paths
from copilot.index import reader as readers
from copilot.index.parsed import Parsed, Task, parsed
from copilot.index.reader import Reader
from copilot.index.schema import DATABASE, MARKER
from copilot.index.store import Store
from copilot.safety.gate import Gate
from copilot.syntax.outline import outline

FILES = {
    "shop/cart.py": 'from .prices import net_price\n\n\nclass Cart:\n    """What is bought."""\n\n'
    "    def total(self):\n        return sum(net_price(it) for it in self.items)\n",
    "shop/prices.py": "TAX = 0.2\n\n\ndef net_price(item):\n    return item.price / (1 + TAX)\n\n\n"
    "def total():\n    return TAX\n",
    "shop/tests/test_cart.py": "from shop.cart import Cart\n\n\n"
    "def test_it():\n    assert Cart().total() == 0\n    Cart()\n",
    "docs/prices.md": "How the net price is made.\n",
    "shop.py": "def Total():\n    pass\n",
}


def written(root: Path) -> Store:
    store = Store(paths.make_private_dir(paths.index_dir(root)), root)
    gate = Gate(root)
    for found in gate.walk():
        seen = gate.read(found.path)
        language = {"py": "python", "md": "markdown"}[found.path.rpartition(".")[2]]
        store.write(parsed(Task(found.path), seen, outline(seen.text, language)))
    store.commit()
    return store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    for path, text in FILES.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    store = written(tmp_path)
    yield store
    store.close()


@pytest.fixture
def reader(tmp_path: Path, store: Store) -> Iterator[Reader]:
    reader = Reader.of(tmp_path)
    yield reader
    reader.close()


def test_definitions_at_the_top_come_first(reader: Reader) -> None:
    assert [(it.path, it.scope, it.first) for it in reader.definitions("total")] == [
        ("shop/prices.py", "", 8),
        ("shop/cart.py", "Cart", 7),
    ]
    (cart,) = reader.definitions("Cart")
    assert (cart.kind, cart.signature, cart.doc, cart.language) == ("class", "class Cart", "What is bought.", "python")
    assert len(reader.definitions("total", limit=1)) == 1
    assert reader.definitions("cart") == []


def test_references_say_on_which_lines(reader: Reader) -> None:
    found = reader.references("Cart")
    assert [(it.path, it.lines, it.count) for it in found] == [("shop/tests/test_cart.py", (5, 6), 2)]
    assert reader.references("never_used") == []


def test_users_are_counted_as_far_as_is_wanted(tmp_path: Path, store: Store, reader: Reader) -> None:
    assert reader.users("Cart") == 1
    (tmp_path / "more.py").write_text("from shop.cart import Cart\n\nCart()\nCart()\n")
    seen = Gate(tmp_path).read("more.py")
    store.write(parsed(Task("more.py"), seen, outline(seen.text, "python")))
    store.commit()
    assert [reader.users("Cart"), reader.users("Cart", 1), reader.users("never_used")] == [2, 1, 0]


def test_symbols_and_imports_of_a_file(reader: Reader) -> None:
    assert [(it.scope, it.name) for it in reader.symbols_of("shop/cart.py")] == [("", "Cart"), ("Cart", "total")]
    (statement,) = reader.imports_of("shop/cart.py")
    assert (statement.module, statement.names, statement.line) == (".prices", (("net_price", "net_price"),), 1)
    assert (reader.symbols_of("never.py"), reader.imports_of("never.py")) == ([], [])


def test_search_finds_identifiers_whole_and_in_parts(reader: Reader) -> None:
    assert {it.path for it in reader.search(["net_price"])} == {"shop/cart.py", "shop/prices.py", "docs/prices.md"}
    assert "docs/prices.md" in {it.path for it in reader.search(["netPrice"])}
    assert {it.path for it in reader.search(["price"], language="markdown")} == {"docs/prices.md"}
    scores = [it.score for it in reader.search(["net", "price", "tax"])]
    assert scores == sorted(scores, reverse=True)
    assert reader.search(["net", "price", "tax"])[0].path == "shop/prices.py"
    assert len(reader.search(["price"], limit=2)) == 2


@pytest.mark.parametrize("words", [[], ["return"], ["zzz"], ['"', "*"], ["NEAR(a b)"], ["\0"]])
def test_search_for_what_is_not_there(reader: Reader, words: list[str]) -> None:
    assert reader.search(words) == []


def test_names_that_hold_a_part_the_best_first(reader: Reader) -> None:
    assert [it.name for it in reader.named("total")] == ["total", "total", "Total"]
    assert [it.name for it in reader.named("_pri")] == ["net_price"]
    assert [it.name for it in reader.named("ca")] == ["Cart"]
    assert [it.name for it in reader.named("t")] == ["TAX", "Total", "total", "total", "test_it"]
    assert [it.name for it in reader.named("test")] == ["test_it"]
    assert reader.named("") == reader.named('a"b') == reader.named("%") == []


def test_a_name_that_is_only_used_is_not_a_symbol(reader: Reader) -> None:
    assert reader.named("items") == []


def test_paths_that_hold_a_part(reader: Reader) -> None:
    assert reader.paths("CART") == ["shop/cart.py", "shop/tests/test_cart.py"]
    assert reader.paths("shop/t") == ["shop/tests/test_cart.py"]
    assert reader.paths("md") == ["docs/prices.md"]
    assert reader.paths("") == []


def test_files(reader: Reader, tmp_path: Path) -> None:
    file = reader.file("shop.py")
    assert file is not None
    assert (file.size, file.lines, file.language) == (len(FILES["shop.py"]), 2, "python")
    assert file.digest == Gate(tmp_path).read("shop.py").digest
    assert (reader.file("never.py"), reader.has("shop.py"), reader.has("shop")) == (None, True, False)
    assert reader.below("shop") == ["shop/cart.py", "shop/prices.py"]
    assert reader.below("") == ["shop.py"]
    assert reader.ending("cart.py") == ["shop/cart.py"]
    assert reader.ending("tests/test_cart.py") == ["shop/tests/test_cart.py"]
    assert reader.ending("shop/tests/test_cart.py") == ["shop/tests/test_cart.py"]
    assert reader.ending("p/cart.py") == []


def test_text_comes_through_the_gate(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KEY=1\n")
    assert reader.text("shop.py") == FILES["shop.py"]
    assert reader.text(".env") is reader.text("../x") is reader.text("never.py") is None


def test_edges_lead_from_use_to_definition(reader: Reader) -> None:
    assert set(reader.edges()) >= {
        ("shop/cart.py", "shop/prices.py", "net_price", 1),
        ("shop/tests/test_cart.py", "shop/cart.py", "Cart", 2),
    }
    assert all(user != definer for user, definer, _, _ in reader.edges())


def test_a_name_that_everyone_defines_leads_nowhere(store: Store, reader: Reader) -> None:
    for number in range(10):
        store.write(Parsed(f"m{number}.py", symbols=(("net_price", "function", "", 1, 1, "", ""),)))
    store.commit()
    assert "net_price" not in {name for _, _, name, _ in reader.edges()}
    assert len(reader.definitions("net_price")) == 11


def test_answers_follow_the_index(store: Store, reader: Reader) -> None:
    assert reader.definitions("fresh") == []
    before = reader.generation
    store.write(Parsed("new.py", symbols=(("fresh", "function", "", 1, 1, "def fresh()", ""),)))
    store.commit()
    assert [it.path for it in reader.definitions("fresh")] == ["new.py"]
    assert reader.generation == before + 1


def test_what_was_answered_is_the_callers_own(reader: Reader) -> None:
    reader.definitions("total").clear()
    assert len(reader.definitions("total")) == 2


def test_without_an_index_there_is_no_answer(tmp_path: Path) -> None:
    reader = Reader.of(tmp_path)
    assert reader.generation == 0
    assert reader.file("a.py") is None
    assert not any((reader.search(["a"]), reader.definitions("a"), list(reader.edges())))
    assert reader.counts() == (0, 0, {})
    reader.close()
    assert not paths.index_dir(tmp_path).exists()


def test_a_new_file_in_place_of_the_old_one_is_noticed(tmp_path: Path, store: Store, reader: Reader) -> None:
    assert reader.definitions("Cart")
    before = reader.generation
    store.close()
    for file in paths.index_dir(tmp_path).iterdir():
        file.unlink()
    assert (reader.generation, reader.definitions("Cart")) == (0, [])
    new = Store(paths.index_dir(tmp_path), tmp_path)
    new.write(Parsed("new.py", symbols=(("fresh", "function", "", 1, 1, "def fresh()", ""),)))
    new.commit()
    assert ([it.path for it in reader.definitions("fresh")], reader.definitions("Cart")) == (["new.py"], [])
    assert reader.generation > before
    new.close()


@pytest.mark.parametrize("content", [b"", b"nothing of the kind" * 500, b"SQLite format 3\0" + bytes(8_000)])
def test_a_file_that_is_no_index_has_no_answers(tmp_path: Path, content: bytes) -> None:
    folder = paths.make_private_dir(paths.index_dir(tmp_path))
    (folder / DATABASE).write_bytes(content)
    reader = Reader.of(tmp_path)
    assert (reader.generation, reader.definitions("a"), reader.search(["a"])) == (0, [], [])
    reader.close()


def test_damage_is_reported_to_whoever_writes(tmp_path: Path, store: Store) -> None:
    """Every page but the first is overwritten, as a failing disk might."""
    store.close()
    file = paths.index_dir(tmp_path) / DATABASE
    data = file.read_bytes()
    file.write_bytes(data[:4096] + b"\xaa" * (len(data) - 4096))
    reader = Reader.of(tmp_path)
    assert (reader.definitions("Cart"), reader.search(["price"]), reader.generation) == ([], [], 0)
    info = file.stat()
    assert (file.parent / MARKER).read_text().split() == [str(info.st_dev), str(info.st_ino)]
    reader.close()


def test_an_index_of_another_version_is_left_alone(tmp_path: Path, store: Store) -> None:
    store._database.execute("PRAGMA user_version = 99")
    store.close()
    reader = Reader.of(tmp_path)
    assert (reader.definitions("Cart"), reader.generation) == ([], 0)
    assert not (paths.index_dir(tmp_path) / MARKER).exists()
    reader.close()


def test_names_that_are_no_text_are_nowhere(tmp_path: Path, reader: Reader) -> None:
    assert reader.generation
    for name in ("\ud800x", "\udcff", "net_\ud800"):
        assert not [*reader.definitions(name), *reader.references(name), *reader.named(name), *reader.paths(name)]
        assert reader.search(["net_price", name]) == reader.search(["net_price"]) != []
        assert reader.file(name) is None
    assert not (paths.index_dir(tmp_path) / MARKER).exists()
    assert reader.search(['a"b']) == []
    assert reader.definitions("Cart")


def test_of_very_many_edges_those_of_the_rarest_names_are_kept(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    every = list(reader.edges())
    counts = Counter(name for _user, _definer, name, _count in every)
    monkeypatch.setattr(readers, "_MOST_EDGES", len(every) - 1)
    kept = list(reader.edges())
    assert set(kept) < set(every)
    assert kept
    dropped = {name for _user, _definer, name, _count in set(every) - set(kept)}
    assert min(counts[it] for it in dropped) == max(counts.values())
