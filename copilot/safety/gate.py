"""The one choke point: whatever of a workspace may reach a prompt, a log or the index comes through here."""

import hashlib
import os
import unicodedata
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from copilot.errors import SlipstreamError
from copilot.safety import inside
from copilot.safety.ignores import OWN_FILE, Ignores, Level
from copilot.safety.kinds import LARGEST, kind_of
from copilot.safety.secrets import masked
from copilot.safety.sensitive import is_sensitive
from copilot.text.line_ends import to_newlines


class Refusal(StrEnum):
    """Why a path is not shown. The first four are told by the name alone."""

    IGNORED = "ignored"
    EXCLUDED = "excluded"
    SENSITIVE = "sensitive"
    OUTSIDE = "outside"
    NO_FILE = "no file"
    NOT_REGULAR = "not regular"
    BINARY = "binary"
    HUGE = "huge"
    MINIFIED = "minified"
    GENERATED = "generated"
    NO_TEXT = "no text"


_SAID = {
    Refusal.IGNORED: ("Git ignores it.", "`git check-ignore -v` says by which rule."),
    Refusal.EXCLUDED: ("it is excluded.", f"See {OWN_FILE} and `exclude` in the configuration."),
    Refusal.SENSITIVE: ("files of this name hold secrets.", "Put what isn't secret into a file of another name."),
    Refusal.OUTSIDE: ("it is, or leads, outside the workspace.", "Name a file in it; links are not followed."),
    Refusal.NO_FILE: ("there is no such file, or it can't be read.", "See that it exists and that you may read it."),
    Refusal.NOT_REGULAR: ("it is no regular file.", "Name a file that holds text."),
    Refusal.BINARY: ("it is binary.", "Name a file that holds text."),
    Refusal.HUGE: (f"it is larger than {LARGEST // 1_000_000} MB.", "Select a part of it in the editor."),
    Refusal.MINIFIED: ("it is minified.", "Name the source that it was made of."),
    Refusal.GENERATED: ("it is generated.", "Name the source that it was made of."),
    Refusal.NO_TEXT: ("it is not text in UTF-8.", "Save it as UTF-8."),
}


class Refused(SlipstreamError):  # noqa: N818
    """``reason`` says why; ``code`` is ``refused``."""

    def __init__(self, path: str, reason: Refusal) -> None:
        self.reason = reason
        because, hint = _SAID[reason]
        super().__init__(f"{path!r} is not shown to the model: {because}", hint=hint, code="refused")


class Found(NamedTuple):
    """``path``: posix, relative to the root."""

    path: str
    size: int
    mtime_ns: int


class Seen(NamedTuple):
    """``text``: lines end with "\\n", each secret is masked by as many characters; ``masked``: how many are.

    ``digest``: BLAKE2b of the file's bytes, 16 bytes long.
    """

    path: str
    text: str
    digest: bytes
    size: int
    mtime_ns: int
    masked: int


class Gate:
    """Reads the disk, so it belongs in a thread; several may use it at once."""

    def __init__(self, root: Path, *, exclude: Sequence[str] = ()) -> None:
        """``exclude``: patterns as in .gitignore, from the user's configuration; nothing in a workspace undoes them."""
        self.root = root.resolve()
        self._exclude = tuple(exclude)
        self._made: Ignores | None = None
        # Which files are private may depend on the folder they are in; each such folder begins with a dot.
        self._before = f"{self.root}/" if "/." in unicodedata.normalize("NFKC", str(self.root)) else ""

    def refusal(self, path: str, *, is_folder: bool = False) -> Refusal | None:
        """By name only: ``OUTSIDE``, ``EXCLUDED``, ``SENSITIVE`` or ``IGNORED``, the first that holds, or None.

        The file need not exist; one with a slash at its end is a folder. "" is the root, which may itself be ignored by
        the repository around it.
        """
        normal = inside.normal(path)
        if normal is None:
            return Refusal.OUTSIDE
        is_folder = is_folder or path.endswith("/")
        folder, _, name = normal.rpartition("/")
        level = self._ignores().level(folder)
        if not name:
            return _of_folder(level)
        if level.excludes(name, is_folder=is_folder):
            return Refusal.EXCLUDED
        if not is_folder and self._is_sensitive(normal):
            return Refusal.SENSITIVE
        return Refusal.IGNORED if level.ignores(name, is_folder=is_folder) else None

    def walk(self) -> Iterator[Found]:
        """Every regular file that isn't refused by name, in an order that is always the same.

        Refused folders are not entered, links not followed; what vanishes meanwhile or can't be read is left out.
        """
        ignores = self._ignores()
        level = ignores.level("")
        pending = [] if _of_folder(level) else [("", level)]
        while pending:
            folder, above = pending.pop()
            files, folders, level = self._listed(ignores, folder, above)
            yield from files
            pending += [(it, level) for it in reversed(folders)]

    def _listed(self, ignores: Ignores, folder: str, above: Level) -> tuple[list[Found], list[str], Level]:
        """The files and folders in ``folder`` that aren't refused, by name; and its level."""
        files: list[Found] = []
        folders: list[str] = []
        try:
            descriptor = inside.open_folder(self.root, folder)
        except OSError:
            return files, folders, above
        try:
            with os.scandir(descriptor) as entries:
                by_name = {it.name: it for it in entries}
            level = ignores.entered(above, folder, descriptor, by_name)
            before = f"{folder}/" if folder else ""
            for name in sorted(by_name):
                entry = by_name[name]
                is_folder = entry.is_dir(follow_symlinks=False)
                if not (is_folder or entry.is_file(follow_symlinks=False)) or not inside.is_name(name):
                    continue
                if level.ignores(name, is_folder=is_folder) or level.excludes(name, is_folder=is_folder):
                    continue
                path = before + name
                if is_folder:
                    folders.append(path)
                elif not self._is_sensitive(path) and (info := _stat(entry)):
                    files.append(Found(path, info.st_size, info.st_mtime_ns))
        except OSError:
            # The disk failed in the middle: what was seen until then counts.
            return files, folders, above
        finally:
            os.close(descriptor)
        return files, folders, level

    def read(self, path: str) -> Seen:
        """Raises :class:`Refused`."""
        reason = self.refusal(path)
        normal = inside.normal(path)
        if reason or not normal:
            raise Refused(path, reason or Refusal.NOT_REGULAR)
        data, info = self._data(normal)
        kind = kind_of(normal, data)
        if kind is not None:
            raise Refused(path, Refusal[kind.name])
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise Refused(path, Refusal.NO_TEXT) from None
        text, count = masked(to_newlines(text))
        digest = hashlib.blake2b(data, digest_size=16).digest()
        return Seen(normal, text, digest, len(data), info.st_mtime_ns, count)

    def _data(self, path: str) -> tuple[bytes, os.stat_result]:
        try:
            with os.fdopen(inside.open_file(self.root, path), "rb") as file:
                info = os.fstat(file.fileno())
                if info.st_size > LARGEST:
                    raise Refused(path, Refusal.HUGE)
                # One more, so that one which has grown meanwhile is seen to be huge.
                return file.read(LARGEST + 1), info
        except inside.LinkError:
            raise Refused(path, Refusal.OUTSIDE) from None
        except (inside.NotRegularError, IsADirectoryError):
            raise Refused(path, Refusal.NOT_REGULAR) from None
        except OSError:
            raise Refused(path, Refusal.NO_FILE) from None

    def shown(self, path: str, text: str) -> str:
        """The text of an open buffer, its secrets masked.

        ``path`` may also lie outside the workspace, or lead there over links: the user opened it. Raises
        :class:`Refused` for ``EXCLUDED`` and ``SENSITIVE``, by its own name and by that of the file it leads to.
        """
        if not inside.is_name(path):
            raise Refused(path, Refusal.OUTSIDE)
        for name in {path, self.led_to(path)}:
            reason = self.refusal(name)
            if reason is Refusal.OUTSIDE:
                # Of a file elsewhere only its name and what the user configured say something.
                if is_sensitive(name):
                    reason = Refusal.SENSITIVE
                elif self._ignores().excludes_elsewhere(name):
                    reason = Refusal.EXCLUDED
            if reason in {Refusal.EXCLUDED, Refusal.SENSITIVE}:
                raise Refused(path, reason)
        return masked(text)[0]

    def led_to(self, path: str) -> str:
        """Where ``path`` leads, relative to the root where that is inside it."""
        try:
            real = (self.root / path).resolve()
        except (OSError, RuntimeError):
            # A loop of links.
            return path
        return (real.relative_to(self.root) if real.is_relative_to(self.root) else real).as_posix()

    def _is_sensitive(self, path: str) -> bool:
        return is_sensitive(self._before + path)

    def forget(self) -> None:
        """Ignore files may have changed: read them anew, at the next question."""
        self._made = None

    def renew(self) -> None:
        """The same at once, which asks Git and reads the disk; others get the old answers meanwhile."""
        self._made = Ignores(self.root, self._exclude)

    def _ignores(self) -> Ignores:
        made = self._made
        if made is None:
            made = self._made = Ignores(self.root, self._exclude)
        return made


def _of_folder(level: Level) -> Refusal | None:
    if level.excluded:
        return Refusal.EXCLUDED
    return Refusal.IGNORED if level.ignored else None


def _stat(entry: "os.DirEntry[str]") -> os.stat_result | None:
    try:
        return entry.stat(follow_symlinks=False)
    except OSError:
        return None
