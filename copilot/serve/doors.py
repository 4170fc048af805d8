"""What a listener asks of those who come in by it: which names it may be called by, and who is asking."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeAlias

from copilot.serve.callers import LOCAL, Caller
from copilot.serve.users import Users

Headers = Mapping[bytes, Sequence[bytes]]
"""By name in lower case; each value as it was sent."""

_LOCAL_HOSTS = frozenset({b"slipstream", b"localhost", b"127.0.0.1", b"[::1]"})
_SCHEME = b"bearer "

Refused: TypeAlias = Callable[[str, str], None]
"""Is told why, ``no_token`` or ``bad_token``, and the address."""


class Door(Protocol):
    @property
    def hosts(self) -> Collection[bytes]:
        """What the Host header may say, in lower case and without a port."""
        ...

    def caller(self, headers: Headers, address: str = "") -> Caller | None:
        """None for someone who is not let in. ``address``: where the request comes from."""
        ...

    def still(self, headers: Headers, caller: Caller) -> bool:
        """Whether someone who was let in would be now."""
        ...


class LocalDoor:
    """The private socket: the system lets only its owner in."""

    hosts: Collection[bytes] = _LOCAL_HOSTS

    def caller(self, headers: Headers, address: str = "") -> Caller | None:
        return LOCAL

    def still(self, headers: Headers, caller: Caller) -> bool:
        return True


class TeamDoor:
    """A port that others can reach: whoever has a token is who it says. ``names``: host names and addresses that
    clients may use, beside those of the machine itself. ``refused`` is told of each who is not let in."""

    def __init__(self, users: Users, names: Collection[str], refused: Refused = lambda *_: None) -> None:
        self.hosts: Collection[bytes] = _LOCAL_HOSTS.union(_host(name) for name in names)
        self._users = users
        self._refused = refused

    def caller(self, headers: Headers, address: str = "") -> Caller | None:
        token = _token(headers)
        if token is None:
            self._refused("no_token", address)
            return None
        caller = self._users.caller(token)
        if caller is None:
            self._refused("bad_token", address)
        return caller

    def still(self, headers: Headers, caller: Caller) -> bool:
        token = _token(headers)
        return token is not None and self._users.caller(token) == caller


def _token(headers: Headers) -> str | None:
    given = headers.get(b"authorization", ())
    if len(given) != 1 or given[0][: len(_SCHEME)].lower() != _SCHEME:
        return None
    return given[0][len(_SCHEME) :].decode("ascii", "replace")


def _host(name: str) -> bytes:
    """As the Host header spells it."""
    name = name.lower()
    if ":" in name and not name.startswith("["):
        # An address of IPv6.
        return f"[{name}]".encode()
    return name.encode("ascii" if name.isascii() else "idna")
