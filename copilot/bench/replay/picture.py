"""A replay's results as a picture: how soon ghost text came, and what it cost. SVG, drawn here without a library."""

import math
from collections.abc import Sequence
from html import escape

from copilot.bench.replay.metrics import Measures
from copilot.bench.replay.results import Results

_WIDTH, _HEIGHT = 960, 500
_COLOURS = ("#1f6feb", "#c2571a", "#3a8f4d", "#7a4fb5")
_INK, _FAINT, _LINE = "#24292f", "#57606a", "#d0d7de"
_FONT = "font-family='Helvetica, Arial, DejaVu Sans, sans-serif'"

_CURVE = (70, 90, 520, 400)
"""Left, top, right and bottom of the curves."""
_TICKS_MS = (20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)

_BARS_LEFT, _BARS_RIGHT, _BARS_TOP = 590, 920, 90
_BAR, _BAR_GAP, _GROUP_GAP = 13, 3, 34


def picture(results: Results) -> str:
    """The whole SVG document."""
    names = list(results.pipelines)
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {_HEIGHT}' width='{_WIDTH}' "
        f"height='{_HEIGHT}' {_FONT}>",
        f"<rect width='{_WIDTH}' height='{_HEIGHT}' fill='white'/>",
        _text(70, 34, "Typing replayed", size=19, bold=True),
        _text(70, 56, _subtitle(results), size=12, colour=_FAINT),
        *_axes(),
        *(
            _curve(results.waits[name], results.unanswered[name], _COLOURS[at % len(_COLOURS)])
            for at, name in enumerate(names)
        ),
        *_bars(results, names),
        *_legend(names),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _subtitle(results: Results) -> str:
    setup = results.setup
    where = "virtual time, fixed-cost engine" if setup.clock == "virtual" else f"{setup.model}, {setup.threads} threads"
    return f"{len(setup.traces)} traces, {setup.characters:,} characters, {setup.speed} typing; {where}"


# --------------------------------------------------------------------------------------------------------- the curves


def _x(milliseconds: float) -> float:
    left, _, right, _ = _CURVE
    low, high = math.log(_TICKS_MS[0]), math.log(_TICKS_MS[-1])
    share = (math.log(max(_TICKS_MS[0], milliseconds)) - low) / (high - low)
    return left + min(1.0, share) * (right - left)


def _y(share: float) -> float:
    _, top, _, bottom = _CURVE
    return bottom - share * (bottom - top)


def _axes() -> Sequence[str]:
    left, top, right, bottom = _CURVE
    parts = [_text(left, top - 10, "Keys without ghost text: share that had some after …", size=12)]
    for percent in (0, 25, 50, 75, 100):
        y = _y(percent / 100)
        parts.append(f"<line x1='{left}' y1='{y:.1f}' x2='{right}' y2='{y:.1f}' stroke='{_LINE}'/>")
        parts.append(_text(left - 8, y + 4, f"{percent} %", size=11, colour=_FAINT, anchor="end"))
    for tick in _TICKS_MS:
        x = _x(tick)
        parts.append(f"<line x1='{x:.1f}' y1='{bottom}' x2='{x:.1f}' y2='{bottom + 5}' stroke='{_FAINT}'/>")
        label = f"{tick} ms" if tick < 1000 else f"{tick // 1000} s"
        parts.append(_text(x, bottom + 18, label, size=10.5, colour=_FAINT, anchor="middle"))
    return parts


def _curve(waits: Sequence[float], unanswered: int, colour: str) -> str:
    """The share of waits that were over after so many milliseconds; those that never were keep it below 100 %."""
    number = len(waits) + unanswered
    if not number:
        return ""
    points = [f"{_x(_TICKS_MS[0]):.1f},{_y(0):.1f}"]
    done = 0
    for wait in waits:
        points.append(f"{_x(wait):.1f},{_y(done / number):.1f}")
        done += 1
        points.append(f"{_x(wait):.1f},{_y(done / number):.1f}")
    points.append(f"{_x(_TICKS_MS[-1]):.1f},{_y(done / number):.1f}")
    return (
        f"<polyline points='{' '.join(points)}' fill='none' stroke='{colour}' stroke-width='2.2' "
        "stroke-linejoin='round'/>"
    )


# ----------------------------------------------------------------------------------------------------------- the bars


def _bars(results: Results, names: Sequence[str]) -> Sequence[str]:
    """One group of bars for each measure, each group on a scale of its own."""
    groups: list[tuple[str, list[float | None], str]] = [
        ("Characters that need not be typed", [_percent(one.completed_ratio) for one in _all(results, names)], " %"),
        (
            "Keys with ghost text within 300 ms",
            [_percent(one.within["300"]) for one in _all(results, names)],
            " %",
        ),
        (
            "Prompt tokens evaluated per saved character",
            [one.evaluated_per_character for one in _all(results, names)],
            "",
        ),
        (
            "Generated tokens per saved character",
            [one.generated_per_character for one in _all(results, names)],
            "",
        ),
        ("CPU seconds", [one.cpu_seconds for one in _all(results, names)], " s"),
    ]
    parts: list[str] = []
    y = float(_BARS_TOP)
    for title, values, unit in groups:
        if all(value is None for value in values):
            continue
        parts.append(_text(_BARS_LEFT, y, title, size=12))
        y += 8
        largest = max([value for value in values if value is not None] + [1e-9])
        for at, value in enumerate(values):
            parts += _bar(y, value, largest, unit, _COLOURS[at % len(_COLOURS)])
            y += _BAR + _BAR_GAP
        y += _GROUP_GAP - _BAR_GAP - 8
    return parts


def _bar(y: float, value: float | None, largest: float, unit: str, colour: str) -> Sequence[str]:
    room = _BARS_RIGHT - _BARS_LEFT - 60
    width = 0.0 if value is None else max(1.0, room * value / largest)
    label = "not known" if value is None else f"{value:.3g}{unit}" if value < 100 else f"{value:,.0f}{unit}"
    return [
        f"<rect x='{_BARS_LEFT}' y='{y:.1f}' width='{width:.1f}' height='{_BAR}' fill='{colour}'/>",
        _text(_BARS_LEFT + width + 6, y + _BAR - 2.5, label, size=11, colour=_FAINT),
    ]


def _all(results: Results, names: Sequence[str]) -> list[Measures]:
    return [results.pipelines[name] for name in names]


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _legend(names: Sequence[str]) -> Sequence[str]:
    parts: list[str] = []
    x, y = 70.0, _HEIGHT - 38.0
    for at, name in enumerate(names):
        parts.append(f"<rect x='{x}' y='{y - 10}' width='12' height='12' fill='{_COLOURS[at % len(_COLOURS)]}'/>")
        parts.append(_text(x + 18, y, name, size=13))
        x += 50 + 8 * len(name)
    parts.append(_text(70, _HEIGHT - 16, "Waits that never ended keep a curve below 100 %.", size=11, colour=_FAINT))
    return parts


def _text(
    x: float, y: float, text: str, *, size: float, colour: str = _INK, anchor: str = "start", bold: bool = False
) -> str:
    weight = " font-weight='bold'" if bold else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' text-anchor='{anchor}'{weight}>"
        f"{escape(text)}</text>"
    )
