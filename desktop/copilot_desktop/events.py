"""What the connection tells the window. Values only; made on the connection's thread, read on Qt's."""

from typing import Any, NamedTuple, TypeAlias

from copilot.chat.exchange import FromEditor
from copilot.chat.thread import Figures
from copilot.errors import SlipstreamError
from copilot.serve.api import HostStatus, Peer


class HostSeen(NamedTuple):
    """``status``: None where no host answers."""

    status: HostStatus | None


class PeersSeen(NamedTuple):
    """The editors that are connected."""

    editors: tuple[Peer, ...]


class LetterCame(NamedTuple):
    sender: str
    letter: FromEditor


class Waiting(NamedTuple):
    """An answer waits for ``position`` others."""

    name: str
    position: int


class Text(NamedTuple):
    """The next piece of an answer."""

    name: str
    text: str


class AnswerOver(NamedTuple):
    """``reason``: ``stop``, ``length``, ``cancelled``, or ``error`` with an ``error``."""

    name: str
    reason: str
    model: str = ""
    figures: Figures = Figures()
    error: SlipstreamError | None = None


class Came(NamedTuple):
    """What a piece of work came to: a value, or an error in its place."""

    name: str
    value: Any = None
    error: SlipstreamError | None = None


class Progress(NamedTuple):
    """Of a piece of work that goes on."""

    name: str
    value: Any


Event: TypeAlias = HostSeen | PeersSeen | LetterCame | Waiting | Text | AnswerOver | Came | Progress
