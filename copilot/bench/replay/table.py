"""A replay's results as tables for a terminal."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from copilot.bench.replay.compare import RATIOS, Ratio
from copilot.bench.replay.metrics import WITHIN_MS, Measures
from copilot.bench.replay.results import Results

if TYPE_CHECKING:
    from rich.console import RenderableType

Show = Callable[[Measures], str]


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def _spread(values: Mapping[str, float | None], *, none: str = "never") -> str:
    return " / ".join(none if value is None else _milliseconds(value) for value in values.values())


def _milliseconds(value: float) -> str:
    return f"{value:.0f}" if value >= 10 or value == 0 else f"{value:.1f}"


ROWS: Sequence[tuple[str, Show]] = (
    ("first visible text, ms p50/p90/p99", lambda one: _spread(one.first_ms)),
    ("  of those that came", lambda one: _spread(one.first_shown_ms, none="-")),
    ("  came at all", lambda one: _percent(one.shown_share)),
    *(
        (f"keys with ghost text in {limit} ms", lambda one, limit=limit: _percent(one.within[str(limit)]))
        for limit in WITHIN_MS
    ),
    ("completed ratio", lambda one: _percent(one.completed_ratio)),
    ("keys saved", lambda one: _percent(one.keys_saved)),
    ("lines completed to their end", lambda one: _percent(one.perfect_lines)),
    ("suggestions shown / accepted", lambda one: f"{one.shown} / {one.accepts}"),
    ("wrong of those shown", lambda one: _percent(one.wrong_share)),
    ("flickers / doubled suffixes", lambda one: f"{one.flickers} / {one.doubled}"),
    ("prompt tokens per saved character", lambda one: _number(one.evaluated_per_character)),
    ("generated tokens per saved char.", lambda one: _number(one.generated_per_character)),
    ("prompt reused after the second key", lambda one: _percent(one.reused_share)),
    ("typed-through answer, ms p50/p90/p99", lambda one: _spread(one.through_ms, none="-")),
    ("CPU seconds", lambda one: _number(one.cpu_seconds, 1)),
    ("requests / cancelled", lambda one: f"{one.requests} / {one.cancels}"),
    ("typing took", lambda one: f"{one.seconds:.0f} s"),
)
"""A measure's words, and how it is written."""


def tables(results: Results) -> "list[RenderableType]":
    """One table of measures, and one of ratios for each peer."""
    from rich.table import Table

    measures = Table(title=_title(results), title_justify="left", title_style="")
    measures.add_column("")
    for name in results.pipelines:
        measures.add_column(name, justify="right")
    for words, show in ROWS:
        measures.add_row(words, *(show(one) for one in results.pipelines.values()))
    return [measures, *(_ratios(results, name) for name in results.ratios)]


def _ratios(results: Results, peer: str) -> "RenderableType":
    from rich.table import Table

    first = next(iter(results.pipelines))
    table = Table(title=f"{first} / {peer}", title_justify="left", title_style="")
    table.add_column("")
    table.add_column("ratio", justify="right")
    table.add_column("95 % interval", justify="right")
    for name, (words, _) in RATIOS.items():
        table.add_row(words, *_ratio(results.ratios[peer][name]))
    return table


def _ratio(ratio: Ratio) -> tuple[str, str]:
    if ratio.ratio is None:
        return "-", ""
    return f"{ratio.ratio:.2f}", "" if ratio.low is None else f"{ratio.low:.2f} to {ratio.high:.2f}"


def _title(results: Results) -> str:
    setup = results.setup
    number = len(setup.traces)
    traces = "1 trace" if number == 1 else f"{number} traces"
    rhythm = f"{setup.speed} typing" if setup.pace == "typing" else "each key when the last was answered"
    what = f"{traces}, {setup.characters:,} characters, {rhythm}, seed {setup.seed}"
    if setup.clock == "virtual":
        return f"{what}; virtual time, an engine of fixed cost: compares policies, times no machine"
    return f"{what}; {setup.model}, {setup.threads} threads"
