"""Stream one completion to standard output.

The place is FILE:LINE:COLUMN as editors show it: the first line is 1, and column 1 is before the first character of a
line; FILE:LINE is the end of that line. Columns count characters, a tab is one.
Nothing is written when there is nothing to suggest; a line end follows only on a terminal.
"""

import argparse
import asyncio
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from copilot.cli import source
from copilot.completion.trim import Trimmer
from copilot.config.settings import Settings
from copilot.context.request import InfillRequest
from copilot.context.window import infill_request
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, HostState, InfillBody, ProgressData, TokenData
from copilot.text.document import Document
from copilot.text.position import Position, PositionEncoding

if TYPE_CHECKING:
    from copilot.client.host import HostClient


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("place", metavar="FILE:LINE[:COLUMN]", help="where to complete")
    parser.add_argument("--stdin", action="store_true", help="read the text from standard input; FILE only names it")
    parser.add_argument("--raw", action="store_true", help="what the model writes, untrimmed")
    parser.add_argument("--stats", action="store_true", help="print speed and token counts to standard error")


def run(args: argparse.Namespace) -> int:
    """0 also when there is no suggestion."""
    from copilot.config.load import load

    place = parse_place(args.place)
    path = Path(place.file)
    document = source.document_of(sys.stdin.buffer.read(), path) if args.stdin else source.read_document(path)
    line, column = locate(document, place)
    loaded = load(args.config_file, args.overrides)
    request = infill_request(document, line, column, path=_shown_path(path))
    host_options = [*(("--config", str(Path(args.config_file).absolute())) if args.config_file else ())]
    for override in args.overrides:
        host_options += ["--set", override]
    stats = asyncio.run(_complete(request, loaded.settings, host_options, raw=args.raw))
    if args.stats:
        print(stats, file=sys.stderr)
    return 0


class Place(NamedTuple):
    """``line`` and ``column`` from 1; ``column`` None is the end of the line."""

    file: str
    line: int
    column: int | None = None


def parse_place(text: str) -> Place:
    """Raises :class:`SlipstreamError` ``bad_place``."""
    found = re.fullmatch(r"(?P<file>.+?):(?P<line>[0-9]{1,9})(?::(?P<column>[0-9]{1,9}))?", text, re.DOTALL)
    if found is None or int(found["line"]) < 1 or int(found["column"] or 1) < 1:
        raise SlipstreamError(
            f"{text!r} is not FILE:LINE or FILE:LINE:COLUMN.",
            hint="Lines and columns are counted from 1, as in src/app.py:12:5.",
            code="bad_place",
        )
    return Place(found["file"], int(found["line"]), int(found["column"]) if found["column"] else None)


def locate(document: Document, place: Place) -> tuple[int, int]:
    """Line and column from 0. Raises :class:`SlipstreamError` ``no_such_place`` when the text ends before."""
    if place.line > len(document.lines):
        raise SlipstreamError(
            f"{place.file} has {len(document.lines)} lines, there is no line {place.line}.",
            hint="Name a line that is there.",
            code="no_such_place",
        )
    # A position past the end of its line is its end.
    length = document.split_at(Position(place.line - 1, sys.maxsize), PositionEncoding.UTF32)[1]
    if place.column is None:
        return place.line - 1, length
    if place.column > length + 1:
        raise SlipstreamError(
            f"Line {place.line} of {place.file} ends at column {length + 1}, there is no column {place.column}.",
            hint="Leave the column out for the end of the line.",
            code="no_such_place",
        )
    return place.line - 1, place.column - 1


def _shown_path(path: Path) -> str:
    """The path as the model may see it: below the current folder, else the bare name."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else path.name


class Stats:
    """Speed and counts of one stream, as its reader saw them."""

    def __init__(self) -> None:
        self._asked = time.monotonic()
        self._first: float | None = None
        self._last = 0.0
        self._tokens = self._prompt = self._reused = 0

    def add(self, event: object) -> None:
        if isinstance(event, TokenData):
            self._last = time.monotonic()
            self._first = self._first or self._last
            self._tokens += 1
        elif isinstance(event, ProgressData):
            self._prompt, self._reused = event.total, event.reused
        elif isinstance(event, DoneData):
            self._prompt, self._reused, self._tokens = event.prompt_tokens, event.reused_tokens, event.generated_tokens

    def __str__(self) -> str:
        first = "no token" if self._first is None else f"TTFT {(self._first - self._asked) * 1000:.0f} ms"
        counts = f"{self._tokens} tokens, prompt {self._prompt}, {self._reused} reused"
        if self._first is None or self._last <= self._first:
            return f"{first}, {counts}"
        # The first token ends the prefill; the others were decoded in between.
        return f"{first}, {(self._tokens - 1) / (self._last - self._first):.1f} tokens/s, {counts}"


async def _complete(request: InfillRequest, settings: Settings, host_options: list[str], *, raw: bool) -> Stats:
    from copilot.client.host import HostClient

    limits = settings.completion
    trimmer = Trimmer(request.prefix, request.suffix, request.language, limits.max_lines)
    async with HostClient(settings, host_options=host_options) as client:
        await client.ensure_running()
        await _wait_ready(client)
        stats = Stats()
        shown = False
        async with client.infill(_body(request, limits.max_tokens)) as stream:
            async for event in stream:
                stats.add(event)
                if isinstance(event, TokenData):
                    shown = _show(event.text if raw else trimmer.feed(event.text), sys.stdout) or shown
                    if trimmer.done and not raw:
                        break
        if not raw:
            shown = _show(trimmer.finish(), sys.stdout) or shown
    if shown and sys.stdout.isatty():
        print()
    return stats


def _show(text: str, output: TextIO) -> bool:
    if text:
        output.write(text)
        output.flush()
    return bool(text)


async def _wait_ready(client: "HostClient") -> None:
    """Until the model is loaded; what the host is busy with goes to standard error, once each."""
    last = ""
    async for status in client.wait_ready():
        if status.state is HostState.STARTING and status.detail not in ("", last):
            last = status.detail
            print(f"slipstream complete: {last} ...", file=sys.stderr, flush=True)


def _body(request: InfillRequest, max_tokens: int) -> InfillBody:
    return InfillBody(
        prefix=request.prefix,
        suffix=request.suffix,
        snippets=request.snippets,
        path=request.path,
        language=request.language,
        place=request.place,
        max_tokens=max_tokens,
    )
