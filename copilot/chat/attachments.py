"""What a question is asked with: pieces of files and other text, each with its origin. No I/O."""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
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
    MAP = "map"
    """The most central definitions of a repository."""
    CODEBASE = "codebase"
    """What fits the question, looked for when it is sent."""


class Attachment(msgspec.Struct, frozen=True, kw_only=True):
    """``path``: as a person would write it; ``uri``: what an editor opens. ``first`` and ``last`` line count from 1;
    0 where it has no place in a file. ``digest``: of the whole file's text when it was read, see :func:`text_digest`.
    ``reason``: for people, why it was chosen where they did not choose it themselves.
    """

    kind: AttachmentKind
    label: str
    text: str
    path: str = ""
    uri: str = ""
    language: str = ""
    first: int = 0
    last: int = 0
    digest: str = ""
    reason: str = ""

    @property
    def origin(self) -> str:
        """``src/app.py:3-9``, or what it is where it comes from no file."""
        if not self.path:
            return self.label
        if not self.first:
            return self.path
        return f"{self.path}:{self.first}" + (f"-{self.last}" if self.last > self.first else "")


def text_digest(text: str) -> str:
    """Of a file's text as a model may see it: with ``\\n`` as the only line end, secrets masked."""
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=16).hexdigest()


def file_attachment(path: str, uri: str, language: str, text: str) -> Attachment:
    return Attachment(
        kind=AttachmentKind.FILE,
        label=path.rpartition("/")[2],
        text=text,
        path=path,
        uri=uri,
        language=language,
        digest=text_digest(text),
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
    if attachment.kind is AttachmentKind.MAP:
        return "The most central definitions of the repository, by file:"
    return f"From {attachment.origin}:"


class Citation(NamedTuple):
    """Where in a text the place of a file is named, and which: lines ``line`` to ``last``, 0 for a file as a whole."""

    start: int
    end: int
    attachment: Attachment
    line: int
    last: int


_PLACE = re.compile(r"(?<![\w./-])([\w./-]*[\w-]\.\w+)(?::(\d{1,7})(?:-(\d{1,7}))?)?(?![\w/])")


def citations(text: str, attachments: Iterable[Attachment]) -> list[Citation]:
    """Names of attached files in ``text``, with or without lines. A bare name will do where only one file has it.

    Of several pieces of a file, the one is meant that has the line.
    """
    by_name: dict[str, list[Attachment]] = {}
    paths: dict[str, set[str]] = {}
    for it in attachments:
        for name in {it.path, it.path.rpartition("/")[2]} if it.path else ():
            by_name.setdefault(name, []).append(it)
            paths.setdefault(name, set()).add(it.path)
    found = []
    for match in _PLACE.finditer(text):
        name = match[1].removeprefix("./")
        named = by_name.get(name, [])
        if len(paths.get(name, ())) > 1:
            # The whole path of one may be the bare name of another.
            named = [it for it in named if it.path == name and "/" in name]
        if not named:
            continue
        line = int(match[2]) if match[2] else 0
        holding = (it for it in named if not line or not it.first or it.first <= line <= it.last)
        attachment = next(holding, named[0])
        last = max(line, int(match[3])) if match[3] else line or attachment.last
        found.append(Citation(match.start(), match.end(), attachment, line or attachment.first, last))
    return found


def linked(
    markdown: str,
    attachments: Sequence[Attachment],
    address: str,
    remark: Callable[[Citation], str] = lambda citation: "",
) -> str:
    """``markdown`` with its citations as links to ``address`` with index, line and last line. Links and code stay as
    they are. ``remark``: what to say behind one, such as that it is not true any more.
    """
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
        target = f"{address}{indices[id(found.attachment)]}/{found.line}/{found.last}"
        words = remark(found)
        parts += [markdown[at:start], f"[{label}]({target})", f" *({words})*" if words else ""]
        at = end
    return "".join([*parts, markdown[at:]])
