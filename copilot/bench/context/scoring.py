"""How near an answer comes to the line that was there. Pure."""

import difflib
from typing import NamedTuple

from copilot.bench.context.places import Place
from copilot.context.near import words_in


class Score(NamedTuple):
    """``similarity``: share of the characters in common (``difflib``). ``recall``: share of the names of the true line
    that are in the answer; ``cross``: of those that another file defines; ``hidden``: of those of them that the prompt
    does not show without context. None where there are none."""

    exact: bool
    similarity: float
    recall: float | None
    cross: float | None
    hidden: float | None


def score(place: Place, answer: str, language: str, shown: frozenset[str] = frozenset()) -> Score:
    """Of the first line of ``answer``. ``shown``: the names in the prompt without context."""
    line = answer.partition("\n")[0].strip()
    gold = place.gold.strip()
    wanted, there = words_in(gold, language), words_in(line, language)
    return Score(
        exact=line == gold,
        similarity=difflib.SequenceMatcher(None, line, gold, autojunk=False).ratio(),
        recall=_share(wanted, there),
        cross=_share(frozenset(place.cross), there),
        hidden=_share(frozenset(place.cross) - shown, there),
    )


def _share(wanted: frozenset[str], there: frozenset[str]) -> float | None:
    return len(wanted & there) / len(wanted) if wanted else None
