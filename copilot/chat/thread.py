"""A conversation as a tree: each answer and each reworded question is a version beside the one before. No I/O."""

from collections.abc import Iterable, Sequence
from enum import StrEnum

import msgspec

from copilot.chat.attachments import Attachment


class MessageState(StrEnum):
    RUNNING = "running"
    DONE = "done"
    STOPPED = "stopped"
    """By the user."""
    LENGTH = "length"
    """It reached its limit and broke off."""
    FAILED = "failed"


class Figures(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How an answer went. Times in milliseconds."""

    ttft_ms: float | None = None
    tokens_per_second: float | None = None
    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """``parent``: the message that it follows, None for a first one. ``note``: in words, what went wrong with it.

    ``role`` is ``user`` or ``assistant``; ``created`` in seconds since 1970.
    """

    id: int
    parent: int | None
    role: str
    text: str
    state: MessageState = MessageState.DONE
    note: str = ""
    model: str = ""
    created: float = 0.0
    attachments: tuple[Attachment, ...] = ()
    figures: Figures = Figures()


class Thread:
    """Messages by id. ``leaf``: the last message of the branch that is looked at."""

    def __init__(self, messages: Iterable[Message] = (), leaf: int | None = None) -> None:
        self._messages: dict[int, Message] = {}
        self._children: dict[int | None, list[int]] = {}
        for message in messages:
            self.put(message)
        self.leaf = leaf if leaf in self._messages else max(self._messages, default=None)

    def put(self, message: Message) -> None:
        """Add it, or replace the one of its id."""
        if message.id not in self._messages:
            self._children.setdefault(message.parent, []).append(message.id)
        self._messages[message.id] = message

    def __getitem__(self, message_id: int) -> Message:
        return self._messages[message_id]

    def __contains__(self, message_id: int) -> bool:
        return message_id in self._messages

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def messages(self) -> Sequence[Message]:
        return list(self._messages.values())

    def branch(self, leaf: int | None = None) -> list[Message]:
        """From the first message to ``leaf``, or to that of the branch that is looked at."""
        found: list[Message] = []
        at = self.leaf if leaf is None else leaf
        while at is not None:
            found.append(self._messages[at])
            at = self._messages[at].parent
        return found[::-1]

    def versions(self, message_id: int) -> list[int]:
        """It and those beside it, oldest first."""
        return list(self._children[self._messages[message_id].parent])

    def show(self, message_id: int) -> int:
        """Look at the branch through ``message_id``, at its newest end; returns the new leaf."""
        at = message_id
        while self._children.get(at):
            at = self._children[at][-1]
        self.leaf = at
        return at
