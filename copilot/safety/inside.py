"""Opening what lies inside a folder, and nothing else: no way up, no link in any part of the path, nothing that waits.

A link that leads to another place inside is not followed either: rules are about names, and it would be a second one.
"""

import errno
import os
import re
import stat
from pathlib import Path

# Line ends and other control characters could end the line of a prompt or a log; lone surrogates are no text.
_NEVER_IN_NAMES = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK opening a pipe waits for its writer.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class LinkError(OSError):
    """The path leads over a link."""


class NotRegularError(OSError):
    """There is something, but no regular file."""


def is_name(name: str) -> bool:
    """Whether a file may be called so and be seen."""
    return (name.isascii() and name.isprintable()) or not _NEVER_IN_NAMES.search(name)


def normal(path: str) -> str | None:
    """``path`` without "." and doubled slashes, "" for the folder itself; None where it is no path inside it."""
    if path.startswith("/") or not is_name(path):
        return None
    if "//" not in path and "." not in path and not path.endswith("/"):
        return path
    parts = [part for part in path.split("/") if part not in {"", "."}]
    return None if ".." in parts else "/".join(parts)


def open_folder(root: Path, path: str) -> int:
    """A descriptor of the folder at ``path`` (normal, "" for ``root`` itself). Raises :class:`OSError`."""
    # The root's own path is the user's: links in it are followed.
    descriptor = os.open(root, FOLDER)
    try:
        for part in path.split("/") if path else ():
            above = descriptor
            try:
                descriptor = os.open(part, FOLDER | os.O_NOFOLLOW, dir_fd=above)
            except NotADirectoryError as error:
                if _is_link(part, above):
                    raise LinkError(error.errno, error.strerror, path) from error
                raise
            finally:
                if descriptor != above:
                    os.close(above)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def open_file(root: Path, path: str) -> int:
    """A descriptor of the regular file at ``path`` (normal); reading it never waits.

    Raises :class:`LinkError`, :class:`NotRegularError` or another :class:`OSError`.
    """
    folder, _, name = path.rpartition("/")
    above = open_folder(root, folder)
    try:
        mode = os.stat(name, dir_fd=above, follow_symlinks=False).st_mode
        if stat.S_ISLNK(mode):
            raise LinkError(path)
        if not stat.S_ISREG(mode):
            # Opening a device may already do something.
            raise NotRegularError(path)
        descriptor = os.open(name, _FILE, dir_fd=above)
    finally:
        os.close(above)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularError(path)
    return descriptor


def begin_of(path: Path | str, size: int, *, dir_fd: int | None = None, follow: bool = True) -> bytes:
    """Up to ``size`` bytes of a regular file anywhere. Raises :class:`NotRegularError` or another :class:`OSError`."""
    try:
        descriptor = os.open(path, _FILE & ~os.O_NOFOLLOW if follow else _FILE, dir_fd=dir_fd)
    except ValueError as error:
        # A name with a NUL byte, or with what no file system can hold.
        raise FileNotFoundError(errno.ENOENT, str(error), str(path)) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularError(path)
    with os.fdopen(descriptor, "rb") as file:
        return file.read(size)


def _is_link(name: str, above: int) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=above, follow_symlinks=False).st_mode)
    except OSError:
        return False
