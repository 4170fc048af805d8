"""Secrets that are told by the name they are given: ``password = "…"``, in whatever language. No I/O."""

import re
import string
from collections.abc import Iterator
from typing import NamedTuple

from copilot.safety.secret_rules import VENDORS
from copilot.safety.secret_values import is_drawn, is_made_up

# One of them ends the name or stands near its end, the others of the name belong to the tail.
_WORDS = ("pass", "pwd", "secret", "token", "key", "auth", "credential")
_TAIL = (
    r"(?:word|wd|phrase|code)?(?:[_-]?(?:access|secret|api|auth|key|token|id_?key|code|password|pass|pw|value|val|string"
    r"|str|text|plain|plaintext|raw|b64|base64|hex|bytes|data|dev|development|prod|production|stage|staging|test|testing|live"
    r"|old|new|current|default|primary|secondary|main|master|local|\d{1,3})){0,4}+"
)
_TYPE = r":[ \t]?[&*]?(?:const |final |static )?[A-Za-z_][\w.<>\[\]| ']{0,40}?(?=[ \t]*=[^=])"
_ASSIGNMENT = re.compile(
    rf"""
    {_TAIL}(?![A-Za-z0-9_-])
    (?:\\{{0,3}}["'`])?+ (?:\]|\))?+ (?:\[\d*\])?+ [ \t]{{0,20}}+ (?:{_TYPE}[ \t]{{0,20}}+)?
    (?P<sign> :=|={{1,3}}|!==?|=>|:(?!:)|,|\(|>|(?<=[a-z0-9])[ \t]is:?[ \t]|(?<=[ \t])is:?[ \t]|(?<=[ \t]) )
    [ \t]{{0,20}}+
    (?: (?:\[\]byte\(|String\(|new[ ]String\(|b64decode\(|bytes\.fromhex\()?+
        (?:[bBrRuUL]|@)?+ (?P<quote>\\{{0,3}}(?:\"\"\"|'{{3}}|["'`]))
      | (?P<bare>[^\s"'`,;<>(){{}}\[\]&|\\]{{4,512}}+) (?![(\[{{])
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NAME = string.ascii_lowercase + string.digits + "_.-"
_NAME_IN_PROSE = _NAME + " "
_SHORTEST_VALUE, _LONGEST_VALUE = 6, 512
# A value without quotes may hold further names that it is looked at for: in so many places at most.
_MOST_WITHIN = 8
# Which keys are secret: most are keys of a table, of a cache or of a keyboard.
_SECRET_KEY = re.compile(
    r"(?:api|access|private|secret|encrypt(?:ion)?|decrypt(?:ion)?|signing|sign|auth|app|application|master|account|shared"
    r"|storage|service|licen[cs]e|consumer|client|subscription|admin|deploy|ssh|server|session|crypto|cipher|aes|hmac"
    r"|jwt|webhook|rest|write|read|ingest|security|integration|function|host|bot|cookie|fernet|root|project|team|org)"
    r"[_. -]?\Z"
)
_NO_SECRET = re.compile(
    r"(?:public|next|prev|previous|page|continuation|cursor|sync|eos|bos|pad|unk|mask|cls|sep|special|stop|cancel|start|end"
    r"|delim|delimiter|example|placeholder|fake|dummy|mock|invalid|publishable|change|request|creation|creator|sha|hash|digest|checksum|cache|idempotency)"
    r"[_. -]?(?:api|access|auth)?[_. -]?\Z"
)
_DATABASE_LINE = re.compile(
    r"\b(?:server|host|hostname|data source|user id|uid|user|username|database|dbname|initial catalog|endpoint|port)"
    r"\s?=",
    re.IGNORECASE,
)


class _Assignment(NamedTuple):
    """``word`` stands at ``at`` and is the name or a part of it; the value is from ``start`` to ``end``."""

    word: str
    at: int
    match: re.Match[str]
    start: int
    end: int

    @property
    def quoted(self) -> bool:
        return self.match["quote"] is not None

    @property
    def sign(self) -> str:
        return self.match["sign"].strip()


def assigned(text: str) -> Iterator[tuple[int, int, str]]:
    """Start and end of each value that is a secret by its name and its looks, and a rule's name. ``text`` is ASCII."""
    lower = text.lower()
    for assignment in _assignments(text, lower):
        if assignment.end - assignment.start >= _SHORTEST_VALUE and (rule := _rule_of(text, lower, assignment)):
            yield assignment.start, assignment.end, rule


def _assignments(text: str, lower: str) -> Iterator[_Assignment]:
    for word in _WORDS:
        looked_at, times = 0, 0
        for at in places(lower, word):
            times = times + 1 if at < looked_at else 0
            match = _ASSIGNMENT.match(text, at + len(word)) if times <= _MOST_WITHIN else None
            if not match:
                continue
            if match["quote"]:
                start, end = match.end(), _closing(text, match.end(), match["quote"])
            else:
                start, end = match.span("bare")
                looked_at = end if times == 0 else looked_at
                # The stop of a sentence is none of the value's.
                end = start + len(text[start:end].rstrip(".,:"))
            yield _Assignment(word, at, match, start, end)


def _closing(text: str, start: int, quote: str) -> int:
    """Where the quote closes what ``start`` begins; ``start`` where it doesn't on that line."""
    end = text.find(quote, start, start + _LONGEST_VALUE)
    while end > start and text[end - 1] == "\\" and quote[0] != "\\" and not text.endswith("\\\\", start, end):
        end = text.find(quote, end + 1, start + _LONGEST_VALUE)
    return end if end > start and text.find("\n", start, end) < 0 else start


def _rule_of(text: str, lower: str, it: _Assignment) -> str | None:
    """The rule by which what is assigned is a secret, None where it is none."""
    value, password = text[it.start : it.end], it.word in {"pass", "pwd"}
    drawn = is_drawn(value)
    if not drawn and ((it.quoted and it.sign in {",", ""}) or not (password or it.word == "secret")):
        return None
    before = _before(lower, it.at, _NAME)
    if not it.quoted and not _takes_bare(text, it.at - len(before), it):
        return None
    if not drawn:
        # A call's argument may be anything.
        shortest, given = _SHORTEST_VALUE if password and it.sign != "(" else 8, False
        if not it.quoted and not _is_whole_line(text, it.at - len(before), it.match):
            if not _is_database(text, it.match):
                return None
            given = True
        if not is_made_up(value, shortest, given=given):
            return None
    if _NO_SECRET.search(before) or not _is_name(text, lower, it.word, it.at, before):
        return None
    wide = _before(lower, it.at, _NAME_IN_PROSE)
    vendor = VENDORS.search(wide)
    if it.word == "key" and not vendor and not _SECRET_KEY.search(wide):
        return None
    if vendor and drawn:
        return f"{vendor.group().strip('_').replace('_', '-')}-key"
    return "password" if password else "generic-secret"


def _takes_bare(text: str, start: int, it: _Assignment) -> bool:
    """Whether a value may stand without quotes after the sign. ``start``: where the name begins."""
    if it.sign == "":
        return "--" in text[start : it.at]
    if it.sign == ">":
        return text[max(0, start - 1) : start] == "<" and text.startswith("</", it.match.end())
    # `a:secret:b` is an address of something.
    return it.sign not in {",", "("} and not (it.sign == ":" and text[max(0, start - 1) : start] == ":")


def _before(lower: str, at: int, alphabet: str) -> str:
    """What stands before ``at`` without a break and has characters of ``alphabet`` only, at most 48."""
    near = lower[max(0, at - 48) : at]
    return near[len(near.rstrip(alphabet)) :]


def _is_name(text: str, lower: str, word: str, at: int, before: str) -> bool:
    """Whether the word stands in the name as one: in ``dbPass`` and ``db_pass``, not in ``bypass``."""
    if word not in {"pass", "auth"} or lower.startswith(("word", "wd", "phrase", "code"), at + len(word)):
        return True
    inside = before[-1:].isalpha() and not (text[at].isupper() and text[at + 1].islower())
    return not inside and not text[at + len(word)].isalpha()


def _is_whole_line(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a line has the name and the value and nothing else, as in settings and in XML."""
    begin = text.rfind("\n", max(0, start - 40), start) + 1
    if match["sign"].strip() == ">":
        return True
    if match["sign"] not in {"=", ":"} or (begin == 0 and start > 40):
        return False
    if not re.fullmatch(r"\s*(?:export |set |ENV |ARG |- )?\s*", text[begin:start]):
        return False
    spaced = text[match.start("sign") - 1] == " " or text[match.end("sign")] == " "
    if (match["sign"] == "=" and spaced) or (match["sign"] == ":" and not spaced):
        return False
    return re.match(r"[ \t]*(?:#.*)?\r?(?:\n|\Z)", text[match.end() : match.end() + 200]) is not None


def _is_database(text: str, match: re.Match[str]) -> bool:
    """Whether it stands in a connection string, whose parts are ``name=value`` with ``;`` or blanks between."""
    if match["sign"] != "=":
        return False
    begin = max(text.rfind("\n", 0, match.start()) + 1, match.start() - 300)
    end = text.find("\n", match.end(), match.end() + 300)
    return _DATABASE_LINE.search(text[begin : end if end >= 0 else match.end() + 300]) is not None


def places(text: str, part: str) -> Iterator[int]:
    """Where ``part`` stands in ``text``, from the first on."""
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + len(part))
