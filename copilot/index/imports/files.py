"""The files of a workspace as what resolves imports sees them, and arithmetic of their paths. No I/O."""

from collections.abc import Iterable, Sequence
from typing import Protocol


class Files(Protocol):
    """Paths are relative to the workspace's root, with "/"; the root itself is ""."""

    def has(self, path: str) -> bool: ...

    def below(self, folder: str) -> Sequence[str]:
        """The files directly in ``folder``."""
        ...

    def ending(self, tail: str) -> Sequence[str]:
        """The files whose path is ``tail`` or ends with "/" and ``tail``."""
        ...

    def text(self, path: str) -> str | None:
        """Of a small file such as go.mod."""
        ...


def folder_of(path: str) -> str:
    return path.rpartition("/")[0]


def joined(folder: str, tail: str) -> str | None:
    """``tail`` as seen from ``folder``, without "." and ".."; None where it leads out of the workspace."""
    parts = folder.split("/") if folder else []
    for part in tail.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part not in {"", "."}:
            parts.append(part)
    return "/".join(parts)


def folders_above(path: str) -> list[str]:
    """The folders around a file or folder, innermost first, with the root at the end."""
    found = []
    while path:
        path = folder_of(path)
        found.append(path)
    return found


def nearest(paths: Iterable[str], importer: str) -> list[str]:
    """Those that share most folders with ``importer`` first, and of these the least deep."""
    own = importer.split("/")[:-1]

    def key(path: str) -> tuple[int, int, str]:
        parts = path.split("/")[:-1]
        common = 0
        for mine, its in zip(own, parts, strict=False):
            if mine != its:
                break
            common += 1
        return -common, len(parts), path

    return sorted(paths, key=key)


def nearest_above(name: str, importer: str, files: Files) -> str | None:
    """The file of this name in the innermost folder around ``importer`` that has one."""
    for folder in folders_above(importer):
        path = f"{folder}/{name}" if folder else name
        if files.has(path):
            return path
    return None
