"""From candidates to snippets: the most useful within a budget, in an order that stays while someone types. Pure.

The snippets stand at the front of the prompt. What moves there costs all of it again, so what was there before and is
still wanted keeps its place, and what is new comes behind it, however useful it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from operator import attrgetter

from copilot.context.candidates import Candidate, Source
from copilot.context.request import Snippet

MOST = 12
"""Snippets in a prompt."""

OVERHEAD = 10
"""Characters' worth of tokens that a snippet takes beside its path and its text."""

LEAST_SCORE = 0.3
"""Below this a candidate is noise: room in the budget is no reason to show it."""

LEAST_CHARACTERS = 120
"""A candidate is cut to what is left of the budget as long as that is so much."""

_KEPT = 1.5
"""A candidate that is in the prompt already is worth so much more: another in its place must be clearly better."""

_PINNED = 1000

_SIZE = 200
"""Characters; up to about so many a candidate's length counts little against it."""


def packed(candidates: Sequence[Candidate], characters: int, kept: Sequence[Snippet] = ()) -> tuple[Snippet, ...]:
    """At most ``MOST`` snippets that together take at most ``characters``, paths and all.

    ``kept``: what the last prompt had. Those of it that are still wanted stand first, as they stood; behind them what
    is new, the most useful last, where the prefix begins. Snippets of one file stand together in the order of lines.
    """
    # By text, not by lines: an edit further up moves those and changes nothing in the prompt.
    before = {(snippet.path, snippet.text): at for at, snippet in enumerate(kept)}
    chosen: list[Candidate] = []
    left = characters
    for candidate in sorted(candidates, key=lambda it: (-_worth(it, before), it.path, it.first, it.text)):
        if not candidate.text.strip() or _strength(candidate, before) < LEAST_SCORE:
            continue
        if len(chosen) == MOST:
            break
        if any(_same(candidate, other) for other in chosen):
            continue
        room = left - OVERHEAD - len(candidate.path)
        text = candidate.text.rstrip("\n")
        if len(text) > room:
            if room < LEAST_CHARACTERS:
                continue
            text = _whole_lines(text, room)
            if not text:
                continue
        chosen.append(candidate._replace(text=text, last=_last(candidate, text)))
        left -= len(text) + OVERHEAD + len(candidate.path)
    snippets = [_snippet(it) for it in _merged(chosen)]
    old = [it for it in snippets if (it.path, it.text) in before]
    old.sort(key=lambda it: before[it.path, it.text])
    new = [it for it in snippets if it not in old]
    return (*old, *_by_file(new))


def _worth(candidate: Candidate, before: Mapping[tuple[str, str], int]) -> float:
    """Score by length: of two equally good candidates the shorter leaves room for a third."""
    score = _strength(candidate, before)
    return score if candidate.source is Source.PINNED else float(score / (1 + len(candidate.text) / _SIZE) ** 0.5)


def _strength(candidate: Candidate, before: Mapping[tuple[str, str], int]) -> float:
    """The score, with what speaks for what the user wants and for what is there already."""
    is_kept = (candidate.path, candidate.text.rstrip("\n")) in before
    return candidate.score * (_KEPT if is_kept else 1) + (_PINNED if candidate.source is Source.PINNED else 0)


def _same(one: Candidate, other: Candidate) -> bool:
    """Whether ``other``, which is in, makes ``one`` a double: they overlap and can't be put together."""
    if one.path != other.path or one.last < other.first or other.last < one.first:
        return False
    return not (_is_verbatim(one) and _is_verbatim(other)) or (other.first <= one.first and one.last <= other.last)


def _is_verbatim(candidate: Candidate) -> bool:
    """Whether the text is all of its lines, and not an outline of them."""
    return candidate.text.rstrip("\n").count("\n") == candidate.last - candidate.first


def _last(candidate: Candidate, text: str) -> int:
    return candidate.first + text.count("\n") if _is_verbatim(candidate) else candidate.last


def _whole_lines(text: str, characters: int) -> str:
    return text[: max(0, text.rfind("\n", 0, characters + 1))].rstrip()


def _merged(chosen: Iterable[Candidate]) -> list[Candidate]:
    """Stretches of one file that overlap, or follow each other, as one."""
    merged: list[Candidate] = []
    for candidate in sorted(chosen, key=lambda it: (it.path, it.first, it.last)):
        last = merged[-1] if merged else None
        if (
            last is None
            or last.path != candidate.path
            or candidate.first > last.last + 1
            or not (_is_verbatim(last) and _is_verbatim(candidate))
        ):
            merged.append(candidate)
            continue
        lines = candidate.text.rstrip("\n").split("\n")[max(0, last.last + 1 - candidate.first) :]
        best = max(last, candidate, key=lambda it: it.score)
        merged[-1] = best._replace(
            first=last.first,
            last=max(last.last, candidate.last),
            text="\n".join([last.text.rstrip("\n"), *lines]),
            reason=last.reason if last.reason == candidate.reason else f"{last.reason}; {candidate.reason}",
        )
    return merged


def _snippet(candidate: Candidate) -> Snippet:
    return Snippet(
        path=candidate.path,
        text=candidate.text,
        start_line=candidate.first,
        end_line=candidate.last,
        reason=candidate.reason,
        source=candidate.source,
        score=round(candidate.score, 4),
    )


def _by_file(snippets: Iterable[Snippet]) -> list[Snippet]:
    """The file with the best snippet last."""
    by_path = sorted(snippets, key=lambda it: (it.path, it.start_line))
    files = [list(group) for _, group in groupby(by_path, key=attrgetter("path"))]
    files.sort(key=lambda group: (max(it.score for it in group), group[0].path))
    return [snippet for group in files for snippet in group]
