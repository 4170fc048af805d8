"""Code elsewhere that is like the text at the caret: windows of lines by the names they share with it (Jaccard)."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from copilot.context.candidates import Candidate, Source
from copilot.context.near import Near, words_in
from copilot.context.view import Cache, View
from copilot.context.view import Source as Text

WINDOW, STEP = 14, 7
"""Lines."""

LEAST = 0.2
"""Windows that share less are not similar."""

MOST = 0.75
"""Those that share more repeat what the model sees anyway, and make it repeat itself."""

_SEARCHED, _OPEN = 4, 6
_CHUNK, _MOST_LINES = 60, 1500


class Window(NamedTuple):
    """Lines ``first`` to ``last``, from 1."""

    first: int
    last: int
    words: frozenset[str]


def windows(source: Text, cache: Cache) -> tuple[Window, ...]:
    """Overlapping stretches of a text; none begins or ends with an empty line."""
    key = (source.path, len(source.text), hash(source.text))
    known = cache.windows.get(key)
    if known is None:
        known = cache.windows.put(key, tuple(_windows(source, 0, min(len(source.lines), _MOST_LINES))))
    return known


def _windows(source: Text, start: int, end: int) -> Iterator[Window]:
    """Of the lines from ``start`` to before ``end``, from 0."""
    lines = source.lines
    end = min(end, len(lines))
    words = [words_in(line, source.language) for line in lines[start:end]]
    for at in range(start, max(start + 1, end - STEP), STEP):
        first, last = at, min(end, at + WINDOW) - 1
        while first < last and not lines[first].strip():
            first += 1
        while last > first and not lines[last].strip():
            last -= 1
        if first <= last:
            yield Window(first + 1, last + 1, frozenset().union(*words[first - start : last + 1 - start]))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of what either has that both have; 0 for two empty sets."""
    common = len(one & other)
    return common / (len(one) + len(other) - common) if common else 0.0


def best_window(source: Text, bag: frozenset[str], cache: Cache) -> tuple[Window, float] | None:
    """The window that is most like ``bag``, where one is like it and not the same."""
    return _best(windows(source, cache), bag)


def _best(found: Iterable[Window], bag: frozenset[str]) -> tuple[Window, float] | None:
    scored = ((window, jaccard(window.words, bag)) for window in found)
    fine = [(window, score) for window, score in scored if LEAST <= score <= MOST]
    return max(fine, key=lambda it: (it[1], -it[0].first), default=None)


def similar(view: View, near: Near, cache: Cache) -> Iterator[Candidate]:
    """Anywhere in the workspace, by its index."""
    words = [name.name for name in near.names[:16]]
    if not words:
        return
    left, seen = _SEARCHED, {view.question.path, *(buffer.path for buffer in view.buffers)}
    for hit in view.search(words):
        if hit.path in seen or not left:
            continue
        seen.add(hit.path)
        source = view.source(hit.path)
        if source is None:
            continue
        left -= 1
        found = _best(_windows(source, hit.first - 1, min(hit.last, hit.first + _CHUNK)), near.bag)
        if found is not None:
            yield _candidate(source, *found, Source.SIMILAR, 1.4)


def in_buffers(view: View, near: Near, cache: Cache) -> Iterator[Candidate]:
    """In the documents that are open."""
    for buffer in view.buffers[:_OPEN]:
        source = view.source(buffer.path)
        found = None if source is None else best_window(source, near.bag, cache)
        if source is not None and found is not None:
            yield _candidate(source, *found, Source.OPEN, 1.5)


def _candidate(source: Text, window: Window, likeness: float, origin: Source, weight: float) -> Candidate:
    text = "\n".join(source.lines[window.first - 1 : window.last])
    where = "in an open document" if origin is Source.OPEN else "elsewhere in the workspace"
    reason = f"similar code {where}: {likeness:.0%} of the names are the same"
    return Candidate(source.path, window.first, window.last, text, origin, likeness * weight, reason)
