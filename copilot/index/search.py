"""Places in a workspace that a question is about: by names, by words, by paths, made into one list. No text is read.

A place is lines of a file. Each way of looking gives a ranking, and they are fused by place in them, so that scores of
different kinds need not be compared.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from itertools import islice
from pathlib import PurePosixPath
from typing import NamedTuple, Protocol

from copilot.index.fusion import fused
from copilot.index.lesser import DATA_KINDS, is_test
from copilot.index.rows import ChunkHit, SymbolRow

_MOST_NAMES = 12
_MOST_PATHS = 30
_EACH = 30
_BEGINNING = 60
"""Lines of a file that was only found by its path."""

_TEST_WORTH = 0.6
"""A test uses every name there is; it is rarely what someone asks about."""

_WORD = re.compile(r"[^\W_][\w$]*", re.ASCII)
_NAME = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|::|->)[A-Za-z_$][\w$]*)*", re.ASCII)
_PATH = re.compile(r"(?<![\w.-])[\w.-]*[\w-](?:/[\w.-]+)+|(?<![\w-])[\w-]+\.[A-Za-z]\w{0,7}\b")
_COMMON = frozenset(
    {
        *("about", "above", "after", "again", "all", "also", "and", "another", "any", "anything", "are", "around"),
        *("because", "been", "before", "being", "below", "between", "both", "but", "called", "can", "cannot"),
        *("change", "changed", "class", "code", "comes", "could", "describe", "did", "different", "does", "doing"),
        *("done", "down", "during", "each", "else", "example", "explain", "every", "file", "files", "find"),
        *("first", "for", "from", "function", "functions", "gets", "give", "given", "gives", "goes", "have"),
        *("having", "here", "how", "into", "its", "itself", "just", "know", "like", "list", "look", "made"),
        *("make", "makes", "many", "may", "mean", "means", "method", "might", "more", "most", "much", "must"),
        *("need", "needs", "not", "now", "off", "once", "one", "only", "other", "our", "out", "over", "own"),
        *("part", "place", "please", "project", "repo", "repository", "same", "see", "should", "show", "shows"),
        *("some", "something", "such", "tell", "than", "that", "the", "their", "them", "then", "there", "these"),
        *("they", "thing", "this", "those", "through", "too", "under", "until", "used", "uses", "using", "very"),
        *("want", "was", "way", "well", "were", "what", "when", "where", "whether", "which", "while", "who"),
        *("whole", "why", "will", "with", "within", "without", "work", "working", "works", "workspace", "would"),
        *("write", "you", "your"),
    }
)


class Hit(NamedTuple):
    """Lines ``first`` to ``last`` of a file, from 1, both part of it. ``name``: of the symbol that these are, or "".

    ``first`` 0: the file as a whole. ``reasons`` are for people, best first.
    """

    path: str
    first: int
    last: int
    name: str = ""
    scope: str = ""
    score: float = 0.0
    reasons: tuple[str, ...] = ()


class Asked(NamedTuple):
    """What a question says that can be looked for. ``names`` look like identifiers, ``words`` are lower case."""

    names: tuple[str, ...]
    words: tuple[str, ...]
    paths: tuple[str, ...]


class Searchable(Protocol):
    """The part of the index that is looked in."""

    def definitions(self, name: str, limit: int = 20) -> Sequence[SymbolRow]: ...
    def named(self, part: str, limit: int = 20) -> Sequence[SymbolRow]: ...
    def search(self, words: Sequence[str], limit: int = 20, language: str | None = None) -> Sequence[ChunkHit]: ...
    def paths(self, part: str, limit: int = 20) -> Sequence[str]: ...


class Retriever(Protocol):
    """Another way of looking, such as by embeddings, for whoever has one."""

    def ranked(self, question: str, limit: int) -> Sequence[Hit]:
        """Best first; ``reasons`` given, ``score`` left alone."""
        ...


def asked(question: str) -> Asked:
    """Quoted code and what is written as a name counts as a name, also where it is a common word."""
    paths = tuple(dict.fromkeys(it.strip(".") for it in _PATH.findall(question) if not it.endswith(".")))[:_MOST_PATHS]
    spans = re.findall(r"`([^`\n]+)`", question)
    names: dict[str, None] = {}
    for quoted in spans:
        names |= dict.fromkeys(part for it in _NAME.findall(quoted) for part in re.split(r"\.|::|->", it))
    for found in _NAME.finditer(question):
        called = question[found.end() : found.end() + 1] == "("
        for part in re.split(r"\.|::|->", found[0]):
            if called or "_" in part.strip("_") or re.search(r"[a-z0-9][A-Z]|[A-Z]{2}[a-z]|[a-z]\d", part):
                names[part] = None
    words: dict[str, None] = {}
    for found in _WORD.finditer(question):
        word = found[0].lower()
        if len(word) > 2 and word not in _COMMON and not word.isdigit():
            words |= dict.fromkeys((word, *_stems(word)))
    kept = (it for it in names if len(it) > 1 and not any(it in path for path in paths))
    return Asked(tuple(islice(kept, _MOST_NAMES)), tuple(words), paths)


def search(
    question: str,
    index: Searchable,
    *,
    near: Collection[str] = (),
    others: Iterable[Retriever] = (),
    limit: int = 20,
) -> list[Hit]:
    """``near``: files that someone works on; what is in them comes first among equals."""
    said = asked(question)
    rankings = [
        [_of(it, f"defines {it.name}") for name in said.names for it in index.definitions(name, _EACH)],
        _like(said, index),
        [Hit(it.path, it.first, it.last, reasons=("says what was asked for",)) for it in _chunks(said, index)],
        *(list(it.ranked(question, _EACH)) for it in others),
    ]
    files = _files(said, index)
    places = _Places()
    keyed = [[places.key(hit) for hit in ranking] for ranking in rankings]
    scores = fused(keyed)
    by_path = fused([[path for path, _reason in files]])
    for path, reason in files:
        inside = [key for key in scores if places[key].path == path]
        for key in inside:
            scores[key] += by_path[path]
            places.say(key, reason)
        if not inside:
            scores[places.key(Hit(path, 1, _BEGINNING, reasons=(reason,)))] = by_path[path]
    wants_tests = any(it.startswith(("test", "spec")) for it in said.words)
    found = []
    for key, score in scores.items():
        hit = places[key]
        worth = 1.0 if wants_tests or not is_test(hit.path) else _TEST_WORTH
        found.append(hit._replace(score=score * worth * (1.1 if hit.path in near else 1.0)))
    return sorted(found, key=lambda it: (-it.score, it.path, it.first))[:limit]


class _Places:
    """Places by number. One that lies mostly in another is that other; a symbol's own lines are the better ones."""

    def __init__(self) -> None:
        self._hits: list[Hit] = []
        self._of_path: dict[str, list[int]] = {}

    def __getitem__(self, key: int) -> Hit:
        return self._hits[key]

    def key(self, hit: Hit) -> int:
        for key in self._of_path.get(hit.path, ()):
            known = self._hits[key]
            shared = min(known.last, hit.last) - max(known.first, hit.first) + 1
            if shared > 0.5 * min(known.last - known.first + 1, hit.last - hit.first + 1) and not (
                known.name and hit.name and known.name != hit.name
            ):
                self._hits[key] = (known if known.name or not hit.name else hit)._replace(reasons=known.reasons)
                for reason in hit.reasons:
                    self.say(key, reason)
                return key
        self._hits.append(hit)
        self._of_path.setdefault(hit.path, []).append(len(self._hits) - 1)
        return len(self._hits) - 1

    def say(self, key: int, reason: str) -> None:
        hit = self._hits[key]
        if reason not in hit.reasons:
            self._hits[key] = hit._replace(reasons=(*hit.reasons, reason))


def _like(said: Asked, index: Searchable) -> list[Hit]:
    """Symbols whose names hold what was said: those that hold most of it first."""
    found: dict[tuple[str, int], tuple[int, Hit]] = {}
    for word in (*said.names, *said.words)[:_MOST_NAMES]:
        if len(word) < 4:
            continue
        for it in index.named(word, _EACH):
            if it.kind in DATA_KINDS and it.name not in said.names:
                continue
            count, _ = found.get((it.path, it.first), (0, None))
            found[it.path, it.first] = (count + 1, _of(it, f"is named {it.name}"))
    return [hit for _count, hit in sorted(found.values(), key=lambda it: (-it[0], len(it[1].name)))][:_EACH]


def _chunks(said: Asked, index: Searchable) -> Sequence[ChunkHit]:
    words = (*said.names, *said.words)
    return index.search(words, _EACH) if words else ()


def _files(said: Asked, index: Searchable) -> list[tuple[str, str]]:
    """Paths with a reason: those that were named, then those that hold a word as a part of theirs."""
    found: dict[str, str] = {}
    for path in said.paths:
        for it in index.paths(path, 5):
            found.setdefault(it, f"was named: {path}")
    counts: dict[str, int] = {}
    for word in said.words[:_MOST_NAMES]:
        if len(word) < 4:
            continue
        for it in index.paths(word, _EACH):
            if word in re.split(r"\W|_", PurePosixPath(it).name.lower()):
                counts[it] = counts.get(it, 0) + 1
    for it in sorted(counts, key=lambda it: (-counts[it], len(it), it))[:10]:
        found.setdefault(it, "its name says so")
    return list(found.items())


def _of(symbol: SymbolRow, reason: str) -> Hit:
    return Hit(symbol.path, symbol.first, symbol.last, symbol.name, symbol.scope, reasons=(reason,))


def _stems(word: str) -> tuple[str, ...]:
    """A plural's singular, and what a verb's form comes from: names are mostly in these."""
    if word.endswith("ies") and len(word) > 4:
        return (f"{word[:-3]}y",)
    if word.endswith("s") and not word.endswith("ss") and len(word) > 3:
        return (word[:-1],)
    for ending in ("ing", "ed"):
        if word.endswith(ending) and len(word) > len(ending) + 3:
            return (word[: -len(ending)], f"{word[: -len(ending)]}e")
    return ()
