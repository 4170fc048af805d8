"""Code elsewhere that is like the text at the caret: windows of lines by the names they share with it (Jaccard)."""

from collections.abc import Iterator
from typing import NamedTuple

from copilot.context.candidates import Candidate, Source
from copilot.context.near import Near, words_in
from copilot.context.view import Cache, View
from copilot.context.view import Source as Text

WINDOW, STEP = 20, 10
"""Lines."""

LEAST = 0.12
"""Windows that share less are not similar."""

MOST = 0.75
"""Those that share more repeat what the model sees anyway, and make it repeat itself."""

_SEARCHED, _OPEN = 6, 6
_MOST_LINES = 4000


class Window(NamedTuple):
    """Lines ``first`` to ``last``, from 1."""

    first: int
    last: int
    words: frozenset[str]


def windows(source: Text, cache: Cache) -> tuple[Window, ...]:
    """Overlapping stretches of a text; none begins or ends with an empty line."""
    key = (source.path, len(source.text), hash(source.text))
    known = cache.windows.get(key)
    if known is not None:
        return known
    lines = source.lines[:_MOST_LINES]
    words = [words_in(line, source.language) for line in lines]
    found = []
    for start in range(0, max(1, len(lines) - STEP), STEP):
        first, last = start, min(len(lines), start + WINDOW) - 1
        while first < last and not lines[first].strip():
            first += 1
        while last > first and not lines[last].strip():
            last -= 1
        found.append(Window(first + 1, last + 1, frozenset().union(*words[first : last + 1])))
    return cache.windows.put(key, tuple(found))


def jaccard(one: frozenset[str], other: frozenset[str]) -> float:
    """The share of what either has that both have; 0 for two empty sets."""
    common = len(one & other)
    return common / (len(one) + len(other) - common) if common else 0.0


def best_window(source: Text, bag: frozenset[str], cache: Cache) -> tuple[Window, float] | None:
    """The window that is most like ``bag``, where one is like it and not the same."""
    scored = ((window, jaccard(window.words, bag)) for window in windows(source, cache))
    fine = [(window, score) for window, score in scored if LEAST <= score <= MOST]
    return max(fine, key=lambda it: (it[1], -it[0].first), default=None)


def similar(view: View, near: Near, cache: Cache) -> Iterator[Candidate]:
    """Anywhere in the workspace, by its index."""
    words = [name.name for name in near.names[:16]]
    if not words:
        return
    opened = {buffer.path for buffer in view.buffers}
    seen: dict[str, None] = {}
    for hit in view.search(words):
        if hit.path != view.question.path and hit.path not in opened:
            seen.setdefault(hit.path)
    for path in list(seen)[:_SEARCHED]:
        source = view.source(path)
        found = None if source is None else best_window(source, near.bag, cache)
        if source is not None and found is not None:
            yield _candidate(source, *found, Source.SIMILAR, 1.1)


def in_buffers(view: View, near: Near, cache: Cache) -> Iterator[Candidate]:
    """In the documents that are open."""
    for buffer in view.buffers[:_OPEN]:
        source = view.source(buffer.path)
        found = None if source is None else best_window(source, near.bag, cache)
        if source is not None and found is not None:
            yield _candidate(source, *found, Source.OPEN, 1.3)


def _candidate(source: Text, window: Window, likeness: float, origin: Source, weight: float) -> Candidate:
    text = "\n".join(source.lines[window.first - 1 : window.last])
    where = "in an open document" if origin is Source.OPEN else "elsewhere in the workspace"
    reason = f"similar code {where}: {likeness:.0%} of the names are the same"
    return Candidate(source.path, window.first, window.last, text, origin, likeness * weight, reason)
