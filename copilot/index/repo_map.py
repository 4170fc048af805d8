"""A map of a repository: its most central definitions, file by file, in as much room as there is. No I/O of its own."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import NamedTuple, Protocol

from copilot.index.lesser import DATA_KINDS, is_test
from copilot.index.ranking import Edge, ranked
from copilot.index.rows import SymbolRow

CHARS_PER_TOKEN = 3.2
_MOST_LINE = 160
_MOST_LOOKED_AT = 4_000
"""Definitions, best first; a map has room for some hundred."""

_TRIES = 40
"""How many that do not fit are passed over before the map is full."""


class Mapped(Protocol):
    """The part of the index that a map is drawn from."""

    def edges(self) -> Iterator[Edge]: ...
    def symbols_of(self, path: str) -> Sequence[SymbolRow]: ...


class _Line(NamedTuple):
    first: int
    depth: int
    text: str


def repo_map(
    index: Mapped,
    tokens: int,
    *,
    wanted: Collection[str] = (),
    near: Collection[str] = (),
    allowed: Callable[[str], bool] = lambda path: True,
) -> str:
    """Paths in their order, below each its central definitions as they are written, inner ones further in. Tests are
    not on it.

    ``wanted``: names that matter now; ``near``: files that do; ``allowed``: paths that may be named. Empty where the
    index knows of no reference. The same index and question always give the same map.
    """
    ranking = ranked(index.edges(), wanted, near)
    code = ((key, score) for key, score in ranking.definitions.items() if not is_test(key[0]))
    best = sorted(code, key=lambda it: (-it[1], it[0]))[:_MOST_LOOKED_AT]
    chosen: dict[str, set[_Line]] = {}
    known: dict[str, Sequence[SymbolRow]] = {}
    left = int(tokens * CHARS_PER_TOKEN)
    passed = 0
    for (path, name), _score in best:
        if path not in known:
            known[path] = index.symbols_of(path) if allowed(path) else ()
        lines = _lines(known[path], name) - chosen.get(path, set())
        if not lines:
            continue
        cost = sum(len(it.text) + 2 * it.depth + 1 for it in lines) + (0 if path in chosen else len(path) + 1)
        if cost > left:
            passed += 1
            if passed >= _TRIES:
                break
            continue
        left -= cost
        chosen.setdefault(path, set()).update(lines)
    parts = []
    for path in sorted(chosen):
        parts.append(path)
        parts += [f"{'  ' * it.depth}{it.text}" for it in sorted(chosen[path])]
    return "\n".join(parts)


def _lines(symbols: Sequence[SymbolRow], name: str) -> set[_Line]:
    """Of the first definition of ``name``, the outermost one, and of what stands around it."""
    named = [it for it in symbols if it.name == name and it.kind not in DATA_KINDS]
    if not named:
        return set()
    found = min(named, key=lambda it: (it.scope.count(".") + bool(it.scope), it.first))
    around = [it for it in symbols if it.first <= found.first and found.last <= it.last and it is not found]
    around = [it for it in around if (it.first, it.last) != (found.first, found.last)]
    chain = [*sorted(around, key=lambda it: (it.first, -it.last)), found]
    return {_Line(it.first, depth, _short(it)) for depth, it in enumerate(chain, 1)}


def _short(symbol: SymbolRow) -> str:
    line = " ".join(symbol.signature.split()) or symbol.name
    return line if len(line) <= _MOST_LINE else f"{line[: _MOST_LINE - 1]}…"
