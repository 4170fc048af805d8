"""The shared host that this user's clients talk to instead of one of their own: its address, and a token for it.

The token is in the system's keyring where the package ``keyring`` finds one (the extra ``team`` brings it), else in the
file, which only its owner can read.
"""

import contextlib
from typing import Any

import msgspec

from copilot import paths
from copilot.client.dial import Dial, tcp
from copilot.errors import SlipstreamError

_SERVICE = "slipstream"


class Login(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``ca``, ``proxy``, ``insecure``: see :func:`copilot.client.dial.tcp`. ``token`` empty: the keyring has it."""

    url: str
    ca: str = ""
    proxy: str = ""
    insecure: bool = False
    token: str = ""

    def dial(self) -> Dial:
        """Raises :class:`SlipstreamError`, see :func:`copilot.client.dial.tcp`."""
        return tcp(self.url, ca=self.ca, proxy=self.proxy, insecure=self.insecure)


def current() -> Login | None:
    """With its token; None where nobody has logged in. Raises :class:`SlipstreamError` ``bad_login``."""
    path = paths.login_file()
    try:
        login = msgspec.json.decode(path.read_bytes(), type=Login)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _bad(f"{path} can't be read: {error}") from error
    if login.token:
        return login
    keyring = _keyring()
    token = None
    if keyring is not None:
        with contextlib.suppress(Exception):
            token = keyring.get_password(_SERVICE, login.url)
    if not token:
        raise _bad(f"The keyring does not give the token for {login.url}")
    return msgspec.structs.replace(login, token=token)


def save(login: Login, *, keyring: bool = True) -> str:
    """Keep it; where the token is kept, in words. ``keyring`` False: in the file in any case. Raises ``not_kept``."""
    ring = _keyring() if keyring else None
    if ring is not None:
        try:
            ring.set_password(_SERVICE, login.url, login.token)
        except Exception:
            # A keyring that is locked, or that nobody is there to unlock.
            ring = None
    path = paths.login_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = login if ring is None else msgspec.structs.replace(login, token="")
        paths.write_private(path, msgspec.json.format(msgspec.json.encode(kept), indent=1))
    except OSError as error:
        raise SlipstreamError(
            f"The login can't be kept in {path}: {error.strerror}.",
            hint="Check that the folder can be written.",
            code="not_kept",
        ) from error
    return "the system's keyring" if ring is not None else str(path)


def forget() -> bool:
    """Whether there was one."""
    path = paths.login_file()
    with contextlib.suppress(OSError, msgspec.DecodeError, UnicodeDecodeError):
        login = msgspec.json.decode(path.read_bytes(), type=Login)
        if not login.token and (keyring := _keyring()) is not None:
            with contextlib.suppress(Exception):
                keyring.delete_password(_SERVICE, login.url)
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def _keyring() -> Any:
    """The package, where it has somewhere to keep things; else None."""
    try:
        import keyring
        from keyring.backends import fail
    except ImportError:
        return None
    return None if isinstance(keyring.get_keyring(), fail.Keyring) else keyring


def _bad(why: str) -> SlipstreamError:
    hint = "`slipstream login URL` logs in again, `slipstream logout` goes back to this machine's own host."
    return SlipstreamError(f"{why}.", hint=hint, code="bad_login")
