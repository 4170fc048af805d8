"""The one command, ``slipstream``.

A command is a module with ``add_arguments(parser)`` and ``run(args) -> exit status``. Only the one that was asked
for is imported, so that ``slipstream lsp`` starts as fast as an editor expects.
"""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

from copilot import __version__
from copilot.errors import SlipstreamError


class Command(NamedTuple):
    module: str
    help: str


COMMANDS: dict[str, Command] = {
    "try": Command("copilot.cli.try_", "see real completions stream into a copy of a file"),
    "complete": Command("copilot.cli.complete", "stream one completion at FILE:LINE:COLUMN to stdout"),
    "lsp": Command("copilot_lsp.main", "the language server, for editors (stdio)"),
    "serve": Command("copilot.cli.serve", "the engine host; editors start it by themselves"),
    "status": Command("copilot.cli.status", "what the engine host is doing"),
    "stop": Command("copilot.cli.stop", "stop the engine host"),
    "models": Command("copilot.cli.models", "list, pull, verify, add and remove models"),
    "config": Command("copilot.cli.config", "where settings come from"),
    "doctor": Command("copilot.cli.doctor", "check that everything needed is here"),
}


def _parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:10} {command.help}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="slipstream",
        usage="slipstream [--config FILE] [--set KEY=VALUE ...] COMMAND ...",
        description="The coding copilot that runs on your own machine.",
        epilog=f"commands:\n{lines}\n\n`slipstream COMMAND --help` explains one.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"slipstream {__version__}")
    parser.add_argument("--config", metavar="FILE", help="read this configuration file instead of the usual one")
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="override a setting, e.g. engine.threads=4"
    )
    parser.add_argument("command", nargs="?", choices=list(COMMANDS), metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status. 1: it failed, 2: it was called wrongly, 130: interrupted."""
    parser = _parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 2
    command = COMMANDS[args.command]
    module = importlib.import_module(command.module)
    own = argparse.ArgumentParser(prog=f"slipstream {args.command}", description=module.__doc__)
    module.add_arguments(own)
    own_args = own.parse_args(args.rest)
    own_args.config_file = args.config
    own_args.overrides = args.set
    try:
        return int(module.run(own_args))
    except SlipstreamError as error:
        print(f"slipstream {args.command}: {error.message}", file=sys.stderr)
        if error.hint:
            print(f"  {error.hint}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader of a pipe left (`slipstream ... | head`); nothing is wrong.
        sys.stderr.close()
        return 0
