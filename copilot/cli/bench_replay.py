"""Type pieces of real files again, key by key, and measure how completions come meanwhile.

Stretches of files are taken out and typed back with the rhythm of a person: pauses, typos, jumps to other places. A
simulated user accepts suggestions that are right. Slipstream's language server is asked as an editor asks it; beside
it, on the same traces in turn, runs a model of llama.vim's client on llama.cpp's own server with the same model file.

In real time a trace takes about two minutes for each pipeline. --virtual plays them on an engine of fixed cost with a
clock that jumps: seconds, the same figures on every machine, for comparing ways to ask and nothing else.

Slipstream runs with an engine host of its own, so editors are not disturbed; close what else computes.
"""

import argparse
import asyncio
import contextlib
import re
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from copilot.cli.try_ import server_command
from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from copilot.bench.replay.log import Log
    from copilot.bench.replay.results import Setup
    from copilot.bench.replay.session import Contender, Turn
    from copilot.bench.replay.trace import Trace
    from copilot.bench.replay.user import User
    from copilot.config.settings import Settings

_EXAMPLES = """examples:
  slipstream bench replay
  slipstream bench replay --files ~/src/project --traces 8 --svg replay.svg
  slipstream bench replay --virtual --files ~/src/project --json replay.json
  slipstream bench replay --lsp "other-server --stdio" --no-stream
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.description = __doc__
    parser.epilog = f"{_EXAMPLES}\n{parser.epilog or ''}"
    what = parser.add_argument_group("what is typed")
    what.add_argument("--files", type=Path, metavar="FOLDER", help="make traces from this code (default: samples)")
    what.add_argument("--traces", type=_count, default=3, metavar="N", help="how many (default %(default)s)")
    what.add_argument("--seed", default="1", metavar="TEXT", help="decides files, places and timing (default 1)")
    what.add_argument(
        "--lines", type=_span, default=(10, 40), metavar="A-B", help="length of a stretch (default 10-40)"
    )
    what.add_argument("--speed", choices=["slow", "normal", "fast"], default="normal", help="(default %(default)s)")
    what.add_argument(
        "--jumps", type=_count_or_none, default=1, metavar="N", help="edits elsewhere in between (default %(default)s)"
    )
    what.add_argument("--no-typos", action="store_true", help="every key is right at once")
    what.add_argument("--no-closing", action="store_true", help="the editor does not close brackets and quotes")
    what.add_argument("--save-traces", type=Path, metavar="FILE", help="write the traces; they hold text of your files")
    what.add_argument("--load-traces", type=Path, metavar="FILE", help="play traces that were saved")
    who = parser.add_argument_group("who completes")
    who.add_argument("--user", choices=["golf", "never"], default="golf", help="accept what is right, or only type")
    who.add_argument(
        "--pace",
        choices=["typing", "answers"],
        default="typing",
        help="press keys in time, or as fast as possible: each one when the last was answered (default %(default)s)",
    )
    who.add_argument("--lsp", metavar="COMMAND", help="another language server in place of `slipstream lsp`")
    who.add_argument(
        "--lsp-method", choices=["inlineCompletion", "completion"], default="inlineCompletion", help="what it is asked"
    )
    who.add_argument("--no-stream", action="store_true", help="do not ask for partial results")
    who.add_argument("--no-cancel", action="store_true", help="do not cancel the request of the key before")
    who.add_argument("--peer", choices=["llama.vim", "none"], default="llama.vim", help="(default %(default)s)")
    who.add_argument(
        "--tabby", type=Path, metavar="FOLDER", help="where `npm install tabby-agent@1.5.0` was run: one more peer"
    )
    who.add_argument("--virtual", action="store_true", help="virtual time and an engine of fixed cost")
    out = parser.add_argument_group("reports")
    out.add_argument("--json", type=Path, metavar="FILE", help="every figure and event; holds text of your files")
    out.add_argument("--svg", type=Path, metavar="FILE", help="a picture")


def run(args: argparse.Namespace) -> int:
    from copilot.bench.replay import results, trace
    from copilot.bench.replay.user import User
    from copilot.config.load import load

    settings = load(args.config_file, args.overrides).settings
    traces = trace.load(args.load_traces) if args.load_traces else _traces(args)
    if args.save_traces:
        trace.save(traces, args.save_traces)
    for file in filter(None, (args.json, args.svg)):
        _check_writable(file)
    user = User(accepts=args.user == "golf", waits=args.pace == "answers")
    play = _virtual if args.virtual else _real
    logs = play(args, traces, user, settings)
    found = results.results_of(_setup(args, traces, settings), logs)
    if args.json:
        args.json.write_bytes(results.as_json(found, logs))
    if args.svg:
        from copilot.bench.replay.picture import picture

        args.svg.write_text(picture(found), encoding="utf-8")
    _print(found)
    return 0


def _count(text: str) -> int:
    value = _count_or_none(text)
    if not value:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return value


def _count_or_none(text: str) -> int:
    if not (text.isascii() and text.isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 on")
    return int(text)


def _span(text: str) -> tuple[int, int]:
    found = re.fullmatch(r"(\d+)(?:-(\d+))?", text, re.ASCII)
    low, high = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= low <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a range of lines such as 10-40")
    return low, high


def _check_writable(file: Path) -> None:
    """Before minutes of typing, not after them."""
    if not file.absolute().parent.is_dir():
        raise SlipstreamError(f"There is no folder {file.parent}.", hint="Create it first.", code="no_folder")


def _traces(args: argparse.Namespace) -> "tuple[Trace, ...]":
    from copilot.bench.replay.files import source_files
    from copilot.bench.replay.typist import Speed, make_trace

    traces: list[Trace] = []
    for again in range(args.traces):
        before = len(traces)
        for file in source_files(args.files, args.seed):
            made = make_trace(
                file.text,
                name=file.name,
                language=file.language,
                # Where there are fewer files than traces, another place of the same file is as good.
                seed=f"{args.seed}/{again}",
                speed=Speed(args.speed),
                lines=args.lines,
                jumps=args.jumps,
                typos=not args.no_typos,
                closing=not args.no_closing,
            )
            if made is not None:
                traces.append(made)
            if len(traces) == args.traces:
                return tuple(traces)
        if len(traces) == before:
            break
    if not traces:
        raise SlipstreamError(
            f"No file in {args.files or 'the samples'} has a stretch of {args.lines[0]} lines or more to type.",
            hint="Lower --lines, or name another folder.",
            code="nothing_to_type",
        )
    return tuple(traces)


def _setup(args: argparse.Namespace, traces: "Sequence[Trace]", settings: "Settings") -> "Setup":
    from copilot.bench.replay.results import Setup

    return Setup(
        clock="virtual" if args.virtual else "real",
        model="fixed cost" if args.virtual else settings.model.completion,
        traces=tuple(trace.name for trace in traces),
        characters=sum(trace.characters for trace in traces),
        speed=args.speed,
        seed=args.seed,
        user=args.user,
        pace=args.pace,
        threads=None if args.virtual else _threads(settings),
    )


def _threads(settings: "Settings") -> int:
    from copilot.bench.replay.llama_server import threads_by_default

    return settings.engine.threads or threads_by_default()


def _virtual(
    args: argparse.Namespace, traces: "Sequence[Trace]", user: "User", settings: "Settings"
) -> "list[list[Log]]":
    from copilot.bench.replay.virtual.race import World, race

    if args.lsp or args.tabby:
        raise SlipstreamError(
            "A language server runs in real time only.", hint="Leave out --virtual, or --lsp and --tabby.", code="usage"
        )
    peer = args.peer == "llama.vim"
    return race(traces, user, settings, World(), streaming=not args.no_stream, peer=peer)


def _real(args: argparse.Namespace, traces: "Sequence[Trace]", user: "User", settings: "Settings") -> "list[list[Log]]":
    from copilot.bench.replay.session import play_all

    async def race() -> "list[list[Log]]":
        async with contextlib.AsyncExitStack() as stack:
            contenders = await _contenders(args, stack, settings)
            return await play_all(traces, contenders, user, begins=_tell)

    return asyncio.run(race())


async def _contenders(
    args: argparse.Namespace, stack: contextlib.AsyncExitStack, settings: "Settings"
) -> "list[Contender]":
    from copilot.bench.replay import llama_server, tabby
    from copilot.bench.replay.llama_vim import LlamaVim
    from copilot.bench.replay.lsp import LspPipeline
    from copilot.bench.replay.session import Contender
    from copilot.bench.replay.slipstream_host import ProcessMeter, slipstream
    from copilot.client.lsp_session import run_server
    from copilot.weights import store

    contenders: list[Contender] = []
    peers = args.peer != "none" or args.tabby is not None
    # Before anything starts: a model that is not here is fetched by nobody in the middle of a benchmark.
    model = store.find(settings.model.completion).path if peers or not args.lsp else None
    options = {"streaming": not args.no_stream, "cancels_previous": not args.no_cancel, "method": args.lsp_method}
    if args.lsp:
        _note(f"Starting {args.lsp}")
        command = shlex.split(args.lsp)
        session = await stack.enter_async_context(run_server(command))
        pipeline = LspPipeline(session, Path(command[0]).name, **options)
        contenders.append(Contender(pipeline, ProcessMeter(session.process_id)))
    else:
        _note("Starting the language server and its engine host")
        ours = await stack.enter_async_context(slipstream(server_command(args)))
        pipeline = LspPipeline(ours.session, "slipstream", **options)
        contenders.append(Contender(pipeline, ours.meter))
    await pipeline.start()
    if model is None or not peers:
        return contenders
    _note("Starting llama.cpp's server for the peer")
    server = await stack.enter_async_context(
        llama_server.llama_server(model, threads=_threads(settings), context_tokens=settings.engine.context_tokens)
    )
    if args.peer == "llama.vim":
        contenders.append(Contender(LlamaVim(server), server))
    if args.tabby is not None:
        _note("Starting tabby-agent")
        contenders.append(await stack.enter_async_context(tabby.tabby_agent(args.tabby, server)))
    return contenders


def _tell(turn: "Turn") -> None:
    _note(f"{turn.number} of {turn.of}: {turn.pipeline}, {turn.trace.name}")


def _note(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(found: object) -> None:
    from rich.console import Console

    from copilot.bench.replay.results import Results
    from copilot.bench.replay.table import tables

    assert isinstance(found, Results)
    console = Console(highlight=False)
    for table in tables(found):
        console.print(table)
