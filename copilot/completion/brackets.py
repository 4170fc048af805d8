"""Which brackets and strings are open: reads lines as an editor's bracket matcher does, without a grammar.

Pure functions over text. Wrong on purpose in rare places (regular expression literals, a window that begins inside
a docstring); a string that should have ended is forgotten at the end of its line.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from copilot.completion.lexis import CLOSER_OF, CLOSERS, Lexis, width

# How much of the prefix is read. More would cost milliseconds and add only brackets that were opened far away.
_PREFIX_CHARACTERS = 8_000
_SUFFIX_LINES = 60

# Lines of the preprocessor, and labels, stand further left than the block that they are in.
_AT_THE_MARGIN = re.compile(r"#|(?:\w+\s*|case\b.*):$")

_COMMENT = "\n"
_NO_ESCAPES = ("*/", "-->")
_ALL_CLOSERS = "".join(sorted(CLOSERS))


class Open(NamedTuple):
    """An open bracket. ``here``: opened on the caret's line or in the suggestion, not somewhere above."""

    closer: str
    column: int
    here: bool


class Reading(NamedTuple):
    """What is open at some point of the text.

    ``inside``: the delimiter that ends the string or comment this point lies in, ``""`` in code.
    """

    brackets: tuple[Open, ...] = ()
    inside: str = ""

    @property
    def in_code(self) -> bool:
        return not self.inside

    @property
    def open_here(self) -> bool:
        return any(bracket.here for bracket in self.brackets)

    def next_line(self) -> "Reading":
        """At the start of the following line: a comment or plain string does not get there."""
        return self._replace(inside="") if len(self.inside) == 1 and self.inside != "`" else self


def read(
    text: str, reading: Reading, lexis: Lexis, *, column: int = 0, here: bool = True, lenient: bool = False
) -> tuple[Reading, int | None]:
    """Read ``text``, which holds no line end, on from ``reading``.

    Stops at the first closing bracket that closes nothing open, and says where that is; with ``lenient``, for text
    that is as it is, such a closer is passed over. ``column``: the indentation noted for brackets opened here.
    """
    brackets, inside, at = list(reading.brackets), reading.inside, 0
    while at < len(text):
        if inside:
            at, ended = _end_of(text, at, inside)
            if not ended:
                break
            inside = ""
            continue
        found = lexis.token.search(text, at)
        if found is None:
            break
        at = found.end()
        spelling, kind = found.group(), found.lastgroup
        if kind == "block":
            inside = lexis.block_ends[spelling]
        elif kind == "comment":
            inside = _COMMENT
        elif kind == "quote":
            inside = spelling
        elif kind == "bracket":
            if spelling not in CLOSERS:
                brackets.append(Open(CLOSER_OF[spelling], column, here))
            elif brackets and brackets[-1].closer == spelling:
                brackets.pop()
            elif not lenient:
                return Reading(tuple(brackets), ""), found.start()
            else:
                _close_lenient(brackets, spelling)
    return Reading(tuple(brackets), inside), None


def _end_of(text: str, at: int, delimiter: str) -> tuple[int, bool]:
    if delimiter == _COMMENT:
        return len(text), False
    while (found := text.find(delimiter, at)) >= 0:
        escape = text.find("\\", at, found) if delimiter not in _NO_ESCAPES else -1
        if escape < 0:
            return found + len(delimiter), True
        at = escape + 2
    return len(text), False


def _close_lenient(brackets: list[Open], closer: str) -> None:
    """Drop what was opened after the bracket that ``closer`` closes; nothing when it closes none."""
    for index in range(len(brackets) - 1, -1, -1):
        if brackets[index].closer == closer:
            del brackets[index:]
            return


def open_at_caret(prefix: str, lexis: Lexis) -> Reading:
    """What ``prefix`` leaves open, as far back as it is read."""
    start = len(prefix) - _PREFIX_CHARACTERS
    lines = prefix[prefix.find("\n", start) + 1 if start > 0 else 0 :].split("\n")
    reading = Reading(inside=_inside_at_start(lines, lexis))
    for line in lines[:-1]:
        if reading.in_code and reading.brackets:
            reading = _without_flat(line, reading, lexis)
        reading = read(line, reading, lexis, column=width(line), here=False, lenient=True)[0].next_line()
    return read(lines[-1], reading, lexis, column=width(lines[-1]), lenient=True)[0]


def reading_at_caret(prefix: str, suffix: str, lexis: Lexis) -> Reading:
    """What is open at the caret and still wants closing there: brackets that the suffix closes are left out."""
    reading = open_at_caret(prefix, lexis)
    owed = _owed(reading, suffix.split("\n")[:_SUFFIX_LINES], lexis)
    brackets = reading.brackets
    closer = next(iter(suffix.partition("\n")[0].strip()), "")
    if closer in CLOSERS and owed < len(brackets) and brackets[-1 - owed].closer != closer:
        # What stands right of the caret closes the innermost one; it is another that is missing.
        owed = 0
    return reading._replace(brackets=brackets[len(brackets) - owed :])


def _without_flat(line: str, reading: Reading, lexis: Lexis) -> Reading:
    """What is open before ``line``, without the columns of brackets whose content is no deeper than they are.

    The indentation of the suffix says nothing about those: namespaces, and what was left open by mistake.
    """
    text, column = line.strip(), width(line)
    if not text or text[0] in CLOSERS or (lexis.directives and _AT_THE_MARGIN.match(text)):
        return reading
    if all(bracket.column < column for bracket in reading.brackets):
        return reading
    brackets = (bracket._replace(column=-1) if bracket.column >= column else bracket for bracket in reading.brackets)
    return reading._replace(brackets=tuple(brackets))


def _inside_at_start(lines: list[str], lexis: Lexis) -> str:
    """The delimiter that ends the string or comment in which a cut text begins, judged by the first one in it."""
    ends = {end: start for start, end in lexis.blocks if end != "`"}
    above = ""
    for line in lines:
        for end, start in ends.items():
            at = line.find(end)
            if at < 0 or (start != end and start in line):
                continue
            if start != end or _ends_docstring(line[:at], line[at + len(end) :], above):
                return end
            return ""
        if any(start in line for start in ends.values()):
            return ""
        above = line.strip() or above
    return ""


def code_of(prefix: str, lexis: Lexis) -> str:
    """``prefix`` without the end of a string or comment that it begins in the middle of."""
    inside = _inside_at_start(prefix.split("\n")[:-1], lexis)
    return prefix[prefix.find(inside) + len(inside) :] if inside else prefix


def is_closed_below(inside: str, suffix: str, lexis: Lexis) -> bool:
    """Whether the string or comment over several lines that the caret stands in ends in the suffix."""
    return bool(inside) and _inside_at_start(suffix.split("\n"), lexis) == inside


def _ends_docstring(before: str, after: str, above: str) -> bool:
    """Whether a triple quote between ``before`` and ``after`` on its line ends a string rather than beginning one."""
    if before.strip():
        return re.search(r"[\w.!?)\]'\"]$", before) is not None and re.search(r"\b[rbfuRBFU]{1,2}$", before) is None
    return not after.strip() and bool(above) and re.search(r"[:=(\[{,+\\]$|^[#@]", above) is None


def _owed(caret: Reading, suffix: list[str], lexis: Lexis) -> int:
    """How many of the innermost open brackets the suffix leaves open.

    The suffix may be cut off anywhere, so a missing closer proves nothing by itself. A line that is no deeper than
    the one with the bracket does: the closer has come by then, or is missing.
    """
    checks = list(_closed_by_column(suffix, caret, lexis))
    owed = 0
    for index, bracket in enumerate(caret.brackets):
        closed = next((count for column, count in checks if column <= bracket.column), None)
        if closed is not None:
            owed = max(owed, len(caret.brackets) - index - closed)
    return owed


def _closed_by_column(suffix: list[str], caret: Reading, lexis: Lexis) -> Iterator[tuple[int, int]]:
    """For each line after the caret's: its indentation, and how many brackets from before the caret are closed by it.

    Of the line itself only the closers at its start count. After nothing but blank lines the file is taken to end,
    which is as good as a line that is not indented.
    """
    wanted = "".join(bracket.closer for bracket in reversed(caret.brackets))
    reading, stray = strays(suffix[0], Reading(inside=caret.inside), lexis)
    count = _closed(stray, wanted, 0)
    text_came = False
    for line in suffix[1:]:
        text = line.strip()
        if not text:
            continue
        text_came = True
        column = width(line)
        if lexis.directives and reading.in_code and _AT_THE_MARGIN.match(text):
            continue
        if reading.in_code:
            leading = text[: len(text) - len(text.lstrip(_ALL_CLOSERS))]
            yield column, _closed(leading[len(reading.brackets) :], wanted, count)
        if column == 0 and not reading.brackets:
            return
        reading, stray = strays(line, reading, lexis)
        count = _closed(stray, wanted, count)
    if not text_came:
        yield 0, count


def _closed(strays: str, wanted: str, count: int) -> int:
    """How many of ``wanted`` are closed by ``strays`` when ``count`` were: one of another kind closes none."""
    for closer in strays:
        count += closer == wanted[count : count + 1]
    return count


def strays(line: str, reading: Reading, lexis: Lexis) -> tuple[Reading, str]:
    """The closing brackets of ``line`` that close nothing of it, and what is open at the start of the next."""
    found = ""
    while True:
        reading, at = read(line, reading, lexis)
        if at is None:
            return reading.next_line(), found
        found += line[at]
        line = line[at + 1 :]
