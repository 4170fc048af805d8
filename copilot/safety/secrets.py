"""Secrets in text, and the text without them. No I/O.

What is searched is the text in ASCII, other characters as ``?``: offsets stay, and ``\\w`` means the same everywhere.
The search reads the text a few times at the speed of ``bytes.find`` and looks closer only where something stood: long
stretches of letters and digits, which tokens are made of, and words such as ``password``.
"""

import base64
import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

from copilot.safety.private_keys import KEY_PART, private_keys
from copilot.safety.secret_assignments import assigned, places
from copilot.safety.secret_rules import LOOSE, SHORTEST, rule_of, token_pattern
from copilot.safety.secret_values import is_drawn, is_made_up, is_placeholder, is_token


class Secret(NamedTuple):
    """Where a secret's value stands in the text, and the rule that found it."""

    start: int
    end: int
    rule: str


PRIVATE_KEY = "private-key"
_MOST_ROUNDS = 16

# Of each byte whether a token may have it.
_STRETCHES = bytes(97 if (chr(one).isalnum() and one < 128) or one in b"_-" else 32 for one in range(256))
_STRETCH = b"a" * SHORTEST

_URL = re.compile(r"://(?P<user>[^\s/:@\"'`<>{}$\\]{0,80}):(?P<value>[^\s/@\"'`<>\\]{2,256})@(?=[\w\[.$%{-])")
_URL_KEY = re.compile(r"://(?P<value>[0-9a-f]{32})@(?=[\w\[.-])")
_BEARER = re.compile(r"bearer[ \t]{1,4}(?P<value>[A-Za-z0-9._~+/=-]{16,4096})", re.IGNORECASE)
_BASIC = re.compile(r"basic[ \t]{1,4}(?P<value>[A-Za-z0-9+/]{8,1024}={0,2})(?![A-Za-z0-9+/=])", re.IGNORECASE)
# Told by what stands before or in the middle: the anchor, which nothing is searched without, the rule and the pattern.
_ANCHORED = tuple(
    (anchor, rule, re.compile(pattern))
    for anchor, rule, pattern in (
        ("Q~", "azure-client-secret", r"(?<![\w.~-])(?P<value>[\w.~-]{3}[0-9]Q~[\w.~-]{31,34})(?![\w.~-])"),
        ("sig=", "azure-signature", r"(?<=[?&;])sig=(?P<value>[A-Za-z0-9%+/]{40,}+(?:=|%3[Dd])?)"),
        ("hooks.slack.com/", "slack-webhook", r"hooks\.slack\.com/\w+/(?P<value>\w+/\w+/[A-Za-z0-9]{16,}+)"),
        ("/api/webhooks/", "discord-webhook", r"/api/webhooks/\d{15,20}/(?P<value>[\w-]{60,}+)"),
        ("webhookb2/", "teams-webhook", r"webhookb2/(?P<value>[\w@-]{36,80}/IncomingWebhook/[\w/-]+)"),
    )
)
# The secret key that stands beside its identifier, as in the file that is offered for download.
_AWS_PAIR = re.compile(
    r"[\"']?[\s,;:|=]{1,4}(?:[\w\"' ]{0,40}?[\s,;:|=\"']{1,4})?(?P<value>[A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
)


def secrets_in(text: str) -> list[Secret]:
    """All secrets of ``text`` in order, none overlapping another."""
    if not text.isascii():
        text = text.encode("ascii", "replace").decode("ascii")
    keys = (Secret(start, end, PRIVATE_KEY) for start, end in private_keys(text))
    named = map(Secret._make, assigned(text))
    apart: list[Secret] = []
    for secret in sorted({*_tokens(text), *keys, *named, *_anchored(text), *_addresses(text), *_headers(text)}):
        if apart and secret.start < apart[-1].end:
            apart[-1] = apart[-1]._replace(end=max(secret.end, apart[-1].end))
        else:
            apart.append(secret)
    # What was put in a secret's place before is none.
    return [one for one in apart if _stand_in(text[one.start : one.end], one.rule) != text[one.start : one.end]]


def masked(text: str) -> tuple[str, int]:
    """``text`` with each secret's value replaced by as many characters that say what stood there, and how many.

    Line ends stay, so lines do. What comes out is searched again, until nothing is found any more: what has gone may
    have hidden something.
    """
    count = 0
    for _round in range(_MOST_ROUNDS):
        found = secrets_in(text)
        if not found:
            break
        pieces, at = [], 0
        for start, end, rule in found:
            pieces += [text[at:start], _stand_in(text[start:end], rule)]
            at = end
        text = "".join([*pieces, text[at:]])
        count += len(found)
    return text, count


def _stand_in(value: str, rule: str) -> str:
    if "\n" not in value and "\r" not in value and rule != PRIVATE_KEY:
        return _label(len(value), rule)
    label = iter(_label(sum(map(len, KEY_PART.findall(value))), rule))
    return KEY_PART.sub(lambda part: "".join(next(label) for _ in part.group()), value)


def _label(length: int, rule: str) -> str:
    full = rule.upper().replace("-", "_") + "_REDACTED"
    best = full if len(full) <= length else "REDACTED"
    return best.ljust(length, "x") if len(best) <= length else "x" * length


def _tokens(text: str) -> Iterator[Secret]:
    """What has the form of a vendor's tokens."""
    stretches = text.encode("ascii").translate(_STRETCHES)
    at = stretches.find(_STRETCH)
    while at >= 0:
        match = _token_at(text, at)
        if match:
            rule = _name(match)
            yield Secret(*match.span(), rule)
            pair = _AWS_PAIR.match(text, match.end()) if rule == "aws-access-key-id" else None
            if pair and is_drawn(pair["value"]):
                yield Secret(*pair.span("value"), "aws-secret-key")
        end = stretches.find(b" ", at)
        if end < 0:
            return
        at = stretches.find(_STRETCH, end if not match else max(end, match.end()))


def _token_at(text: str, at: int) -> re.Match[str] | None:
    """The token that begins at ``at``, or behind what of an escape (``\\n``, ``%3D``) or of dashes stands there."""
    before = text[at - 1] if at else ""
    starts = [at]
    if before == "\\":
        starts.append(at + 1)
    elif before == "%":
        starts.append(at + 2)
    elif text[at] in "-_":
        behind = at
        while behind < len(text) and text[behind] in "-_" and behind < at + 8:
            behind += 1
        starts.append(behind)
    for start in starts:
        match = token_pattern().match(text, start)
        if match and is_token(match.group(), loose=_name(match) in LOOSE):
            return match
    return None


def _name(match: re.Match[str]) -> str:
    assert match.lastgroup is not None
    return rule_of(match.lastgroup)


def _anchored(text: str) -> Iterator[Secret]:
    for anchor, rule, pattern in _ANCHORED:
        if anchor in text:
            for match in pattern.finditer(text):
                if is_token(match["value"]):
                    yield Secret(*match.span("value"), rule)


def _addresses(text: str) -> Iterator[Secret]:
    """Passwords in addresses: ``scheme://user:password@host``."""
    for at in places(text, "://"):
        match = _URL.match(text, at)
        if match and is_made_up(match["value"], 4, given=True):
            yield Secret(*match.span("value"), "url-password")
        elif not match and (match := _URL_KEY.match(text, at)) and is_token(match["value"]):
            yield Secret(*match.span("value"), "url-key")


def _headers(text: str) -> Iterator[Secret]:
    """``Authorization: Bearer …`` and ``Basic …``, wherever the two words stand."""
    lower = text.lower()
    for at in places(lower, "bearer"):
        match = _BEARER.match(text, at)
        if match and is_drawn(match["value"]):
            yield Secret(*match.span("value"), "bearer-token")
    for at in places(lower, "basic"):
        match = _BASIC.match(text, at)
        if match and _is_basic(match["value"]):
            yield Secret(*match.span("value"), "basic-credentials")


def _is_basic(value: str) -> bool:
    """Whether it says ``user:password``, in base64 as in RFC 7617."""
    try:
        said = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return ":" in said and said.isprintable() and not is_placeholder(said)
