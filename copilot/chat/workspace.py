"""The files of a workspace as someone names them in a question: ``@file``, ``@folder``, ``@symbol``, ``@diff``.

Reads the disk, so it belongs in a thread. All of it comes through the gate: what is ignored, excluded, no text or
likely to hold secrets is neither offered nor attached. Where there is an index, names are looked up in it.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urlsplit

from copilot.chat.attachments import Attachment, AttachmentKind, text_digest
from copilot.chat.staged import Hides, nothing_hidden, uncommitted_diff
from copilot.context.rules import NEVER_CHOSEN
from copilot.errors import SlipstreamError
from copilot.safety.gate import Gate, Refusal, Refused
from copilot.safety.inside import normal
from copilot.syntax.grammar import LANGUAGES
from copilot.text.languages import language_of
from copilot.text.line_ends import to_newlines

if TYPE_CHECKING:
    from copilot.index.reader import Reader
    from copilot.syntax.outline import Symbol as Outlined

MOST_FILES = 20_000
_MOST_IN_FOLDER = 20
_MOST_FOLDER_CHARACTERS = 60_000
_NO_NAMES = frozenset({"json", "jsonc", "css"})

Shown = Callable[[str], str | None]
"""The text of a path as an editor shows it, None where it doesn't."""


class Symbol(NamedTuple):
    """``first`` and ``last`` line count from 1; ``path`` is relative to the workspace."""

    name: str
    path: str
    first: int
    last: int


class Workspace:
    """``index``: of the same root; ``shown``: what is open wins over the disk; ``hides``: what the user wants no model
    to be shown."""

    def __init__(
        self,
        gate: Gate,
        index: "Reader | None" = None,
        shown: Shown = lambda path: None,
        hides: Hides = nothing_hidden,
    ) -> None:
        self.gate = gate
        self.index = index
        self.hides = hides
        self._shown = shown

    @classmethod
    def of(cls, root: Path, exclude: Sequence[str] = (), shown: Shown = lambda path: None) -> "Workspace":
        """With the index of ``root`` where there is one, and what its user hides of it. ``exclude``: patterns of the
        user's."""
        from copilot.context.steering import steering_file
        from copilot.index.reader import Reader

        gate = Gate(root, exclude=exclude)
        return cls(gate, Reader.of(gate.root, gate), shown, steering_file().of(gate.root).hides)

    def close(self) -> None:
        if self.index is not None:
            self.index.close()

    @property
    def root(self) -> Path:
        return self.gate.root

    @property
    def indexed(self) -> bool:
        return self.index is not None and self.index.generation > 0

    def allows(self, path: str) -> bool:
        """Whether it may be named at all; what was indexed may have been excluded since."""
        return not self.hides(path) and self.gate.refusal(path) is None

    def allows_folder(self, path: str) -> bool:
        return not self.hides(path) and self.gate.refusal(path, is_folder=True) is None

    # ------------------------------------------------------------------------------------------ what there is

    def files(self, letters: str = "") -> list[str]:
        """Relative paths, sorted; from an index those that hold the first of ``letters``."""
        if self.index is not None and self.index.generation > 0:
            return sorted(self.index.paths(letters[:1] or ".", MOST_FILES))
        return sorted(path for path in self._walked() if "\n" not in path)

    def _walked(self) -> list[str]:
        paths = []
        for found in self.gate.walk():
            paths.append(found.path)
            if len(paths) >= MOST_FILES:
                break
        return paths

    def folders(self, files: Sequence[str]) -> list[str]:
        found = {str(parent) for name in files for parent in PurePosixPath(name).parents}
        return sorted(found - {"."})

    def symbols(self, name: str, seconds: float = 1.5) -> list[Symbol]:
        """Definitions whose name holds ``name``, those that begin so first; without an index of as many files as can
        be read in ``seconds``, and only those that begin so.
        """
        if self.index is not None and self.index.generation > 0:
            rows = self.index.named(name, 50)
            return [Symbol(it.name, it.path, it.first, it.last) for it in rows if self.allows(it.path)]
        until = time.monotonic() + seconds
        found: list[Symbol] = []
        wanted = name.lower()
        for path in self.files():
            if time.monotonic() > until or len(found) >= 50:
                break
            if language_of(PurePosixPath(path)) not in LANGUAGES - _NO_NAMES:
                continue
            try:
                text = self.text(path)
            except SlipstreamError:
                continue
            # Parsing costs a hundred times what looking does.
            if wanted in text.lower():
                found += [
                    Symbol(it.name, path, it.first, it.last)
                    for it in _outlined(path, text)
                    if it.name.lower().startswith(wanted)
                ]
        return sorted(found, key=lambda it: (it.name.lower() != wanted, len(it.name), it.path))

    # ------------------------------------------------------------------------------------ what can be attached

    def text(self, path: str) -> str:
        """As an editor shows it, or as it lies on the disk; secrets masked. Raises :class:`SlipstreamError` ``hidden``
        or :class:`Refused`."""
        if self.hides(normal(path) or path):
            raise SlipstreamError(
                f"{path!r} is not shown to the model: you said so.",
                hint="Take that back in the editor, with `slipstream.context.reset`.",
                code="hidden",
            )
        shown = self._shown(path)
        if shown is None:
            return self.gate.read(path).text
        if (refusal := self.gate.refusal(path)) is not None:
            # An open file is refused as one on the disk is: it was named, not looked at.
            raise Refused(path, refusal)
        return to_newlines(self.gate.shown(path, shown))

    def file(self, path: str) -> Attachment:
        """Raises :class:`Refused`."""
        text = self.text(path)
        return Attachment(
            kind=AttachmentKind.FILE,
            label=path.rpartition("/")[2],
            text=text,
            path=path,
            uri=self._uri(path),
            language=language_of(PurePosixPath(path)),
            digest=text_digest(text),
        )

    def symbol(self, symbol: Symbol) -> Attachment:
        """Where it stands now: the nearest of its name to where it was."""
        text = self.text(symbol.path)
        named = [it for it in _outlined(symbol.path, text) if it.name == symbol.name]
        now = min(named, key=lambda it: abs(it.first - symbol.first), default=None)
        first, last = (now.first, now.last) if now is not None else (symbol.first, symbol.last)
        return self._piece(symbol.path, text, first, last, name=symbol.name)

    def lines(self, path: str, first: int, last: int, *, reason: str = "") -> Attachment:
        """These lines as they are now, as far as the file has them."""
        return self._piece(path, self.text(path), first, last, reason=reason)

    def _piece(self, path: str, text: str, first: int, last: int, *, name: str = "", reason: str = "") -> Attachment:
        lines = text.split("\n")
        last = max(1, min(last, len(lines)))
        first = max(1, min(first, last))
        return Attachment(
            kind=AttachmentKind.SYMBOL if name else AttachmentKind.SELECTION,
            label=name or f"{path.rpartition('/')[2]}:{first}-{last}",
            text="\n".join(lines[first - 1 : last]),
            path=path,
            uri=self._uri(path),
            language=language_of(PurePosixPath(path)),
            first=first,
            last=last,
            digest=text_digest(text),
            reason=reason,
        )

    def folder(self, folder: str) -> Attachment:
        """The list of its files, and the beginning of as many of them as there is room for."""
        folder = folder.strip("/")
        below = (name for name in self._walked() if PurePosixPath(name).is_relative_to(folder))
        inside = sorted(name for name in below if not self.hides(name))
        parts = ["\n".join(inside[:500])]
        room = _MOST_FOLDER_CHARACTERS
        for name in [it for it in inside if it.rpartition("/")[2] not in NEVER_CHOSEN][:_MOST_IN_FOLDER]:
            try:
                text = self.text(name)
            except Refused:
                continue
            if len(text) > room:
                break
            room -= len(text)
            parts.append(f"--- {name} ---\n{text}")
        if not inside:
            raise SlipstreamError(f"There is no file in {folder} that may be read.", code="no_file")
        return Attachment(kind=AttachmentKind.FOLDER, label=f"{folder}/", text="\n\n".join(parts), path=folder)

    def diff(self) -> Attachment:
        """Raises :class:`SlipstreamError` ``nothing_changed``, ``no_repository`` or another of Git's."""
        diff = uncommitted_diff(self.gate, self.hides)
        return Attachment(kind=AttachmentKind.DIFF, label="uncommitted changes", text=diff, language="diff")

    def _uri(self, path: str) -> str:
        return (self.root / path).as_uri()


def texts_now(workspace: Workspace, attachments: Iterable[Attachment]) -> dict[str, str | None]:
    """Of the files that were attached as they are now, by path; None for those that are not there any more.

    Those that lie elsewhere, or that may not be read, are left out: nothing can be said of them.
    """
    found: dict[str, str | None] = {}
    for it in attachments:
        if it.path in found or not it.uri or unquote(urlsplit(it.uri).path) != str(workspace.root / it.path):
            continue
        try:
            found[it.path] = workspace.text(it.path)
        except SlipstreamError as error:
            if isinstance(error, Refused) and error.reason is Refusal.NO_FILE:
                found[it.path] = None
    return found


def _outlined(path: str, text: str) -> "tuple[Outlined, ...]":
    from copilot.syntax.outline import outline

    found = outline(text, language_of(PurePosixPath(path)))
    return found.symbols if found is not None else ()
