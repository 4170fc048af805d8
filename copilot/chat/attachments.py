"""What a question is asked with: pieces of files and other text, each with its origin. No I/O."""

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

import msgspec


class AttachmentKind(StrEnum):
    FILE = "file"
    SELECTION = "selection"
    SYMBOL = "symbol"
    FOLDER = "folder"
    DIFF = "diff"
    PROBLEMS = "problems"
    OPEN = "open"
    TEXT = "text"
    """Pasted by the user, such as a terminal's output."""


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """``path``: as a person would write it; ``uri``: what an editor opens. ``first`` and ``last`` line count from 1;
    0 where it has no place in a file."""

    kind: AttachmentKind
    label: str
    text: str
    path: str = ""
    uri: str = ""
    language: str = ""
    first: int = 0
    last: int = 0

    @property
    def origin(self) -> str:
        """``src/app.py:3-9``, or what it is where it comes from no file."""
        if not self.path:
            return self.label
        if not self.first:
            return self.path
        return f"{self.path}:{self.first}" + (f"-{self.last}" if self.last > self.first else "")


def file_attachment(path: str, uri: str, language: str, text: str) -> Attachment:
    return Attachment(
        kind=AttachmentKind.FILE, label=path.rpartition("/")[2], text=text, path=path, uri=uri, language=language
    )


def rendered(attachments: Sequence[Attachment], room: int) -> str:
    """For a prompt, in at most about ``room`` characters: short ones whole, the rest shares what is left."""
    if not attachments:
        return ""
    # Not at the top: the language server imports the shapes of letters at its start, and renders nothing.
    from copilot.chat.wording import clipped, fenced

    left = room
    texts: dict[int, str] = {}
    for rest, (at, it) in enumerate(sorted(enumerate(attachments), key=lambda pair: len(pair[1].text))):
        share = max(0, left // (len(attachments) - rest))
        texts[at] = clipped(it.text, share) if it.text.strip() and share else ""
        left -= len(texts[at])
    return "".join(
        f"{_heading(it)}\n{fenced(texts[at], it.language)}\n" for at, it in enumerate(attachments) if texts[at]
    )


def _heading(attachment: Attachment) -> str:
    if attachment.kind is AttachmentKind.TEXT:
        return "Text that the user pasted:"
    if attachment.kind is AttachmentKind.PROBLEMS:
        return f"Problems that the editor reports in {attachment.origin}:"
    if attachment.kind is AttachmentKind.DIFF:
        return "What was changed and is not committed:"
    return f"From {attachment.origin}:"


class Citation(NamedTuple):
    """Where in a text the place of a file is named, and which."""

    start: int
    end: int
    attachment: Attachment
    line: int


_PLACE = re.compile(r"(?<![\w./-])([\w./-]*[\w-]\.\w+)(?::(\d{1,7})(?:-(\d{1,7}))?)?(?![\w/])")


def citations(text: str, attachments: Iterable[Attachment]) -> list[Citation]:
    """Names of attached files in ``text``, with or without lines. A bare name will do where only one file has it."""
    by_name: dict[str, Attachment] = {}
    doubtful: set[str] = set()
    for it in attachments:
        if not it.path:
            continue
        by_name.setdefault(it.path, it)
        name = it.path.rpartition("/")[2]
        if name in by_name and by_name[name].path != it.path:
            doubtful.add(name)
        by_name.setdefault(name, it)
    found = []
    for match in _PLACE.finditer(text):
        name = match[1].removeprefix("./")
        if name in by_name and name not in doubtful:
            attachment = by_name[name]
            line = int(match[2]) if match[2] else attachment.first
            found.append(Citation(match.start(), match.end(), attachment, line))
    return found


def linked(markdown: str, attachments: Sequence[Attachment], address: str) -> str:
    """``markdown`` with its citations as links to ``address`` with index and line. Links and code stay as they are."""
    if not attachments:
        return markdown
    spans = [match.span() for match in re.finditer(r"`[^`\n]*`|!?\[[^\]\n]*\]\([^)\n]*\)|<[^>\n]*>", markdown)]
    indices = {id(it): at for at, it in enumerate(attachments)}
    parts: list[str] = []
    at = 0
    for found in citations(markdown, attachments):
        inside = next((span for span in spans if span[0] <= found.start and found.end <= span[1]), None)
        start, end, label = found.start, found.end, markdown[found.start : found.end]
        if inside is not None:
            whole = markdown[inside[0] : inside[1]]
            if whole != f"`{label}`":
                continue
            start, end, label = *inside, whole
        parts += [markdown[at:start], f"[{label}]({address}{indices[id(found.attachment)]}/{found.line})"]
        at = end
    return "".join([*parts, markdown[at:]])
