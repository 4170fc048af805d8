"""How central files and their definitions are, by who refers to them. No I/O.

Files are ranked by PageRank (Page, Brin, Motwani, Winograd: "The PageRank Citation Ranking", 1999) over the graph of
who uses whose definitions; that this makes a good map of a repository is aider's finding (Paul Gauthier, 2023).
"""

import builtins
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from operator import mul
from typing import NamedTuple

DAMPING = 0.85
_ROUNDS = 40
_SETTLED = 1e-3
"""Of the sum of all ranks: what moves less changes no order that someone would see."""

_MOST_COUNTED = 100
_WANTED = 10.0
"""A name that was asked for counts so much more."""

_NEAR = 20.0
"""A file that someone works on is jumped to so much more often than another."""

_COMMON = 0.05
"""How much a use of a common word counts."""

_BUILT_IN = frozenset(
    {
        *(name for name in dir(builtins) if not name.startswith("_")),
        *("Any", "Callable", "Dict", "Generic", "Iterable", "Iterator", "List", "Mapping", "Optional", "Sequence"),
        *("Tuple", "Type", "TypeVar", "Union", "Array", "Boolean", "Error", "Map", "Number", "Object", "Promise"),
        *("Set", "String", "Symbol", "Vec", "Option", "Result", "Some", "Box", "Integer", "Exception"),
    }
)
_COMPOUND = re.compile(r"[^_]_[^_]|[a-z0-9][A-Z]")
_FAMILIES = {
    **dict.fromkeys(("py", "pyi"), "python"),
    **dict.fromkeys(("js", "mjs", "cjs", "jsx", "ts", "mts", "cts", "tsx", "vue", "svelte"), "script"),
    **dict.fromkeys(("c", "h", "cc", "cpp", "cxx", "hh", "hpp", "hxx", "inl"), "c"),
    **dict.fromkeys(("java", "kt", "scala"), "java"),
}

Edge = tuple[str, str, str, int]
"""A file that uses, the file that defines, the name, and how often."""


class Ranking(NamedTuple):
    """``files`` sum up to 1; ``definitions`` are the share of each name in each file, by path and name."""

    files: Mapping[str, float]
    definitions: Mapping[tuple[str, str], float]


def ranked(edges: Iterable[Edge], wanted: Collection[str] = (), near: Collection[str] = ()) -> Ranking:
    """``wanted``: names that matter now, such as those in a question; ``near``: files that matter now.

    An edge weighs the root of its count, so that a file which says a name a hundred times has no hundred votes; more
    the fewer files define that name; and less where the name is a common word, which mostly means something else.
    """
    edges = list(edges)
    family = {path: _family(path) for path in {path for edge in edges for path in edge[:2]}}
    used = [edge for edge in edges if edge[0] != edge[1] and family[edge[0]] == family[edge[1]]]
    pairs = {(name, definer) for _user, definer, name, _count in used}
    definers = Counter(name for name, _definer in pairs)
    total = 1 + len({edge[0] for edge in used} | {definer for _name, definer in pairs})
    worth = {name: math.log(total / count) * (1.0 if is_telling(name) else _COMMON) for name, count in definers.items()}
    worth |= {name: math.log(total / definers[name]) * _WANTED for name in wanted if name in definers}
    root = [math.sqrt(count) for count in range(_MOST_COUNTED + 1)]
    links: dict[str, dict[str, float]] = {}
    weights = []
    for user, definer, name, count in used:
        weight = root[min(count, _MOST_COUNTED)] * worth[name]
        weights.append(weight)
        out = links.get(user)
        if out is None:
            out = links[user] = {}
        out[definer] = out.get(definer, 0.0) + weight
    files = pagerank(links, dict.fromkeys(near, _NEAR))
    votes = {user: files[user] / (sum(out.values()) or 1.0) for user, out in links.items()}
    definitions: dict[tuple[str, str], float] = {}
    for (user, definer, name, _count), weight in zip(used, weights, strict=True):
        key = (definer, name)
        definitions[key] = definitions.get(key, 0.0) + votes[user] * weight
    return Ranking(files, definitions)


def is_telling(name: str) -> bool:
    """Whether a use of ``name`` is likely to mean what is defined by that name: ``get`` hardly, ``read_rules`` or
    ``Gate`` are. What begins with ``_`` is of one file; what a language brings along is rarely its namesake."""
    if name.startswith("_") or name in _BUILT_IN:
        return False
    return name[:1].isupper() or _COMPOUND.search(name) is not None


def _family(path: str) -> str:
    """Files of one language, or of those that use each other's definitions."""
    ending = path[path.rfind(".") + 1 :].lower()
    return _FAMILIES.get(ending, ending)


def pagerank(links: Mapping[str, Mapping[str, float]], favour: Mapping[str, float] | None = None) -> dict[str, float]:
    """The rank of every node of ``links``, which are weights by source and target; they sum up to 1.

    ``favour``: how much more likely than another node each of these is jumped to ("personalisation"). By power
    iteration; what a node without links would pass on goes where a jump goes.
    """
    nodes = sorted({*links, *(target for out in links.values() for target in out)})
    if not nodes:
        return {}
    number = {node: at for at, node in enumerate(nodes)}
    favoured = favour or {}
    jump = [1.0 + favoured.get(node, 0.0) for node in nodes]
    whole = sum(jump)
    jump = [it / whole for it in jump]
    # By target: one sum a node is three times as fast as adding here and there.
    sources: list[list[int]] = [[] for _ in nodes]
    shares: list[list[float]] = [[] for _ in nodes]
    dangling = set(range(len(nodes)))
    for source, out in links.items():
        weight = sum(out.values())
        if weight <= 0.0:
            continue
        at = number[source]
        dangling.discard(at)
        for target, part in out.items():
            sources[number[target]].append(at)
            shares[number[target]].append(part / weight)
    incoming = list(zip(sources, shares, strict=True))
    ends = sorted(dangling)
    rank = list(jump)
    for _ in range(_ROUNDS):
        loose = 1.0 - DAMPING + DAMPING * sum(rank[at] for at in ends)
        new = [
            loose * to + DAMPING * sum(map(mul, map(rank.__getitem__, whence), parts))
            for to, (whence, parts) in zip(jump, incoming, strict=True)
        ]
        moved = sum(abs(a - b) for a, b in zip(new, rank, strict=True))
        rank = new
        if moved < _SETTLED:
            break
    return dict(zip(nodes, rank, strict=True))
