"""On which line each key of a TOML text stands, for messages; ``tomllib`` does not tell.

Sans-IO. Works on text that ``tomllib`` accepts (TOML 1.0, https://toml.io/en/v1.0.0); it finds keys and skips over
values, so it needs to know where a value ends but never what it is.
"""

import tomllib
from bisect import bisect_right
from collections.abc import Mapping

Key = tuple[str | int, ...]
"""Names from the root on; a number counts the items of a list: ``("engine", "threads")``, ``("tool", 0, "name")``."""

_BLANK = " \t"
_WHITE = " \t\r\n"
_BARE_END = ",]}#\r\n"


def locate(text: str) -> Mapping[Key, int]:
    """The line, counted from 1, where each key or item of ``text`` first stands.

    A table that is only named as a part of longer keys stands where the first of those does.
    Raises :class:`ValueError` when the text is not TOML.
    """
    scanner = _Scanner(text)
    try:
        scanner.document()
    except (IndexError, RecursionError):
        raise ValueError("not TOML, or nested too deeply") from None
    return scanner.lines


class _Scanner:
    def __init__(self, text: str) -> None:
        # Past the end there is always something to look at, and it ends every bare word.
        self.text = text + "\n"
        self.end = len(text)
        self.at = 0
        self.lines: dict[Key, int] = {}
        self.newlines = [at for at, character in enumerate(text) if character == "\n"]
        # Tables written as [[name]]: how many there were so far.
        self.counts: dict[Key, int] = {}

    def document(self) -> None:
        table: Key = ()
        while True:
            self.skip(_WHITE)
            if self.at >= self.end:
                return
            if self.text.startswith("[[", self.at):
                table = self.header(2)
            elif self.text[self.at] == "[":
                table = self.header(1)
            else:
                self.pair(table)

    def skip(self, characters: str) -> None:
        """Move over ``characters`` and, where lines may end, over comments."""
        while self.at < self.end:
            if self.text[self.at] == "#" and "\n" in characters:
                self.at = self.text.index("\n", self.at)
            elif self.text[self.at] in characters:
                self.at += 1
            else:
                return

    def header(self, brackets: int) -> Key:
        self.at += brackets
        names = self.key()
        self.at += brackets
        table: Key = ()
        for name, line in names[:-1]:
            table = self.latest(self.add((*table, name), line))
        name, line = names[-1]
        table = self.add((*table, name), line)
        if brackets == 1:
            return table
        self.counts[table] = self.counts.get(table, 0) + 1
        return self.add((*table, self.counts[table] - 1), line)

    def latest(self, table: Key) -> Key:
        """Below a list of tables, a name means the item that was opened last."""
        return (*table, self.counts[table] - 1) if table in self.counts else table

    def add(self, key: Key, line: int) -> Key:
        self.lines.setdefault(key, line)
        return key

    def pair(self, table: Key) -> None:
        for name, line in self.key():
            table = self.add((*table, name), line)
        self.at += 1  # the equals sign
        self.skip(_BLANK)
        self.value(table)

    def key(self) -> list[tuple[str, int]]:
        """The names of a dotted key, each with its line; ends on what follows the key."""
        names: list[tuple[str, int]] = []
        while True:
            self.skip(_BLANK)
            line = bisect_right(self.newlines, self.at - 1) + 1
            start = self.at
            if self.text[start] in "\"'":
                self.string()
                names.append((_decoded(self.text[start : self.at]), line))
            else:
                while self.text[self.at].isalnum() or self.text[self.at] in "-_":
                    self.at += 1
                if self.at == start:
                    raise ValueError("not TOML")
                names.append((self.text[start : self.at], line))
            self.skip(_BLANK)
            if self.text[self.at] != ".":
                return names
            self.at += 1

    def value(self, key: Key) -> None:
        opening = self.text[self.at]
        if opening in "\"'":
            self.string()
        elif opening == "[":
            self.array(key)
        elif opening == "{":
            self.inline_table(key)
        else:
            # A date with a time has a blank inside; nothing bare holds one of the ends.
            start = self.at
            while self.text[self.at] not in _BARE_END:
                self.at += 1
            if self.at == start:
                raise ValueError("not TOML")

    def array(self, key: Key) -> None:
        self.at += 1
        count = 0
        while True:
            self.skip(_WHITE)
            if self.text[self.at] == "]":
                self.at += 1
                return
            item = self.add((*key, count), bisect_right(self.newlines, self.at - 1) + 1)
            self.value(item)
            count += 1
            self.skip(_WHITE)
            if self.text[self.at] == ",":
                self.at += 1

    def inline_table(self, key: Key) -> None:
        self.at += 1
        while True:
            self.skip(_WHITE)
            if self.text[self.at] == "}":
                self.at += 1
                return
            self.pair(key)
            self.skip(_WHITE)
            if self.text[self.at] == ",":
                self.at += 1

    def string(self) -> None:
        quote = self.text[self.at]
        if not self.text.startswith(quote * 3, self.at):
            self.at += 1
            self.until(quote)
            return
        self.at += 3
        self.until(quote * 3)
        # Up to two quotes may stand directly before the closing three: """"quoted"""" ends at the last of them.
        for _ in range(2):
            if self.text[self.at] == quote:
                self.at += 1

    def until(self, closing: str) -> None:
        while not self.text.startswith(closing, self.at):
            if self.at >= self.end:
                raise ValueError("not TOML")
            self.at += 2 if self.text[self.at] == "\\" and closing[0] == '"' else 1
        self.at += len(closing)


def _decoded(quoted: str) -> str:
    name: str = tomllib.loads(f"key = {quoted}")["key"]
    return name
