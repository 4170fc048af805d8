"""Users of a shared host: who may ask for what. A token is shown once; only a hash of it is kept."""

import argparse
import getpass
import json
import sys
import time
from typing import TYPE_CHECKING

from copilot.serve.callers import Scope

if TYPE_CHECKING:
    from copilot.audit.events import Event
    from copilot.serve.users import User, Users

_DEFAULT = (Scope.COMPLETE, Scope.CHAT)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="add | list | rotate | revoke")
    one = actions.add_parser("add", help="let someone in; prints their token")
    one.add_argument("name", metavar="NAME")
    one.add_argument(
        "--scopes",
        type=_scopes,
        default=_DEFAULT,
        metavar="LIST",
        help=f"what for, of {', '.join(Scope)} (default: {','.join(_DEFAULT)})",
    )
    life = "the token is good for N days (default: for ever)"
    one.add_argument("--days", type=_days, default=0, metavar="N", help=life)
    one = actions.add_parser("list", help="who is let in, and for what")
    one.add_argument("--json", action="store_true", help="for programs")
    one = actions.add_parser("rotate", help="a new token for someone; the old one is good no more")
    one.add_argument("name", metavar="NAME")
    one.add_argument("--days", type=_days, default=0, metavar="N", help=life)
    one = actions.add_parser("revoke", help="let someone in no more")
    one.add_argument("name", metavar="NAME")


def run(args: argparse.Namespace) -> int:
    from copilot.audit.events import UserAdded, UserRevoked, UserRotated
    from copilot.serve.users import Users

    users, by = Users(), getpass.getuser()
    if args.action == "add":
        token = users.add(args.name, args.scopes, args.days)
        _record(args, UserAdded(tenant=args.name, by=by, scopes=args.scopes))
        _print_token(args.name, token)
    elif args.action == "rotate":
        token = users.rotate(args.name, args.days)
        _record(args, UserRotated(tenant=args.name, by=by))
        _print_token(args.name, token)
        _note("The old token is good no more.")
    elif args.action == "revoke":
        users.revoke(args.name)
        _record(args, UserRevoked(tenant=args.name, by=by))
        _note(f"{args.name} is let in no more; a host that runs refuses the token from now on.")
    else:
        _list(users, as_json=args.json)
    return 0


def _record(args: argparse.Namespace, event: "Event") -> None:
    """In the audit of the host, whether or not it runs now."""
    from copilot.audit.opening import bus_for
    from copilot.config.load import load

    bus = bus_for(load(args.config_file, args.overrides).settings.audit, shared=True)
    bus.publish(event)
    bus.close()


def _print_token(name: str, token: str) -> None:
    """The token alone on stdout, for programs and pipes."""
    _note(f"The token of {name}, which is shown only now. They give it to `slipstream login`:")
    print(token)


def _list(users: "Users", *, as_json: bool) -> None:
    known = users.all()
    if as_json:
        rows = [
            {"name": name, "scopes": user.scopes, "created": user.created, "expires": user.expires or None}
            for name, user in known.items()
        ]
        print(json.dumps(rows))
        return
    if not known:
        _note("There are no users. `slipstream users add NAME` makes one.")
    width = max(map(len, known), default=0)
    for name, user in known.items():
        print(f"{name:{width}}  {', '.join(user.scopes):20}  {_life(user)}")


def _life(user: "User") -> str:
    made = f"token of {_day(user.created)}"
    if not user.expires:
        return made
    return f"{made}, {'expired' if user.is_expired(time.time()) else 'good until'} {_day(user.expires)}"


def _day(seconds: int) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _scopes(text: str) -> tuple[Scope, ...]:
    try:
        found = tuple(dict.fromkeys(Scope(part.strip()) for part in text.split(",") if part.strip()))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{error}; there are {', '.join(Scope)}") from None
    if not found:
        raise argparse.ArgumentTypeError("name at least one")
    return found


def _days(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 0 < int(text) <= 36_500):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days from 1 on")
    return int(text)
