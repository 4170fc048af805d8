"""Who asks, and what they may ask for. Values only."""

from enum import StrEnum
from typing import NamedTuple


class Scope(StrEnum):
    """What a token is good for; each request needs one of them."""

    COMPLETE = "complete"
    CHAT = "chat"
    FIGURES = "figures"
    """Reading everyone's figures."""
    ADMIN = "admin"
    """Loading other models and shutting down, and everyone's figures too."""


class Caller(NamedTuple):
    """``tenant``: the name of a user of a shared host; empty: whoever runs the host, on its private socket."""

    tenant: str
    scopes: frozenset[Scope]


LOCAL = Caller("", frozenset(Scope))
