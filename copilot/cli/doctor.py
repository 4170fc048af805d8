"""Checks that everything needed is here: what was found, a verdict on each, and what to do next.

Exit status 0 when a completion could come, 1 when something essential is missing.
"""

import argparse
import sys
from collections.abc import Sequence

import msgspec

from copilot import __version__
from copilot.doctor.examination import examine, healthy
from copilot.doctor.finding import Finding, Verdict


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")


def run(args: argparse.Namespace) -> int:
    findings = examine(args.config_file, tuple(args.overrides))
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(as_json(findings))).decode())
    elif sys.stdout.isatty():
        _print_coloured(findings)
    else:
        print(as_text(findings))
    return 0 if healthy(findings) else 1


def as_json(findings: Sequence[Finding]) -> dict[str, object]:
    """``{"version", "ok", "findings": [{"id", "title", "verdict", "detail", "next_step"}]}``."""
    return {"version": __version__, "ok": healthy(list(findings)), "findings": list(findings)}


def as_text(findings: Sequence[Finding]) -> str:
    width = max(len(finding.title) for finding in findings)
    lines: list[str] = []
    for finding in findings:
        first, *more = finding.detail.splitlines()
        lines.append(f"{finding.verdict:4}  {finding.title:{width}}  {first}")
        lines += [f"{'':4}  {'':{width}}  {line}" for line in more]
        if finding.next_step:
            lines.append(f"{'':4}  {'':{width}}  -> {finding.next_step}")
    return "\n".join([*lines, "", summary(findings)])


def summary(findings: Sequence[Finding]) -> str:
    failed = [finding.title for finding in findings if finding.verdict is Verdict.FAIL]
    if failed:
        return f"No completion can come yet: {', '.join(failed)}."
    warned = sum(finding.verdict is Verdict.WARN for finding in findings)
    if not warned:
        return "Everything is ready."
    return f"Completions can come; {warned} {'thing' if warned == 1 else 'things'} could be better."


def _print_coloured(findings: Sequence[Finding]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colours = {Verdict.OK: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red"}
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings:
        said = Text(finding.detail)
        if finding.next_step:
            said.append(f"\n-> {finding.next_step}", style="bold")
        # Text, not strings: a path may hold what rich would read as markup.
        table.add_row(Text(finding.verdict, style=colours[finding.verdict]), Text(finding.title), said)
    console = Console(highlight=False)
    console.print(table)
    console.print()
    console.print(Text(summary(findings)))
