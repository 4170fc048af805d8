"""Stream one completion to standard output.

The place is FILE:LINE:COLUMN as editors show it: the first line is 1, and column 1 is before the first character of a
line; FILE:LINE is the end of that line. Columns count characters, a tab is one.
Nothing is written when there is nothing to suggest; a line end follows only on a terminal.
"""

import argparse
import asyncio
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TextIO

from copilot.cli import source
from copilot.client.stats import StreamStats
from copilot.completion.framing import ModelFacts
from copilot.completion.once import complete_once
from copilot.config.settings import Settings
from copilot.context.masking import masked_request
from copilot.context.window import infill_request
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus, InfillBody, TokenData
from copilot.text.document import Document
from copilot.text.position import Position, PositionEncoding
from copilot.text.spot import Spot

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
    from copilot.config.load import as_options, load

    place = parse_place(args.place)
    path = Path(place.file)
    document = source.document_of(sys.stdin.buffer.read(), path) if args.stdin else source.read_document(path)
    line, column = locate(document, place)
    loaded = load(args.config_file, args.overrides)
    host_options = as_options(args.config_file, args.overrides)
    spot = Spot(document, line, column)
    stats = asyncio.run(_complete(spot, _shown_path(path), loaded.settings, host_options, raw=args.raw))
    if args.stats and stats is not None:
        print(describe(stats), file=sys.stderr)
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


def describe(stats: StreamStats) -> str:
    """Speed and counts in words."""
    parts = ["no token" if stats.ttft_ms is None else f"TTFT {stats.ttft_ms:.0f} ms"]
    parts += [f"{stats.tokens_per_second:.1f} tokens/s"] if stats.tokens_per_second else []
    parts.append(f"{stats.generated_tokens} tokens")
    parts.append(f"prompt {stats.prompt_tokens}, {stats.reused_tokens} reused")
    return ", ".join(parts)


async def _complete(
    spot: Spot, path: str, settings: Settings, host_options: list[str], *, raw: bool
) -> StreamStats | None:
    """How the stream went that the suggestion came from; None where none came about."""
    from copilot.client.host import HostClient
    from copilot.client.login import current

    async with HostClient(host_options=host_options, login=current()) as client:
        await client.ensure_running()
        status = await _wait_ready(client, settings.model.completion)
        stats: StreamStats | None
        if raw:
            stats, shown = await _stream_raw(client, spot, path, settings)
        else:
            model = ModelFacts(status.order, status.prefill_tokens_per_second, status.snippets)
            once = await complete_once(
                client,
                spot,
                model=model,
                settings=settings.completion,
                path=path,
                grow=lambda text: _show(text, sys.stdout),
            )
            stats, shown = once.stats, once.suggestion is not None
    if shown and sys.stdout.isatty():
        print()
    return stats


async def _stream_raw(client: "HostClient", spot: Spot, path: str, settings: Settings) -> tuple[StreamStats, bool]:
    """What the model writes, and whether it wrote anything."""
    request = masked_request(infill_request(spot.document, spot.line, spot.column, path=path))
    stats, shown = StreamStats(), False
    async with client.infill(InfillBody.asking(request, max_tokens=settings.completion.max_tokens)) as stream:
        async for event in stream:
            stats.add(event)
            if isinstance(event, TokenData):
                shown = _show(event.text, sys.stdout) or shown
    return stats, shown


def _show(text: str, output: TextIO) -> bool:
    if text:
        output.write(text)
        output.flush()
    return bool(text)


async def _wait_ready(client: "HostClient", model: str) -> HostStatus:
    """Until the model is loaded; what the host is busy with goes to standard error, once each.

    So does that it has another one than ``model``: a host keeps the settings that it was started with.
    """
    last = ""
    warned = False
    async for status in client.wait_ready():
        if not warned and status.model not in {None, model}:
            warned = True
            other = f"The running host uses {status.model}, not {model}.\n  Run `slipstream stop` first to use {model}."
            told = status.detail if status.stands_in else other
            print(f"slipstream complete: {told}", file=sys.stderr, flush=True)
        if status.state is HostState.STARTING and status.detail not in ("", last):
            last = status.detail
            print(f"slipstream complete: {last} ...", file=sys.stderr, flush=True)
    return status
