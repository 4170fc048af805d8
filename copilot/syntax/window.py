"""What a grammar finds wrong with the text around the caret, as it is and with something put in at the caret.

No I/O. The text is parsed once; each change at the caret is parsed from that tree, which touches little more than the
lines around it. A window is a piece of a file, so it has faults of its own: only the difference says something.
"""

import re
from functools import cached_property
from typing import TYPE_CHECKING

from copilot.syntax.grammar import grammar_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tree_sitter import Node, Tree

_Point = tuple[int, int]
_OTHER = re.compile(r"[^\x00-\x7f]")


class Window:
    """The text around a caret. ``grammar_of(language)`` is not None."""

    def __init__(self, prefix: str, suffix: str, language: str) -> None:
        from tree_sitter import Parser

        self._parser = Parser(grammar_of(language))
        self._prefix, self._suffix = as_ascii(prefix), as_ascii(suffix)
        self.rest = suffix.partition("\n")[0]

    @classmethod
    def of(cls, prefix: str, suffix: str, language: str | None) -> "Window | None":
        """None where there is no grammar for ``language``."""
        return cls(prefix, suffix, language) if language and grammar_of(language) is not None else None

    @cached_property
    def _tree(self) -> "Tree":
        return self._parser.parse(self._prefix + self._suffix)

    @cached_property
    def faults(self) -> int:
        """How many there are in the text as it is: stretches that fit no rule, and tokens that are missing."""
        return len(list(faults_of(self._tree.root_node)))

    @cached_property
    def faults_elsewhere(self) -> int:
        """How many there are when the caret's line is left out: a line half typed may hide what is wrong below it."""
        head = self._prefix[: self._prefix.rfind(b"\n") + 1]
        return len(list(faults_of(self._parser.parse(head + self._suffix[len(self.rest) + 1 :]).root_node)))

    @cached_property
    def faults_here(self) -> int:
        """How many of them lie on the caret's line, in part at least."""
        return _on_lines(self._tree.root_node, self._caret[0], self._caret[0])

    @cached_property
    def _caret(self) -> _Point:
        return self._prefix.count(b"\n"), len(self._prefix) - self._prefix.rfind(b"\n") - 1

    def faults_with(self, text: str, replaced: int = 0) -> int:
        """The same as ``faults`` with ``text`` in place of the first ``replaced`` characters right of the caret."""
        return len(list(faults_of(self.parse_with(text, replaced).root_node)))

    def faults_here_with(self, text: str, replaced: int = 0) -> int:
        """The same as ``faults_here`` for the lines of ``text``."""
        row = self._caret[0]
        return _on_lines(self.parse_with(text, replaced).root_node, row, row + text.count("\n"))

    def parse_with(self, text: str, replaced: int = 0) -> "Tree":
        """The tree of the window with ``text`` in place of the first ``replaced`` characters of the suffix."""
        inserted, taken = as_ascii(text), len(self.rest[:replaced])
        start = len(self._prefix)
        row, column = self._caret
        last_line = inserted.rpartition(b"\n")[2]
        rows = inserted.count(b"\n")
        # An edit changes the tree it is made to.
        tree = self._tree.copy()
        tree.edit(
            start_byte=start,
            old_end_byte=start + taken,
            new_end_byte=start + len(inserted),
            start_point=(row, column),
            old_end_point=(row, column + taken),
            new_end_point=(row + rows, len(last_line) + (0 if rows else column)),
        )
        return self._parser.parse(self._prefix + inserted + self._suffix[taken:], tree)


def as_ascii(text: str) -> bytes:
    """``text`` with a letter for each character that is not ASCII, so that bytes are characters.

    Such characters are letters of names, or in strings and comments, where any letter does. And native code is spared
    what it was not written for: tree-sitter-bash 0.25.1 reads beyond its tables at a character like U+FB267.
    """
    return (text if text.isascii() else _OTHER.sub("x", text)).encode()


def faults_of(root: "Node") -> "Iterator[Node]":
    # Not by recursion: text may be nested as deep as someone types brackets.
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if node.is_error or node.is_missing:
            yield node
        elif node.has_error:
            wrong = [child for child in node.children if child.has_error]
            nodes += wrong
            if not wrong:
                # What is missing has no name in the grammar, as the end of a line of Python.
                yield node


def _on_lines(root: "Node", first: int, last: int) -> int:
    return sum(node.start_point.row <= last and first <= node.end_point.row for node in faults_of(root))
