"""What Slipstream knows of a workspace: how far its index is, build it anew, ask it.

The index holds names, signatures and where they stand, never text; whatever Git ignores or `.copilotignore` excludes is
not in it.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from copilot import paths
from copilot.errors import SlipstreamError
from copilot.index.roots import why_not
from copilot.safety.invisible import with_invisible_shown

if TYPE_CHECKING:
    from copilot.index.reader import Reader
    from copilot.index.rows import Counts, SymbolRow
    from copilot.index.status import Status

_SAID = {
    "binary": "binary",
    "huge": "too large",
    "minified": "minified",
    "generated": "generated",
    "no text": "not text in UTF-8",
    "too slow": "take too long to parse",
}
_MAKE = "An editor that uses Slipstream makes it by itself; so does `slipstream index rebuild`."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="status | rebuild | query")
    one = actions.add_parser("status", help="how far the index is, and what is in it")
    one.add_argument("folder", nargs="?", metavar="DIR", help=(where := "the workspace (default: the one around here)"))
    one.add_argument("--json", action="store_true", help="for programs")
    one = actions.add_parser("rebuild", help="forget the index and build it anew")
    one.add_argument("folder", nargs="?", metavar="DIR", help=where)
    one = actions.add_parser("query", help="find symbols, code or files")
    one.add_argument("words", nargs="+", metavar="WORD")
    kind = one.add_mutually_exclusive_group()
    kind.add_argument("--symbol", action="store_const", dest="kind", const="symbol", help="names that hold the words")
    kind.add_argument("--text", action="store_const", dest="kind", const="text", help="code that uses the words")
    kind.add_argument("--path", action="store_const", dest="kind", const="path", help="paths that hold the words")
    one.add_argument("--limit", type=_limit, default=20, metavar="N", help="at most N lines (default: 20)")
    one.add_argument("--dir", dest="folder", metavar="DIR", help=where)


def run(args: argparse.Namespace) -> int:
    root = _root(args.folder)
    if args.action == "status":
        return _status(root, as_json=args.json)
    if args.action == "rebuild":
        return _rebuild(root, args)
    return _query(root, args.words, args.kind, args.limit)


def _status(root: Path, *, as_json: bool) -> int:
    from copilot.index.handle import status_of
    from copilot.index.reader import Reader
    from copilot.index.store import stored_bytes

    reader = Reader.of(root)
    counts, generation = reader.counts(), reader.generation
    changed, phase = reader.meta("changed"), reader.meta("phase")
    reader.close()
    status = status_of(root)
    if as_json:
        figures = {
            "root": str(root),
            "folder": str(paths.index_dir(root)),
            "state": _state(status, generation),
            "bytes": stored_bytes(paths.index_dir(root)),
            "generation": generation,
            "complete": phase == "ready",
            "changed": changed,
            "files": counts.files,
            "symbols": counts.symbols,
            "left_out": counts.left_out,
            "notice": status.notice if status else "",
        }
        print(json.dumps(figures))
    else:
        age = time.time() - float(changed) if changed is not None else None
        print(_shown("\n".join(describe(root, status, counts, generation, age, complete=phase == "ready"))))
    return 0 if generation and (status is None or status.state != "failed") else 1


def describe(
    root: Path, status: "Status | None", counts: "Counts", generation: int, age: float | None, *, complete: bool
) -> list[str]:
    """The status in lines for a person. ``age``: seconds since the index changed. ``complete``: a scan got through."""
    from copilot.index.store import stored_bytes

    if not generation and status is None:
        return [f"There is no index of {root}.", _MAKE]
    folder = paths.index_dir(root)
    left = sum(counts.left_out.values())
    reasons = ", ".join(f"{count} {_SAID.get(why, why)}" for why, count in sorted(counts.left_out.items()))
    return [
        f"The index of {root} is {_in_words(status, complete=complete)}.",
        *([f"  notice    {status.notice}"] if status and status.notice else []),
        f"  place     {folder}, {stored_bytes(folder) / 1e6:.1f} MB",
        f"  files     {counts.files}, symbols {counts.symbols}",
        f"  left out  {f'{left} ({reasons})' if left else 'none'}; ignored and excluded ones are not counted",
        *([f"  changed   {_duration(age)} ago, generation {generation}"] if age is not None else []),
    ]


def _in_words(status: "Status | None", *, complete: bool) -> str:
    if status is None:
        return "not being kept: no editor is open there" + ("" if complete else ", and it is not complete")
    match status.state:
        case "scanning":
            return f"being made: {status.done} of {status.total} files"
        case "polling":
            return "ready, and looks for changes from time to time"
        case "failed":
            return "not up to date"
        case _:
            return "ready, and follows every change"


def _state(status: "Status | None", generation: int) -> str:
    return status.state if status else "idle" if generation else "none"


def _rebuild(root: Path, args: argparse.Namespace) -> int:
    from copilot.config.load import load
    from copilot.index.reader import Reader

    if not root.is_dir():
        raise SlipstreamError(f"{_shown(str(root))} is no folder.", hint="Name the folder of a workspace.")
    if why := why_not(root):
        message = f"Slipstream keeps no index of {_shown(str(root))}: {why}"
        raise SlipstreamError(message, hint="Name the project's own folder.", code="no_workspace")
    loaded = load(args.config_file, args.overrides)
    for warning in loaded.warnings:
        print(f"slipstream index: {warning}", file=sys.stderr)
    reader = Reader.of(root)
    before = reader.meta("created")
    shows = sys.stderr.isatty()
    for status in _followed(root, loaded.settings.context.exclude):
        state = status.writer or status.state
        if state == "failed":
            raise SlipstreamError(status.notice, hint="`slipstream index status` says more.", code="index_failed")
        if shows:
            print(f"\r  {status.done} of {status.total} files ", end="", file=sys.stderr, flush=True)
        if state in {"ready", "polling"} and status.created != before:
            break
    else:
        raise SlipstreamError("The process that makes the index ended.", hint="Try it again.", code="index_failed")
    if shows:
        print(file=sys.stderr)
    counts = reader.counts()
    reader.close()
    print(f"{counts.files} files and {counts.symbols} symbols of {_shown(str(root))} are in the index.")
    return 0


def _followed(root: Path, exclude: tuple[str, ...]) -> "Iterator[Status]":
    """What a process of our own says: it builds the index, or has the one do it that does already."""
    from copilot.index.handle import command
    from copilot.index.status import decoded

    with subprocess.Popen(
        command(root, exclude), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            process.stdin.write("rebuild\n")
            process.stdin.flush()
            for line in process.stdout:
                if (status := decoded(line)) is not None:
                    yield status
        finally:
            process.stdin.close()


def _query(root: Path, words: list[str], kind: str | None, limit: int) -> int:
    from copilot.index.reader import Reader

    reader = Reader.of(root)
    if not reader.generation:
        raise SlipstreamError(f"There is no index of {_shown(str(root))}.", hint=_MAKE, code="no_index")
    lines: list[str] = []
    if kind in {None, "symbol"}:
        lines += _symbols(reader, words, limit)
    if kind == "path":
        lines += [path for path in reader.paths(words[0], limit) if _holds(path, words)]
    if kind == "text" or (kind is None and not lines):
        lines += _places(reader, words, limit)
    reader.close()
    if not lines:
        message = f"Nothing in {_shown(str(root))} fits {_shown(' '.join(words))}."
        raise SlipstreamError(message, code="nothing_found")
    print("\n".join(map(_shown, lines[:limit])))
    return 0


def _symbols(reader: "Reader", words: list[str], limit: int) -> list[str]:
    """Those whose name, scope and path hold all the words, the longest word in the name."""
    longest = max(words, key=len)
    rows = reader.named(longest, limit if len(words) == 1 else 20 * limit)
    return [_line(it) for it in rows if _holds(f"{it.path} {it.scope} {it.name}", words)]


def _line(row: "SymbolRow") -> str:
    return f"{row.path}:{row.first}  {' '.join(row.signature.split()) or f'{row.kind} {row.name}'}"


def _holds(text: str, words: list[str]) -> bool:
    return all(word.lower() in text.lower() for word in words)


def _places(reader: "Reader", words: list[str], limit: int) -> list[str]:
    """The line of each chunk that holds most of what was asked for; the text is what lies on the disk now."""
    from copilot.index.words import words_in

    wanted = list(dict.fromkeys(words_in(words)))
    found = []
    for hit in reader.search(wanted, limit):
        lines = (reader.text(hit.path) or "").split("\n")
        best, text = hit.first, ""
        most = 0
        for number, line in enumerate(lines[hit.first - 1 : hit.last], hit.first):
            count = sum(word in line.lower() for word in wanted)
            if count > most:
                best, text, most = number, line.strip(), count
        found.append(f"{hit.path}:{best}  {text}".rstrip())
    return found


def _root(folder: str | None) -> Path:
    """The folder that was named, or of the one we are in and those above it the first that has an index."""
    if folder is not None:
        return Path(folder).resolve()
    here = Path.cwd()
    return next((it for it in (here, *here.parents) if not why_not(it) and paths.index_dir(it).is_dir()), here)


def _shown(text: str) -> str:
    """As a terminal may get it: what a repository holds must not steer it, nor hide."""
    return with_invisible_shown(text).replace("\r", "⟨U+000D⟩").encode(errors="backslashreplace").decode()


def _limit(text: str) -> int:
    number = int(text)
    if not 0 < number <= 10_000:
        raise argparse.ArgumentTypeError("a number from 1 to 10000")
    return number


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(0.0, seconds):.0f} s"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 48 * 3600 else f"{seconds / 86_400:.0f} days"
