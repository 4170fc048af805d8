"""A growing Markdown answer, split into segments of which only the last can still change. No I/O.

Fences as in CommonMark 0.31, at any indentation: models put them into lists. A line is withheld only while it can still
become a fence or a tag, so how the text was cut never shows.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

MOST_PROSE = 2_000
"""Characters after which prose is closed at the next top-level blank line: only an open segment costs anything."""

MOST_LINE = 8_000
"""Characters after which prose is closed wherever it is."""

# A backtick fence has no backtick behind it: "```x``` y" is inline code.
_FENCE = re.compile(r"^([ \t]*)(`{3,}(?=[^`]*$)|~{3,})[ \t]*([^\s`]*)")
_MAYBE_FENCE = re.compile(r"^[ \t]*(`{1,2}$|`{3,}[^`]*$|~{1,2}$|~{3,})")
_LIST_ITEM = re.compile(r"(?:[-*+]|\d+[.)])\s")
# A link at the very end of the text that is not complete yet.
_OPEN_LINK = re.compile(r"!?\[[^\]\n]*(?:\](?:\([^)\n]*)?)?\Z")
_THINK, _THOUGHT = "<think>", "</think>"


class Kind(StrEnum):
    PROSE = "prose"
    CODE = "code"
    THOUGHT = "thought"
    """What a reasoning model writes for itself, between ``<think>`` and ``</think>``."""


@dataclass(slots=True)
class Segment:
    """``language``: as the fence names it, or empty."""

    kind: Kind
    language: str = ""
    text: str = ""
    closed: bool = False


class SegmentStream:
    """``feed`` pieces, read ``segments``; ``visible`` is what to show of one."""

    def __init__(self) -> None:
        self.segments: list[Segment] = []
        self._partial = ""
        self._fence = ""
        self._indent = 0
        self._blank = False
        self._fresh = True
        """Whether ``_partial`` is at the start of its line."""

    def feed(self, piece: str) -> int:
        """The index of the first segment that may have changed."""
        first = max(0, len(self.segments) - 1)
        *lines, self._partial = (self._partial + piece).split("\n")
        for line in lines:
            self._line(line, ended=True)
            self._fresh = True
        self._partial = self._shortened(self._partial)
        if self._pending.strip() and (not self.segments or self.segments[-1].closed):
            self._open(Kind.PROSE)
        return first

    def close(self) -> None:
        """No more comes."""
        if self._partial:
            self._line(self._partial, ended=True)
            self._partial = ""
        if self.segments:
            self.segments[-1].closed = True

    def visible(self, index: int) -> str:
        """The segment's text, with as much of the unfinished line as is certain."""
        segment = self.segments[index]
        if segment.closed:
            return segment.text
        text = segment.text + self._pending
        return presentable(text) if segment.kind is Kind.PROSE else text

    @property
    def _thinking(self) -> bool:
        return bool(self.segments) and self.segments[-1].kind is Kind.THOUGHT and not self.segments[-1].closed

    @property
    def _pending(self) -> str:
        partial = self._partial
        if self._fence:
            inside = partial.strip()
            return "" if set(inside) <= {self._fence[0]} else self._outdented(partial)
        if self._thinking:
            cut = partial.find("<", max(0, len(partial) - len(_THOUGHT) + 1))
            return partial[:cut] if cut >= 0 and _THOUGHT.startswith(partial[cut:]) else partial
        if not self._fresh:
            return partial
        head = partial.lstrip()
        if head and (_THINK.startswith(head) or head.startswith(_THINK)):
            return ""
        return "" if _MAYBE_FENCE.match(partial) else partial

    def _shortened(self, partial: str) -> str:
        """Less of a line without end, as prose of its own."""
        while len(partial) > MOST_LINE and not self._fence and not self._thinking:
            if self._fresh and (_MAYBE_FENCE.match(partial[:MOST_LINE]) or partial.lstrip().startswith(_THINK)):
                break
            cut = partial.rfind(" ", MOST_LINE // 2, MOST_LINE) + 1 or MOST_LINE
            self._prose(partial[:cut])
            self.segments[-1].closed = True
            partial, self._fresh = partial[cut:], False
        return partial

    def _open(self, kind: Kind, language: str = "") -> Segment:
        if self.segments:
            self.segments[-1].closed = True
        self.segments.append(Segment(kind, language))
        self._blank = False
        return self.segments[-1]

    def _line(self, line: str, *, ended: bool) -> None:
        end = "\n" if ended else ""
        if self._fence:
            inside = line.strip()
            if inside and set(inside) == {self._fence[0]} and len(inside) >= len(self._fence):
                self._fence = ""
                self.segments[-1].closed = True
            else:
                self.segments[-1].text += self._outdented(line) + end
        elif self._thinking:
            thought, tag, rest = line.partition(_THOUGHT)
            self.segments[-1].text += thought + ("" if tag else end)
            if tag:
                self.segments[-1].closed = True
                self._fresh = True
                if rest.strip():
                    self._line(rest, ended=ended)
        elif self._fresh and line.lstrip().startswith(_THINK):
            self._open(Kind.THOUGHT)
            rest = line.lstrip().removeprefix(_THINK)
            if rest:
                self._line(rest, ended=ended)
        elif self._fresh and (match := _FENCE.match(line)):
            self._indent, self._fence = len(match[1]), match[2]
            self._open(Kind.CODE, match[3].lower())
        else:
            line = self._shortened(line)
            self._prose(line + end)

    def _prose(self, line: str) -> None:
        words = line.strip()
        segment = self.segments[-1] if self.segments and not self.segments[-1].closed else None
        # A list may go on after a blank line; cutting it there would restart its numbering.
        top_level = self._blank and words and not line[0].isspace() and not _LIST_ITEM.match(words)
        if segment is None or (top_level and len(segment.text) > MOST_PROSE):
            if not words:
                return
            segment = self._open(Kind.PROSE)
        segment.text += line
        self._blank = not words

    def _outdented(self, line: str) -> str:
        return line[min(self._indent, len(line) - len(line.lstrip(" \t"))) :]


def presentable(text: str) -> str:
    """Unfinished prose without the signs of what is only half there: open links, emphasis and inline code."""
    text = _OPEN_LINK.sub("", text)
    start = text.rfind("\n\n") + 1
    paragraph = text[start:]
    if paragraph.count("`") % 2:
        return text[:-1] if text.endswith("`") else f"{text}`"
    if paragraph.count("**") % 2:
        return text[:-2].rstrip("*") if text.endswith("**") else f"{text.removesuffix('*')}**"
    return text


def segments_of(text: str) -> list[Segment]:
    """Of a whole answer."""
    stream = SegmentStream()
    stream.feed(text)
    stream.close()
    return stream.segments


def without_thoughts(text: str) -> str:
    """An answer as the next prompt should hold it: reasoning models are not shown their old thoughts."""
    parts = []
    for segment in segments_of(text):
        if segment.kind is Kind.CODE:
            fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", segment.text)), default=0))
            parts.append(f"{fence}{segment.language}\n{segment.text}{fence}")
        elif segment.kind is Kind.PROSE:
            parts.append(segment.text.strip("\n"))
    return "\n\n".join(parts) if _THINK in text else text
