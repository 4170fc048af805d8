"""What was measured: as a table for people, as JSON for programs, as a picture."""

from collections.abc import Sequence
from xml.sax.saxutils import escape

import msgspec

from copilot.bench.engine.measure import Figure, percentile

_WIDTH, _HEIGHT = 760, 300


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """``bandwidth`` in GB/s as it was measured, ``bytes_per_token`` what is read for one; their ratio is the ``limit``
    of decoding, in tokens a second. ``bare``: the bare library's figures in the same run."""

    model: str
    backend: str
    version: str
    device: str
    bandwidth: float
    bytes_per_token: int
    figures: tuple[Figure, ...]
    bare: tuple[Figure, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def limit(self) -> float:
        return self.bandwidth * 1e9 / self.bytes_per_token if self.bytes_per_token else 0.0

    def figure(self, name: str) -> Figure | None:
        return next((figure for figure in self.figures if figure.name == name), None)


def table(report: Report) -> list[str]:
    """Lines for a terminal."""
    lines = [f"{report.model} with {report.backend} {report.version} on {report.device}", ""]
    lines.append(f"{'':26}{'p50':>10}{'p99':>10}  unit       {'bare':>8}  share")
    bare = {figure.name: figure for figure in report.bare}
    for figure in report.figures:
        p50, p99 = figure.median, percentile(figure.samples, 0.99)
        beside = bare.get(figure.name)
        other = f"{beside.median:8.1f}  {p50 / beside.median:5.0%}" if beside is not None and beside.median else ""
        line = f"{figure.name:26}{p50:10.1f}{p99:10.1f}  {figure.unit:9}  {other}"
        lines.append(f"{line}  {figure.note}".rstrip())
    lines += ["", *_conclusions(report), *report.notes]
    return lines


def _conclusions(report: Report) -> list[str]:
    found = []
    decode = report.figure("decode")
    if decode is not None and report.limit:
        found.append(
            f"Decoding reads {report.bytes_per_token / 1e6:,.0f} MB a token; {report.bandwidth:.1f} GB/s allow "
            f"{report.limit:.0f} tokens/s, of which it reaches {decode.median / report.limit:.0%}."
        )
    batches = [figure for figure in report.figures if figure.name.endswith(" at once")]
    if len(batches) > 1 and batches[0].median:
        found.append(f"{batches[-1].name} make {batches[-1].median / batches[0].median:.1f} times the tokens of one.")
    alone, beside = report.figure("a line, alone"), report.figure("a line, beside a chat")
    if alone is not None and beside is not None and alone.median and beside.samples:
        found.append(f"Beside a chat a line takes {beside.median / alone.median:.2f} times as long.")
    return found


def svg(report: Report) -> str:
    """Tokens a second by how many run at once, and the time between tokens; no script, no outside font."""
    batches = [figure for figure in report.figures if figure.name.endswith(" at once")]
    gaps = report.figure("between tokens")
    title = escape(f"{report.model}, {report.backend} {report.version}, {report.device}")
    style = "font-family:sans-serif;font-size:12px;fill:#333"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{title}">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="20" y="24" style="{style};font-weight:bold">{title}</text>',
        *_bars([(figure.name.split()[0], figure.median) for figure in batches], 40, "tokens/s, running at once", style),
        *_bars(_spread(gaps.samples if gaps else ()), 420, "ms between tokens, share of them", style),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _spread(samples: Sequence[float], bins: int = 8) -> list[tuple[str, float]]:
    """Shares of the samples in so many bins of equal width, up to the 99th percentile."""
    if not samples:
        return []
    low, high = min(samples), max(percentile(samples, 0.99), min(samples) + 1e-6)
    counts = [0] * bins
    for sample in samples:
        counts[min(bins - 1, int((sample - low) / (high - low) * bins))] += 1
    width = (high - low) / bins
    return [(f"{low + width * at:.1f}", 100 * count / len(samples)) for at, count in enumerate(counts)]


def _bars(values: Sequence[tuple[str, float]], left: int, title: str, style: str) -> list[str]:
    if not values:
        return []
    top, bottom, width = 70, 250, 300
    most = max(value for _, value in values) or 1.0
    step = width / len(values)
    parts = [f'<text x="{left}" y="52" style="{style}">{escape(title)}</text>']
    for at, (name, value) in enumerate(values):
        height = (bottom - top) * value / most
        x = left + at * step
        place = f'x="{x:.1f}" y="{bottom - height:.1f}" width="{step * 0.7:.1f}" height="{height:.1f}"'
        parts.append(f'<rect {place} fill="#4a7bb5"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" style="{style}">{escape(name)}</text>')
        parts.append(f'<text x="{x:.1f}" y="{bottom - height - 4:.1f}" style="{style}">{value:.0f}</text>')
    return parts
