"""Secrets in text, and the text without them. No I/O.

What is searched is the text in ASCII, other characters as ``?``: offsets stay, and ``\\w`` means the same everywhere.
The search reads the text a few times at the speed of ``bytes.find`` and looks closer only where something stood: long
stretches of letters and digits, which tokens are made of, and words such as ``password``.
"""

import base64
import binascii
import re
import string
from collections.abc import Iterator
from typing import NamedTuple

from copilot.safety.secret_rules import LOOSE, SHORTEST, VENDORS, rule_of, token_pattern
from copilot.safety.secret_values import is_drawn, is_made_up, is_placeholder, is_token


class Secret(NamedTuple):
    """Where a secret's value stands in the text, and the rule that found it."""

    start: int
    end: int
    rule: str


PRIVATE_KEY = "private-key"

# Of each byte whether a token may have it.
_STRETCHES = bytes(97 if (chr(one).isalnum() and one < 128) or one in b"_-" else 32 for one in range(256))
_STRETCH = b"a" * SHORTEST

# Reading a private key ends here, with an end in sight and without.
_LONGEST_KEY, _LONGEST_CUT_KEY = 16 * 1024, 4 * 1024
_FRAME = r"(?:[\s\"'`,;>#*|\\()]|\+(?=[\s\"'])|//(?=\s)|-(?=\s))"
_KEY_BEGIN = re.compile(r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(r"-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----")
_KEY_HEADER = re.compile(rf"{_FRAME}{{0,40}}+(?:[A-Z][A-Za-z-]{{2,30}}: [^\n\\]{{0,200}}{_FRAME}{{0,40}}+){{0,4}}+")
_KEY_LINES = re.compile(rf"(?:{_FRAME}{{0,40}}+[A-Za-z0-9+/=]{{16,}}+)++")
_KEY_REST = re.compile(rf"(?:{_FRAME}{{0,40}}+[A-Za-z0-9+/=]{{1,}}+){{0,3}}+(?={_FRAME}{{0,40}}+(?:-----END|\Z))")
_BASE64 = re.compile("[A-Za-z0-9+/=]+")
_KEY_PART = re.compile(r"[A-Za-z0-9+/=\\:,-]{2,}")

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
    r"|storage|service|licen[cs]e|consumer|client|subscription|admin|deploy|ssh|server|session|crypto|cipher|aes|hmac|jwt"
    r"|webhook|rest|write|read|ingest|security|integration|function|host|bot|cookie|fernet|root|project|team|org)[_. -]?\Z"
)
_NO_SECRET = re.compile(
    r"(?:public|next|prev|previous|page|continuation|cursor|sync|eos|bos|pad|unk|mask|cls|sep|special|stop|cancel|start|end"
    r"|delim|delimiter|example|placeholder|fake|dummy|mock|invalid|publishable|sha|hash|digest|checksum|cache|idempotency)"
    r"[_. -]?(?:api|access|auth)?[_. -]?\Z"
)
_DATABASE_LINE = re.compile(
    r"\b(?:server|host|hostname|data source|user id|uid|user|username|database|dbname|initial catalog|endpoint|port)\s?=",
    re.IGNORECASE,
)

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
    found = sorted({*_tokens(text), *_private_keys(text), *_anchored(text), *_assigned(text), *_urls(text)})
    apart: list[Secret] = []
    for secret in found:
        if apart and secret.start < apart[-1].end:
            apart[-1] = apart[-1]._replace(end=max(secret.end, apart[-1].end))
        else:
            apart.append(secret)
    return apart


def masked(text: str) -> tuple[str, int]:
    """``text`` with each secret's value replaced by as many characters that say what stood there, and how many.

    Line ends stay, so lines do. What comes out has no secrets any more: it is searched until none is found.
    """
    count = 0
    while found := secrets_in(text):
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
    label = iter(_label(len(value), rule))
    return _KEY_PART.sub(lambda part: "".join(next(label) for _ in part.group()), value)


def _label(length: int, rule: str) -> str:
    full = rule.upper().replace("-", "_") + "_REDACTED"
    best = full if len(full) <= length else "REDACTED"
    return best.ljust(length, "x") if len(best) <= length else "x" * length


def _tokens(text: str) -> Iterator[Secret]:
    """What has the form of a vendor's tokens."""
    stretches = text.encode("ascii").translate(_STRETCHES)
    at = stretches.find(_STRETCH)
    while at >= 0:
        # A longer search for the beginning would read a stretch as often as it has tokens.
        match = _token_at(text, at)
        if match:
            rule = _name(match)
            yield Secret(*match.span(), rule)
            if rule == "aws-access-key-id" and (pair := _AWS_PAIR.match(text, match.end())):
                if is_drawn(pair["value"]):
                    yield Secret(*pair.span("value"), "aws-secret-key")
        end = stretches.find(b" ", at)
        if end < 0:
            return
        at = stretches.find(_STRETCH, end if not match else max(end, match.end()))


def _token_at(text: str, at: int) -> re.Match[str] | None:
    """The token that begins at ``at``, or behind the rest of an escape (``\\n``, ``%3D``) or dashes that stand there."""
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


def _private_keys(text: str) -> Iterator[Secret]:
    """The lines between a key's first and its last, or what is there of them."""
    if "PRIVATE KEY" not in text:
        return
    covered = 0
    for begin in _KEY_BEGIN.finditer(text):
        start = begin.end()
        if start < covered:
            continue
        end = _key_end(text, start)
        if end > start and not _is_blanked(text[start:end]):
            yield Secret(start, end, PRIVATE_KEY)
        covered = max(end, start)
    for last in _KEY_END.finditer(text):
        # Its beginning was cut off, as where a window around the caret begins within the key.
        start = _cut_start(text, max(covered, last.start() - _LONGEST_CUT_KEY), last.start())
        if start < last.start() and not _is_blanked(text[start : last.start()]):
            yield Secret(start, last.start(), PRIVATE_KEY)
        covered = max(covered, last.end())


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
    end = rest.end() if rest else body.end()
    return end if _KEY_END.match(text, _behind_frame(text, end)) else min(end, start + _LONGEST_CUT_KEY)


def _behind_frame(text: str, at: int) -> int:
    frame = re.compile(rf"{_FRAME}{{0,40}}+").match(text, at)
    return frame.end() if frame else at


def _is_blanked(body: str) -> bool:
    """Whether the key's lines were masked before."""
    letters = "".join(_KEY_PART.findall(body))
    return re.fullmatch(r"(?:PRIVATE_KEY_)?(?:REDACTED)?x*", letters) is not None


def _anchored(text: str) -> Iterator[Secret]:
    for anchor, rule, pattern in _ANCHORED:
        if anchor in text:
            for match in pattern.finditer(text):
                if is_token(match["value"]):
                    yield Secret(*match.span("value"), rule)


def _urls(text: str) -> Iterator[Secret]:
    """Passwords in addresses: ``scheme://user:password@host``."""
    for at in _places(text, "://"):
        match = _URL.match(text, at)
        if match and is_made_up(match["value"], 4, given=True):
            yield Secret(*match.span("value"), "url-password")
        elif not match and (match := _URL_KEY.match(text, at)) and is_token(match["value"]):
            yield Secret(*match.span("value"), "url-key")


def _assigned(text: str) -> Iterator[Secret]:
    lower = text.lower()
    for word in _WORDS:
        looked_at, times = 0, 0
        for at in _places(lower, word):
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
            if end - start >= _SHORTEST_VALUE and (rule := _rule_of(text, lower, word, at, match, start, end)):
                yield Secret(start, end, rule)
    for at in _places(lower, "bearer"):
        match = _BEARER.match(text, at)
        if match and is_drawn(match["value"]):
            yield Secret(*match.span("value"), "bearer-token")
    for at in _places(lower, "basic"):
        match = _BASIC.match(text, at)
        if match and _is_basic(match["value"]):
            yield Secret(*match.span("value"), "basic-credentials")


def _closing(text: str, start: int, quote: str) -> int:
    """Where the quote closes what ``start`` begins; ``start`` where it doesn't on that line."""
    end = text.find(quote, start, start + _LONGEST_VALUE)
    while end > start and text[end - 1] == "\\" and quote[0] != "\\" and not text.endswith("\\\\", start, end):
        end = text.find(quote, end + 1, start + _LONGEST_VALUE)
    return end if end > start and text.find("\n", start, end) < 0 else start


def _rule_of(text: str, lower: str, word: str, at: int, match: re.Match[str], start: int, end: int) -> str | None:
    """The rule by which what is assigned is a secret, None where it is none."""
    quoted, sign, value = match["quote"] is not None, match["sign"].strip(), text[start:end]
    password = word in {"pass", "pwd"}
    drawn = is_drawn(value)
    if not drawn and ((quoted and sign in {",", ""}) or not (password or word == "secret")):
        return None
    before = _before(lower, at, _NAME)
    if not drawn:
        # A call's argument may be anything.
        shortest, given = _SHORTEST_VALUE if password and sign != "(" else 8, False
        if not quoted and not _is_whole_line(text, at - len(before), match):
            if not _is_database(text, match):
                return None
            given = True
        if not is_made_up(value, shortest, given=given):
            return None
    if _NO_SECRET.search(before) or not _is_name(text, lower, word, at, before):
        return None
    wide = _before(lower, at, _NAME_IN_PROSE)
    vendor = VENDORS.search(wide)
    if word == "key" and not vendor and not _SECRET_KEY.search(wide):
        return None
    if vendor and drawn:
        return f"{vendor.group().strip('_').replace('_', '-')}-key"
    return "password" if password else "generic-secret"


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
        return text.startswith("</", match.end())
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


def _is_basic(value: str) -> bool:
    """Whether it says ``user:password``, in base64 as in RFC 7617."""
    try:
        said = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        return False
    return ":" in said and said.isprintable() and not is_placeholder(said)


def _places(text: str, part: str) -> Iterator[int]:
    at = text.find(part)
    while at >= 0:
        yield at
        at = text.find(part, at + len(part))
