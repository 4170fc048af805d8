"""``python -m tests.gpu.rows FOLDER``: what was measured there, as rows for docs/measurements.md."""

import platform
import subprocess
import sys
from pathlib import Path

import msgspec

from copilot.bench.engine.measure import percentile
from copilot.bench.engine.report import Report


def rows(report: Report) -> list[str]:
    bare = {figure.name: figure for figure in report.bare}
    lines = ["| measured | p50 | p99 | bare library |", "|---|---|---|---|"]
    for figure in report.figures:
        beside = bare.get(figure.name)
        other = f"{beside.median:.1f} ({figure.median / beside.median:.0%})" if beside and beside.median else ""
        note = f"; {figure.note}" if figure.note else ""
        p99 = percentile(figure.samples, 0.99)
        lines.append(f"| {figure.name}, {figure.unit}{note} | {figure.median:.1f} | {p99:.1f} | {other} |")
    if report.limit:
        lines.append(f"| limit by {report.bandwidth:.0f} GB/s, tokens/s | {report.limit:.0f} | | |")
    return lines


def machine() -> str:
    import torch

    driver = subprocess.run(
        ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"],
        capture_output=True,
        text=True,
        check=False,
    ).stdout.split("\n")[0]
    return (
        f"{torch.cuda.get_device_name(0)}, driver {driver or 'unknown'}, torch {torch.__version__}, "
        f"CUDA {torch.version.cuda}, Python {platform.python_version()}"
    )


def main(folder: Path) -> None:
    found = sorted(folder.glob("*.json"))
    if not found:
        print("Nothing was measured.")
        return
    print(f"\n### {machine()}\n")
    for file in found:
        report = msgspec.json.decode(file.read_bytes(), type=Report)
        print(f"{report.model}, {report.backend} {report.version}\n")
        print("\n".join(rows(report)), "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
