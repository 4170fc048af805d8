"""From a conversation to the messages for the model: what goes in, and what is dropped first. No I/O.

In this order things give way: attachments of earlier questions (oldest first), the oldest exchanges, then what is
attached to the question itself is shortened. What the user wrote last always stays whole. Secrets are masked.
"""

from collections.abc import Sequence
from typing import NamedTuple

from copilot.chat.attachments import rendered
from copilot.chat.history import Summary
from copilot.chat.masking import without_secrets
from copilot.chat.question import Turn
from copilot.chat.segments import without_thoughts
from copilot.chat.thread import Message, MessageState
from copilot.chat.wording import conventions, conversation

CHARS_PER_TOKEN = 3.2
"""Of code and English together; the host counts exactly where exactness matters."""

ANSWER_TOKENS = 1024
_OWN_SHARE = 0.6
"""Of the room, for what is attached to the newest question where that is long."""


class Planned(NamedTuple):
    """``kept`` and ``dropped`` in words, in the order in which they would be dropped and were."""

    turns: list[Turn]
    characters: int
    room: int
    next_dropped: tuple[str, ...]
    dropped: tuple[str, ...]

    @property
    def share(self) -> float:
        """Of the room that is taken."""
        return self.characters / max(1, self.room)


def room_for(context_tokens: int, answer_tokens: int = ANSWER_TOKENS) -> int:
    """Characters that a prompt may have."""
    answer = min(answer_tokens, max(64, context_tokens // 4))
    return max(600, int((context_tokens - answer - 64) * CHARS_PER_TOKEN))


def plan(
    branch: Sequence[Message],
    room: int,
    *,
    facts: Sequence[str] = (),
    summary: Summary | None = None,
    rules: str = "",
) -> Planned:
    """``branch`` ends with the question to ask. ``rules``: of the project, which its user trusts."""
    *earlier, question = branch
    system = _system(facts, summary, earlier) + conventions(rules, room // 4)
    own_room = max(200, int((room - len(system) - len(question.text)) * _OWN_SHARE))
    asked = f"{rendered(question.attachments, own_room)}{question.text}"
    left = room - len(system) - len(asked)
    exchanges = _exchanges(earlier, summary)
    bare = [[_turn(it, with_attachments=False) for it in exchange] for exchange in exchanges]
    rich = [[_turn(it, with_attachments=True) for it in exchange] for exchange in exchanges]
    chosen: list[list[Turn]] = []
    dropped: list[str] = []
    for at in range(len(exchanges) - 1, -1, -1):
        if left < _size(bare[at]):
            dropped += [f"“{_short(exchange[0].text)}”" for exchange in exchanges[: at + 1]]
            break
        chosen.insert(0, bare[at])
        left -= _size(bare[at])
    first = len(exchanges) - len(chosen)
    for at in range(len(exchanges) - 1, first - 1, -1):
        extra = _size(rich[at]) - _size(bare[at])
        if extra and extra <= left:
            chosen[at - first] = rich[at]
            left -= extra
        elif extra:
            dropped.append(f"what was attached to “{_short(exchanges[at][0].text)}”")
    attached = [it for at, it in enumerate(exchanges) if at >= first and chosen[at - first] is rich[at] is not bare[at]]
    order = [f"what was attached to “{_short(it[0].text)}”" for it in attached if it[0].attachments]
    order += [f"“{_short(exchange[0].text)}”" for exchange in exchanges[first:]]
    order += ["parts of what is attached now"] if question.attachments else []
    turns = conversation(asked, *[turn for exchange in chosen for turn in exchange])
    turns[0]["content"] += system
    turns = without_secrets(turns)
    return Planned(turns, room - left, room, tuple(order), tuple(dropped))


def _system(facts: Sequence[str], summary: Summary | None, earlier: Sequence[Message]) -> str:
    parts = [
        "\nName the places in the attached files that an answer rests on, as path:line. "
        "Put code into fenced blocks with their language."
    ]
    if facts:
        parts.append("The user wants you to know:\n" + "\n".join(f"- {fact}" for fact in facts))
    if summary is not None and summary.text and any(it.id == summary.upto for it in earlier):
        parts.append(f"What was said before, in short:\n{summary.text}")
    return "\n".join(parts)


def _exchanges(earlier: Sequence[Message], summary: Summary | None) -> list[list[Message]]:
    """A question with its answer each; those that a summary covers are in it."""
    found: list[list[Message]] = []
    for message in earlier:
        if message.role == "user":
            found.append([message])
        elif found:
            found[-1].append(message)
        if summary is not None and summary.text and message.id == summary.upto:
            found.clear()
    # A question that got no word of an answer would leave two questions in a row.
    return [it for it in found if len(it) > 1 and it[-1].text.strip()]


def _turn(message: Message, *, with_attachments: bool) -> Turn:
    if message.role == "assistant":
        text = without_thoughts(message.text)
        return {"role": "assistant", "content": f"{text} [...]" if message.state is not MessageState.DONE else text}
    room = sum(len(it.text) for it in message.attachments)
    given = rendered(message.attachments, room) if with_attachments else ""
    return {"role": "user", "content": f"{given}{message.text}"}


def _size(turns: Sequence[Turn]) -> int:
    return sum(len(turn["content"]) + 16 for turn in turns)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 40 else f"{line[:39]}…"
