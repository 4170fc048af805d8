"""Whether what stands where a secret may stand is one: a value that somebody made up or drew, or only a word for it."""

import re

# What people write where a reader has to put his own, and what this program puts in a secret's place.
_TYPED = (
    *(
        "example",
        "placeholder",
        "place_holder",
        "redacted",
        "changeme",
        "change_me",
        "change-me",
        "change this",
        "changeit",
    ),
    *(
        "your_",
        "your-",
        "your ",
        "***",
        "...",
        "0123456789",
        "123456789",
        "abcdefghi",
        "xxxxx",
        "${",
        "{{",
        "}}",
        "$(",
        "%(",
    ),
)
_SHAPED = re.compile(r"(.)\1{5}|<[\w -]+>|^<.*>$|^\{.*\}$|^%[\w.]+%?$|^\$\w+$|^__\w+__$|^@\w+@$")
# The same in words too short to be looked for in what was drawn.
_ASIDE = re.compile(
    r"(?<![a-z])(?:your|dummy|sample|example|insert|replace|fixme|todo|fake|mock|invalid|wrong|bad|incorrect|hidden|here"
    r"|xxx+)(?![a-z])|(?<![a-z])my[-_]|secret[-_]?here|goes[-_]?here|qwerty|deadbeef"
)
# A value whose letters are one of these is a stand-in whatever its digits are.
_STAND_INS = frozenset(
    [
        "test",
        "testing",
        "tester",
        "pass",
        "passwd",
        "password",
        "passphrase",
        "pwd",
        "pw",
        "secret",
        "secrets",
        "token",
        "key",
        "apikey",
        "auth",
        "admin",
        "root",
        "user",
        "username",
        "login",
        "foo",
        "bar",
        "baz",
        "foobar",
        "foobarbaz",
        "spam",
        "eggs",
        "ham",
        "hello",
        "world",
        "helloworld",
        "abc",
        "abcd",
        "abcde",
        "abcdef",
        "xyz",
        "default",
        "none",
        "null",
        "nil",
        "true",
        "false",
        "undefined",
        "empty",
        "string",
        "str",
        "text",
        "value",
        "demo",
        "guest",
        "welcome",
        "letmein",
        "temp",
        "tmp",
        "dev",
        "prod",
        "local",
        "public",
        "private",
        "bytes",
        "utf",
        "ascii",
        "latin",
        "sha",
        "md",
        "aes",
        "rsa",
        "hmac",
        "des",
        "int",
        "uint",
        "float",
        "base",
        "hex",
        "uuid",
        "oauth",
        "jwt",
        "bearer",
        "basic",
        "digest",
        "http",
        "https",
        "ssh",
        "ssl",
        "tls",
        "ldap",
        "key",
        "value",
        "name",
        "id",
        "x",
        "y",
        "z",
        "a",
        "b",
        "c",
        "some",
        "any",
        "other",
        "new",
        "old",
        "testpass",
        "testpassword",
        "mypassword",
        "mysecret",
        "testtoken",
        "testkey",
        "testsecret",
        "supersecret",
        "topsecret",
        "postgres",
        "mysql",
        "redis",
        "mongo",
        "python",
        "java",
        "ipv",
        "v",
        "p",
    ]
)
_WORD = re.compile(r"[A-Za-z]+(?:[_.:/ -]+[A-Za-z]+)*[_.:/ -]*\d{0,2}")
_PHRASE = re.compile(r"[A-Za-z]{3,}(?:-[A-Za-z]{3,}){2}-(?:\d{1,4}|[A-Za-z]{3,})(?:-[A-Za-z\d]+)*")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:(?:\.|->|::)[A-Za-z_]\w*)+")
_PATH = re.compile(
    r"(?:\.{0,2}|~|[A-Za-z]:|[\w.-]+)[/\\][\w./\\-]*[/\\.].*|[\w.-]+://.*|.*\.(?:[a-z]{1,4}|json|yaml|html)"
)
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_HEXADECIMAL = re.compile(r"(?:0x)?(?:[0-9a-f]{24,}|[0-9A-F]{24,})")
_DRAWN = re.compile(r"[A-Za-z0-9+/=_.~:!@#$%^&*?|;,()-]{16,}")
_DIGIT, _BLANK = re.compile("[0-9]"), re.compile(r"\s")
_NO_LETTERS = re.compile("[^A-Za-z]+")
_PIECE = re.compile(r"[A-Za-z0-9+/=]+")
_LONG_WORD = re.compile("[A-Za-z0-9]{16}")
_CODE = re.compile(r"[()\[\]{}<>]|\\[dswbDSWB.nrtfvaxu0]|^[+,.)&|].*[+,.(&|]$|^[,)]|[,(]$|%[sdr]|^\^|\$$|&&|\|\||\?:")
_CALL = re.compile(r"[(){}<>]|%s")
_UNSEEN = "?"  # a character beyond ASCII, see `copilot.safety.secrets`


def is_placeholder(value: str) -> bool:
    lower = value.lower()
    return len(set(value)) < 4 or any(one in lower for one in _TYPED) or _SHAPED.search(lower) is not None


def is_token(value: str, *, loose: bool = False) -> bool:
    """For what has a vendor's form already: all that is asked is that it was not typed as an example.

    ``loose``: the form is one that names in code may have too.
    """
    if len(set(value)) < 8 or is_placeholder(value):
        return False
    return not loose or _HEXADECIMAL.search(value) is not None or _turns(value) >= 0.2 * len(value)


def is_drawn(value: str) -> bool:
    """Whether a machine made it: long, of letters and digits that take turns as they do in no word."""
    if not _DRAWN.fullmatch(value) or (value.islower() and not _DIGIT.search(value)) or is_placeholder(value):
        return False
    if _UUID.fullmatch(value):
        return True
    if len(set(value)) < 9:
        return False
    if _HEXADECIMAL.fullmatch(value):
        return _DIGIT.search(value) is not None
    if not _DIGIT.search(value) and sum(map(str.isupper, value)) < 0.28 * len(value):
        # Words in camel case have fewer capitals.
        return False
    turns, piece = _turns(value) / len(value), max(map(len, _PIECE.findall(value)), default=0)
    if _DOTTED.fullmatch(value):
        return False
    if turns < 0.28 and _PATH.fullmatch(value) and not _LONG_WORD.search(value):
        return False
    return (turns >= 0.2 and piece >= min(12, len(value) // 2)) or (turns >= 0.33 and piece >= 7)


def is_made_up(value: str, shortest: int, *, given: bool = False) -> bool:
    """Whether it may be a password that a person chose: no word, no path and no piece of code.

    ``given``: it stands where nothing but a password does, so that letters alone are enough, if no word has them so.
    """
    if len(value) < shortest or _BLANK.search(value) or is_placeholder(value):
        return False
    if is_drawn(value):
        return True
    letters = _NO_LETTERS.sub("", value)
    if letters.lower() in _STAND_INS:
        return False
    if _ASIDE.search(value.lower()):
        return False
    if _PHRASE.fullmatch(value):
        return True
    if given and value.isalpha() and re.search(r".[A-Z]", value) and re.search("[a-z]", value):
        return True
    if _WORD.fullmatch(value) and not re.fullmatch(r"[A-Za-z]{5,}\d{1,2}", value) and not given:
        return False
    if _DOTTED.fullmatch(value) or _PATH.fullmatch(value) or (_CALL if given else _CODE).search(value):
        return False
    digits = sum(one.isdigit() for one in value)
    marks = sum(not one.isalnum() and one not in "_-./: " + _UNSEEN for one in value)
    return len(letters) >= 2 and (digits > 0 or marks > 0) and len(set(value)) >= 5


def _turns(value: str) -> int:
    """How often a kind of character follows another. A small letter behind a capital is none: so words begin in camel
    case; ``_``, ``-`` and their like are passed over."""
    turns, before = 0, ""
    for one in value:
        kind = "d" if one.isdigit() else "u" if one.isupper() else "l" if one.islower() else ""
        if kind and before and kind != before and (before, kind) != ("u", "l"):
            turns += 1
        before = kind or before
    return turns
