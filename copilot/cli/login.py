"""Use a shared host instead of one on this machine. The token is asked for, or read from a pipe."""

import argparse
import asyncio
import getpass
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from copilot.client.login import Login


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", help="the address of the shared host, such as https://gpu-box:8443")
    parser.add_argument("--ca", metavar="FILE", help="PEM file of the authority that signed its certificate")
    parser.add_argument("--proxy", metavar="URL", default="", help="http:// address of a proxy that leads there")
    parser.add_argument(
        "--insecure-lan", action="store_true", help="also in clear text, to a host that listens so on purpose"
    )
    parser.add_argument("--no-keyring", action="store_true", help="keep the token in a file that only you can read")


def run(args: argparse.Namespace) -> int:
    from copilot.client import login

    url = args.url.rstrip("/")
    ca = str(Path(args.ca).absolute()) if args.ca else ""
    given = login.Login(url=url, ca=ca, proxy=args.proxy, insecure=args.insecure_lan)
    # Before the token is asked for: is that an address, and may it be sent there?
    given.dial()
    given = msgspec.structs.replace(given, token=_token())
    model = asyncio.run(_checked(given))
    where = login.save(given, keyring=not args.no_keyring)
    print(f"Logged in to {url}, which completes with {model}. The token is in {where}.")
    print("Editors and windows that run use it once they are started again; `slipstream logout` goes back.")
    return 0


def _token() -> str:
    """Not an argument: whoever lists processes could read it, and the shell would remember it."""
    try:
        token = (getpass.getpass("Token: ") if sys.stdin.isatty() else sys.stdin.readline()).strip()
    except EOFError:
        token = ""
    if not (token.isascii() and token.isprintable() and token):
        raise SlipstreamError(
            "No token was given.", hint="Whoever runs the host makes one with `slipstream users add`.", code="no_token"
        )
    return token


async def _checked(login: "Login") -> str:
    """The host's model. Raises :class:`SlipstreamError` where it is not there or does not take the token."""
    from copilot.client.failures import HostError
    from copilot.client.host import HostClient

    async with HostClient(login=login) as client:
        try:
            await client.ensure_running()
            status = await client.status()
        except HostError as error:
            if error.code == "unauthorized":
                raise SlipstreamError(
                    f"{login.url} does not take this token.",
                    hint="Whoever runs the host makes a new one with `slipstream users rotate NAME`.",
                    code="unauthorized",
                ) from None
            raise
    return status.model or "no model yet" if status is not None else "no model yet"
