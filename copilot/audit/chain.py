"""The chain: each line names the SHA-256 of the one before it, from file to file. Nothing here changes a file.

A line that someone had forgotten is a tombstone: it keeps the hash that the line had, so that the chain holds. Who
writes the files can write a new chain as well; what the chain shows is that nobody has changed, taken away or put in
single lines, by accident or in silence.
"""

import hashlib
import os
import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import msgspec

from copilot.audit.folder import Folder, Opened

START = "0" * 64
"""What the first line of all names."""

_TOMBSTONE = re.compile(
    rb'\{"prev":"(?P<prev>[0-9a-f]{64})","event":"forgotten","mark":"[0-9a-f]{8}","was":"(?P<was>[0-9a-f]{64})"\}'
)
_WINDOW = 65_536


class _Line(msgspec.Struct):
    """What the chain needs of a line."""

    prev: str
    event: str
    mark: str = ""
    rows: int = 0


_decoder = msgspec.json.Decoder(_Line)


def linked(prev: str, json: bytes) -> bytes:
    """The line, without its end, of the object ``json`` behind the line whose hash is ``prev``."""
    return b'{"prev":"%b",%b' % (prev.encode(), json[1:])


def digest(line: bytes) -> str:
    """Of a line without its end: the hash that the next one names."""
    tombstone = _TOMBSTONE.fullmatch(line)
    return tombstone["was"].decode() if tombstone else hashlib.sha256(line).hexdigest()


def tombstone(line: bytes, mark: str) -> bytes:
    """What stays of ``line``. ``mark``: 8 hex digits, see ``AuditForgot``. Raises :class:`msgspec.DecodeError`."""
    prev = _decoder.decode(line).prev
    return b'{"prev":"%b","event":"forgotten","mark":"%b","was":"%b"}' % (
        prev.encode(),
        mark.encode(),
        digest(line).encode(),
    )


def is_tombstone(line: bytes) -> bool:
    return _TOMBSTONE.fullmatch(line) is not None


class Tail(NamedTuple):
    """``end``: in bytes, behind the last whole line; what follows is torn. ``digest``: of that line, "" for none."""

    end: int
    digest: str


def tail(descriptor: int) -> Tail:
    """Of a file that may have been cut off anywhere, or hold rubbish at its end."""
    size = os.fstat(descriptor).st_size
    window = _WINDOW
    while True:
        start = max(0, size - window)
        data = os.pread(descriptor, size - start, start)
        end = data.rfind(b"\n")
        while end >= 0:
            begin = data.rfind(b"\n", 0, end) + 1
            if begin == 0 and start > 0:
                break
            if _is_whole(data[begin:end]):
                return Tail(start + end + 1, digest(data[begin:end]))
            end = begin - 1
        if start == 0:
            return Tail(0, "")
        window *= 4


def _is_whole(line: bytes) -> bool:
    try:
        _decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return False
    return True


class Broken(NamedTuple):
    """The first line where the chain does not hold. ``line``: from 1."""

    file: Path
    line: int
    reason: str


class Verdict(NamedTuple):
    """``torn``: bytes at the very end that are no line, since a crash; the next start sets them aside. ``cuts``: marks
    of such earlier ends. ``missing``: events that gaps tell of. ``last``: the hash of the last line."""

    files: int
    lines: int
    forgotten: int
    cuts: int
    missing: int
    torn: int
    last: str
    broken: Broken | None


def verify(folder: Path) -> Verdict:
    """Read every line. The lines before the oldest file's are gone, so its first is believed what it names.

    Raises :class:`SlipstreamError` where nothing is recorded.
    """
    with Folder(folder).snapshot() as snapshot:
        walk = _Walk(head=snapshot.head)
        for opened in snapshot.files:
            walk.file(opened, is_last=opened is snapshot.files[-1])
            if walk.broken:
                break
        return walk.verdict()


class _Walk:
    """One pass along the chain."""

    def __init__(self, *, head: str | None) -> None:
        self.broken: Broken | None = None
        self._head = head
        self._seen_head = False
        self._prev: str | None = None
        self._files = self._lines = self._cuts = self._missing = self._torn = 0
        self._forgotten: Counter[str] = Counter()
        self._allowed: Counter[str] = Counter()
        self._first_tombstone: dict[str, tuple[Path, int]] = {}
        self._at: tuple[Path, int] | None = None

    def file(self, opened: Opened, *, is_last: bool) -> None:
        self._files += 1
        for number, line in enumerate(opened.lines(), 1):
            self._at = opened.file.path, number
            if line.endswith(b"\n"):
                reason = self._line(line[:-1])
            elif is_last:
                self._torn = len(line)
                return
            else:
                reason = "it is cut off."
            if reason:
                self.broken = Broken(*self._at, reason)
                return

    def _line(self, line: bytes) -> str:
        """Why it does not hold; empty if it does."""
        try:
            row = _decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return "it is not what was written: no JSON object of ours."
        if self._prev is not None and row.prev != self._prev:
            return "it does not follow the line before: one of the two was changed, or lines between them are gone."
        self._lines += 1
        self._prev = digest(line)
        self._seen_head |= self._prev == self._head
        if is_tombstone(line):
            self._forgotten[row.mark] += 1
            assert self._at is not None
            self._first_tombstone.setdefault(row.mark, self._at)
        elif row.event == "audit_forgot":
            self._allowed[row.mark] += row.rows
        elif row.event == "audit_break":
            self._cuts += 1
        elif row.event == "audit_gap":
            self._missing += msgspec.json.decode(line, type=_Gap).count
        return ""

    def verdict(self) -> Verdict:
        return Verdict(
            files=self._files,
            lines=self._lines,
            forgotten=self._forgotten.total(),
            cuts=self._cuts,
            missing=self._missing,
            torn=self._torn,
            last=self._prev or START,
            broken=self.broken or self._broken_at_end(),
        )

    def _broken_at_end(self) -> Broken | None:
        for mark, count in self._forgotten.items():
            if count > self._allowed[mark]:
                return Broken(*self._first_tombstone[mark], "it was made a tombstone, and no row says so.")
        if self._head is not None and not self._seen_head and self._at is not None:
            return Broken(*self._at, "it was changed, or lines behind it are gone.")
        return None


class _Gap(msgspec.Struct):
    count: int = 0
