"""Private keys in text, whole or cut: PEM as in RFC 7468, and PGP's armour. No I/O."""

import re
from bisect import bisect_right
from collections.abc import Iterator

# Of RSA with 16,384 bits there are 12.5 KiB.
_LONGEST_KEY = 16 * 1024
_FRAME = r"(?:\\[nrt]|[\s\"'`,;>#*|\\()]|\+(?=[\s\"'])|//(?=\s)|-(?=\s))"
_KEY_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_HEADER = re.compile(rf"{_FRAME}{{0,40}}+(?:[A-Z][A-Za-z-]{{2,30}}: [^\n\\]{{0,200}}{_FRAME}{{0,40}}+){{0,4}}+")
_KEY_LINES = re.compile(rf"(?:{_FRAME}{{0,40}}+[A-Za-z0-9+/=]{{16,}}+)++")
_KEY_REST = re.compile(
    rf"(?:{_FRAME}{{0,40}}+[A-Za-z0-9+/=]+){{0,3}}+(?={_FRAME}{{0,40}}+(?:-----END|\Z))"
    rf"|{_FRAME}{{0,40}}+(?:[A-Za-z0-9+/]{{1,15}}={{1,2}}|(?=[A-Za-z]*+[0-9+/])[A-Za-z0-9+/]{{4,15}}(?=\s))"
)
_BASE64 = re.compile("[A-Za-z0-9+/=]+")
# What of a key is not its frame.
KEY_PART = re.compile(r"[A-Za-z0-9+/=\\]{3,}")


def private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Where the lines between a key's first and its last begin and end, or what is there of them."""
    if "PRIVATE KEY" not in text:
        return
    ends = [0]
    for begin in _KEY_BEGIN.finditer(text):
        if begin.end() >= ends[-1]:
            end = _key_end(text, begin.end())
            ends.append(end)
            if end > begin.end() and not _is_blanked(text[begin.end() : end]):
                yield begin.end(), end
    behind = 0
    for last in _KEY_END.finditer(text):
        # Its beginning may be cut off, as where a window around the caret begins within the key.
        whole = ends[bisect_right(ends, last.start()) - 1]
        start = _cut_start(text, max(behind, whole, last.start() - _LONGEST_KEY), last.start())
        if start < last.start() and not _is_blanked(text[start : last.start()]):
            yield start, last.start()
        behind = last.end()


def _cut_start(text: str, low: int, high: int) -> int:
    """Where the lines of base64 begin that end at ``high``; ``high`` where there are none."""
    start, end, long = high, high, False
    while end > low:
        begin = max(low, text.rfind("\n", low, end - 1) + 1)
        line = text[begin:end].strip()
        if not _BASE64.fullmatch(line) or (len(line) < 16 and long and begin > low):
            break
        start, end, long = begin, begin, long or len(line) >= 16
    return start if long else high


def _key_end(text: str, start: int) -> int:
    """Where the key's own lines end; ``start`` where none follow."""
    header = _KEY_HEADER.match(text, start, start + _LONGEST_KEY)
    body = _KEY_LINES.match(text, header.end() if header else start, start + _LONGEST_KEY)
    if not body:
        return start
    rest = _KEY_REST.match(text, body.end(), body.end() + 200)
    return rest.end() if rest else body.end()


def _is_blanked(body: str) -> bool:
    """Whether the key's lines were masked before."""
    letters = "".join(KEY_PART.findall(body))
    return re.fullmatch(r"(?:PRIVATE_KEY_)?(?:REDACTED)?x*", letters) is not None
