"""The one command, ``slipstream``.

A command is a module with ``add_arguments(parser)`` and ``run(args) -> exit status``. Only the one that was asked
for is imported, so that ``slipstream lsp`` starts as fast as an editor expects. ``args.config_file`` and
``args.overrides`` are what ``copilot.config.load.load`` takes.

Exit status: 0 done, 1 it failed (one sentence on stderr says why), 2 called wrongly, 130 interrupted.
"""

import argparse
import contextlib
import importlib
import io
import os
import select
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
    "desktop": Command("copilot_desktop.main", "the companion window: chat, changes to look at, the machine"),
    "serve": Command("copilot.cli.serve", "the engine host; editors start it by themselves"),
    "status": Command("copilot.cli.status", "what the engine host is doing"),
    "top": Command("copilot.cli.top", "how fast the engine host answers, live"),
    "users": Command("copilot.cli.users", "who may use a shared host: add, list, rotate, revoke"),
    "login": Command("copilot.cli.login", "use a shared host instead of this machine's own"),
    "logout": Command("copilot.cli.logout", "go back to this machine's own host"),
    "stop": Command("copilot.cli.stop", "stop the engine host"),
    "models": Command("copilot.cli.models", "list, pull, verify, add and remove models"),
    "config": Command("copilot.cli.config", "where settings come from"),
    "index": Command("copilot.cli.index", "what is known of a workspace: status, rebuild, query"),
    "stats": Command("copilot.cli.stats", "what became of the suggestions here: shown, accepted, kept"),
    "audit": Command("copilot.cli.audit", "what the engine host recorded: show, verify, forget a user"),
    "bench": Command("copilot.cli.bench", "measure completions: typing replayed, quality on your own code"),
    "doctor": Command("copilot.cli.doctor", "check that everything needed is here"),
}


def _parser() -> argparse.ArgumentParser:
    lines = "\n".join(f"  {name:10} {command.help}" for name, command in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="slipstream",
        usage="slipstream [--config FILE] [--set KEY=VALUE ...] COMMAND ...",
        description="The coding copilot that runs on your own machine.",
        epilog=f"commands:\n{lines}\n  {'help':10} explain a command: `slipstream help COMMAND`",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_common()],
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"slipstream {__version__}")
    parser.add_argument("command", nargs="?", metavar="COMMAND", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _common(prog: str = "slipstream") -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, add_help=False, allow_abbrev=False)
    parser.add_argument(
        "--config", metavar="FILE", dest="config_file", help="read this configuration file instead of the usual one"
    )
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        dest="overrides",
        action="append",
        default=[],
        help="override a setting, e.g. engine.threads=4",
    )
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit status (see the module). Called wrongly, it raises ``SystemExit(2)``."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A terminal that cannot show a character must not end the command.
        sys.stdout.reconfigure(errors="backslashreplace")
    parser = _parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 2
    if args.command == "help":
        if not args.rest:
            parser.print_help()
            return 0
        args.command, args.rest = args.rest[0], ["--help"]
    if args.command not in COMMANDS:
        parser.error(_unknown(args.command))
    try:
        status = _run(args)
        if sys.stdout is not None:
            sys.stdout.flush()
        return status
    except SlipstreamError as error:
        return _failed(args.command, error.message, error.hint)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        if not _reader_left():
            raise
        return 0
    except OSError as error:
        # With a file's name it is about a file of the user's; without one it is a mistake of ours.
        if error.filename is None:
            raise
        return _failed(args.command, f"{error.strerror}: {error.filename}", "")


def _run(args: argparse.Namespace) -> int:
    name: str = args.command
    command = COMMANDS[name]
    try:
        module = importlib.import_module(command.module)
    except ModuleNotFoundError as error:
        raise SlipstreamError(
            f"This installation lacks the Python module {error.name}.",
            hint="Install Slipstream again: pip install --force-reinstall 'slipstream-copilot[cpu]'",
            code="broken_installation",
        ) from error
    # --config and --set may also stand after the command's name; from "--" on nothing is an option.
    end = args.rest.index("--") if "--" in args.rest else len(args.rest)
    given = argparse.Namespace(config_file=args.config_file, overrides=args.overrides)
    given, rest = _common(f"slipstream {name}").parse_known_args(args.rest[:end], given)
    own = argparse.ArgumentParser(
        prog=f"slipstream {name}",
        description=(module.__doc__ or "").partition("\n\n")[0],
        epilog="--config FILE and --set KEY=VALUE may be given as well; see `slipstream help`.",
        allow_abbrev=False,
    )
    module.add_arguments(own)
    own_args = own.parse_args([*rest, *args.rest[end:]])
    own_args.config_file, own_args.overrides = given.config_file, given.overrides
    return int(module.run(own_args))


def _failed(name: str, message: str, hint: str) -> int:
    print(f"slipstream {name}: {message}", file=sys.stderr)
    if hint:
        print(f"  {hint}", file=sys.stderr)
    return 1


def _unknown(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean {close[0]}?" if close else "`slipstream help` lists the commands."
    return f"there is no command {name!r}; {hint}"


def _reader_left() -> bool:
    """Whether the reader of our stdout has gone (``slipstream ... | head``), which is no mistake.

    Then stdout leads nowhere from here on, or Python would complain once more while it ends.
    """
    try:
        descriptor = sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return False
    poll = select.poll()
    poll.register(descriptor, 0)
    if not any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0)):
        return False
    with contextlib.suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)
    return True
