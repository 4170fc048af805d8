"""Measure what context from other files is worth.

Takes real packages that are installed beside Slipstream, or npm packages in a folder, and asks for lines that use a
name of another file: once without context, once with, once more without each source of context. The file that is asked
about is neither on the disk nor in the index meanwhile, so that the answer is never in the prompt. Lines that use only
what their own file defines show whether context does harm.

With --scale nothing is asked: a workspace of many files is indexed and retrieval in it is timed.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from copilot.bench.context.measuring import Result
    from copilot.bench.context.packages import Package
    from copilot.bench.context.places import Kind
    from copilot.client.host import HostClient
    from copilot.config.settings import Settings
    from copilot.serve.api import HostStatus

DEFAULT_PLACES = 80
_LINE_SECONDS = 30.0
_EXAMPLES = """examples:
  slipstream bench context --places 30 --packages rich,starlette
  slipstream bench context --npm ~/src/app --report context.json
  slipstream bench context --scale 10000
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.epilog = f"{_EXAMPLES}\n{parser.epilog or ''}"
    parser.add_argument(
        "--packages",
        type=_names,
        metavar="LIST",
        help="folders in site-packages, or `tuning` for those that scores were chosen on (default: a fixed list)",
    )
    parser.add_argument(
        "--npm",
        type=Path,
        metavar="DIR",
        help="npm packages there instead: those that --packages names, or all of ten source files and more",
    )
    parser.add_argument(
        "--places",
        type=_count,
        default=DEFAULT_PLACES,
        metavar="N",
        help="places that use another file (default %(default)s); half as many that use only their own",
    )
    parser.add_argument("--seed", type=int, default=0, help="which places (default 0)")
    parser.add_argument("--no-sources", action="store_true", help="do not switch off each source in turn")
    parser.add_argument("--scale", type=_count, metavar="FILES", help="only index so many files, and time retrieval")
    parser.add_argument("--report", type=Path, metavar="FILE", help="write everything to a JSON file")
    parser.add_argument("--show", type=_count, default=0, metavar="N", help="show N answers that context changed most")


def run(args: argparse.Namespace) -> int:
    """130 when interrupted; what there is by then is reported."""
    from copilot.bench.context import packages
    from copilot.config.load import as_options, load

    if args.report is not None and not args.report.absolute().parent.is_dir():
        raise SlipstreamError(f"There is no folder {args.report.absolute().parent}.", hint="Make it first.")
    settings = load(args.config_file, args.overrides).settings
    if args.scale is not None:
        return _scale(args.scale)
    if args.npm is not None:
        chosen = packages.from_npm(args.npm, args.packages or ())
    else:
        names = packages.TUNING if args.packages == ["tuning"] else args.packages or packages.FINAL
        chosen = packages.installed(names)
    measurement = _Run(args, settings, chosen, as_options(args.config_file, args.overrides))
    status = 0
    try:
        asyncio.run(measurement.run())
    except KeyboardInterrupt:
        _note("interrupted; this is what there is.")
        status = 130
    if measurement.results:
        measurement.print()
        measurement.write()
    return status


def _scale(files: int) -> int:
    from copilot.bench.context import scale

    with tempfile.TemporaryDirectory(prefix="slipstream-bench-") as folder:
        for line in scale.measured(Path(folder), files):
            print(line, flush=True)
    return 0


class _Run:
    """A run: what was asked for, and what there is of it."""

    def __init__(
        self, args: argparse.Namespace, settings: "Settings", packages: "list[Package]", host_options: list[str]
    ) -> None:
        self._args = args
        self._settings = settings
        self._packages = packages
        self._host_options = host_options
        self._status: HostStatus | None = None
        self._used: list[str] = []
        self.results: list[Result] = []

    async def run(self) -> None:
        from copilot.bench.context.measuring import Measuring
        from copilot.bench.context.places import chosen
        from copilot.bench.context.workspace import Workspace
        from copilot.client.host import HostClient
        from copilot.completion.framing import ModelFacts
        from copilot.context.candidates import Source

        async with HostClient(host_options=self._host_options) as client:
            await client.ensure_running()
            self._status = await self._ready(client)
            measuring = Measuring(
                client,
                model=ModelFacts(self._status.order, self._status.prefill_tokens_per_second),
                settings=self._settings.completion,
                sources=() if self._args.no_sources else tuple(Source),
            )
            progress = _Progress(sum(sum(self._wanted(at).values()) for at in range(len(self._packages))))
            for at, package in enumerate(self._packages):
                with tempfile.TemporaryDirectory(prefix="slipstream-bench-") as folder:
                    workspace = Workspace(package, Path(folder))
                    try:
                        places = chosen(workspace, self._wanted(at), self._args.seed)
                        self._used.append(f"{package} ({len(places)})")
                        async for result in measuring.run(workspace, places):
                            self.results.append(result)
                            self.write()
                            progress.step(str(package))
                    finally:
                        workspace.close()
            progress.end()

    def _wanted(self, at: int) -> "dict[Kind, int]":
        """So many places of each kind in the package at ``at``."""
        from copilot.bench.context.places import Kind

        def share(total: int) -> int:
            return total * (at + 1) // len(self._packages) - total * at // len(self._packages)

        lines, calls = self._args.places // 2, self._args.places // 4
        return {
            Kind.LINE: share(lines),
            Kind.CALL: share(calls),
            Kind.ARGUMENTS: share(self._args.places - lines - calls),
            Kind.OWN: share(self._args.places // 2),
        }

    async def _ready(self, client: "HostClient") -> "HostStatus":
        """Until the model is loaded."""
        last = ""
        status = None
        async for status in client.wait_ready():
            if status.detail not in ("", last):
                last = status.detail
                _note(f"{last} ...")
        assert status is not None
        if status.model != self._settings.model.completion:
            _note(f"the running host uses {status.model}, not {self._settings.model.completion}; that is measured.")
        return status

    def print(self) -> None:
        from rich.console import Console

        from copilot.bench.context import report

        assert self._status is not None
        completion = self._settings.completion
        lengths = f"{completion.prefix_tokens} + {completion.suffix_tokens}"
        print(f"{self._status.model}, seed {self._args.seed}, {len(self.results)} places: {', '.join(self._used)}")
        print(f"prompts of {lengths} tokens and {completion.snippet_tokens} of other files, greedy")
        console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
        for table in report.tables(self.results):
            console.print(table)
        for line in report.examples(self.results, self._args.show):
            print(line)

    def write(self) -> None:
        import msgspec

        from copilot import __version__
        from copilot.bench.context import report

        if self._args.report is None:
            return
        assert self._status is not None
        completion = self._settings.completion
        whole = report.Report(
            model=self._status.model or "",
            version=__version__,
            seed=self._args.seed,
            packages=tuple(self._used),
            snippet_tokens=completion.snippet_tokens,
            prefix_tokens=completion.prefix_tokens,
            suffix_tokens=completion.suffix_tokens,
            results=tuple(self.results),
            summaries=report.summaries(self.results),
            retrieval_ms=report.retrieval(self.results),
        )
        self._args.report.write_bytes(msgspec.json.format(msgspec.json.encode(whole), indent=1))


class _Progress:
    """How far it is, on standard error: a line that stays in place on a terminal."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._began = self._said = time.monotonic()

    def step(self, what: str) -> None:
        now = time.monotonic()
        self._done += 1
        left = (now - self._began) / self._done * max(0, self._total - self._done)
        minutes, seconds = divmod(round(left), 60)
        line = f"{self._done} of {self._total}, {minutes}:{seconds:02} left, {what}"
        if sys.stderr.isatty():
            print(f"\r{line}\x1b[K", end="", file=sys.stderr, flush=True)
        elif now - self._said > _LINE_SECONDS:
            self._said = now
            print(line, file=sys.stderr, flush=True)

    def end(self) -> None:
        if sys.stderr.isatty() and self._done:
            print(file=sys.stderr)


def _note(text: str) -> None:
    print(f"slipstream bench context: {text}", file=sys.stderr, flush=True)


def _count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)


def _names(text: str) -> list[str]:
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise argparse.ArgumentTypeError("name at least one")
    return names
