"""From a path to problems: published sets, or any source files. The kind is read off what is there."""

import gzip
import json
import os
import sys
import zlib
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from copilot.bench.quality.masking import SourceText, mask
from copilot.bench.quality.problems import Problem, Stratum
from copilot.bench.quality.rows import CROSSCODE_FIELDS, HUMANEVAL_FIELDS, crosscode, has_fields, humaneval
from copilot.errors import SlipstreamError
from copilot.text.languages import language_of
from copilot.text.line_ends import to_newlines

_SETS = (".jsonl", ".jsonl.gz")
_MOST_BYTES = 512 * 1024
"""Of a source file; larger ones are seldom written by hand."""
_MOST_FILES = 2_000
_SKIPPED = {"node_modules", "__pycache__", "venv", "site-packages", "vendor", "dist", "build", "target"}
_NO_CODE = {"plaintext", "markdown", "restructuredtext", "json", "yaml", "toml", "ini", "xml", "latex"}


class Data(NamedTuple):
    """``what`` is for people. ``problems`` are in their seeded order."""

    what: str
    problems: list[Problem]


def load(path: Path | None, *, seed: int, limit: int, strata: Sequence[Stratum]) -> Data:
    """At most ``limit`` problems of each stratum, or all where it is 0; the shipped sample where ``path`` is None.

    Raises :class:`SlipstreamError` ``no_data`` or ``bad_data``, with a sentence that says what would do.
    """
    if path is None:
        with resources.as_file(resources.files("copilot.bench.quality").joinpath("sample")) as sample:
            return Data(
                "the sample that comes with Slipstream", _chosen(_of_sets(_sets_in(sample), seed), limit, strata)
            )
    if not path.exists():
        raise SlipstreamError(f"There is no file or folder {path}.", hint="Check the name.", code="no_data")
    sets = _sets_in(path)
    if sets:
        what, problems = f"{len(sets)} set{'s' * (len(sets) > 1)} in {path}", _of_sets(sets, seed)
    else:
        sources = _sources_in(path, seed)
        what = f"lines of {len(sources)} source file{'s' * (len(sources) > 1)} in {path}"
        # Without a limit every file gives some, not all of its lines: more of the same file says little.
        problems = mask(sources, seed, per_source=max(1, limit) if limit else 20)
    chosen = _chosen(problems, limit, strata)
    if not chosen:
        raise SlipstreamError(
            f"{path} has nothing to measure at {', '.join(strata)}.",
            hint="Name other places with --places, or more data.",
            code="no_data",
        )
    return Data(what, chosen)


def _chosen(problems: Iterator[Problem], limit: int, strata: Sequence[Stratum]) -> list[Problem]:
    """The first of each stratum. Their order stays, so that problems of one text follow each other."""
    room = dict.fromkeys(strata, limit or sys.maxsize)
    kept: list[Problem] = []
    for problem in problems:
        if room.get(problem.stratum, 0):
            kept.append(problem)
            room[problem.stratum] -= 1
            if not any(room.values()):
                break
    return kept


# Sets


def _sets_in(path: Path) -> list[Path]:
    """Files of rows; of a folder those that hold rows of a known kind."""
    if path.is_file():
        return [path] if path.name.endswith(_SETS) else []
    found = [file for file in _files_below(path) if file.name.endswith(_SETS)]
    return [file for file in found if _kind(_first_row(file)) is not None]


def _of_sets(files: Sequence[Path], seed: int) -> Iterator[Problem]:
    for file in files:
        rows = list(_rows(file))
        make = _kind(rows[0] if rows else None)
        if make is None:
            fields = ", ".join(rows[0]) if rows and isinstance(rows[0], dict) else "none"
            raise SlipstreamError(
                f"{file} is no infilling set that is known here: its first row has the fields {fields}.",
                hint=f"Known are rows with {', '.join(HUMANEVAL_FIELDS)} or with {', '.join(CROSSCODE_FIELDS)}.",
                code="bad_data",
            )
        for number, row in enumerate(rows, 1):
            if _kind(row) is not make or not _is_sound(row):
                raise SlipstreamError(
                    f"Row {number} of {file} is not like its first row.",
                    hint="Every row needs the same fields, with text in them.",
                    code="bad_data",
                )
        Random(seed).shuffle(rows)  # noqa: S311 - no secret
        yield from make(rows, seed)


def _kind(row: object) -> Any:
    if has_fields(row, HUMANEVAL_FIELDS):
        return humaneval
    return crosscode if has_fields(row, CROSSCODE_FIELDS) else None


def _is_sound(row: dict[str, Any]) -> bool:
    kinds = {**dict.fromkeys((*HUMANEVAL_FIELDS, *CROSSCODE_FIELDS), str), "metadata": dict}
    return all(isinstance(value, kinds.get(key, object)) for key, value in row.items())


def _first_row(file: Path) -> object:
    try:
        return next(_rows(file), None)
    except SlipstreamError:
        # In a folder of anything, a file that is something else is no mistake.
        return None


def _rows(file: Path) -> Iterator[Any]:
    number = 1
    try:
        with gzip.open(file, "rt", encoding="utf-8") if file.suffix == ".gz" else file.open(encoding="utf-8") as lines:
            for line in lines:
                if line.strip():
                    yield json.loads(line)
                number += 1
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise SlipstreamError(
            f"{file} can't be read at line {number}: {error}.",
            hint="It must be JSON, one object a line, in UTF-8, gzipped if it ends in .gz.",
            code="bad_data",
        ) from None
    except OSError as error:
        raise SlipstreamError(
            f"{file} can't be read: {error.strerror}.", hint="Name a file that you may read.", code="no_data"
        ) from None


# Source files


def _sources_in(path: Path, seed: int) -> list[SourceText]:
    root = path if path.is_dir() else path.parent
    files = list(_files_below(path)) if path.is_dir() else [path]
    Random(seed).shuffle(files)  # noqa: S311 - no secret
    sources: list[SourceText] = []
    for file in files:
        language = language_of(file)
        if path.is_dir() and language in _NO_CODE:
            continue
        text = _text_of(file)
        if text is not None:
            sources.append(SourceText(file.relative_to(root).as_posix(), language, text))
        if len(sources) == _MOST_FILES:
            break
    if not sources:
        raise SlipstreamError(
            f"{path} holds no source files and no infilling sets.",
            hint="Name a folder with source code, or a file of problems (.jsonl, .jsonl.gz).",
            code="no_data",
        )
    return sources


def _text_of(file: Path) -> str | None:
    """None for what nobody edits: binaries, huge and empty files."""
    try:
        if file.stat().st_size > _MOST_BYTES:
            return None
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return None
    return to_newlines(text) if text.strip() and "\0" not in text else None


def _files_below(folder: Path) -> Iterator[Path]:
    """Sorted, without hidden folders and those of dependencies and build products."""
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in _SKIPPED)
        for name in sorted(names):
            file = Path(parent) / name
            if not name.startswith(".") and file.is_file():
                yield file
