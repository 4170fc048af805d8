"""Two things that the model is asked beside the conversation: a title for it, and a summary of its older part."""

from collections.abc import Sequence

from copilot.chat.question import Turn
from copilot.chat.segments import Kind, segments_of, without_thoughts
from copilot.chat.thread import Message
from copilot.chat.wording import clipped, conversation
from copilot.safety.invisible import without_invisible

TITLE_TOKENS = 16
SUMMARY_TOKENS = 320
_MOST_TITLE = 60
_RECENT = 4
"""Messages at the end of a conversation that stay as they are."""


def title_turns(question: str, answer: str) -> list[Turn]:
    said = f"Question:\n{clipped(question, 600)}\n\nAnswer:\n{clipped(without_thoughts(answer), 400)}"
    return conversation(
        f"{said}\n\nGive this conversation a title of two to six words. Reply with the title and nothing else."
    )


def title_of(answer: str) -> str | None:
    """None where the model gave none that could stand in a list."""
    prose = [it.text for it in segments_of(answer) if it.kind is Kind.PROSE]
    lines = [line.strip() for line in "\n".join(prose).splitlines() if line.strip()]
    if not lines:
        return None
    title = without_invisible(lines[0].removeprefix("Title:")).strip(" \t#*_`\"'“”.:")
    words = title.split()
    return title if 1 <= len(words) <= 12 and 3 <= len(title) <= _MOST_TITLE else None


def first_words(question: str) -> str:
    """A title until there is a better one."""
    line = " ".join(question.split())
    return line if len(line) <= _MOST_TITLE else f"{line[: _MOST_TITLE - 1].rsplit(' ', 1)[0]}…"


def to_summarise(branch: Sequence[Message], upto: int | None) -> list[Message]:
    """What a new summary should take in, beside the last one that reached ``upto``; empty where that is too little."""
    start = next((at + 1 for at, it in enumerate(branch) if it.id == upto), 0)
    older = list(branch[start : max(start, len(branch) - _RECENT)])
    while older and older[-1].role != "assistant":
        older.pop()
    return older


def summary_turns(before: str, messages: Sequence[Message], room: int) -> list[Turn]:
    each = max(200, room // max(1, len(messages)))
    said = "\n\n".join(
        f"{'User' if it.role == 'user' else 'Assistant'}: {clipped(without_thoughts(it.text), each)}" for it in messages
    )
    begun = f"What was said before that:\n{before}\n\n" if before else ""
    return conversation(
        f"{begun}Conversation:\n{clipped(said, room)}\n\nSummarise it for someone who goes on with it: what is "
        "being worked on, names of files and functions, decisions, what is still open. At most ten short lines."
    )
