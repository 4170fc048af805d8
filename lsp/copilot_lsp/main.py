"""The language server on standard input and output; editors start it.

It leaves when the editor does. Nothing but protocol messages goes to standard output; the log goes to standard error
and holds no document text.
"""

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from copilot_lsp.server import Server

# Nothing heavy here: standard output must be ours before anything that could print is imported.


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stdio", action="store_true", help="talk on standard input and output; it always does, clients may say so"
    )
    # What clients made for Copilot's or VS Code's servers say; the process is named in `initialize` too.
    parser.add_argument("--clientProcessId", help=argparse.SUPPRESS)
    parser.add_argument(
        "--host",
        metavar="ADDRESS",
        help="unix:/path/to.sock: talk to the engine host behind this socket, and start none",
    )
    parser.add_argument(
        "--log-level",
        choices=["error", "warning", "info", "debug"],
        default="warning",
        help="how much to write to standard error (default: %(default)s)",
    )


def run(args: argparse.Namespace) -> int:
    """Serve one editor until it leaves. 0: it said goodbye as the protocol asks (shutdown, exit), 1: it did not."""
    socket = socket_of(args.host)
    if os.isatty(0):
        sys.stderr.write("slipstream lsp: waiting for an editor's messages on standard input; editors start this.\n")
    from copilot_lsp.transport import claim_stdio

    reader, writer = claim_stdio()
    # The protocol's types are tens of thousands of objects that live as long as the process: searching them for
    # garbage while they are made costs a fifth of the start, and later a pause in the middle of someone's typing.
    gc.disable()
    import asyncio

    from copilot_lsp.lifetime import serve
    from copilot_lsp.logs import set_up_logging

    set_up_logging(args.log_level)
    # A thread that gathers context must not hold up a key for longer.
    sys.setswitchinterval(0.001)
    server = _server(args, socket)
    gc.freeze()
    gc.enable()
    return asyncio.run(serve(server, reader, writer))


def socket_of(address: str | None) -> Path | None:
    """The socket that ``--host`` names; None without it. Raises ``SlipstreamError`` for any other address."""
    if address is None:
        return None
    kind, _, path = address.partition(":")
    if kind != "unix" or not path.startswith("/"):
        from copilot.errors import SlipstreamError

        raise SlipstreamError(
            f"--host {address} names no engine host.",
            hint="It takes unix:/path/to.sock, an absolute path to a host's socket.",
            code="bad_host_address",
        )
    return Path(path)


def _server(args: argparse.Namespace, socket: Path | None) -> "Server":
    from copilot.config.load import as_options, load
    from copilot.errors import SlipstreamError
    from copilot_lsp.server import Server

    host_options = as_options(args.config_file, args.overrides)
    try:
        loaded = load(args.config_file, args.overrides)
        server = Server(loaded.settings, start_messages=loaded.warnings, host_options=host_options, host_socket=socket)
    except SlipstreamError as error:
        # An editor that is told why has a server; one whose server does not start has a riddle.
        message = f"{error} No completions come until it is corrected and the language server started again."
        server = Server(None, start_messages=(message,))
    return server
