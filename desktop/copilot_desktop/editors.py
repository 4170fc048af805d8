"""The editors that are connected: which one is meant, what it shows, and what it was asked to do. No Qt."""

import secrets
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

from copilot.chat.exchange import (
    Apply,
    Done,
    Failed,
    FromEditor,
    FromWindow,
    Insert,
    Look,
    Looked,
    Now,
    Open,
    Propose,
    Proposed,
)
from copilot.serve.api import Peer
from copilot_desktop.wire import Wire

ANSWER_SECONDS = 10.0
Answer: TypeAlias = Looked | Proposed | Done | Failed
Answered: TypeAlias = Callable[[Answer], None]
_NOBODY = Failed(
    request="",
    message="No editor is connected.",
    hint="Open one with Slipstream in it; it connects as soon as the engine host runs.",
)


class Editors:
    """The one that last told of something is meant. ``clock``: seconds, monotonic."""

    def __init__(self, wire: Wire, clock: Callable[[], float] = time.monotonic) -> None:
        self.current: str = ""
        self._wire = wire
        self._clock = clock
        self._peers: dict[str, Peer] = {}
        self._now: dict[str, Now] = {}
        self._asked: dict[str, tuple[str, float, Answered]] = {}

    @property
    def name(self) -> str:
        """For people; empty where there is none."""
        return self._peers[self.current].name if self.current in self._peers else ""

    @property
    def workspace(self) -> str:
        return (self._peers[self.current].workspace or "") if self.current in self._peers else ""

    @property
    def now(self) -> Now:
        """What the user looks at in it."""
        return self._now.get(self.current, Now())

    @property
    def ids(self) -> list[str]:
        return list(self._peers)

    def workspace_of(self, editor: str) -> str:
        peer = self._peers.get(editor)
        return (peer.workspace or "") if peer is not None else ""

    def see(self, peers: Sequence[Peer]) -> None:
        self._peers = {it.id: it for it in peers}
        self._now = {key: value for key, value in self._now.items() if key in self._peers}
        if self.current not in self._peers:
            self.current = next(reversed(self._peers), "")
        for request, (editor, _since, answered) in list(self._asked.items()):
            if editor not in self._peers:
                del self._asked[request]
                answered(Failed(request=request, message="The editor was closed."))

    def told(self, editor: str, now: Now) -> None:
        self._now[editor] = now
        if editor in self._peers:
            self.current = editor

    def answered(self, letter: FromEditor) -> None:
        if isinstance(letter, Looked | Proposed | Done | Failed):
            asked = self._asked.pop(letter.request, None)
            if asked is not None:
                asked[2](letter)

    def expire(self) -> None:
        """Give up on those that do not answer."""
        for request, (_editor, since, answered) in list(self._asked.items()):
            if self._clock() - since > ANSWER_SECONDS:
                del self._asked[request]
                answered(Failed(request=request, message="The editor did not answer."))

    # ------------------------------------------------------------------------------------------- what can be asked

    def look(self, what: str, then: Answered, uri: str = "") -> None:
        self._ask(lambda request: Look(request=request, what=what, uri=uri), then)

    def insert(self, text: str, then: Answered) -> None:
        self._ask(lambda request: Insert(request=request, text=text), then)

    def propose(self, code: str, then: Answered) -> None:
        self._ask(lambda request: Propose(request=request, code=code), then)

    def apply(self, review: str, chosen: tuple[int, ...], then: Answered, editor: str = "") -> None:
        self._ask(lambda request: Apply(request=request, review=review, chosen=chosen), then, editor)

    def open(self, uri: str, line: int, then: Answered) -> None:
        self._ask(lambda request: Open(request=request, uri=uri, line=line), then)

    def _ask(self, letter: Callable[[str], FromWindow], then: Answered, editor: str = "") -> None:
        to = editor or self.current
        if to not in self._peers:
            then(_NOBODY)
            return
        request = secrets.token_hex(6)
        self._asked[request] = (to, self._clock(), then)
        self._wire.send(to, letter(request))
