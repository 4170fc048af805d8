"""What a question names with an @, as it stands in its text. No I/O."""

import re
from typing import NamedTuple


class Mentioned(NamedTuple):
    """``kind``: ``codebase``, ``map``, ``diff``, ``file``, ``folder`` or ``symbol``; the last three have a ``name``."""

    kind: str
    name: str
    start: int
    end: int


_MENTION = re.compile(
    r"(?<![\w@/.-])@(?:(codebase|map|diff)(?![\w:/@-]|\.\w)|(file|folder|symbol):(?:\"([^\"\n]+)\"|([^\s\"]+)))"
)
_BEHIND = ".,;:!?)]}>'`"


def mentioned(text: str) -> tuple[Mentioned, ...]:
    """In their order. ``@file:"a b.py"`` names a path with spaces; a sentence's own marks are no part of a name."""
    found = []
    for match in _MENTION.finditer(text):
        kind, named, quoted, bare = match.groups()
        if kind:
            found.append(Mentioned(kind, "", *match.span()))
            continue
        name = quoted or bare.rstrip(_BEHIND)
        if name:
            end = match.end() if quoted else match.end() - (len(bare) - len(name))
            found.append(Mentioned(named, name, match.start(), end))
    return tuple(found)


def without_mentions(text: str) -> str:
    """The question as a model should read it: names stay, what only says what to attach goes."""
    parts = []
    at = 0
    for it in mentioned(text):
        parts += [text[at : it.start], it.name]
        at = it.end
        if not it.name:
            # Of the spaces on both sides one is enough.
            at += text[at : at + 1] == " " and (it.start == 0 or text[it.start - 1].isspace())
    plain = "".join([*parts, text[at:]]).strip()
    return plain or text.strip()
