"""Which order of the prompt a model should be asked in at each place of the caret, as measured."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from copilot.bench.quality.results import Result
from copilot.bench.quality.statistics import Paired
from copilot.context.request import CaretPlace

SIGNIFICANT = 0.05

RULE = (
    "The order with the most right answers through the pipeline wins (pass@1 where there are tests, exact match "
    "elsewhere), unless the model's present order is not significantly worse (McNemar, p >= 0.05): an order changes "
    "on evidence only. Of new orders with as many right answers the one with the higher edit similarity wins."
)


class Choice(NamedTuple):
    """``best`` has the most right answers; ``p`` is of the pairs of it and ``present``."""

    place: CaretPlace
    layout: str
    present: str
    best: str
    p: float
    n: int


def choose(results: Mapping[str, Sequence[Result]], place: CaretPlace, present: str) -> Choice | None:
    """``results``: layout -> results on the same problems in the same order, all at ``place``. None without any."""
    measured = {layout: of for layout, of in results.items() if of}
    if not measured:
        return None
    best = max(measured, key=lambda layout: (_right(measured[layout]), _similarity(measured[layout])))
    n = len(measured[best])
    if present not in measured:
        return Choice(place, best, present, best, 1.0, n)
    p = Paired.of([r.final.right for r in measured[best]], [r.final.right for r in measured[present]]).p
    return Choice(place, best if p < SIGNIFICANT else present, present, best, p, n)


def _right(results: Sequence[Result]) -> int:
    return sum(result.final.right for result in results)


def _similarity(results: Sequence[Result]) -> float:
    return sum(result.final.similarity for result in results)


def manifest_table(choices: Sequence[Choice]) -> str:
    """The ``[order]`` table of a model's manifest."""
    lines = ["[order]"]
    for choice in choices:
        why = f"best of {choice.n}" if choice.best == choice.layout else f"{choice.best} not significantly better"
        lines.append(f'{choice.place} = "{choice.layout}"  # {why}, p = {choice.p:.2g}')
    return "\n".join(lines)
