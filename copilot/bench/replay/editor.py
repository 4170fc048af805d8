"""What an editor does by itself while someone types: indents a new line, closes brackets and quotes. Pure."""

from typing import NamedTuple

CLOSERS = {"(": ")", "[": "]", "{": "}", '"': '"', "'": "'", "`": "`"}
_QUOTES = frozenset("\"'`")
_AFTER_COLON = frozenset({"python", "yaml"})


class Buffer(NamedTuple):
    """A document as its caret divides it."""

    before: str
    after: str

    @property
    def text(self) -> str:
        return self.before + self.after

    @property
    def line_before(self) -> str:
        return self.before[self.before.rfind("\n") + 1 :]

    @property
    def line_after(self) -> str:
        return self.after.partition("\n")[0]


class Edit(NamedTuple):
    """One change at the caret, as one key makes it: ``removed`` characters left of the caret and ``taken`` right of
    it go, ``typed`` comes left of it and ``added`` right of it. ``over``: the caret first steps over so many.
    """

    typed: str = ""
    added: str = ""
    removed: int = 0
    taken: int = 0
    over: int = 0

    def apply(self, buffer: Buffer) -> Buffer:
        before = buffer.before + buffer.after[: self.over]
        before = before[: len(before) - self.removed] + self.typed
        return Buffer(before, self.added + buffer.after[self.over + self.taken :])


def new_line(buffer: Buffer, language: str, indent: str, closers: int, spare: int) -> Edit:
    """Enter. ``closers``: so many characters right of the caret the editor put there itself, ``spare``: so many
    blanks left of it, which go when the line has nothing else.
    """
    line = buffer.line_before
    blanks = line[: len(line) - len(line.lstrip(" \t"))]
    last = line.rstrip()[-1:]
    opens = last in {"(", "[", "{"} or (last == ":" and language in _AFTER_COLON)
    typed = "\n" + blanks + (indent if opens else "")
    # Between a pair of brackets the closing one goes to a line of its own.
    pair = bool(closers) and last in CLOSERS and CLOSERS[last] == buffer.after[:1]
    added = "\n" + blanks if pair and last not in _QUOTES else ""
    return Edit(typed=typed, added=added, removed=spare)


def character(buffer: Buffer, typed: str, *, closing: bool) -> Edit:
    """A character that is no line end. With ``closing`` an opening bracket or quote gets its counterpart."""
    closer = CLOSERS.get(typed)
    if not closing or closer is None or not _may_close(buffer, typed):
        return Edit(typed=typed)
    return Edit(typed=typed, added=closer)


def _may_close(buffer: Buffer, typed: str) -> bool:
    following, line = buffer.after[:1], buffer.line_before
    if following.strip() and following not in ")]}\"'`,;:":
        return False
    if typed not in _QUOTES:
        return True
    # The second quote of a pair, or an apostrophe.
    previous = line[-1:]
    return previous != typed and not (previous.isalnum() or previous in "_\\") and line.count(typed) % 2 == 0
