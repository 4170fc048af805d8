"""Results as tables. Values in, tables out."""

from collections.abc import Callable, Iterable, Sequence

import msgspec
from rich import box
from rich.table import Table

from copilot.bench.context import bootstrap
from copilot.bench.context.bootstrap import Estimate
from copilot.bench.context.measuring import ALL, NONE, Outcome, Result
from copilot.bench.context.places import Kind
from copilot.bench.engine.measure import percentile

_Metric = tuple[str, Callable[[Outcome], float | None]]

METRICS: tuple[_Metric, ...] = (
    ("exact", lambda it: float(it.exact)),
    ("similarity", lambda it: it.similarity),
    ("names", lambda it: it.recall),
    ("cross-file names", lambda it: it.cross),
    ("  not in the prompt", lambda it: it.hidden),
)
_COSTS: tuple[_Metric, ...] = (
    ("prompt tokens", lambda it: float(it.prompt_tokens)),
    ("first token ms", lambda it: it.ttft_ms),
    ("answer ms", lambda it: it.total_ms),
)


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One metric of one group: means, and the paired difference and ratio with their 95 % intervals."""

    group: str
    metric: str
    n: int
    first: str
    second: str
    before: float
    after: float
    difference: Estimate
    ratio: Estimate | None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything of a run, for programs."""

    model: str
    version: str
    seed: int
    packages: tuple[str, ...]
    snippet_tokens: int
    prefix_tokens: int
    suffix_tokens: int
    results: tuple[Result, ...]
    summaries: tuple[Summary, ...] = ()
    retrieval_ms: dict[str, float] = {}


def groups(results: Sequence[Result]) -> list[tuple[str, list[Result]]]:
    crossing = [it for it in results if it.place.kind is not Kind.OWN]
    found = [
        ("other files", crossing),
        ("  not named elsewhere", [it for it in crossing if not it.place.seen]),
        ("  named elsewhere too", [it for it in crossing if it.place.seen]),
        *((f"  {kind}", [it for it in crossing if it.place.kind is kind]) for kind in Kind if kind is not Kind.OWN),
        (str(Kind.OWN), [it for it in results if it.place.kind is Kind.OWN]),
    ]
    return [(name, group) for name, group in found if group]


def summary(group: str, results: Iterable[Result], metric: _Metric, first: str, second: str) -> Summary | None:
    """Over the places that have both; None where there are none."""
    name, of = metric
    pairs = []
    for result in results:
        before, after = result.outcomes.get(first), result.outcomes.get(second)
        if before is None or after is None:
            continue
        one, other = of(before), of(after)
        if one is not None and other is not None:
            pairs.append((one, other))
    if not pairs:
        return None
    return Summary(
        group=group.strip(),
        metric=name,
        n=len(pairs),
        first=first,
        second=second,
        before=sum(one for one, _ in pairs) / len(pairs),
        after=sum(other for _, other in pairs) / len(pairs),
        difference=bootstrap.difference(pairs),
        ratio=bootstrap.ratio(pairs),
    )


def summaries(results: Sequence[Result]) -> tuple[Summary, ...]:
    found = [
        summary(name, group, metric, NONE, ALL) for name, group in groups(results) for metric in (*METRICS, *_COSTS)
    ]
    crossing = [it for it in results if it.place.kind is not Kind.OWN]
    found += [summary("other files", crossing, metric, ALL, arm) for arm in _arms(crossing) for metric in METRICS]
    return tuple(it for it in found if it is not None)


def tables(results: Sequence[Result]) -> list[Table]:
    return [_quality(results), _costs(results), *_sources(results)]


def examples(results: Sequence[Result], count: int) -> list[str]:
    """The answers that context made best and worst, ``count`` of them."""

    def gain(result: Result) -> float:
        return result.outcomes[ALL].similarity - result.outcomes[NONE].similarity

    lines: list[str] = []
    for result in sorted(results, key=lambda it: -abs(gain(it)))[:count]:
        place = result.place
        lines += [
            f"{place.path}:{place.line + 1}, {place.kind}, {gain(result):+.2f}",
            f"    true     {place.gold.strip()}",
            f"    without  {result.outcomes[NONE].text.strip()}",
            f"    with     {result.outcomes[ALL].text.strip()}",
        ]
        lines += [f"    {it.source:10} {it.path}:{it.start_line}-{it.end_line}  {it.reason}" for it in result.snippets]
    return lines


def retrieval(results: Sequence[Result]) -> dict[str, float]:
    """Milliseconds."""
    if not results:
        return {}
    first, again = [it.retrieval_ms for it in results], [it.again_ms for it in results]
    return {
        "first p50": percentile(first, 0.5),
        "first p99": percentile(first, 0.99),
        "again p50": percentile(again, 0.5),
        "again p99": percentile(again, 0.99),
    }


def _quality(results: Sequence[Result]) -> Table:
    table = _table("places that use", "", "n", NONE, ALL, "difference (95 %)", "ratio (95 %)")
    for name, group in groups(results):
        rows = [found for metric in METRICS if (found := summary(name, group, metric, NONE, ALL)) is not None]
        for at, found in enumerate(rows):
            table.add_row(
                name if at == 0 else "",
                found.metric,
                str(found.n),
                f"{found.before:.3f}",
                f"{found.after:.3f}",
                _signed(found.difference),
                _interval(found.ratio, 2) if found.ratio is not None else "",
                end_section=found is rows[-1],
            )
    return table


def _costs(results: Sequence[Result]) -> Table:
    table = _table("cost at all places", "", NONE, ALL)
    for metric in _COSTS:
        found = summary("all", results, metric, NONE, ALL)
        if found is not None:
            table.add_row(found.metric, "mean", f"{found.before:,.0f}", f"{found.after:,.0f}")
    for name, value in retrieval(results).items():
        table.add_row("retrieval ms", name, "", f"{value:.1f}")
    return table


def _sources(results: Sequence[Result]) -> list[Table]:
    """What each source is worth: the loss when it is switched off."""
    crossing = [it for it in results if it.place.kind is not Kind.OWN]
    arms = _arms(crossing)
    if not arms:
        return []
    table = _table("", "other prompts", *(name.strip() for name, _ in METRICS), "names not in the prompt lost (95 %)")
    for arm in (ALL, *arms):
        own = [it for it in crossing if arm in it.outcomes]
        changed = sum(not it.outcomes[arm].same for it in own) if arm != ALL else 0
        means = [summary("", own, metric, ALL, arm) for metric in METRICS]
        lost = means[-1].difference if means[-1] is not None and changed else None
        table.add_row(
            arm,
            f"{changed} of {len(own)}" if arm != ALL else "",
            *(f"{it.after:.3f}" if it is not None else "" for it in means),
            _signed(Estimate(-lost.value, -lost.high, -lost.low)) if lost is not None else "",
        )
    return [table]


def _arms(results: Sequence[Result]) -> list[str]:
    names = dict.fromkeys(name for it in results for name in it.outcomes)
    return [name for name in names if name not in (NONE, ALL)]


def _table(*columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for at, column in enumerate(columns):
        table.add_column(column, justify="left" if at < 2 else "right", no_wrap=True)
    return table


def _signed(it: Estimate) -> str:
    return f"{it.value:+.3f} ({it.low:+.3f} to {it.high:+.3f})"


def _interval(it: Estimate, digits: int) -> str:
    return f"{it.value:.{digits}f} ({it.low:.{digits}f}-{it.high:.{digits}f})"
