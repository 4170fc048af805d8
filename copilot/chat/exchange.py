"""What editors and the companion window write to each other through the host. Values only.

Each letter is a JSON object; ``letter`` names its kind. Both ends are of one user, and still neither trusts the other
to be right: what does not fit is dropped. ``request`` is a name that the sender gave and that the answer repeats.
"""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta

from copilot.chat.attachments import Attachment

_Text = Annotated[str, Meta(max_length=2_000_000)]


class _Letter(msgspec.Struct, frozen=True, kw_only=True, tag_field="letter", tag=str.lower):
    """Fields that are not known are ignored: the other end may be of another version."""


class OpenFile(msgspec.Struct, frozen=True, kw_only=True):
    uri: str
    path: str


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A hunk to look at. ``first``: the first line of ``old``, from 1. Lines without their ends.

    ``above`` and ``below``: the lines around it.
    """

    first: int
    old: tuple[str, ...]
    new: tuple[str, ...]
    above: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """A change that waits in the editor under ``name`` until someone chooses. ``creates``: a new file."""

    name: str
    title: str
    path: str
    changes: tuple[Change, ...]
    creates: bool = False


# ------------------------------------------------------------------------------------------- from an editor


class Now(_Letter, frozen=True):
    """What the user looks at; sent when it changes. ``selection``: first and last line from 1, or None."""

    file: OpenFile | None = None
    selection: tuple[int, int] | None = None
    problems: int = 0
    open: tuple[OpenFile, ...] = ()


class Asked(_Letter, frozen=True):
    """Someone asked in the editor; the answer follows as :class:`Wrote` and one :class:`Ended` of this stream."""

    stream: str
    task: str
    title: str
    question: _Text
    attachments: tuple[Attachment, ...] = ()


class Wrote(_Letter, frozen=True):
    stream: str
    text: _Text


class Ended(_Letter, frozen=True):
    """``reason``: ``done``, ``length``, ``cancelled`` or ``error``, the last with a ``message``."""

    stream: str
    reason: str
    message: str = ""
    model: str = ""
    review: Review | None = None


class Looked(_Letter, frozen=True):
    request: str
    attachments: tuple[Attachment, ...]


class Proposed(_Letter, frozen=True):
    request: str
    review: Review


class Done(_Letter, frozen=True):
    request: str


class Failed(_Letter, frozen=True):
    request: str
    message: str
    hint: str = ""


# --------------------------------------------------------------------------------------------- from a window


class Look(_Letter, frozen=True):
    """Give me the text of: ``file``, ``selection``, ``problems`` or ``open``. ``uri``: of another open file."""

    request: str
    what: str
    uri: str = ""


class Insert(_Letter, frozen=True):
    """Put ``text`` at the caret."""

    request: str
    text: _Text


class Propose(_Letter, frozen=True):
    """Find where ``code`` goes in the file that the user looks at, or in ``uri``; answered with :class:`Proposed`."""

    request: str
    code: _Text
    uri: str = ""


class Apply(_Letter, frozen=True):
    """Make the changes of a review that were chosen, by index; none of them: forget it."""

    request: str
    review: str
    chosen: tuple[int, ...]


class Open(_Letter, frozen=True):
    """Show a file. ``line`` counts from 1, 0 where it does not matter."""

    request: str
    uri: str
    line: int = 0


class Stop(_Letter, frozen=True):
    """End what was asked in the editor."""

    stream: str


FromEditor: TypeAlias = Now | Asked | Wrote | Ended | Looked | Proposed | Done | Failed
FromWindow: TypeAlias = Look | Insert | Propose | Apply | Open | Stop
