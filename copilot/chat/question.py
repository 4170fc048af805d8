"""What every question has: what is asked of the model, and what its answer comes to. Values only."""

from typing import NamedTuple, Protocol

from copilot.chat.proposal import Proposal

Turn = dict[str, str]
"""``role`` (``system``, ``user`` or ``assistant``) and ``content``, as in OpenAI's chat completions."""


class Outcome(NamedTuple):
    """What an answer comes to beside its text. ``note``: in words, why there is no proposal or what to know of it."""

    proposal: Proposal | None = None
    names: tuple[str, ...] = ()
    commit_message: str | None = None
    note: str = ""


class Question(Protocol):
    """``title`` is for people; ``most_tokens`` is how long the answer may become."""

    @property
    def title(self) -> str: ...

    @property
    def most_tokens(self) -> int: ...

    def turns(self, room: int) -> list[Turn]:
        """The conversation to send, in at most about ``room`` characters."""
        ...

    def read(self, answer: str, *, whole: bool) -> Outcome:
        """``whole``: the model came to an end by itself."""
        ...
