"""What the index says, as values."""

from collections.abc import Mapping
from typing import NamedTuple


class SymbolRow(NamedTuple):
    """``first`` and ``last`` line count from 1 and are both part of it; see ``copilot.syntax.outline.Symbol``."""

    path: str
    language: str
    name: str
    kind: str
    scope: str
    first: int
    last: int
    signature: str
    doc: str


class ReferenceRow(NamedTuple):
    """Where a file uses a name: at most eight lines, from 1. ``count``: how many of them there are."""

    path: str
    language: str
    lines: tuple[int, ...]
    count: int  # type: ignore[assignment]  # of tuple it has a method of this name, which nobody needs here


class FileRow(NamedTuple):
    path: str
    language: str
    size: int
    mtime_ns: int
    digest: bytes
    lines: int


class ChunkHit(NamedTuple):
    """Lines ``first`` to ``last``, from 1, both part of it. ``score``: BM25, higher is better."""

    path: str
    language: str
    first: int
    last: int
    score: float


class Counts(NamedTuple):
    """``left_out``: files of which nothing is indexed, by the reason: a ``Refusal``, or ``too slow``."""

    files: int
    symbols: int
    left_out: Mapping[str, int]
