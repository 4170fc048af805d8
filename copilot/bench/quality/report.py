"""Results as tables for a terminal. Values in, text out."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from copilot.bench.quality import orders
from copilot.bench.quality.problems import Stratum
from copilot.bench.quality.results import Result, Score
from copilot.bench.quality.statistics import Interval, Paired, mean_interval, wilson
from copilot.context.request import CaretPlace

_NOTHING = "-"


def report(results: Sequence[Result], *, order: Mapping[str, str], layouts_compared: bool, show: int = 0) -> str:
    """Everything about ``results``; ``order`` is the model's present one. ``show``: so many examples of a kind."""
    arms = list(dict.fromkeys(result.setup.arm for result in results))
    parts: list[str] = []
    for arm in arms:
        own = [result for result in results if result.setup.arm == arm]
        title = f"{arm}: " if len(arms) > 1 else ""
        parts.append(f"{title}suggestions by where the caret stands\n{_quality(own)}")
        if trimmed := _trimming(own, show):
            parts.append(f"{title}what trimming saved and broke\n{trimmed}")
    if len(arms) > 1:
        parts.append(f"configurations side by side (suggestions, same problems)\n{_side_by_side(results, arms)}")
    if layouts_compared:
        parts.append(_orders(results, order))
    return "\n\n".join(filter(None, parts))


def changes(pairs: Sequence[tuple[Result, Result]], show: int = 0) -> str:
    """Recorded results against what comes of the same answers now."""
    head = ("", "n", "before", "now", "only before", "only now", "p", "silent", "unparsable")
    rows, examples = [], []
    old, new = {id(now): before for before, now in pairs}, [now for _, now in pairs]
    for name, group in _groups(new):
        before = [old[id(now)] for now in group]
        paired = Paired.of([r.final.right for r in before], [r.final.right for r in group])
        rows.append(
            (
                name,
                str(len(group)),
                _share([r.final.right for r in before]),
                _share([r.final.right for r in group]),
                str(paired.only_first),
                str(paired.only_second),
                f"{paired.p:.2g}",
                _before_after([r.final for r in before], [r.final for r in group], lambda score: not score.shown),
                _before_after([r.whole or r.final for r in before], [r.whole or r.final for r in group], _FLAWS[-1]),
            )
        )
        verdicts = [(r.final.right, now.final.right, r, now) for r, now in zip(before, group, strict=True)]
        examples += _examples("only before", [now for was, is_now, _, now in verdicts if was and not is_now], show)
        examples += _examples("only now", [now for was, is_now, _, now in verdicts if is_now and not was], show)
    return "\n".join([_table(head, rows), *examples])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at == 0 else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _share(verdicts: Sequence[bool]) -> str:
    """``.775 (.62-.88)``: a share with its 95 % interval."""
    if not verdicts:
        return _NOTHING
    return _with_interval(sum(verdicts) / len(verdicts), wilson(sum(verdicts), len(verdicts)))


def _mean(values: Sequence[float]) -> str:
    return _with_interval(sum(values) / len(values), mean_interval(values)) if values else _NOTHING


def _with_interval(value: float, interval: Interval) -> str:
    return f"{_short(value, 3)} ({_short(interval.low, 2)}-{_short(interval.high, 2)})"


def _short(value: float, digits: int) -> str:
    return f"{value:.{digits}f}".removeprefix("0")


def _passed(scores: Iterable[Score | None]) -> list[bool]:
    return [score.passed for score in scores if score is not None and score.passed is not None]


def _groups(results: Sequence[Result]) -> Iterator[tuple[str, list[Result]]]:
    """By stratum; spans by place too, which they can have any of."""
    for stratum in Stratum:
        of = [result for result in results if result.stratum is stratum]
        places = list(CaretPlace) if stratum is Stratum.SPAN else [None]
        for place in places:
            group = [result for result in of if place in (None, result.place)]
            if group:
                yield (f"{stratum}" if place is None else f"{stratum}, {place.replace('_', ' ')}"), group


def _quality(results: Sequence[Result]) -> str:
    head = ("", "n", "order", "pass@1", "whole", "raw pass@1", "exact", "raw exact", "similarity", "raw", "shown")
    rows = []
    for name, group in _groups(results):
        final = [result.final for result in group]
        raw = [result.raw for result in group]
        rows.append(
            (
                name,
                str(len(group)),
                "/".join(dict.fromkeys(result.layout for result in group)),
                _share(_passed(final)),
                _short_share(_passed(result.whole for result in group)),
                _share(_passed(raw)),
                _share([score.exact for score in final]),
                _short_share([score.exact for score in raw]),
                _mean([score.similarity for score in final]),
                _short(sum(score.similarity for score in raw) / len(raw), 3),
                _short_share([score.shown for score in final]),
            )
        )
    note = (
        "pass@1 and exact: of the suggestion's first line where a line is missing, of all of it elsewhere, with the\n"
        "95 % interval (Wilson). whole: pass@1 when every line of the suggestion is accepted. raw: what the model\n"
        "wrote, untrimmed, in the same generation."
    )
    return f"{_table(head, rows)}\n{note}"


def _short_share(verdicts: Sequence[bool]) -> str:
    return _short(sum(verdicts) / len(verdicts), 3) if verdicts else _NOTHING


def _trimming(results: Sequence[Result], show: int) -> str:
    piped = [result for result in results if result.shown is not None]
    if not piped:
        return ""
    head = ("", "n", "saved", "broke", "p", "retried", "silent", "doubled bracket", "repeated suffix", "unparsable")
    groups = list(_groups(piped))
    rows = [_trimming_row(name, group) for name, group in groups]
    if len(groups) > 1:
        rows.append(_trimming_row("all", piped))
    note = (
        "saved: right as a suggestion, wrong as the model wrote it; broke: the reverse; p: exact McNemar. retried:\n"
        "asked again without a suffix. silent: nothing shown. The last three count raw -> whole suggestions."
    )
    examples: list[str] = []
    for _, group in groups:
        examples += _examples("broke", _broke(group), show) + _examples("saved", _saved(group), show)
        flawed = [r for r in group if r.whole is not None and any(is_so(r.whole) for is_so in _FLAWS)]
        examples += _examples("flawed", flawed, show)
    return "\n".join([_table(head, rows), note, *examples])


def _trimming_row(name: str, group: Sequence[Result]) -> tuple[str, ...]:
    final, raw = [r.final for r in group], [r.raw for r in group]
    wholes = [r.whole or r.final for r in group]
    return (
        name,
        str(len(group)),
        str(len(_saved(group))),
        str(len(_broke(group))),
        f"{Paired.of([score.right for score in final], [score.right for score in raw]).p:.2g}",
        str(sum(r.retried for r in group)),
        str(sum(not score.shown for score in final)),
        *(_before_after(raw, wholes, kind) for kind in _FLAWS),
    )


def _saved(group: Iterable[Result]) -> list[Result]:
    return [r for r in group if r.final.right and not r.raw.right]


def _broke(group: Iterable[Result]) -> list[Result]:
    return [r for r in group if r.raw.right and not r.final.right]


_FLAWS: tuple[Callable[[Score], bool], ...] = (
    lambda score: score.flaws.doubled_bracket,
    lambda score: score.flaws.repeated_suffix,
    lambda score: bool(score.flaws.unparsable),
)


def _before_after(raw: Sequence[Score], shown: Sequence[Score], is_so: Callable[[Score], bool]) -> str:
    return f"{sum(map(is_so, raw))} -> {sum(map(is_so, shown))}"


def _examples(kind: str, results: Sequence[Result], show: int) -> list[str]:
    """One line of ids, then ``show`` of them in full."""
    if not results:
        return []
    lines = [f"{kind}: {', '.join(f'{r.id} ({r.stratum})' for r in results)}"] if show else []
    for result in results[:show]:
        lines += [
            f"  {result.id} ({result.stratum}, {result.layout})",
            f"    gold        {result.gold!r}",
            f"    model       {result.answer[:400]!r}",
            f"    suggestion  {result.suggestion!r}" + (f", replaces {result.replaced}" if result.replaced else ""),
        ]
        lines += [f"    why         {result.final.why}"] if result.final.why else []
    return lines


def _side_by_side(results: Sequence[Result], arms: Sequence[str]) -> str:
    """By stratum and configuration, over the problems that every configuration has a result for."""
    head = ("", "", "n", "right", "raw right", "exact", "similarity", "silent", "against the best", "p")
    rows = []
    for name, group in _groups(_common(results, arms)):
        of = {arm: [r for r in group if r.setup.arm == arm] for arm in arms}
        best = max(of, key=lambda arm: sum(r.final.right for r in of[arm]))
        for arm, own in of.items():
            pairs = Paired.of([r.final.right for r in own], [r.final.right for r in of[best]])
            rows.append(
                (
                    name if arm == arms[0] else "",
                    arm,
                    str(len(own)),
                    _share([r.final.right for r in own]),
                    _share([r.raw.right for r in own]),
                    _short_share([r.final.exact for r in own]),
                    _mean([r.final.similarity for r in own]),
                    str(sum(not r.final.shown for r in own)),
                    "best" if arm == best else f"{pairs.only_first}:{pairs.only_second}",
                    "" if arm == best else f"{pairs.p:.2g}",
                )
            )
    note = (
        "right: passes its test, or where there is none is exact. against the best: problems that only this one gets\n"
        "right : that only the best one does; p: exact McNemar, not corrected for the number of comparisons."
    )
    return f"{_table(head, rows)}\n{note}"


def _common(results: Sequence[Result], arms: Sequence[str]) -> list[Result]:
    """Those of problems that every configuration was measured on, so that pairs are pairs."""
    have: dict[tuple[str, str], set[str]] = {}
    for result in results:
        have.setdefault((result.id, result.digest), set()).add(result.setup.arm)
    return [result for result in results if len(have[(result.id, result.digest)]) == len(arms)]


def _orders(results: Sequence[Result], order: Mapping[str, str]) -> str:
    """What the model's manifest should say. A published hole is at no place that an editor has."""
    layouts = list(dict.fromkeys(result.setup.arm for result in results))
    common = [r for r in _common(results, layouts) if r.stratum is not Stratum.PUBLISHED]
    rows, choices = [], []
    for place in CaretPlace:
        at = [result for result in common if result.place is place]
        of = {layout: [r for r in at if r.setup.arm == layout] for layout in layouts}
        choice = orders.choose(of, place, order.get(place, ""))
        if choice is None:
            continue
        choices.append(choice)
        for layout in layouts:
            own = of[layout]
            marks = [mark for mark, which in (("chosen", choice.layout), ("now", choice.present)) if which == layout]
            rows.append(
                (
                    place if layout == layouts[0] else "",
                    layout,
                    str(len(own)),
                    _share([r.final.right for r in own]),
                    _share([r.raw.right for r in own]),
                    ", ".join(marks),
                )
            )
    if not choices:
        return ""
    table = _table(("order by place", "", "n", "right", "raw right", ""), rows)
    return f"{table}\n{orders.RULE}\n\n{orders.manifest_table(choices)}"
