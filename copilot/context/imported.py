"""What a document imports from its workspace, though it is being typed in.

Only the statements that import are parsed, and those only when they have changed: a whole document is too much for
each key. Pure, but for the questions to ``Files``.
"""

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from copilot.syntax.outline import Import

_STATEMENT = re.compile(
    r"[ \t]*(?:import\b|from[ \t]+\S+[ \t]+import\b|export\b.*\bfrom\b|export\s*[{*]|#\s*include\b|(?:pub\s+)?use\s|"
    r"(?:pub\s+)?mod\s|extern\s+crate\b|using\s|require(?:_relative)?\b|(?:const|let|var)\b.*\brequire\s*\(|"
    r"(?:static\s+)?import\s)"
)
_WORDS = ("import", "export", "include", "require", "use ", "mod ", "using ", "extern crate")
_STATEMENT_LINES = 60
_MOST_FILES = 4


class Imported(NamedTuple):
    """``name`` as it is called where it is defined ("" for the module itself, "*" for all), ``paths``: where that may
    be, most likely first; ``module`` as written."""

    name: str
    paths: tuple[str, ...]
    module: str


class Imports(NamedTuple):
    """``names``: as they are called here. ``everything``: files all of whose names can be used here. ``paths``: all
    files that are imported from. ``foreign``: names here of what is not in the workspace."""

    names: Mapping[str, Imported]
    everything: tuple[str, ...]
    paths: frozenset[str]
    foreign: frozenset[str]


NONE = Imports({}, (), frozenset(), frozenset())


def statements(lines: "Sequence[str]", numbers: "Sequence[int]") -> str:
    """The lines that import, each to where its brackets are closed. ``numbers``: see :func:`statement_lines`."""
    # Grammars want them at the top, where an import inside a function is not.
    kept = [lines[at].strip() for at in numbers]
    return "\n".join(kept) + "\n" if kept else ""


def statement_lines(text: str, lines: "Sequence[str]") -> list[int]:
    """Their numbers, from 0."""
    kept: list[int] = []
    at, counted = 0, 0
    for start in _starts(text):
        at += text.count("\n", counted, start)
        counted = start
        if kept and at <= kept[-1]:
            continue
        depth, end = 0, at
        while end < min(len(lines), at + _STATEMENT_LINES):
            depth += _depth(lines[end])
            end += 1
            if depth <= 0:
                break
        kept += range(at, end)
    return kept


def begins_statement(line: str) -> bool:
    """Whether it begins one that imports."""
    return _STATEMENT.match(line) is not None


def _starts(text: str) -> list[int]:
    """Where the lines begin that do. To look for words first is many times faster than a pattern at each line."""
    found: set[int] = set()
    for word in _WORDS:
        at = text.find(word)
        while at >= 0:
            start = text.rfind("\n", 0, at) + 1
            if start not in found and _STATEMENT.match(text, start):
                found.add(start)
            end = text.find("\n", at)
            at = text.find(word, end) if end >= 0 else -1
    return sorted(found)


def _depth(line: str) -> int:
    return sum(line.count(it) for it in "({") - sum(line.count(it) for it in ")}")


def imports_of(found: "Sequence[Import]", own_path: str, resolve: "Callable[[Import], Sequence[str]]") -> Imports:
    """``resolve``: the files that a statement may mean, most likely first."""
    names: dict[str, Imported] = {}
    everything: list[str] = []
    paths: set[str] = set()
    foreign: set[str] = set()
    for statement in found:
        files = tuple(it for it in resolve(statement) if it != own_path)[:_MOST_FILES]
        if not files:
            foreign.update(here for _, here in statement.names)
            if not statement.names:
                foreign.add(statement.module.partition(".")[0])
            continue
        paths.update(files)
        if not statement.names:
            last = re.split(r"[./:\\]+", statement.module.strip('./:\\<>"'))[-1]
            names[last] = Imported("", files, statement.module)
            if _brings_everything(own_path):
                everything += files
            continue
        for name, here in statement.names:
            if name == "*":
                everything += files
            elif name in ("", statement.module):
                names[here] = Imported("", files, statement.module)
            else:
                own = tuple(it for it in files if _stem(it) == name)
                # A name that is a file is a module, and what its package itself defines comes second.
                names[here] = Imported("" if own and own[0] == files[0] else name, own or files, statement.module)
    return Imports(names, tuple(dict.fromkeys(everything)), frozenset(paths), frozenset(foreign))


def _stem(path: str) -> str:
    """The file's name without its ending; of a package's own file the package's."""
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    return folder.rpartition("/")[2] if stem in ("__init__", "index", "mod") else stem


def _brings_everything(path: str) -> bool:
    """Whether to import a file is to have all its names."""
    return PurePosixPath(path).suffix in {".c", ".h", ".cc", ".cpp", ".cxx", ".hpp", ".go", ".java", ".cs", ".rb"}
