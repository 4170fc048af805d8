"""The identifiers of code, whole and in parts, as the full-text index holds them. No I/O."""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

_IDENTIFIER = re.compile(r"[^\W\d][\w$]*")
# camelCase, HTTPServer, snake_case, utf8: runs of capitals, of a capital with small letters, of digits.
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_LONGEST = 80
_SHORTEST = 2
# What stands in nearly every chunk says nothing, and would be most of the index.
_COMMON = frozenset(
    {
        *("and", "as", "async", "await", "bool", "break", "case", "catch", "char", "class"),
        *("const", "continue", "def", "default", "del", "elif", "else", "enum", "except", "export"),
        *("extends", "false", "final", "finally", "fn", "for", "from", "func", "function", "if"),
        *("impl", "implements", "import", "in", "int", "interface", "is", "let", "long", "match"),
        *("mut", "namespace", "new", "nil", "none", "not", "null", "or", "package", "pass"),
        *("private", "protected", "pub", "public", "raise", "return", "self", "static", "string", "struct"),
        *("super", "switch", "this", "throw", "true", "try", "type", "typedef", "typeof", "undefined"),
        *("unsigned", "use", "using", "val", "var", "virtual", "void", "while", "with", "yield"),
    }
)


@lru_cache(maxsize=16_384)
def parts(identifier: str) -> tuple[str, ...]:
    """The identifier whole and, where there are several, its parts; lower case, in order, each once.

    >>> parts("parseHTTPHeader_v2")
    ('parsehttpheader_v2', 'parse', 'http', 'header', 'v', '2')
    """
    whole = identifier.lower()
    if len(identifier) > _LONGEST:
        return ()
    return tuple(dict.fromkeys((whole, *(part.lower() for part in _PART.findall(identifier)))))


def words_in(lines: Iterable[str]) -> Iterator[str]:
    """What the full-text index is given of these lines: words worth looking for, as often as they occur."""
    for line in lines:
        for identifier in _IDENTIFIER.findall(line):
            yield from searchable(identifier)


@lru_cache(maxsize=16_384)
def searchable(identifier: str) -> tuple[str, ...]:
    """Those of an identifier's ``parts`` that are worth looking for."""
    return tuple(part for part in parts(identifier) if len(part) >= _SHORTEST and part not in _COMMON)
