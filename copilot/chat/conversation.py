"""A free question, with what was said before and, where there is some, the code it is about. No I/O."""

from collections.abc import Sequence
from typing import NamedTuple

from copilot.chat.attachments import Attachment, rendered
from copilot.chat.place import Place
from copilot.chat.question import Outcome, Turn
from copilot.chat.wording import clipped, conversation, fenced, surroundings, where
from copilot.safety.secrets import masked

_TITLE = 60


class Conversation(NamedTuple):
    """``earlier``: the turns before, oldest first. ``attachments``: what the question named; ``said``: in words, what
    else to know of that."""

    question: str
    earlier: Sequence[Turn] = ()
    place: Place | None = None
    attachments: Sequence[Attachment] = ()
    said: Sequence[str] = ()

    @property
    def title(self) -> str:
        line = " ".join(masked(self.question)[0].split())
        return line if len(line) <= _TITLE else f"{line[: _TITLE - 1]}…"

    @property
    def most_tokens(self) -> int:
        return 1024

    def turns(self, room: int) -> list[Turn]:
        question = clipped(self.question, room)
        left = room - len(question)
        given = rendered(self.attachments, left * 2 // 3)
        left -= len(given)
        about = self._about(left // 2)
        left -= len(about)
        kept: list[Turn] = []
        for turn in reversed(self.earlier):
            left -= len(turn["content"])
            if left < 0:
                break
            kept.insert(0, turn)
        # A conversation begins with a question.
        while kept and kept[0]["role"] != "user":
            del kept[0]
        return conversation(f"{given}{about}{question}", *kept)

    def _about(self, room: int) -> str:
        place = self.place
        if place is None:
            return ""
        piece = clipped(place.piece, room)
        if not piece.strip():
            return ""
        return (
            f"This is about the following {place.language} code. {where(place)}\n{fenced(piece, place.language)}\n"
            f"{surroundings(place, room - len(piece))}\n"
        )

    def read(self, answer: str, *, whole: bool) -> Outcome:
        return Outcome(note=" ".join([*self._attached(), *self.said]))

    def _attached(self) -> list[str]:
        """What the model was shown because the question named it, and why."""
        if not self.attachments:
            return []
        named = [f"{it.origin} ({it.reason})" if it.reason else it.origin for it in self.attachments]
        return [f"Attached: {', '.join(named)}."]
