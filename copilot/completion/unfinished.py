"""What would finish a suggestion that stops here, so that a parser can judge what is there.

Code that is still being written lacks its end: the brackets it opened, the ``end`` of its block, a semicolon. A parser
would call all of that a fault. With a makeshift end put behind it, what remains wrong is wrong.
"""

import re
from collections.abc import Iterator

from copilot.completion.brackets import Reading, read
from copilot.completion.lexis import Lexis
from copilot.completion.scope import goes_on

_SHELL_ENDS = {"if": "fi", "for": "done", "while": "done", "until": "done", "select": "done", "case": "esac"}
_SHELL_WORD = re.compile(r"(?:^|[;&|]|\bdo|\bthen|\belse)\s*(if|for|while|until|select|case|fi|done|esac)\b")
_RUBY_WORD = re.compile(
    r"(?:^|[=;(]|\breturn)\s*(def|if|unless|while|until|for|class|module|begin|case)\b|\b(do)\b(?=\s*(?:\|[^|]*\|\s*)?$)"
    r"|(?:^|;)\s*(end)\b"
)

# What a body in braces may follow, besides a closing bracket.
_BEFORE_BODY = ("else", "try", "do", "finally", "=>", "->")
_IF = re.compile(r"^\s*#\s*if", re.MULTILINE)


def reading_after(text: str, start: Reading, lexis: Lexis) -> Reading:
    """What is open at the end of ``text``, which may hold several lines and stands where ``start`` was read."""
    *lines, last = text.split("\n")
    for line in lines:
        start = read(line, start, lexis, lenient=True)[0].next_line()
    return read(last, start, lexis, lenient=True)[0]


def visibly_goes_on(line: str, end: Reading, lexis: Lexis) -> bool:
    """Whether ``line``, with ``end`` open behind it, asks for a next line."""
    text = line.rstrip()
    return bool(end.open_here or end.next_line().inside or goes_on(line, lexis) or text.endswith(("=", "->", "=>")))


def makeshift_ends(text: str, end: Reading, lexis: Lexis, *, words: bool) -> Iterator[str]:
    """Texts of which one finishes ``text``, the most likely first; ``""`` is not among them.

    ``text`` is what was begun, from the start of its line; ``end``: what is open behind it. ``words``: blocks end with
    words, as in Ruby and shells.
    """
    here = [bracket.closer for bracket in end.brackets if bracket.here]
    closers = "".join(reversed(here))
    quote = end.inside if len(end.inside) > 1 or end.inside == "`" else ""
    directives = "\n#endif" * max(0, len(_IF.findall(text)) - text.count("#endif")) if lexis.directives else ""
    tail = quote + directives + closers
    if words:
        ends = "".join(f"\n{word}" for word in reversed(open_words(text, lexis)))
        tails = [tail + ends] if tail or ends else []
        if "do" not in text.split() and ends.startswith("\ndone"):
            tails.append("; do\n:" + ends)
        tails += [f"\n:{tail}{ends}", f" x{tail}{ends}"] if tails else []
        yield from tails
        return
    if tail:
        yield tail
    yield f"{tail};"
    if directives:
        yield f";\n{closers}{directives}\n"
    last = text.rpartition("\n")[2].strip()
    if last.startswith("?"):
        yield f" : x{tail};"
    if visibly_goes_on(last, end._replace(brackets=(), inside=""), lexis):
        yield f" x{tail};"
    if last.endswith((")", *_BEFORE_BODY)):
        yield f" {{}}{tail}"
        yield f"{tail} {{}}"


def open_words(text: str, lexis: Lexis) -> list[str]:
    """The words that end the blocks begun in ``text``, the outermost first."""
    shell = "(" not in lexis.brackets
    ends: list[str] = []
    for line in text.split("\n"):
        for found in (_SHELL_WORD if shell else _RUBY_WORD).finditer(line.strip()):
            word = next(filter(None, found.groups()))
            if word == "end" or word in _SHELL_ENDS.values():
                if ends:
                    ends.pop()
            elif not (word == "do" and ends and re.search(r"^\s*(?:while|until|for)\b", line)):
                ends.append(_SHELL_ENDS.get(word, "end") if shell else "end")
    return ends
