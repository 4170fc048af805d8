"""Source files that traces are made from: what a person would write by hand, below any folder."""

import os
import random
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from copilot.errors import SlipstreamError
from copilot.text.languages import language_of
from copilot.text.line_ends import to_newlines

_NOT_OURS = frozenset(
    {
        "node_modules", "__pycache__", "venv", "env", "site-packages", "vendor", "third_party", "external", "dist",
        "build", "target", "out", "generated", "migrations",
    }
)  # fmt: skip
"""Folders of what others wrote or a program made."""

_NOT_CODE = frozenset({"plaintext", "json", "markdown", "restructuredtext", "xml", "html", "css", "ini", "latex"})
_LEAST_BYTES, _MOST_BYTES = 600, 200_000
_MOST_FILES = 20_000
_LONGEST_LINE = 400


class SourceFile(NamedTuple):
    """``name``: its path below the folder. ``text`` has ``\\n`` for every line end."""

    name: str
    language: str
    text: str


def source_files(folder: Path | None, seed: str) -> Iterator[SourceFile]:
    """Files below ``folder`` in an order that ``seed`` decides, read one by one; None: the samples that come along.

    Left out: hidden folders and those of others' code, what is not code, binary, huge, minified or generated. Raises
    :class:`SlipstreamError` with code ``no_folder`` or ``no_files``.
    """
    if folder is None:
        with resources.as_file(resources.files("copilot.bench.replay") / "samples") as samples:
            yield from source_files(samples, seed)
        return
    if not folder.is_dir():
        raise SlipstreamError(f"There is no folder {folder}.", hint="Check the name.", code="no_folder")
    paths = sorted(_below(folder))
    random.Random(seed).shuffle(paths)  # noqa: S311 - no secret
    found = False
    for path in paths:
        file = _read(path, folder)
        if file is not None:
            found = True
            yield file
    if not found:
        raise SlipstreamError(
            f"{folder} holds no source files that could be typed.",
            hint="Name a folder with code that people wrote, in files of up to 200 KB.",
            code="no_files",
        )


def _below(folder: Path) -> Iterator[Path]:
    number = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name.lower() not in _NOT_OURS]
        for name in names:
            path = Path(parent) / name
            if language_of(path) not in _NOT_CODE and not name.startswith("."):
                number += 1
                yield path
        if number > _MOST_FILES:
            return


def _read(path: Path, folder: Path) -> SourceFile | None:
    try:
        if not path.is_file() or not _LEAST_BYTES <= path.stat().st_size <= _MOST_BYTES:
            return None
        text = to_newlines(path.read_bytes().decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return None
    lines = text.split("\n")
    generated = any("generated" in line.lower() and "do not edit" in line.lower() for line in lines[:10])
    if "\0" in text or generated or any(len(line) > _LONGEST_LINE for line in lines):
        return None
    return SourceFile(path.relative_to(folder).as_posix(), language_of(path), text)
