"""Secrets in text, and the text without them. No I/O."""

import re
from typing import NamedTuple


class Secret(NamedTuple):
    """Where a secret's value stands in the text, and the rule that found it."""

    start: int
    end: int
    rule: str


_FIRST = re.compile(r"(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|AKIA[A-Z2-7]{16}|sk-[A-Za-z0-9_-]{32,})")


def secrets_in(text: str) -> list[Secret]:
    """All secrets of ``text`` in order, none overlapping another."""
    return [Secret(*match.span(), "token") for match in _FIRST.finditer(text)]


def masked(text: str) -> tuple[str, int]:
    """``text`` with each secret's value replaced by as many characters that say what stood there, and how many."""
    found = secrets_in(text)
    for start, end, _rule in found:
        text = text[:start] + ("TOKEN_REDACTED".ljust(end - start, "x"))[: end - start] + text[end:]
    return text, len(found)
