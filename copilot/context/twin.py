"""The file that belongs to a file by its name: the test of a source, the source of a test, a header."""

from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from copilot.context.candidates import Candidate, Source
from copilot.context.near import Near
from copilot.context.shapes import outline_of
from copilot.context.similar import best_window
from copilot.context.view import Cache, View

_HEADERS = (".h", ".hpp", ".hh", ".hxx")
_SOURCES = (".c", ".cc", ".cpp", ".cxx", ".m", ".mm")
_WEB = (".ts", ".tsx", ".js", ".jsx", ".mjs", ".cjs")
_SYMBOLS = 16
_HEADER, _TESTED, _TEST = 0.6, 0.6, 0.35


def twin(view: View, near: Near, cache: Cache) -> Iterator[Candidate]:
    """Its symbols where it is what is tested, or declared; the most similar lines where it is a test."""
    found = _existing(view)
    if found is None:
        return
    path, what = found
    bag = {name.name for name in near.names}
    if what == "test":
        source = view.source(path)
        window = None if source is None else best_window(source, near.bag, cache)
        if source is not None and window is not None:
            first, last, _ = window[0]
            text = "\n".join(source.lines[first - 1 : last])
            reason = "the test of this file, where it is most like the code here"
            yield Candidate(path, first, last, text, Source.TWIN, _TEST, reason)
        return
    rows = [row for row in view.symbols(path).by_scope.get("", ()) if not row.name.startswith("_")]
    ranked = sorted(rows, key=lambda row: (row.name not in bag, row.first))[:_SYMBOLS]
    if ranked:
        kept = sorted(ranked, key=lambda row: row.first)
        reason = "what this file tests" if what == "tested" else f"the {what} of this file"
        score = _TESTED if what == "tested" else _HEADER
        last = max(row.last for row in kept)
        yield Candidate(path, kept[0].first, last, outline_of(kept), Source.TWIN, score, reason)


def _existing(view: View) -> tuple[str, str] | None:
    own = view.question.path
    for tail, what in twins_of(own):
        near_by = str(PurePosixPath(own).parent / tail)
        if view.has(near_by) and view.allowed(near_by) and near_by != own:
            return near_by, what
        others = [path for path in view.ending(tail) if path != own and view.allowed(path)]
        if others:
            return max(others, key=lambda path: (_shared_folders(path, own), -len(path), path)), what
    return None


def twins_of(path: str) -> Sequence[tuple[str, str]]:
    """The names that the twin of ``path`` may have, and what it would be: ``test``, ``tested``, ``header``,
    ``source``."""
    name = PurePosixPath(path)
    stem, suffix = name.stem, name.suffix
    found: list[tuple[str, str]] = []
    if suffix in _HEADERS:
        found += [(stem + other, "source") for other in _SOURCES]
    elif suffix in _SOURCES:
        found += [(stem + other, "header") for other in _HEADERS]
    for mark in (".test", ".spec"):
        if suffix in _WEB and stem.endswith(mark):
            found += [(stem.removesuffix(mark) + other, "tested") for other in dict.fromkeys((suffix, *_WEB))]
    if stem.startswith("test_"):
        found.append((stem.removeprefix("test_") + suffix, "tested"))
    for mark in ("_test", "_spec", "Tests", "Test", "Spec"):
        if stem.endswith(mark) and stem != mark:
            found.append((stem.removesuffix(mark) + suffix, "tested"))
    if any(what == "tested" for _, what in found):
        return found
    if suffix == ".py":
        found += [(f"test_{stem}.py", "test"), (f"{stem}_test.py", "test")]
    elif suffix in _WEB:
        found += [(f"{stem}{mark}{other}", "test") for mark in (".test", ".spec") for other in (suffix, ".ts", ".js")]
    elif suffix in (".go", ".rs", ".rb", *_SOURCES):
        found += [(f"{stem}_test{suffix}", "test")]
    elif suffix in (".java", ".kt", ".cs"):
        found += [(f"{stem}Test{suffix}", "test"), (f"{stem}Tests{suffix}", "test")]
    return found


def _shared_folders(one: str, other: str) -> int:
    """How many names of folders two paths have in common; tests often mirror the tree that they test."""
    return len(set(PurePosixPath(one).parent.parts) & set(PurePosixPath(other).parent.parts))
