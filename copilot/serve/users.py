"""Users of a shared host and the hashes of their tokens: one private file, written by ``slipstream users``.

A token is 256 random bits, shown once. What is kept is a keyed hash of it (BLAKE2b, RFC 7693), so that whoever reads
the file can ask for nothing; since a token can't be guessed there is nothing that a slow hash would add.
"""

import contextlib
import hashlib
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from copilot import paths
from copilot.errors import SlipstreamError
from copilot.serve.callers import Caller, Scope

log = logging.getLogger(__name__)

PREFIX = "lc_"
"""Of every token, so that scanners for secrets know one when they see it."""

_TOKEN = re.compile(r"lc_[A-Za-z0-9_-]{43}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{0,63}")
_BUSY_SECONDS = 5.0
_DAY_SECONDS = 86_400


class User(msgspec.Struct, frozen=True, kw_only=True):
    """``digest``: of the token, in hex. ``created``, ``expires``: seconds since 1970; ``expires`` 0 means never."""

    scopes: tuple[Scope, ...]
    digest: str
    created: int
    expires: int = 0

    def is_expired(self, now: float) -> bool:
        return 0 < self.expires <= now


class _File(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``key``: of the hashes, in hex; empty before there is one."""

    key: Annotated[str, Meta(pattern="^([0-9a-f]{64})?$")]
    users: dict[str, User] = {}


class Users:
    """The users in ``path``. Asking again costs a ``stat`` while nothing was written, so a token that is revoked is
    refused with the next request. ``now``: seconds since 1970."""

    def __init__(self, path: Path | None = None, now: Callable[[], float] = time.time) -> None:
        self._path = path or paths.users_file()
        self._now = now
        self._stamp: tuple[int, int, int] | None = None
        self._failed: tuple[int, int, int] | None = None
        """Of the file that could not be read, which was said."""
        self._key = b""
        self._by_digest: Mapping[str, tuple[str, User]] = {}

    def all(self) -> dict[str, User]:
        """By name. Raises :class:`SlipstreamError` ``users_not_read``."""
        return dict(sorted(self._read().users.items()))

    def caller(self, token: str) -> Caller | None:
        """Whose ``token`` it is, as long as it is good. Where the file can't be read nobody's is."""
        if not _TOKEN.fullmatch(token):
            return None
        self._refresh()
        found = self._by_digest.get(_digest(self._key, token)) if self._key else None
        if found is None or found[1].is_expired(self._now()):
            return None
        return Caller(found[0], frozenset(found[1].scopes))

    def add(self, name: str, scopes: tuple[Scope, ...], days: int = 0) -> str:
        """A new user's token, good for so many ``days``, 0 for ever. Raises :class:`SlipstreamError`: ``bad_name``,
        ``user_exists``, ``users_not_read``, ``users_not_written``."""
        if not _NAME.fullmatch(name):
            raise SlipstreamError(
                f"{name!r} can't be a user's name.",
                hint="Use up to 64 letters, digits and . _ @ + -, a letter or digit first.",
                code="bad_name",
            )
        with self._changing() as users:
            if name in users:
                raise SlipstreamError(
                    f"There is a user {name} already.",
                    hint=f"`slipstream users rotate {name}` makes a new token in place of the old one.",
                    code="user_exists",
                )
            token, digest = self._made()
            now = int(self._now())
            expires = now + days * _DAY_SECONDS if days else 0
            users[name] = User(scopes=scopes, digest=digest, created=now, expires=expires)
        return token

    def rotate(self, name: str, days: int = 0) -> str:
        """A new token for a user; the old one is good no more. Without ``days`` it is good for as many as the old one
        was. Raises ``unknown_user`` and as :meth:`add`."""
        with self._changing() as users:
            user = _known(users, name)
            token, digest = self._made()
            now = int(self._now())
            seconds = days * _DAY_SECONDS or (user.expires - user.created if user.expires else 0)
            expires = now + seconds if seconds else 0
            users[name] = msgspec.structs.replace(user, digest=digest, created=now, expires=expires)
        return token

    def revoke(self, name: str) -> None:
        """Forget a user. Raises as :meth:`rotate`."""
        with self._changing() as users:
            _known(users, name)
            del users[name]

    def _made(self) -> tuple[str, str]:
        token = PREFIX + secrets.token_urlsafe(32)
        return token, _digest(self._key, token)

    def _refresh(self) -> None:
        try:
            info = self._path.stat()
            stamp = (info.st_ino, info.st_mtime_ns, info.st_size)
        except OSError:
            self._forget()
            return
        if stamp == self._stamp:
            return
        try:
            self._take(self._read())
        except SlipstreamError as error:
            # Looked at again with the next request: it may be readable then, without having changed.
            if stamp != self._failed:
                log.error("nobody is let in: %s", error.message)
            self._forget()
            self._failed = stamp
        else:
            self._stamp, self._failed = stamp, None

    def _forget(self) -> None:
        self._stamp, self._key, self._by_digest = None, b"", {}

    def _take(self, file: _File) -> None:
        self._key = bytes.fromhex(file.key)
        self._by_digest = {user.digest: (name, user) for name, user in file.users.items()}

    def _read(self) -> _File:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_File)
        except FileNotFoundError:
            return _File(key="")
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise SlipstreamError(
                f"The users in {self._path} can't be read: {error}.",
                hint="Put the file back from a copy, or move it away and add the users again.",
                code="users_not_read",
            ) from error

    @contextlib.contextmanager
    def _changing(self) -> Iterator[dict[str, User]]:
        """The users, to be changed in the block, and written after it."""
        from filelock import FileLock, Timeout

        try:
            paths.make_private_dir(self._path.parent)
            with FileLock(f"{self._path}.lock", timeout=_BUSY_SECONDS):
                file = self._read()
                if not file.key:
                    file = _File(key=secrets.token_hex(32))
                self._take(file)
                users = dict(file.users)
                yield users
                self._write(_File(key=file.key, users=users))
        except (OSError, Timeout) as error:
            raise SlipstreamError(
                f"The users can't be written to {self._path}: {error}.",
                hint="Check that the folder can be written and that no other `slipstream users` runs.",
                code="users_not_written",
            ) from error

    def _write(self, file: _File) -> None:
        paths.write_private(self._path, msgspec.json.format(msgspec.json.encode(file), indent=1), durable=True)


def _known(users: Mapping[str, User], name: str) -> User:
    if name not in users:
        raise SlipstreamError(
            f"There is no user {name}.", hint="`slipstream users list` names them.", code="unknown_user"
        )
    return users[name]


def _digest(key: bytes, token: str) -> str:
    return hashlib.blake2b(token.encode(), key=key, digest_size=32).hexdigest()
