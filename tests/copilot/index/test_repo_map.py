from collections.abc import Iterator, Sequence

from copilot.index.repo_map import repo_map
from copilot.index.rows import SymbolRow


def row(name: str, kind: str, scope: str, lines: tuple[int, int], signature: str) -> SymbolRow:
    return SymbolRow("", "python", name, kind, scope, *lines, signature, "")


SYMBOLS = {
    "src/store.py": [
        row("Store", "class", "", (3, 20), "class Store:"),
        row("load_from", "method", "Store", (5, 9), "def load_from(\n    self, name: str\n) -> bytes:"),
        row("save", "method", "Store", (11, 20), "def save(self, name: str, data: bytes) -> None:"),
    ],
    "src/clock.py": [row("now_utc", "function", "", (1, 2), "def now_utc() -> float:")],
}


class Index:
    """Three files: everyone uses the store, one uses the clock."""

    def edges(self) -> Iterator[tuple[str, str, str, int]]:
        yield from [
            ("a.py", "src/store.py", "load_from", 4),
            ("b.py", "src/store.py", "load_from", 1),
            ("c.py", "src/store.py", "Store", 1),
            ("c.py", "tests/test_store.py", "check_all", 9),
            ("c.py", "src/clock.py", "now_utc", 1),
        ]

    def symbols_of(self, path: str) -> Sequence[SymbolRow]:
        return SYMBOLS.get(path, [])


WHOLE = """\
src/clock.py
  def now_utc() -> float:
src/store.py
  class Store:
    def load_from( self, name: str ) -> bytes:"""


def test_a_map_reads_as_code_does() -> None:
    assert repo_map(Index(), 1000) == WHOLE


def test_what_is_most_central_stays_where_room_is_short() -> None:
    assert repo_map(Index(), 27) == "\n".join(WHOLE.split("\n")[2:])
    assert repo_map(Index(), 0) == ""
    for tokens in range(0, 60, 5):
        assert len(repo_map(Index(), tokens)) <= tokens * 3.2


def test_what_is_asked_for_is_on_it() -> None:
    assert "def now_utc" in repo_map(Index(), 14, wanted={"now_utc"})


def test_paths_that_may_not_be_named_are_not() -> None:
    found = repo_map(Index(), 1000, allowed=lambda path: "store" not in path)
    assert found == "src/clock.py\n  def now_utc() -> float:"
