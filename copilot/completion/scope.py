"""Where what was begun at the caret ends: by indentation, blank lines and brackets."""

import re

from copilot.completion.brackets import Reading
from copilot.completion.lexis import CLOSERS, Lexis, width
from copilot.completion.verdict import Verdict

# Which words go on with a statement at its own indentation, by the word it began with.
_BRANCH = frozenset({"else", "elif", "elsif", "elseif"})
_HANDLERS = frozenset({"except", "catch", "finally", "else", "rescue", "ensure"})
_FOLLOWERS = {
    **dict.fromkeys(("if", "elif", "elsif", "elseif", "unless"), _BRANCH),
    **dict.fromkeys(("try", "except", "catch", "begin", "rescue"), _HANDLERS),
    "for": frozenset({"else"}),
    "while": frozenset({"else"}),
    "do": frozenset({"while"}),
}
_LAST_WORDS = frozenset({"end", "fi", "done", "esac", "until"})

_CHAIN = (".", "?.", "&&", "||", "??", "|>", "+", "::", "=>", "->", "?", ":")
_GOES_ON = ("\\", "&&", "||", "??", "+", "=", "?", "|", "=>", "->")


# After a blank line these begin something else, even where more lines as deep may follow.
_DEFINITION = re.compile(
    r"@|(?:async\s+)?(?:def|class|fn|func|function|impl|struct|enum|interface|trait|module|pub|public|private|protected)\b"
)
_METHOD = re.compile(r"[\w<>\[\],.*&:~ ]*[\w>]\s*\([^;=]*\{$")
_CONTROL = frozenset(
    {"if", "for", "while", "switch", "catch", "with", "match", "loop", "unless", "until", "do", "else", "try"}
    | {"foreach", "lock", "using", "return"}
)
_MAYBE_DEFINITION = re.compile(r"(?:async\s+)?\w*")

_PYTHON_FOLLOWERS = ("else", "elif", "except", "finally")


def goes_on(line: str, lexis: Lexis) -> bool:
    """Whether a statement whose line ends like this needs the next line."""
    text = line.rstrip()
    return text.endswith("\\") or (lexis.chains and text.endswith(_GOES_ON))


def first_word(line: str) -> str:
    """The word a statement begins with, a closing brace before it aside."""
    found = re.match(r"[\s}]*(\w+)", line)
    return found.group(1) if found else ""


def judge_python_follower(text: str, column: int, above: str, whole: bool) -> Verdict:
    """Ends a suggestion that begins with ``else``, ``except`` ... where no line of ``above`` begins such a block.

    ``text``: the line so far, stripped; ``column``: its indentation.
    """
    word = first_word(text)
    if word == text and not whole:
        return Verdict.WAIT if any(follower.startswith(word) for follower in _PYTHON_FOLLOWERS) else Verdict.KEEP
    if word not in _PYTHON_FOLLOWERS:
        return Verdict.KEEP
    rest = text.removeprefix(word).lstrip()
    if word in ("else", "finally") and not rest.startswith(":"):
        # A conditional expression may go on with `else` on a line of its own.
        return Verdict.KEEP if rest or whole else Verdict.WAIT
    for line in reversed(above.split("\n")):
        if line.strip() and width(line) <= column:
            begun = _FOLLOWERS.get(first_word(line), frozenset()) if width(line) == column else frozenset()
            return Verdict.KEEP if word in begun else Verdict.END
    return Verdict.END


def begins_definition(line: str) -> bool:
    """Whether ``line`` begins a function, a class or the like, which ends where its body does."""
    text = line.strip()
    if _DEFINITION.match(text):
        return True
    # A method without a keyword: `int size() {`, `render() {`.
    return _METHOD.match(text) is not None and first_word(text) not in _CONTROL


class Scope:
    """The part of the text a suggestion may fill.

    ``column``: the indentation of what was begun. ``inside``: only deeper lines belong to it, because the caret's
    line begins a block; otherwise more lines as deep may follow. ``ended``: the statement is whole, and only a line
    that visibly goes on with it belongs. ``paragraphs``: blank lines may stand between lines as deep.
    """

    def __init__(self, lexis: Lexis, column: int, *, paragraphs: bool = False, begun: str = "") -> None:
        self._lexis = lexis
        self.column = column
        self.inside = False
        self.ended = False
        self._paragraphs = paragraphs
        self._begun = first_word(begun)
        self._last = begun

    def keep(self, line: str, column: int) -> None:
        """A whole line was kept: one as deep as what was begun goes on with it, as ``elif`` does."""
        if column == self.column and line.strip()[0] not in CLOSERS:
            # In C# and by some in C the brace comes on a line of its own.
            self._last = f"{self._last} {{" if line.strip() == "{" else line
            self._begun = first_word(self._last) or self._begun

    def judge(self, text: str, column: int, reading: Reading, *, after_blank: bool, whole: bool) -> Verdict:
        """``text``: the line so far, stripped, not empty. ``reading``: what is open at its start."""
        if reading.inside:
            return Verdict.KEEP
        if text[0] in CLOSERS and self._lexis.brackets:
            # An own bracket may close at any depth; one that isn't ours closes what surrounds the caret.
            matched = reading.brackets and reading.brackets[-1].closer == text[0]
            return Verdict.KEEP if matched or text[0] not in self._lexis.brackets else Verdict.END
        if self._lexis.directives and text[0] == "#" and column == 0 < self.column and not self.ended:
            return Verdict.KEEP
        if column < self.column:
            return Verdict.END
        if self.ended:
            return self._judge_chain(text, column, after_blank=after_blank, whole=whole)
        if (
            after_blank
            and not reading.open_here
            and self._last.rstrip().endswith("{")
            and begins_definition(self._last)
        ):
            return Verdict.END
        if column > self.column or reading.open_here:
            return Verdict.KEEP
        if self.inside:
            return self._judge_follower(text, whole)
        if not after_blank:
            return Verdict.KEEP
        return self._judge_paragraph(text, whole) if self._paragraphs else Verdict.END

    def _judge_paragraph(self, text: str, whole: bool) -> Verdict:
        if begins_definition(self._last):
            return Verdict.END
        if not whole and _MAYBE_DEFINITION.fullmatch(text):
            return Verdict.WAIT
        return Verdict.END if _DEFINITION.match(text) else Verdict.KEEP

    def _judge_chain(self, text: str, column: int, *, after_blank: bool, whole: bool) -> Verdict:
        if after_blank or column <= self.column:
            return Verdict.END
        if text.startswith(_CHAIN):
            return Verdict.KEEP
        return Verdict.WAIT if not whole and any(mark.startswith(text) for mark in _CHAIN) else Verdict.END

    def _judge_follower(self, text: str, whole: bool) -> Verdict:
        words = _FOLLOWERS.get(self._begun, frozenset()) | (_LAST_WORDS if self._lexis.heads else frozenset())
        word = first_word(text)
        if word == text and not whole:
            return Verdict.WAIT if any(follower.startswith(word) for follower in words) else Verdict.END
        return Verdict.KEEP if word in words else Verdict.END
