"""Measure how good the suggestions are, by where the caret stands.

Takes pieces out of real code and asks for them as an editor would. Where a problem brings a test, the program is run
with what was suggested in the hole (pass@1); everything is compared with what was there (exact match, edit
similarity). Beside each suggestion stands what the model itself wrote, so that one sees what trimming saves and breaks.

PATH is a file or folder of HumanEval-infilling or CrossCodeEval rows (.jsonl, .jsonl.gz), or any folder of source
files, of which lines and blocks are taken out. Without it a small sample is used, too small for a verdict on a model.

Tests run what the model wrote, in a child process that is kept from harm as far as the system allows.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from copilot.bench.quality.arms import Arm
    from copilot.bench.quality.problems import Problem, Stratum
    from copilot.bench.quality.results import Result, Store
    from copilot.client.host import HostClient
    from copilot.config.settings import Settings
    from copilot.serve.api import HostStatus

DEFAULT_LIMIT = 40
_LINE_SECONDS = 30.0
_EXAMPLES = """examples:
  slipstream bench quality --data ~/src/project --limit 100 --show 5
  slipstream bench quality --data HumanEval-SingleLineInfilling.jsonl.gz --orders --json results.jsonl
  slipstream bench quality --data set.jsonl.gz --places begun,mid-line --suffix-tokens 0,16,32,64,128
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.epilog = f"{_EXAMPLES}\n{parser.epilog or ''}"
    parser.add_argument("--data", type=Path, metavar="PATH", help="problems, or source files (default: a small sample)")
    parser.add_argument(
        "--limit",
        type=_count,
        default=DEFAULT_LIMIT,
        metavar="N",
        help="problems at each place of the caret (default %(default)s; 0: all)",
    )
    parser.add_argument("--seed", type=int, default=0, help="which problems, and where lines are cut (default 0)")
    parser.add_argument(
        "--places",
        type=_strata,
        default=None,
        metavar="LIST",
        help="of fresh-line, indented, line-end, begun, mid-line, before-closer, block, span; "
        "and published, a hole as published sets have it (default: all but that)",
    )
    parser.add_argument(
        "--orders", action="store_true", help="compare the orders of the prompt, and say which the model should have"
    )
    parser.add_argument("--layouts", type=_names, metavar="LIST", help="compare only these orders, e.g. spm,prefix")
    parser.add_argument("--suffix-tokens", type=_counts, default=[], metavar="LIST", help="compare lengths of suffix")
    parser.add_argument("--prefix-tokens", type=_counts, default=[], metavar="LIST", help="compare lengths of prefix")
    parser.add_argument("--no-run", action="store_true", help="run no programs, compare only")
    parser.add_argument(
        "--timeout", type=_seconds, default=10.0, metavar="SECONDS", help="for one program (default %(default)g)"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="append results; those in it are not measured again")
    parser.add_argument(
        "--again",
        type=Path,
        metavar="FILE",
        help="without the model: what comes now of the answers in FILE, which an earlier run with --json wrote",
    )
    parser.add_argument("--show", type=_count, default=0, metavar="N", help="show N problems that trimming changed")


def run(args: argparse.Namespace) -> int:
    """130 when interrupted; what there is by then is reported."""
    from copilot.bench.quality import data
    from copilot.bench.quality.problems import DEFAULT_STRATA
    from copilot.bench.quality.results import Store
    from copilot.config.load import as_options, load

    if args.again is not None:
        return _again(args)
    settings = load(args.config_file, args.overrides).settings
    strata = args.places or DEFAULT_STRATA
    loaded = data.load(args.data, seed=args.seed, limit=args.limit, strata=strata)
    if args.json is not None and not args.json.absolute().parent.is_dir():
        raise SlipstreamError(
            f"There is no folder {args.json.absolute().parent}.", hint="Make it first.", code="no_folder"
        )
    measurement = _Run(args, settings, loaded.problems, Store(args.json), as_options(args.config_file, args.overrides))
    status = 0
    try:
        asyncio.run(measurement.run())
    except KeyboardInterrupt:
        _note("interrupted; this is what there is.")
        status = 130
    except SlipstreamError as error:
        if not measurement.results:
            raise
        _note(f"{error.message} This is what there is." + (f"\n  {error.hint}" if error.hint else ""))
        status = 1
    if measurement.results:
        print(measurement.heading(loaded.what))
        print()
        print(measurement.report(args.show))
    return status


def _again(args: argparse.Namespace) -> int:
    from copilot.bench.quality import data
    from copilot.bench.quality.problems import Stratum
    from copilot.bench.quality.report import changes, report
    from copilot.bench.quality.results import Store
    from copilot.config.load import load

    if not args.again.exists():
        raise SlipstreamError(f"There is no file {args.again}.", hint="--json FILE writes one.", code="no_data")
    settings = load(args.config_file, args.overrides).settings
    recorded = [result for result in Store(args.again).all() if not args.places or result.stratum in args.places]
    loaded = data.load(args.data, seed=args.seed, limit=0, strata=tuple(Stratum))
    pairs = asyncio.run(_repeat(args, settings, loaded.problems, recorded))
    if not pairs:
        raise SlipstreamError(
            f"{args.again} holds no results for {loaded.what} with seed {args.seed}.",
            hint="Name the data and the seed that they were measured with.",
            code="no_data",
        )
    if len(pairs) < len(recorded):
        _note(f"{len(recorded) - len(pairs)} of {len(recorded)} need the model or other data and are left out.")
    print(f"the answers of {args.again} again, against the suggestions that were made of them then\n")
    print(changes(pairs, args.show))
    print()
    print(report([now for _, now in pairs], order={}, layouts_compared=False, show=args.show))
    return 0


async def _repeat(
    args: argparse.Namespace, settings: "Settings", problems: "list[Problem]", recorded: "list[Result]"
) -> "list[tuple[Result, Result]]":
    from copilot.bench.quality.measuring import Measuring
    from copilot.bench.quality.recording import Recorded
    from copilot.bench.quality.results import Store

    measuring = Measuring(
        Recorded([]),
        model="",
        order={},
        settings=settings.completion,
        store=Store(None),
        execute=not args.no_run,
        seconds=args.timeout,
    )
    return [pair async for pair in measuring.again(problems, recorded)]


class _Run:
    """A run: what was asked for, and what there is of it."""

    def __init__(
        self,
        args: argparse.Namespace,
        settings: "Settings",
        problems: "list[Problem]",
        store: "Store",
        host_options: list[str],
    ) -> None:
        self._args = args
        self._settings = settings
        self._problems = problems
        self._store = store
        self._host_options = host_options
        self._status: HostStatus | None = None
        self.results: list[Result] = []

    async def run(self) -> None:
        from copilot.bench.quality.measuring import Measuring
        from copilot.client.host import HostClient

        async with HostClient(host_options=self._host_options) as client:
            await client.ensure_running()
            self._status = await self._ready(client)
            arms = self._arms(self._status.layouts)
            measuring = Measuring(
                client,
                model=self._status.model or "",
                order=self._status.order,
                settings=self._settings.completion,
                store=self._store,
                execute=not self._args.no_run,
                seconds=self._args.timeout,
            )
            progress = _Progress(measuring.left(self._problems, arms))
            async for result in measuring.run(self._problems, arms):
                self.results.append(result)
                progress.step(result, measuring.measured)
            progress.end()

    def _arms(self, layouts: Sequence[str]) -> "list[Arm]":
        from copilot.bench.quality.arms import arms

        args = self._args
        wanted = args.layouts or (layouts if args.orders else [])
        if unknown := [layout for layout in wanted if layout not in layouts]:
            raise SlipstreamError(
                f"The model has no order {unknown[0]!r}.", hint=f"It has {', '.join(layouts)}.", code="unknown_layout"
            )
        return arms(wanted, args.prefix_tokens, args.suffix_tokens)

    async def _ready(self, client: "HostClient") -> "HostStatus":
        """Until the model is loaded. A host keeps the settings that it was started with, so that is said."""
        last = ""
        status = None
        async for status in client.wait_ready():
            if status.detail not in ("", last):
                last = status.detail
                _note(f"{last} ...")
        assert status is not None
        if status.model != self._settings.model.completion:
            _note(
                f"the running host uses {status.model}, not {self._settings.model.completion}; that is measured.\n"
                f"  Run `slipstream stop` first to use {self._settings.model.completion}."
            )
        return status

    def heading(self, what: str) -> str:
        from copilot.bench.quality import sandbox

        completion = self._settings.completion
        model = self.results[0].setup.model
        lines = [
            f"{model}, {what}, seed {self._args.seed}: {len(self.results)} results",
            f"at most {completion.max_tokens} tokens and {completion.max_lines} lines, "
            f"prompts of {completion.prefix_tokens} + {completion.suffix_tokens} tokens, greedy",
        ]
        if any(result.raw.passed is not None for result in self.results):
            kept = ", ".join(sandbox.guarantees()) or "limits on time, memory and files only"
            lines.append(f"programs ran in a child process: {kept}")
        if self._args.data is None:
            lines.append("The sample is too small for a verdict on a model; --data names more.")
        return "\n".join(lines)

    def report(self, show: int) -> str:
        from copilot.bench.quality.report import report

        order = self._status.order if self._status else {}
        args = self._args
        compared = bool(args.orders or args.layouts) and not (args.prefix_tokens or args.suffix_tokens)
        return report(self.results, order=order, layouts_compared=compared, show=show)


class _Progress:
    """How far it is and how long it will take, on standard error: a line that stays in place on a terminal."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._right = 0
        self._all = 0
        self._began = self._said = time.monotonic()

    def step(self, result: "Result", done: int) -> None:
        """``done``: how many were measured, without those that an earlier run had."""
        now = time.monotonic()
        self._all += 1
        self._right += result.final.right
        if done == self._done:
            return
        self._done = done
        if sys.stderr.isatty():
            print(f"\r{self._line(now)}\x1b[K", end="", file=sys.stderr, flush=True)
        elif now - self._said > _LINE_SECONDS:
            self._said = now
            print(self._line(now), file=sys.stderr, flush=True)

    def _line(self, now: float) -> str:
        left = (now - self._began) / max(1, self._done) * (self._total - self._done)
        minutes, seconds = divmod(round(left), 60)
        return f"{self._done} of {self._total}, {minutes}:{seconds:02} left, {self._right} of {self._all} right"

    def end(self) -> None:
        if sys.stderr.isatty() and self._done:
            print(file=sys.stderr)


def _note(text: str) -> None:
    print(f"slipstream bench quality: {text}", file=sys.stderr, flush=True)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return int(text)


def _counts(text: str) -> list[int]:
    return [_count(part) for part in _names(text)]


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise argparse.ArgumentTypeError("name at least one")
    return names


def _strata(text: str) -> "tuple[Stratum, ...]":
    from copilot.bench.quality.problems import Stratum

    for name in _names(text):
        if name not in set(Stratum):
            raise argparse.ArgumentTypeError(f"there is no place {name!r}; there are {', '.join(Stratum)}")
    return tuple(Stratum(name) for name in _names(text))


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value
