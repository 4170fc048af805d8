"""Git's glob patterns as regular expressions over bytes. No I/O.

Source of the rules: gitignore(5), and for what it leaves open the behaviour of ``git check-ignore``, which
``benchmarks/ignore_oracle.py`` compares. A pattern never takes exponential time: what a star may take is decided at the
first place where it fits, which for globs is as good as any other.
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto

SPECIAL = re.compile(rb"[*?\[\\]")

_BYTES = frozenset(range(1, 256))
_LOWER, _UPPER = frozenset(range(97, 123)), frozenset(range(65, 91))
_DIGIT = frozenset(range(48, 58))
_ALNUM = _LOWER | _UPPER | _DIGIT
_GRAPH = frozenset(range(33, 127))
# Git's own tables: ASCII, and white space without vertical tab and form feed.
_CLASSES = {
    b"alnum": _ALNUM,
    b"alpha": _LOWER | _UPPER,
    b"blank": frozenset(b" \t"),
    b"cntrl": frozenset({*range(1, 32), 127}),
    b"digit": _DIGIT,
    b"graph": _GRAPH,
    b"lower": _LOWER,
    b"print": _GRAPH | {32},
    b"punct": _GRAPH - _ALNUM,
    b"space": frozenset(b" \t\n\r"),
    b"upper": _UPPER,
    b"xdigit": _DIGIT | frozenset(b"abcdefABCDEF"),
}
_SLASH = ord("/")


class _Mark(Enum):
    SLASH = auto()
    STAR = auto()  # anything but a slash
    ALL = auto()  # "**" before an escaped slash or at the end: anything
    FOLDERS = auto()  # "**/": nothing, or anything up to a slash


# One byte out of a set, or a mark.
_Token = frozenset[int] | _Mark


def expression(pattern: bytes, *, fold: bool = False) -> bytes | None:
    """For :func:`re.fullmatch` with ``re.DOTALL``, without groups that capture; None: the pattern matches nothing.

    ``fold``: as Git does where ``core.ignoreCase`` is set.
    """
    try:
        tokens = list(_tokens(pattern, fold))
    except _MatchesNothingError:
        return None
    whole, piece, between = [b""], list[_Token](), None
    for token in tokens:
        if token is _Mark.ALL or token is _Mark.FOLDERS:
            whole.append(_after(between, piece, is_last=False))
            piece, between = [], token
        else:
            piece.append(token)
    whole.append(_after(between, piece, is_last=True))
    return b"".join(whole)


class _MatchesNothingError(Exception):
    pass


def _after(between: _Mark | None, piece: list[_Token], *, is_last: bool) -> bytes:
    """``piece`` after what stands before it. One that isn't the last is taken where it is first found, for good."""
    found = _piece(piece)
    if between is None:
        return found
    if is_last:
        return (b".*" if between is _Mark.ALL else b"(?:.*/)?") + found
    return (b"(?>.*?" if between is _Mark.ALL else b"(?>(?:.*?/)??") + found + b")"


def _piece(tokens: list[_Token]) -> bytes:
    """Segments, each of runs of single bytes with stars between."""
    segments: list[list[bytes]] = [[b""]]
    for token in tokens:
        if token is _Mark.SLASH:
            segments.append([b""])
        elif isinstance(token, frozenset):
            segments[-1][-1] += _one_of(token)
        else:
            segments[-1].append(b"")
    return b"/".join(map(_segment, segments))


def _segment(runs: list[bytes]) -> bytes:
    first, *rest = runs
    if not rest:
        return first
    *middle, last = rest
    return first + b"".join(b"(?>[^/]*?%b)" % run for run in middle if run) + b"[^/]*" + last


def _tokens(pattern: bytes, fold: bool) -> Iterator[_Token]:
    at = 0
    while at < len(pattern):
        byte = pattern[at : at + 1]
        if byte == b"*":
            after = at
            while pattern[after : after + 1] == b"*":
                after += 1
            starts = at == 0 or pattern[at - 1] == _SLASH
            if after - at > 1 and starts and pattern[after : after + 1] == b"/":
                yield _Mark.FOLDERS
                after += 1
            elif after - at > 1 and starts and (after == len(pattern) or pattern[after : after + 2] == b"\\/"):
                yield _Mark.ALL
            else:
                yield _Mark.STAR
            at = after
        elif byte == b"?":
            yield _BYTES - {_SLASH}
            at += 1
        elif byte == b"[":
            members, at = _bracket(pattern, at + 1, fold)
            yield members
        else:
            escaped = byte == b"\\"
            at += escaped
            if at == len(pattern):
                raise _MatchesNothingError
            yield _Mark.SLASH if pattern[at] == _SLASH else _literal(pattern[at], fold, escaped)
            at += 1


def _literal(byte: int, fold: bool, escaped: bool) -> frozenset[int]:
    if not fold:
        return frozenset({byte})
    # Git lowers the path's letters, and the pattern's but for escaped ones.
    lowered = byte if escaped else _lower(byte)
    return frozenset(it for it in _BYTES if _lower(it) == lowered)


def _bracket(pattern: bytes, at: int, fold: bool) -> tuple[frozenset[int], int]:
    """The members of the set whose "[" stands before ``at``, and where it ends."""
    negated = pattern[at : at + 1] in {b"!", b"^"}
    at += negated
    members: set[int] = set()
    before = 0  # the byte that a range may begin with
    is_first = True
    while is_first or pattern[at : at + 1] != b"]":
        is_first = False
        byte = _byte(pattern, at)
        if byte == ord("\\"):
            at += 1
            before = _byte(pattern, at)
            members.add(before)
        elif byte == ord("-") and before and at + 1 < len(pattern) and pattern[at + 1] != ord("]"):
            at += 1
            if pattern[at] == ord("\\"):
                at += 1
            members |= _range(before, _byte(pattern, at), fold)
            before = 0
        elif byte == ord("[") and pattern[at + 1 : at + 2] == b":":
            end = pattern.find(b"]", at + 2)
            if end < 0:
                raise _MatchesNothingError
            if end > at + 2 and pattern[end - 1] == ord(":"):
                members |= _class(pattern[at + 2 : end - 1], fold)
                at, before = end, 0
            else:
                members.add(byte)
                before = byte
        else:
            members.add(byte)
            before = byte
        at += 1
    matching = {it for it in _BYTES if ((_lower(it) if fold else it) in members) != negated}
    return frozenset(matching - {_SLASH}), at + 1


def _byte(pattern: bytes, at: int) -> int:
    if at >= len(pattern):
        raise _MatchesNothingError
    return pattern[at]


def _range(first: int, last: int, fold: bool) -> set[int]:
    members = set(range(first, last + 1))
    return members | {_lower(it) for it in members} if fold else members


def _class(name: bytes, fold: bool) -> frozenset[int]:
    members = _CLASSES.get(name)
    if members is None:
        raise _MatchesNothingError
    return members | _LOWER if fold and name == b"upper" else members


def _lower(byte: int) -> int:
    return byte + 32 if byte in _UPPER else byte


def _one_of(members: frozenset[int]) -> bytes:
    if not members:
        return b"(?!)"
    if len(members) == 1:
        return re.escape(bytes(members))
    if len(members) == len(_BYTES) - 1 and _SLASH not in members:
        return b"[^/]"
    return b"[%b]" % b"".join(b"\\x%02x-\\x%02x" % ends for ends in _runs(sorted(members)))


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers that follow one another."""
    first = last = -1
    for number in numbers:
        if number != last + 1 or first < 0:
            if first >= 0:
                yield first, last
            first = number
        last = number
    yield first, last
