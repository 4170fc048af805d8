"""Measure on this machine: how soon completions come while someone types, how good they are, how fast an engine is.

Each kind is a module with ``add_arguments(parser)`` and ``run(args) -> exit status``, imported only when asked for.
"""

import argparse
import importlib

KINDS: dict[str, tuple[str, str]] = {
    "replay": ("copilot.cli.bench_replay", "typing replayed: latency, characters saved, work done, beside a peer"),
    "engine": ("copilot.cli.bench_engine", "an engine: prefill, decode, cancelling, many at once, beside the bare one"),
    "quality": ("copilot.cli.bench_quality", "what is suggested: infilling sets, and masked lines of your own code"),
    "context": ("copilot.cli.bench_context", "what other files are worth: retrieval switched on and off, timed"),
}
"""The module and the help of each kind."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    lines = "\n".join(f"  {name:10} {text}" for name, (_, text) in KINDS.items())
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = f"kinds:\n{lines}\n\n`slipstream bench KIND --help` explains one.\n{parser.epilog or ''}"
    parser.add_argument("kind", metavar="KIND", choices=KINDS, help="what to measure")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)


def run(args: argparse.Namespace) -> int:
    module = importlib.import_module(KINDS[args.kind][0])
    own = argparse.ArgumentParser(
        prog=f"slipstream bench {args.kind}",
        description=(module.__doc__ or "").partition("\n\n")[0],
        epilog="--config FILE and --set KEY=VALUE may be given as well; see `slipstream help`.",
        allow_abbrev=False,
    )
    module.add_arguments(own)
    own_args = own.parse_args(args.rest)
    own_args.config_file, own_args.overrides = args.config_file, args.overrides
    return int(module.run(own_args))
