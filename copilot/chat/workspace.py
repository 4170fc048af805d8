"""The files of a workspace as someone names them in a question: ``@file``, ``@folder``, ``@symbol``, ``@diff``.

Reads the disk, so it belongs in a thread. Only regular text files inside the folder are read, of a size that a model
could see; a link that leads out of it leads nowhere.
"""

import os
import stat
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from copilot.chat.attachments import Attachment, AttachmentKind, file_attachment
from copilot.chat.git import git
from copilot.chat.staged import uncommitted_diff
from copilot.errors import SlipstreamError
from copilot.syntax.grammar import LANGUAGES
from copilot.syntax.source import Source
from copilot.text.languages import language_of
from copilot.text.line_ends import to_newlines

MOST_BYTES = 1_000_000
MOST_FILES = 20_000
_MOST_IN_FOLDER = 20
_MOST_FOLDER_CHARACTERS = 60_000
_MOST_LISTED_BYTES = 4_000_000
_NOT_ENTERED = frozenset({"node_modules", "__pycache__", "venv", "target", "build", "dist"})


class Symbol(NamedTuple):
    """``first`` and ``last`` line count from 1; ``path`` is relative to the workspace."""

    name: str
    path: str
    first: int
    last: int


class Workspace:
    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def files(self) -> list[str]:
        """Relative paths: what Git tracks or would, else what lies there, without hidden and built folders."""
        try:
            listed = git(
                self.root,
                *("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"),
                most_bytes=_MOST_LISTED_BYTES,
            )
        except SlipstreamError:
            return sorted(self._walked())
        return sorted(name for name in listed.split("\0")[:MOST_FILES] if name and "\n" not in name)

    def _walked(self) -> Iterator[str]:
        count = 0
        for folder, folders, names in os.walk(self.root):
            folders[:] = [it for it in folders if not it.startswith(".") and it not in _NOT_ENTERED]
            for name in names:
                if name.startswith(".") or "\n" in name:
                    continue
                yield (Path(folder) / name).relative_to(self.root).as_posix()
                count += 1
                if count >= MOST_FILES:
                    return

    def folders(self, files: Sequence[str]) -> list[str]:
        found = {str(parent) for name in files for parent in PurePosixPath(name).parents}
        return sorted(found - {"."})

    def symbols(self, files: Sequence[str], name: str, seconds: float = 1.5) -> list[Symbol]:
        """Definitions whose name begins with ``name``, of as many files as can be read in ``seconds``."""
        until = time.monotonic() + seconds
        found: list[Symbol] = []
        wanted = name.lower()
        for path in files:
            if time.monotonic() > until or len(found) >= 50:
                break
            language = language_of(PurePosixPath(path))
            if language not in LANGUAGES or language in {"json", "jsonc", "css"}:
                continue
            try:
                text = self._text(path)
            except SlipstreamError:
                continue
            # Parsing costs a hundred times what looking does.
            if wanted in text.lower() and (source := Source.of(text, language)) is not None:
                found += [
                    Symbol(it.name, path, text.count("\n", 0, it.start) + 1, text.count("\n", 0, it.end) + 1)
                    for it in source.definitions
                    if it.name.lower().startswith(wanted)
                ]
        return sorted(found, key=lambda it: (it.name.lower() != wanted, len(it.name), it.path))

    def file(self, path: str) -> Attachment:
        """Raises :class:`SlipstreamError` ``no_file`` or ``no_text``."""
        text = self._text(path)
        return file_attachment(path, (self.root / path).as_uri(), language_of(PurePosixPath(path)), text)

    def symbol(self, symbol: Symbol) -> Attachment:
        whole = self.file(symbol.path)
        lines = whole.text.split("\n")[symbol.first - 1 : symbol.last]
        return Attachment(
            kind=AttachmentKind.SYMBOL,
            label=symbol.name,
            text="\n".join(lines),
            path=symbol.path,
            uri=whole.uri,
            language=whole.language,
            first=symbol.first,
            last=symbol.last,
        )

    def folder(self, folder: str, files: Sequence[str]) -> Attachment:
        """The list of its files, and the beginning of as many of them as there is room for."""
        inside = [name for name in files if PurePosixPath(name).is_relative_to(folder)]
        parts = ["\n".join(inside[:500])]
        room = _MOST_FOLDER_CHARACTERS
        for name in inside[:_MOST_IN_FOLDER]:
            try:
                text = self._text(name)
            except SlipstreamError:
                continue
            if len(text) > room:
                break
            room -= len(text)
            parts.append(f"--- {name} ---\n{text}")
        if not inside:
            raise SlipstreamError(f"There is no file in {folder}.", code="no_file")
        return Attachment(kind=AttachmentKind.FOLDER, label=f"{folder}/", text="\n\n".join(parts), path=folder)

    def diff(self) -> Attachment:
        """Raises :class:`SlipstreamError` ``nothing_changed``, ``no_repository`` or another of Git's."""
        return Attachment(
            kind=AttachmentKind.DIFF, label="uncommitted changes", text=uncommitted_diff(self.root), language="diff"
        )

    def _text(self, path: str) -> str:
        file = self.root / path
        try:
            if not file.resolve().is_relative_to(self.root):
                raise SlipstreamError(f"{path} leads out of the workspace.", code="no_file")
            descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            with os.fdopen(descriptor, "rb") as opened:
                info = os.fstat(descriptor)
                # A pipe or a device would never end.
                if not stat.S_ISREG(info.st_mode) or info.st_size > MOST_BYTES:
                    raise _no_text(path)
                data = opened.read(MOST_BYTES + 1)
        except OSError as error:
            raise SlipstreamError(f"{path} cannot be read: {error.strerror}.", code="no_file") from error
        if b"\0" in data:
            raise _no_text(path)
        try:
            return to_newlines(data.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise _no_text(path) from None


def _no_text(path: str) -> SlipstreamError:
    return SlipstreamError(f"{path} is no text file of at most {MOST_BYTES // 1_000_000} MB.", code="no_text")
