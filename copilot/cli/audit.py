"""What the engine host recorded of its use: show it, check that nobody changed it, have a user forgotten.

`slipstream config show` says what is recorded; docs/audit.md explains it.
"""

import argparse
import json
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from copilot import paths
from copilot.audit.chain import verify
from copilot.audit.folder import Folder
from copilot.errors import SlipstreamError
from copilot.safety.invisible import with_invisible_shown

if TYPE_CHECKING:
    from copilot.audit.chain import Verdict

# Each row has them; what is left is told as name=value.
_COMMON = ("seq", "run", "time", "mono", "prev", "event", "tenant")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="show | verify | forget")
    one = actions.add_parser("show", help="the last events, oldest first")
    one.add_argument("--last", type=_count, default=20, metavar="N", help="the last N events (default: 20)")
    one.add_argument("--user", metavar="TENANT", help="only those of one user")
    one.add_argument("--json", action="store_true", help="as they are in the files, one object a line")
    one.add_argument("--folder", metavar="DIR", help=(where := "a copy elsewhere (default: where the host records)"))
    one = actions.add_parser("verify", help="check that no line was changed or taken away")
    one.add_argument("--folder", metavar="DIR", help=where)
    one = actions.add_parser("forget", help="forget everything that is recorded of a user")
    one.add_argument("tenant", metavar="TENANT", help="the user's name, as `show` says it")
    one.add_argument("--yes", action="store_true", help="do not ask")
    one.add_argument("--folder", metavar="DIR", help=where)


def run(args: argparse.Namespace) -> int:
    folder = Path(args.folder) if args.folder else paths.audit_dir()
    if args.action == "verify":
        return _verify(folder)
    if args.action == "forget":
        return _forget(folder, args)
    return _show(folder, args.last, args.user, as_json=args.json)


def _show(folder: Path, last: int, tenant: str | None, *, as_json: bool) -> int:
    rows = deque((row for row in _rows(folder) if tenant in {None, row.get("tenant")}), maxlen=last)
    if not rows and tenant is not None:
        raise SlipstreamError(f"Nothing is recorded of {_shown(tenant)}.", code="nothing_found")
    for row in rows:
        print(json.dumps(row) if as_json else _shown(_line(row)))
    return 0


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    """Those that can be read; what can't is told by ``verify``."""
    with Folder(folder).snapshot() as snapshot:
        for opened in snapshot.files:
            for line in opened.lines():
                try:
                    row = json.loads(line)
                except ValueError:
                    continue
                if isinstance(row, dict):
                    yield row


def _line(row: dict[str, Any]) -> str:
    if row.get("event") == "forgotten":
        return "-                         forgotten"
    others = " ".join(f"{name}={_value(value)}" for name, value in row.items() if name not in _COMMON)
    return f"{row.get('time', '-'):24}  {row.get('event', '-'):13}  {row.get('tenant', '-'):12}  {others}".rstrip()


def _value(value: object) -> str:
    return value if isinstance(value, str) and value and " " not in value else json.dumps(value, ensure_ascii=False)


def _verify(folder: Path) -> int:
    verdict = verify(folder)
    if verdict.broken is not None:
        file, line, reason = verdict.broken
        raise SlipstreamError(
            f"The chain is broken at {file}, line {line}: {reason}",
            hint="Compare with a copy made before, if there is one; `slipstream audit show` still shows all rows.",
            code="audit_broken",
        )
    print("\n".join(describe(verdict)))
    return 0


def describe(verdict: "Verdict") -> list[str]:
    """What holds, in lines for a person."""
    lines = [f"The chain holds: {verdict.lines} lines in {verdict.files} files."]
    if verdict.forgotten:
        lines.append(f"  forgotten  {verdict.forgotten} lines of users who were forgotten")
    if verdict.missing:
        lines.append(f"  missing    {verdict.missing} events that could not be recorded, where the rows say so")
    if verdict.cuts:
        lines.append(f"  cut off    {verdict.cuts} lines by a crash or a loss of power, each marked")
    if verdict.torn:
        lines.append(f"  torn       {verdict.torn} bytes at the very end; the host sets them aside when it starts")
    return [*lines, f"  last       {verdict.last}"]


def _forget(folder: Path, args: argparse.Namespace) -> int:
    from copilot.audit.forgetting import forget

    tenant: str = args.tenant
    if not tenant:
        raise SlipstreamError("A user without a name can't be forgotten.", hint="`slipstream audit show` says names.")
    with Folder(folder).snapshot():
        # Raises where nothing is recorded; else the folder would be made.
        pass
    if not args.yes and not _agreed(tenant):
        print("Nothing was changed.")
        return 1
    count = forget(folder, tenant)
    if not count:
        raise SlipstreamError(f"Nothing is recorded of {_shown(tenant)}.", code="nothing_found")
    print(f"{count} rows of {_shown(tenant)} are forgotten.")
    return 0


def _agreed(tenant: str) -> bool:
    if not sys.stdin.isatty():
        raise SlipstreamError("Nobody can be asked here.", hint="`slipstream audit forget --yes` does not ask.")
    return input(f"Forget all that was recorded of {_shown(tenant)}? [y/N] ").strip().lower() in {"y", "yes"}


def _shown(text: str) -> str:
    """As a terminal may get it: names come from clients, and must not steer it, nor hide."""
    return with_invisible_shown(text).replace("\r", "⟨U+000D⟩").replace("\n", "⟨U+000A⟩")


def _count(text: str) -> int:
    number = int(text)
    if not 0 < number <= 1_000_000:
        raise argparse.ArgumentTypeError("a number from 1 to 1000000")
    return number
