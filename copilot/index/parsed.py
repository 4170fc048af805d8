"""What the index keeps of a file, as the process that parses hands it to the one that writes. No I/O."""

import json
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

import msgspec

from copilot.index.words import words_in
from copilot.text.languages import language_of

if TYPE_CHECKING:
    from copilot.safety.gate import Seen
    from copilot.syntax.outline import Outline, Symbol

_CHUNK = 40
_LEAST_CHUNK = 20
_MOST_NAMES = 300
_MOST_SYMBOLS = 2_000
_LONGEST_NAME = 120

TOO_SLOW = "too slow"
"""Why a file is left out that could not be parsed in time; the other reasons are those of the gate."""


class Task(msgspec.Struct, array_like=True, frozen=True):
    """A file to look at. ``digest``: of what the index holds of it, empty if nothing. The answer has its ``ticket``."""

    path: str
    ticket: int = 0
    size: int = 0
    mtime_ns: int = 0
    digest: bytes = b""


class Parsed(msgspec.Struct, array_like=True, frozen=True):
    """``gone``: nothing may be kept of it. ``same``: all but size and time is as the index holds it.

    ``symbols``: name, kind, scope, first, last, signature, doc. ``references``: name, lines. ``chunks``: first line,
    last line, words.
    """

    path: str
    ticket: int = 0
    size: int = 0
    mtime_ns: int = 0
    digest: bytes = b""
    gone: bool = False
    same: bool = False
    left_out: str | None = None
    language: str = ""
    lines: int = 0
    symbols: tuple[tuple[str, str, str, int, int, str, str], ...] = ()
    references: tuple[tuple[str, str], ...] = ()
    imports: bytes = b""
    chunks: tuple[tuple[int, int, str], ...] = ()


def language_at(path: str) -> str:
    return language_of(PurePosixPath(path))


def parsed(task: Task, seen: "Seen", outline: "Outline | None") -> Parsed:
    """``outline``: of the text; None for a language without one."""
    lines = seen.text.split("\n")
    if lines and not lines[-1]:
        lines.pop()
    symbols = (
        tuple(it for it in outline.symbols if 0 < len(it.name) <= _LONGEST_NAME)[:_MOST_SYMBOLS] if outline else ()
    )
    return Parsed(
        path=task.path,
        ticket=task.ticket,
        size=seen.size,
        mtime_ns=seen.mtime_ns,
        digest=seen.digest,
        language=language_at(task.path),
        lines=len(lines),
        symbols=symbols,
        references=_references(outline) if outline else (),
        imports=json.dumps([list(it) for it in outline.imports]).encode() if outline and outline.imports else b"",
        chunks=_chunks(lines, symbols),
    )


def _references(outline: "Outline") -> tuple[tuple[str, str], ...]:
    names = [name for name in outline.references if 1 < len(name) <= _LONGEST_NAME]
    # Those that are used most tell most of what the file is about; the sort keeps the file's order otherwise.
    names.sort(key=lambda name: -len(outline.references[name]))
    return tuple((name, ",".join(map(str, outline.references[name]))) for name in names[:_MOST_NAMES])


def _chunks(lines: Sequence[str], symbols: "Sequence[Symbol]") -> tuple[tuple[int, int, str], ...]:
    found = []
    for first, last in windows(len(lines), [it.first for it in symbols]):
        if words := " ".join(words_in(lines[first - 1 : last])):
            found.append((first, last, words))
    return tuple(found)


def windows(count: int, definitions: Sequence[int]) -> list[tuple[int, int]]:
    """Lines 1 to ``count`` in windows of about 40, cut where a definition begins if one begins near enough.

    >>> windows(100, [12, 47, 80])
    [(1, 46), (47, 79), (80, 100)]
    """
    found = []
    starts = sorted({it for it in definitions if 1 < it <= count})
    first, at = 1, 0
    while first <= count:
        if count - first + 1 <= _CHUNK + _LEAST_CHUNK // 2:
            after = count + 1
        else:
            low, ideal, high = first + _LEAST_CHUNK, first + _CHUNK, first + _CHUNK + _LEAST_CHUNK
            while at < len(starts) and starts[at] < low:
                at += 1
            near = [it for it in starts[at : at + _CHUNK] if it <= high]
            after = min(near, key=lambda it: abs(it - ideal)) if near else ideal
        found.append((first, after - 1))
        first = after
    return found
