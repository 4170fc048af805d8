"""What was edited or looked at in other files a short time ago."""

from collections.abc import Iterator

from copilot.context.candidates import Candidate, Region, Source
from copilot.context.near import Near, words_in
from copilot.context.view import View

HALF_LIFE = 180.0
"""Seconds after which a region is worth half."""

LINES = 16
"""Of a region that are shown."""

_REGIONS = 8
_EDITED, _VIEWED = 0.55, 0.3


def recent(view: View, near: Near) -> Iterator[Candidate]:
    """The newest first; one that has names of the caret's surroundings counts more."""
    regions = sorted(view.question.regions, key=lambda region: -region.at)
    for region in [it for it in regions if it.path != view.question.path][:_REGIONS]:
        source = view.source(region.path)
        if source is None:
            continue
        first, last = _middle(region, len(source.lines))
        lines = source.lines[first - 1 : last]
        if first > last or not any(line.strip() for line in lines):
            continue
        age = max(0.0, view.question.now - region.at)
        words = frozenset().union(*(words_in(line, source.language) for line in lines))
        related = min(1.0, len(words & near.bag) / 6)
        score = (_EDITED if region.edited else _VIEWED) * 0.5 ** (age / HALF_LIFE) * (0.5 + related)
        reason = f"{'edited' if region.edited else 'viewed'} {_ago(age)}"
        yield Candidate(region.path, first, last, "\n".join(lines), Source.RECENT, score, reason)


def _middle(region: Region, count: int) -> tuple[int, int]:
    """At most ``LINES`` of it, as far as they are there."""
    first, last = max(1, region.first), min(count, region.last)
    beyond = last - first + 1 - LINES
    if beyond > 0:
        first += beyond // 2
        last = first + LINES - 1
    return first, last


def _ago(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s ago"
    return f"{seconds / 60:.0f} min ago"
