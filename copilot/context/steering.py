"""What someone wants the model to see, or not to see, of a workspace: pins, bans, and files that are never shown."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from copilot import paths
from copilot.config.kept import KeptByWorkspace
from copilot.errors import SlipstreamError

MOST = 100
"""Entries of each kind in one workspace."""

_TELLING = 4
"""Lines; of fewer it can't be said that most are the same."""

_TELLING_CHARACTERS = 8
_MOST_LINES = 200
_SAYS_LITTLE = ("@", "#", "//", "/*", "*", "return", '"""')

_Path = Annotated[str, Meta(min_length=1, max_length=4096)]
_Line = Annotated[int, Meta(ge=1, le=2**31 - 1)]


class Pin(msgspec.Struct, frozen=True, kw_only=True):
    """Lines that are always shown. ``head``: the first of them, by which they are found again when they moved."""

    path: _Path
    first: _Line
    last: _Line
    head: str


class Ban(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of code that is not shown: what in ``path`` has the line ``head``, in whatever shape, and what has most
    of the same lines. ``lines``: hashes of those that say something; code is not kept here.
    """

    path: _Path
    head: str
    lines: tuple[str, ...] = ()

    def meets(self, path: str, text: str) -> bool:
        """Whether ``text`` of a file is that piece, or has it."""
        if path != self.path:
            return False
        if any(_begins(line.strip(), self.head) for line in text.split("\n")):
            return True
        there = set(lines_of(text)) if len(self.lines) >= _TELLING else set()
        return 2 * len(there.intersection(self.lines)) > min(len(there), len(self.lines)) > 0


class Steering(msgspec.Struct, frozen=True, kw_only=True):
    """Of one workspace. ``never``: paths of files and folders that are never shown."""

    pins: tuple[Pin, ...] = ()
    bans: tuple[Ban, ...] = ()
    never: tuple[_Path, ...] = ()

    def hides(self, path: str) -> bool:
        """Whether a file is never shown."""
        return any(path == it or path.startswith(f"{it}/") for it in self.never)

    def allows(self, path: str, text: str) -> bool:
        """Whether ``text`` of a file may be shown. One piece that is banned bans the whole that it stands in."""
        return not self.hides(path) and not any(it.meets(path, text) for it in self.bans)

    def with_pin(self, pin: Pin) -> "Steering":
        """What is pinned is banned no more."""
        pins = (*(it for it in self.pins if (it.path, it.head) != (pin.path, pin.head)), pin)
        bans = tuple(it for it in self.bans if (it.path, it.head) != (pin.path, pin.head))
        never = tuple(it for it in self.never if not (pin.path == it or pin.path.startswith(f"{it}/")))
        return _checked(Steering(pins=pins, bans=bans, never=never))

    def with_ban(self, ban: Ban) -> "Steering":
        pins = tuple(it for it in self.pins if (it.path, it.head) != (ban.path, ban.head))
        bans = (*(it for it in self.bans if it != ban), ban)
        return _checked(Steering(pins=pins, bans=bans, never=self.never))

    def with_never(self, path: str) -> "Steering":
        kept = tuple(it for it in self.never if it != path and not it.startswith(f"{path}/"))
        pins = tuple(it for it in self.pins if it.path != path and not it.path.startswith(f"{path}/"))
        return _checked(Steering(pins=pins, bans=self.bans, never=(*kept, path)))

    def without(self, path: str) -> "Steering":
        """Nothing is said about ``path`` any more, nor about what lies below it."""

        def other(it: str) -> bool:
            return it != path and not it.startswith(f"{path}/")

        return Steering(
            pins=tuple(it for it in self.pins if other(it.path)),
            bans=tuple(it for it in self.bans if other(it.path)),
            never=tuple(it for it in self.never if other(it)),
        )


def _checked(steering: Steering) -> Steering:
    """Raises :class:`SlipstreamError` ``too_many``: to drop the oldest would show what someone banned."""
    if max(len(steering.pins), len(steering.bans), len(steering.never)) > MOST:
        raise SlipstreamError(
            f"There are {MOST} pins, bans or hidden files in this workspace already.",
            hint="Take some back first; a folder counts as one, and a .copilotignore has no limit.",
            code="too_many",
        )
    return steering


def head_of(text: str) -> str:
    """The first line of ``text`` that says something, without its indentation and without what begins a body: the
    same whether that is shown or not. Decorators and comments say less than what they stand at."""
    bare = [line for line in map(_bare, text.split("\n")) if line]
    return next((line for line in bare if not line.startswith(_SAYS_LITTLE)), bare[0] if bare else "")


def lines_of(text: str) -> tuple[str, ...]:
    """Hashes of the lines that say something, at most ``_MOST_LINES``."""
    telling = [line for line in map(_bare, text.split("\n")) if len(line) >= _TELLING_CHARACTERS]
    return tuple(hashlib.blake2b(line.encode("utf-8", "replace"), digest_size=6).hexdigest() for line in telling)[
        :_MOST_LINES
    ]


def place_of(pin: Pin, lines: Sequence[str]) -> tuple[int, int] | None:
    """First and last line (from 1) of what was pinned, in a file of these ``lines``: nearest to where it was.

    None where its first line is not there any more.
    """
    found = [at for at, line in enumerate(lines, 1) if _bare(line) == pin.head]
    if not found:
        return None
    first = min(found, key=lambda at: abs(at - pin.first))
    return first, min(len(lines), first + pin.last - pin.first)


def _bare(line: str) -> str:
    return line.strip().rstrip(" :{.}")


def _begins(line: str, head: str) -> bool:
    """A signature may be followed by its body, or by dots in its place."""
    return line.startswith(head) and not line[len(head) :][:1].isidentifier()


SteeringFile = KeptByWorkspace[Steering]


def steering_file(path: Path | None = None) -> SteeringFile:
    """What this user said of all workspaces; ``path``: in another file than the usual one."""
    return KeptByWorkspace(path or paths.steering_file(), Steering)
