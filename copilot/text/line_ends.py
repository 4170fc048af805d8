"""Where lines end. LSP knows ``\\n``, ``\\r\\n`` and ``\\r`` and no other line end (LSP 3.17, "Text Documents").

``str.splitlines`` also splits at form feed, vertical tab, 0x1c to 0x1e, NEL, U+2028 and U+2029, which editors count
as characters of a line like any other. So nothing here uses it.
"""

import re

_WHOLE_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)")
_OTHER_LINE_END = re.compile(r"\r\n?")


def split_lines(text: str) -> list[str]:
    """The lines of ``text``, each with its terminator; the last has none and may be empty. Never an empty list."""
    if "\r" not in text:
        *whole, last = text.split("\n")
        return [line + "\n" for line in whole] + [last]
    last_start = max(text.rfind("\n"), text.rfind("\r")) + 1
    # Up to the last line end only: at a long rest without one the pattern would look for its end from every character.
    return [*_WHOLE_LINE.findall(text, 0, last_start), text[last_start:]]


def content_length(line: str) -> int:
    """Code points of ``line`` before its terminator."""
    if line.endswith("\r\n"):
        return len(line) - 2
    return len(line) - line.endswith(("\n", "\r"))


def to_newlines(text: str) -> str:
    """``text`` with every line end as ``\\n``, the only one that models were trained on."""
    return _OTHER_LINE_END.sub("\n", text) if "\r" in text else text
