"""What became of the suggestions on this machine: shown, accepted, rejected, and how much of them stayed.

Read from the record that the language server keeps here, which holds numbers and names of languages, never code.
"""

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from copilot import paths
from copilot.completion.moment import Outcome
from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from copilot.completion.ledger import Summary

_DAY_SECONDS = 86_400.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=_days, default=30.0, metavar="N", help="the last N days (default: 30)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--clear", action="store_true", help="forget all that was recorded")
    parser.add_argument("--yes", action="store_true", help="with --clear: do not ask")


def run(args: argparse.Namespace) -> int:
    if args.clear:
        return _clear(ask=not args.yes)
    summary = _summary(args.days)
    if args.json:
        print(json.dumps({"days": args.days, **summary, "acceptance_rate": acceptance_rate(summary)}))
    else:
        print("\n".join(describe(summary, args.days)))
    return 0


def acceptance_rate(summary: "Summary") -> float | None:
    """The share of suggestions shown that were accepted whole; None where none was shown."""
    shown = summary[Outcome.SHOWN.value]
    return (summary[Outcome.ACCEPTED.value] or 0) / shown if shown else None


def describe(summary: "Summary", days: float) -> list[str]:
    """The figures in lines for a person."""
    if not summary[Outcome.SHOWN.value]:
        return [
            f"No suggestion was shown in the last {days:g} days.",
            "Use Slipstream in an editor for a while, and look again.",
        ]
    rate = acceptance_rate(summary)
    return [
        f"Suggestions in the last {days:g} days",
        f"  shown               {summary['shown']:.0f}",
        f"  accepted            {summary['accepted']:.0f}" + (f" ({rate:.0%})" if rate is not None else ""),
        f"  partially accepted  {summary['partially_accepted']:.0f}",
        f"  rejected            {summary['rejected']:.0f}",
        f"  kept                {_share(summary['kept_30'])} after 30 s, {_share(summary['kept_180'])} after 180 s",
        f"  first text          {_milliseconds(summary['waited_ms'])} after the request, median",
    ]


def _summary(days: float) -> "Summary":
    from copilot.completion.ledger import Summary, opened, summarise

    if not paths.ledger_file().exists():
        nothing = dict.fromkeys([outcome.value for outcome in Outcome], 0.0)
        return Summary({**nothing, "waited_ms": None, "kept_30": None, "kept_180": None})
    with _readable(), opened(paths.ledger_file()) as database:
        return summarise(database, time.time() - days * _DAY_SECONDS)


def _clear(*, ask: bool) -> int:
    from copilot.completion.ledger import clear, opened

    file = paths.ledger_file()
    if not file.exists():
        print("Nothing is recorded.")
        return 0
    if ask and not _agreed():
        print("Nothing was changed.")
        return 1
    with _readable(), opened(file) as database:
        count = clear(database)
    print(f"{count} records are gone.")
    return 0


def _agreed() -> bool:
    if not sys.stdin.isatty():
        raise SlipstreamError("Nobody can be asked here.", hint="`slipstream stats --clear --yes` does not ask.")
    return input("Forget all that was recorded of suggestions? [y/N] ").strip().lower() in {"y", "yes"}


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Errors of the file as a user should see them."""
    import sqlite3

    try:
        yield
    except sqlite3.Error as error:
        raise SlipstreamError(
            f"{paths.ledger_file()} cannot be read: {error}.",
            hint="Where it is no longer a database, delete it; a new one is made by itself.",
            code="ledger_broken",
        ) from error


def _days(text: str) -> float:
    days = float(text)
    if not 0 < days <= 36_500:
        raise argparse.ArgumentTypeError("a number of days from above 0 to 36500")
    return days


def _share(value: float | None) -> str:
    return "not known yet" if value is None else f"{value:.0%}"


def _milliseconds(value: float | None) -> str:
    return "not known yet" if value is None else f"{value:.0f} ms"
