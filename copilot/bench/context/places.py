"""Places in a file where a name of another file is used, and places where only its own are."""

import re
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from random import Random
from typing import TYPE_CHECKING

import msgspec

from copilot.context.candidates import Question
from copilot.context.definitions import own_names
from copilot.context.imported import Imports, statement_lines
from copilot.context.near import Name, names_in
from copilot.context.view import Cache, View
from copilot.index.parsed import language_at
from copilot.syntax.source import Source

if TYPE_CHECKING:
    from copilot.bench.context.workspace import Workspace

LINE_LENGTHS = range(12, 121)
"""Characters of a line that is asked for, without its indentation."""

PER_FILE = 1
"""Places of a kind that are taken from one file, so that no file decides."""

_COMMON_ELSEWHERE = 4
_HEADER = re.compile(r"\s*(?:export\s+|default\s+|async\s+|pub\s+)*(?:def|class|function|func|fn|interface)\b")
_WORDS = """
then push map filter forEach length slice test exec indexOf includes get set has add delete call apply bind toString
read write close open name value on once off emit error end pipe json text resolve reject catch finally next done
"""
_BUILTIN_MEMBERS = frozenset(
    name for kind in (str, bytes, list, dict, set, tuple, int, float, type, object) for name in dir(kind)
) | frozenset(_WORDS.split())


class Kind(StrEnum):
    LINE = "next line"
    """A whole line is missing, its indentation is there."""
    CALL = "next call"
    """The line is missing from the name of what is called."""
    ARGUMENTS = "arguments"
    """The line is missing from behind the bracket of a call."""
    OWN = "own file"
    """A whole line that uses only what the file itself defines."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """``line`` and ``column`` from 0; ``gold``: what stood from there to the line's end. ``cross``: the names in
    ``gold`` that another file defines. ``seen``: the file names them all elsewhere too, imports aside."""

    package: str
    path: str
    kind: Kind
    line: int
    column: int
    gold: str
    cross: tuple[str, ...] = ()
    seen: bool = False


def tells(text: str, whole: str) -> bool:
    """Whether the very line ``whole`` is in ``text``: another file has it too."""
    wanted = whole.strip()
    return any(line.strip() == wanted for line in text.split("\n"))


def chosen(workspace: "Workspace", kinds: Mapping[Kind, int], seed: int) -> list[Place]:
    """So many places of each kind, or as many as there are, by ``seed`` and the package's name."""
    rng = Random(f"{seed} {workspace.package.name}")  # noqa: S311 - no secret
    paths = list(workspace.paths)
    rng.shuffle(paths)
    found: dict[Kind, list[Place]] = {kind: [] for kind in kinds}
    for path in paths:
        if all(len(found[kind]) >= count for kind, count in kinds.items()):
            break
        with workspace.without(path) as text:
            of_file = list(places(text, path, workspace))
        rng.shuffle(of_file)
        lines: set[int] = set()
        for kind, count in kinds.items():
            own = [it for it in of_file if it.kind is kind and it.line not in lines]
            taken = own[: min(PER_FILE, count - len(found[kind]))]
            lines.update(it.line for it in taken)
            found[kind] += taken
    return [place for kind in kinds for place in found[kind]]


def places(text: str, path: str, workspace: "Workspace") -> Iterator[Place]:
    """All of a file that the index of ``workspace`` does not have."""
    language = language_at(path)
    source = Source.of(text, language)
    if source is None:
        return
    lines = text.split("\n")
    view = View(Question(path, language, text, 0, 0), workspace.reader, workspace.gate, Cache())
    imports = view.imports
    own = own_names(text)
    members = _own_members(text)
    left_out = set(statement_lines(text, lines))
    starts = _starts(lines)
    on_line: dict[int, list[tuple[int, str]]] = {}
    for token in source.names:
        at = _line_of(token.start, starts)
        on_line.setdefault(at, []).append((token.start - starts[at], token.text))
    uses = [(at, name.name) for at, line in enumerate(lines) if at not in left_out for name in names_in(line, language)]
    for at, tokens in on_line.items():
        line = lines[at]
        if at in left_out or len(line.strip()) not in LINE_LENGTHS:
            continue
        code = {name for _, name in tokens}
        names = [name for name in names_in(line, language) if name.name in code]
        cross = {name.name: name for name in names if _is_cross(name, imports, own | members, view)}
        place = _Line(workspace.package.name, path, at, line, language)
        if cross:
            yield from place.crossing(cross, tokens, uses)
        elif len(names) > 1 and not _HEADER.match(line) and _is_own(names, imports, own, members):
            yield place.whole(Kind.OWN, (), seen=False)


class _Line:
    """A line that places are made of."""

    def __init__(self, package: str, path: str, at: int, line: str, language: str) -> None:
        self._package, self._path, self._at, self._line = package, path, at, line
        self._language = language

    def whole(self, kind: Kind, cross: Sequence[str], *, seen: bool) -> Place:
        return self._place(kind, len(self._line) - len(self._line.lstrip()), cross, seen=seen)

    def crossing(
        self, cross: Mapping[str, Name], tokens: Sequence[tuple[int, str]], uses: Sequence[tuple[int, str]]
    ) -> Iterator[Place]:
        elsewhere = {name for at, name in uses if at != self._at}
        yield self.whole(Kind.LINE, tuple(cross), seen=elsewhere.issuperset(cross))
        for column, name in tokens:
            if name in cross and cross[name].called and self._line[column + len(name) :].lstrip().startswith("("):
                after = [other for start, other in tokens if start >= column and other in cross]
                yield self._place(Kind.CALL, column, after, seen=elsewhere.issuperset(after))
                behind = self._line.index("(", column) + 1
                if not self._line[behind:].lstrip().startswith(")") and self._line[behind:].strip():
                    inside = [other for start, other in tokens if start >= behind and other in cross]
                    yield self._place(Kind.ARGUMENTS, behind, inside, seen=elsewhere.issuperset(inside))
                return

    def _place(self, kind: Kind, column: int, cross: Sequence[str], *, seen: bool) -> Place:
        return Place(
            package=self._package,
            path=self._path,
            kind=kind,
            line=self._at,
            column=column,
            gold=self._line[column:].rstrip(),
            cross=tuple(dict.fromkeys(cross)),
            seen=seen,
        )


def _is_cross(name: Name, imports: Imports, own: frozenset[str], view: View) -> bool:
    if not name.receiver:
        imported = imports.names.get(name.name)
        return imported is not None and bool(imported.name)
    module = imports.names.get(name.receiver)
    if module is not None and any(name.name in view.symbols(path).by_name for path in module.paths):
        return True
    if name.name in own or name.name in _BUILTIN_MEMBERS or name.name.startswith("__"):
        return False
    if name.receiver in imports.foreign:
        return False
    rows = [row for row in view.definitions(name.name) if row.scope]
    return 0 < len(rows) <= _COMMON_ELSEWHERE


def _is_own(names: Sequence[Name], imports: Imports, own: frozenset[str], members: frozenset[str]) -> bool:
    if any(name.name in imports.names or name.receiver in imports.names for name in names):
        return False
    return any(name.name in (members if name.receiver in ("self", "this") else own) for name in names)


def _own_members(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\b(?:self|this|cls)\.(\w+)\s*(?::[^=\n]*)?=[^=]", text))


def _starts(lines: Sequence[str]) -> list[int]:
    starts, at = [], 0
    for line in lines:
        starts.append(at)
        at += len(line) + 1
    return starts


def _line_of(offset: int, starts: Sequence[int]) -> int:
    from bisect import bisect_right

    return bisect_right(starts, offset) - 1
