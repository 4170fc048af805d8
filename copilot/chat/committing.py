"""Write a commit message for a diff. No I/O."""

import re
import textwrap
from typing import NamedTuple

from copilot.chat.fences import parts
from copilot.chat.question import Outcome, Turn
from copilot.chat.task import Task
from copilot.chat.wording import clipped, conversation, fenced, wish
from copilot.safety.invisible import without_invisible

SUBJECT = 72
_LABEL = re.compile(r"^(?:\W*)(?:commit message|subject|title|message|summary|body)\W*:\W*", re.IGNORECASE)
_TALK = re.compile(r"^(?:here(?:'s| is)|sure|certainly|this (?:is|commit message)|the commit message)\b.*:\s*$", re.I)


class CommitMessage(NamedTuple):
    """``diff``: what is staged, with a summary before it."""

    diff: str
    wish: str = ""

    @property
    def title(self) -> str:
        return Task.COMMIT_MESSAGE.label

    @property
    def most_tokens(self) -> int:
        return 240

    def turns(self, room: int) -> list[Turn]:
        return conversation(
            "Write a commit message for this change.\n"
            f"{fenced(shortened(self.diff, room), 'diff')}\n"
            f"The first line says what the change does, in the imperative, in at most {SUBJECT} characters. "
            "Where the reason is not plain from it, add an empty line and one or two sentences. "
            f"Reply with the message only.{wish(self.wish)}"
        )

    def read(self, answer: str, *, whole: bool) -> Outcome:
        message = read_message(without_invisible(answer))
        if not message:
            return Outcome(note="The answer holds no commit message.")
        return Outcome(commit_message=message)


def shortened(diff: str, room: int) -> str:
    """The diff in ``room`` characters, each file with its share, so that a long one does not hide the others."""
    if len(diff) <= room:
        return diff
    head, *files = re.split(r"^(?=diff --git )", diff, flags=re.MULTILINE)
    head = clipped(head, room // 4)
    left = room - len(head)
    cut: dict[int, str] = {}
    # The short ones first: what they leave is for the long ones.
    for count, at in enumerate(sorted(range(len(files)), key=lambda at: len(files[at]))):
        share = left // (len(files) - count)
        if share < 80:
            break
        cut[at] = clipped(files[at], share)
        left -= len(cut[at])
    return head + "".join(cut[at] for at in sorted(cut))


def read_message(answer: str) -> str:
    """Subject, and where there is more an empty line and the body, in lines of at most 72 characters."""
    found = parts(answer)
    text = found.blocks[0].code if found.blocks and not _says_something(found.prose) else found.prose
    if not text and found.blocks:
        text = found.blocks[0].code
    lines = [line.rstrip() for line in text.strip().split("\n")]
    while lines and (not lines[0].strip() or _TALK.match(lines[0].strip())):
        del lines[0]
    lines = [_LABEL.sub("", line) for line in lines]
    while lines and not lines[0].strip():
        del lines[0]
    if not lines:
        return ""
    subject = " ".join(lines[0].strip().lstrip("#*- ").strip("`\"'*").split()).rstrip(".")
    body = _filled(lines[1:])
    if len(subject) > SUBJECT:
        # Nothing that was said is lost.
        body = "\n\n".join(filter(None, ["\n".join(textwrap.wrap(subject, SUBJECT)), body]))
        subject = textwrap.shorten(subject, SUBJECT, placeholder="…")
    return f"{subject}\n\n{body}" if body else subject


def _says_something(prose: str) -> bool:
    lines = [line for line in prose.split("\n") if line.strip() and not _TALK.match(line.strip())]
    return len(lines) > 1


def _filled(lines: list[str]) -> str:
    """Paragraphs filled anew, items of lists each on lines of their own."""
    paragraphs: list[str] = []
    for line in lines:
        text = line.strip()
        if not text:
            paragraphs.append("")
        elif re.match(r"(?:[-*+]|\d+[.)])\s", text) or not paragraphs or not paragraphs[-1]:
            paragraphs.append(text)
        else:
            paragraphs[-1] += f" {text}"
    filled = []
    for text in paragraphs:
        hang = "  " if re.match(r"[-*+]\s", text) else ""
        filled.append("\n".join(textwrap.wrap(text, SUBJECT, subsequent_indent=hang, break_long_words=False)))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(filled)).strip()
