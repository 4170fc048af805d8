"""The names around a caret: which there are, how near, what they stand behind, and in which call and definition.

Read off the text with regular expressions and not from a tree: text that is being typed seldom parses, and a whole
document is too much to parse with each key. Pure.
"""

import builtins
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

ABOVE, BELOW = 40, 12
"""Lines that count as near."""

UNNAMED = ")"
"""Stands for a receiver without a name."""

_CALL_LINES = 12
_LINES_WITH = 60
_SCOPE_LINES = 400
_NAME = re.compile(r"[A-Za-z_$][\w$]*")
# What joins it to the name before, the name, and whether it is called.
_WORD = re.compile(r"(\.|->|::)?\s*(?<![\w$])([A-Za-z_$][\w$]*)(\s*\()?")
_LONG_NAME = re.compile(r"(?<![\w$])[A-Za-z_$][\w$]+")
_LITERAL = re.compile(r"'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"|`[^`\n]*`")
_COMMENT = {"hash": re.compile(r"#.*"), "slash": re.compile(r"//.*|/\*.*?(?:\*/|$)")}
_HASH = frozenset({"python", "starlark", "ruby", "shellscript", "yaml", "toml", "r", "julia", "elixir", "perl"})
_SCOPE = re.compile(
    r"\b(?P<kind>def|class|function|func|fn|struct|interface|impl|trait|enum|record|type|module|namespace)\b\s*\*?\s*"
    r"(?:<[^>]*>\s*)?(?:\([^)]*\)\s*)?(?P<name>[A-Za-z_$][\w$]*)(?P<rest>.*)"
)
_METHOD = re.compile(r"^[\w$<>\[\],.*&:\s]*?(?P<name>[A-Za-z_$~][\w$]*)\s*\([^;]*$")
_TYPES = frozenset({"class", "type", "struct", "interface", "impl", "trait", "enum", "record"})
_WORDS = """
and as assert async await break case catch class const continue def default defer del delete do elif else enum
except export extends False final finally fn for from func function global go goto if impl implements import in
include instanceof interface is lambda let loop match mod mut namespace new None nonlocal not null of or package
pass private protected pub public raise range ref return Self self static struct super switch this throw throws
trait True true false try type typeof undefined union unsafe use using var virtual void volatile where while with
yield int char float double long short bool boolean byte string unsigned signed auto size_t str cls elseif end
"""
_KEYWORDS = frozenset(_WORDS.split())
_PYTHON = frozenset(name for name in dir(builtins) if not name.startswith("__"))
_NO_WORDS = {"python": _KEYWORDS | _PYTHON}
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")


class Name(NamedTuple):
    """``weight``: from 0, far away, to 1, on the caret's line. ``lines``: how many above the caret; negative: below.
    ``receiver``: what it is a member of, as far as that is a name."""

    name: str
    weight: float
    lines: int
    receiver: str = ""
    called: bool = False


class Scope(NamedTuple):
    """A definition that the caret stands in. ``bases``: of a type, the names behind its own."""

    name: str
    is_type: bool
    bases: tuple[str, ...] = ()


class Near(NamedTuple):
    """``names``: best first, each once. ``call``: whose arguments the caret stands among. ``begun``: the name that
    ends at the caret, ``receiver``: what that is a member of. ``scopes``: innermost first. ``bag``: all names of the
    lines around the caret."""

    names: tuple[Name, ...]
    call: Name | None
    begun: str
    receiver: str
    scopes: tuple[Scope, ...]
    bag: frozenset[str]


def near(lines: Sequence[str], line: int, column: int, language: str) -> Near:
    """``lines`` without their ends; the caret is inside them."""
    head, rest = lines[line][:column], lines[line][column:]
    begun = _ending_name(head)
    before = head[: len(head) - len(begun)]
    found: dict[tuple[str, str], Name] = {}

    def add(name: Name) -> None:
        key = (name.receiver, name.name)
        known = found.get(key)
        if known is None or known.weight < name.weight:
            found[key] = name

    for at in range(max(0, line - ABOVE), min(len(lines), line + BELOW + 1)):
        if at == line:
            text, weight = before + " " + rest, 1.0
        else:
            text, weight = lines[at], 0.85 * 0.94 ** (line - at) if at < line else 0.55 * 0.85 ** (at - line)
        for name in names_in(text, language):
            add(Name(name.name, weight, line - at, name.receiver, name.called))
    scopes = tuple(_scopes(lines, line))
    for scope in scopes:
        for base in scope.bases:
            add(Name(base, 0.6, ABOVE, "", False))
    call = _call(lines, line, before, language)
    names = sorted(found.values(), key=lambda name: (-name.weight, name.lines < 0, name.name))
    return Near(
        names=tuple(names),
        call=call,
        begun=begun,
        receiver=_receiver(before),
        scopes=scopes,
        bag=frozenset(name.name for name in names if -6 <= name.lines <= 15),
    )


@lru_cache(maxsize=8192)
def names_in(text: str, language: str) -> tuple[Name, ...]:
    """The names of a line, comments, strings and the language's own words left out."""
    found = []
    last, end = "", -1
    builtin = _PYTHON if language == "python" else ()
    for match in _WORD.finditer(plain(text, language)):
        joined, name, called = match.groups()
        # A member of what is not a name, such as a call's result, is a member all the same.
        receiver = "" if not joined else last if match.start() in (end, end + 1) else UNNAMED
        last, end = name, match.end(2)
        if len(name) > 1 and name not in _KEYWORDS and (receiver or name not in builtin):
            found.append(Name(name, 1.0, 0, receiver, bool(called)))
    return tuple(found)


@lru_cache(maxsize=8192)
def words_in(text: str, language: str) -> frozenset[str]:
    """The same as a set of plain words."""
    left_out = _NO_WORDS.get(language, _KEYWORDS)
    return frozenset(_LONG_NAME.findall(plain(text, language))) - left_out


def words_of(text: str) -> list[str]:
    """All that look like names, comments and strings included, each as often as it occurs."""
    return _LONG_NAME.findall(text)


def plain(text: str, language: str) -> str:
    """``text`` without its strings and comments, one line at a time."""
    if '"' in text or "'" in text or "`" in text:
        text = _LITERAL.sub('""', text)
    if language in _HASH:
        return _COMMENT["hash"].sub("", text) if "#" in text else text
    return _COMMENT["slash"].sub("", text) if "/" in text else text


def lines_with(word: str, text: str) -> str:
    """The lines of ``text`` that hold ``word``, as many as may be looked at."""
    found: list[str] = []
    at = text.find(word)
    while at >= 0 and len(found) < _LINES_WITH:
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        found.append(text[text.rfind("\n", 0, at) + 1 : end])
        at = text.find(word, end)
    return "\n".join(found)


def _ending_name(head: str) -> str:
    at = len(head)
    while at and (head[at - 1].isalnum() or head[at - 1] in "_$"):
        at -= 1
    return "" if head[at:][:1].isdigit() else head[at:]


def _receiver(before: str) -> str:
    """The name in front of the dot that ``before`` ends with."""
    for mark in (".", "->", "::"):
        if before.endswith(mark):
            return _ending_name(before[: -len(mark)].removesuffix("?"))
    return ""


def _call(lines: Sequence[str], line: int, head: str, language: str) -> Name | None:
    """The name in front of the innermost bracket that is open at the caret, where it is a call's."""
    depth = 0
    for above in range(_CALL_LINES):
        if line - above < 0:
            return None
        text = plain(head if above == 0 else lines[line - above], language)
        for at in range(len(text) - 1, -1, -1):
            if text[at] in _CLOSE:
                depth += 1
            elif text[at] in _OPEN:
                if depth:
                    depth -= 1
                elif text[at] == "(":
                    name = _ending_name(text[:at].rstrip())
                    if not name or name in _KEYWORDS:
                        return None
                    receiver = _receiver(text[: len(text[:at].rstrip()) - len(name)])
                    return Name(name, 1.0, above, receiver, True)
                else:
                    return None
    return None


def _scopes(lines: Sequence[str], line: int) -> Iterator[Scope]:
    """Headers above with less and less indentation."""
    text = lines[line]
    depth = _indentation(text) if text.strip() else None
    for at in range(line - 1, max(-1, line - 1 - _SCOPE_LINES), -1):
        text = lines[at]
        if not text.strip():
            continue
        own = _indentation(text)
        if depth is None:
            depth = own + 1
        if own >= depth or text.strip()[0] in ")]}#":
            continue
        scope = scope_of(text)
        if scope is not None:
            yield scope
        if text.strip()[0] not in "@/*":
            depth = own
        if depth == 0:
            return


def scope_of(text: str) -> Scope | None:
    """What a line begins, where it begins a definition."""
    match = _SCOPE.search(text)
    if match is not None:
        is_type = match["kind"] in _TYPES
        bases = tuple(it for it in _NAME.findall(match["rest"]) if it not in _KEYWORDS) if is_type else ()
        return Scope(match["name"], is_type, bases)
    method = _METHOD.match(text.strip()) if text.rstrip().endswith(("{", ",", "(")) else None
    if method is not None and method["name"] not in _KEYWORDS:
        return Scope(method["name"], False)
    return None


def _indentation(text: str) -> int:
    return len(text) - len(text.lstrip())
