"""Secrets are found and masked, and nothing else is."""

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.safety.secrets import masked, secrets_in
from tests.copilot.safety import secret_samples as samples

ALL_FORMS = [
    pytest.param(provider, form, id=f"{provider}-{number}")
    for provider, forms in samples.PREFIXED
    for number, form in enumerate(forms)
]


def readable(text: str, parts: tuple[str, ...]) -> list[str]:
    out, count = masked(text)
    assert len(out) == len(text)
    assert masked(out) == (out, 0)
    assert secrets_in(out) == []
    assert [at for at, one in enumerate(out) if one in "\r\n"] == [at for at, one in enumerate(text) if one in "\r\n"]
    return [part for part in parts if part in out] if count else list(parts)


@pytest.mark.parametrize("surrounding", samples.SURROUNDINGS)
@pytest.mark.parametrize(("provider", "form"), ALL_FORMS)
def test_a_form_of_its_own(provider: str, form: str, surrounding: str) -> None:
    chance = random.Random(f"{provider} {form}")
    for _ in range(3):
        sample = samples.prefixed(provider, (form,), chance)
        assert sample.parts
        assert readable(samples.placed(sample, samples.SURROUNDINGS[surrounding]), sample.parts) == []


@pytest.mark.parametrize("surrounding", samples.NAMED_SURROUNDINGS)
@pytest.mark.parametrize(("provider", "name", "form"), samples.NAMED)
def test_a_vendors_name_before_it(provider: str, name: str, form: str, surrounding: str) -> None:
    sample = samples.named(provider, name, form, random.Random(11))
    assert readable(samples.placed(sample, samples.NAMED_SURROUNDINGS[surrounding]), sample.parts) == []


@pytest.mark.parametrize("number", range(len(samples.structured(random.Random(0)))))
def test_a_structure_around_it(number: int) -> None:
    for seed in range(5):
        sample = samples.structured(random.Random(seed))[number]
        assert readable(sample.value, sample.parts) == [], sample


@pytest.mark.parametrize("surrounding", samples.GENERIC_SURROUNDINGS)
def test_most_of_what_is_only_named(surrounding: str) -> None:
    chance = random.Random(3)
    missed = 0
    for _ in range(50):
        sample = samples.generic(chance)
        missed += bool(readable(samples.placed(sample, samples.GENERIC_SURROUNDINGS[surrounding]), sample.parts))
    assert missed <= 5


def test_at_least_60_vendors_are_known() -> None:
    assert len({provider for provider, _ in samples.PREFIXED}) >= 60


def test_what_stood_there_can_be_told() -> None:
    token, _ = samples.drawn("ghp_{A36}", random.Random(1))
    out, count = masked(f'login("{token}")\n')
    assert (out, count) == ('login("GITHUB_TOKEN_REDACTED' + "x" * 19 + '")\n', 1)
    assert [secret.rule for secret in secrets_in(token)] == ["github-token"]
    assert masked('password = "hunter2"') == ('password = "xxxxxxx"', 1)
    assert masked('password = "hunter2!!"') == ('password = "REDACTEDx"', 1)


@pytest.mark.parametrize("kind", ["RSA ", "EC ", "", "OPENSSH ", "ENCRYPTED ", "DSA "])
def test_a_private_key_is_masked_between_its_frame(kind: str) -> None:
    key = samples.private_key(random.Random(kind), kind)
    first, *lines, last, _ = key.split("\n")
    out, count = masked(f"before\n{key}after = 1\n")
    assert count == 1
    assert out.startswith(f"before\n{first}\n")
    assert out.endswith(f"\n{last}\nafter = 1\n")
    assert list(map(len, out.split("\n")[2:-3])) == list(map(len, lines))
    assert readable(key, tuple(lines)) == []


@pytest.mark.parametrize("indent", ["    ", "# ", "// ", "> "])
def test_a_private_key_that_is_indented_or_a_comment(indent: str) -> None:
    key = samples.private_key(random.Random(4))
    text = "".join(f"{indent}{line}\n" for line in key.splitlines())
    assert readable(text, tuple(key.split("\n")[1:-2])) == []


def test_a_private_key_in_a_string() -> None:
    key = samples.private_key(random.Random(5), "")
    lines = tuple(key.split("\n")[1:-2])
    assert readable(f'{{"type": "service_account", "private_key": "{key!r}"}}', lines) == []
    assert readable("".join(f'    "{line}\\n"\n' for line in key.splitlines()), lines) == []
    assert readable("".join(f'    "{line}\\n" +\n' for line in key.splitlines()), lines) == []


def test_a_private_key_that_is_cut_anywhere() -> None:
    key = samples.private_key(random.Random(6))
    lines = key.split("\n")[1:-2]
    begin, end = key.index(lines[0]), key.index("-----END")
    for at in range(begin + 40, end, 37):
        assert readable(key[:at], tuple(line for line in lines if line in key[:at])) == []
        assert readable("\n" + key[:at] + "\n\ndef f():\n    pass\n", tuple(x for x in lines if x in key[:at])) == []
        assert readable(key[at:], tuple(line for line in lines if line in key[at:])) == []


def test_the_rest_of_a_key_before_a_whole_one() -> None:
    cut, whole = (samples.private_key(random.Random(seed)) for seed in (12, 13))
    lines = [*cut.split("\n")[10:-2], *whole.split("\n")[1:-2]]
    assert readable("\n".join(cut.split("\n")[10:]) + whole, tuple(lines)) == []


def test_what_follows_a_cut_key_stays() -> None:
    key = samples.private_key(random.Random(7))
    text = key[: key.index("-----END")] + "\ndef function(argument):\n    return argument\n"
    assert masked(text)[0].endswith("\ndef function(argument):\n    return argument\n")


def test_code_that_speaks_of_keys_stays() -> None:
    begin = "-----BEGIN RSA PRIVATE" + " KEY-----"
    text = f'if text.startswith("{begin}"):\n    return "{begin.replace("BEGIN", "END")}" in text\n'
    assert masked(text) == (text, 0)


def test_a_secret_behind_an_escape() -> None:
    token, parts = samples.drawn("ghp_{A36}", random.Random(8))
    for before in ("\\n", "\\t", "%3D", "=", ":", "/", "@", '"', "'", "(", "ключ", "--token="):
        assert readable(f"a {before}{token} b", parts) == [], before


def test_an_identifier_and_its_secret_in_a_table() -> None:
    chance = random.Random(9)
    identifier, key = samples.drawn("AKIA{S16}", chance)[0], samples.drawn("{B40}", chance)[0]
    assert readable(f"Access key ID,Secret access key\n{identifier},{key}\n", (identifier, key)) == []


CLEAN = [
    'password = getpass("Enter your password: ")',
    "password = os.environ['DB_PASSWORD_2024']",
    'password = "changeme"',
    'password = "${DB_PASSWORD}"',
    'password = "{{ vault_password_1 }}"',
    'password = "<your-password-1>"',
    'password: str = "xxxxxxxx1"',
    "PASSWORD=$1",
    "PASSWORD=$(cat /run/secrets/password1)",
    "PASSWORD=${PASSWORD:-default1}",
    'token = "access_token"',
    "token = tokens[index1]",
    "token = request.headers['X-Auth-Token2']",
    'self.token = self._token_v2.refresh(token1, "utf-8")',
    'api_key = config.get("api_key2")',
    'api_key = "YOUR_API_KEY_1234567890"',
    'secret_name = "projects/12/secrets/database-password/versions/3"',
    'TOKEN_URL = "https://auth.example.com/oauth2/v2.0/token"',
    'token_type = "bearer2"',
    '"password": {"type": "string", "minLength": 8}',
    "passwordField = new TextField(20);",
    "if password == confirm_password2:",
    "def login(user: str, password: str = None) -> Token2:",
    'parser.add_argument("--password", help="the password2 to use")',
    "public_key = 'MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE'",
    "next_page_token = 'CAUQAA1b2C3d4E5f6G7h8I9j0'",
    'primary_key = "a1b2c3d4e5f60718293a4b5c6d7e8f90"',
    "postgres://user:password@localhost:5432/db",
    "https://user:${PASSWORD}@host/path",
    "http://localhost:8080/a@b",
    "git@github.com:owner/name.git",
    "Authorization: Bearer <token>",
    'headers["Authorization"] = f"Bearer {token2}"',
    "basic functionality of this class is described below",
    "sha512-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC",
    "commit 3f786850e387550fdab836ed7e6dc881de23001b",
    "id = '123e4567-e89b-12d3-a456-426614174000'",
    "AKIA" + "IOSFODNN7EXAMPLE",
    "sk-fading-circle-dot-container-element-1",
    "class HTTPPasswordMgrWithPriorAuth(HTTPPasswordMgrWithDefaultRealm):",
    "def test_virtualClassAttributeWithOneMetaInheritance(self):",
    'key = "user:%s:profile:%d" % (name, 1)',
    "bypass('newdomain.com:1234')",
    "import { isDefaultKeyword, isDotToken, isEndOfFileToken2x4Yz, isStringLiteral1aB2cD3e } from 'typescript'",
    "gcry_sexp_t   xmlSecGCryptKeyDataDsaGetPrivateKey     (xmlSecKeyDataPtr data);",
    "return this.finishToken(types$1.dollarBraceL);",
    "arn:aws:secretsmanager:us-west-2:123456789012:secret:MyTestSecret-a1b2c3",
    '<a href="https://crates.io/crates/cargo-credential-1password">cargo-credential-1password</a>',
    '"ChangeToken": "3f2504e0-4f89-41d3-9a0c-0305e82c3301"',
    'passwort = ungültig("größe2")',
]


@pytest.mark.parametrize("text", CLEAN)
def test_clean_code_stays(text: str) -> None:
    assert masked(text) == (text, 0)
    assert masked(f"    {text}\n") == (f"    {text}\n", 0)


PIECES = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            *(
                "password",
                "Token",
                "api_key",
                "secret",
                " = ",
                ": ",
                '"',
                "'",
                "\\",
                "\n",
                "\r\n",
                "://",
                "@",
                "a:",
                ";",
            ),
            *("Bearer ", "Basic ", "sig=", "?", "Q~", "eyJ", ".", "-----BEGIN PRIVATE" + " KEY-----", "host=a "),
            *("-----END PRIVATE" + " KEY-----", "REDACTED", "xxxxxx", "GITHUB_TOKEN_REDACTEDxx", "é", "漢", "\0"),
        ]
    ),
    st.text("abcXYZ0189+/=_-", min_size=6, max_size=70),
    st.builds(
        lambda form, seed: samples.drawn(form, random.Random(seed))[0],
        st.sampled_from([form for _, forms in samples.PREFIXED for form in forms if len(form) < 40]),
        st.integers(0, 999),
    ),
)


@settings(max_examples=400, deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
def test_length_and_lines_stay_and_nothing_is_found_twice(text: str) -> None:
    out, count = masked(text)
    assert len(out) == len(text)
    assert [one for one in enumerate(out) if one[1] in "\r\n"] == [one for one in enumerate(text) if one[1] in "\r\n"]
    assert masked(out) == (out, 0)
    assert (count == 0) == (out == text)
    found = secrets_in(text)
    assert all(one.start < one.end <= other.start for one, other in pairwise(found))


LINES = st.lists(st.sampled_from(["x = 1", "", "def f(a): # größe", "HOST=db", '"a": "b",', "the end."]), max_size=30)


@settings(max_examples=100, deadline=None)
@given(LINES, LINES, st.integers(0, 10_000))
def test_the_lines_around_change_no_verdict(before: list[str], after: list[str], seed: int) -> None:
    chance = random.Random(seed)
    sample = samples.prefixed(*chance.choice(samples.PREFIXED), chance)
    line = chance.choice(
        [
            samples.placed(sample, samples.SURROUNDINGS["python"]),
            chance.choice(samples.structured(chance)).value,
            samples.placed(samples.generic(chance), samples.GENERIC_SURROUNDINGS["python"]),
        ]
    )
    head, tail = "".join(f"{one}\n" for one in before), "".join(f"{one}\n" for one in after)
    alone, count = masked(line)
    assert masked(head + line + tail) == (head + alone + tail, count)


@pytest.mark.parametrize("language", ["python", "env"])
def test_a_long_file_has_each_of_its_secrets_masked(language: str) -> None:
    chance = random.Random(10)
    parts: list[str] = []
    pieces = []
    for provider, forms in samples.PREFIXED:
        sample = samples.prefixed(provider, forms, chance)
        pieces += [samples.placed(sample, samples.SURROUNDINGS[language]), "größe = 1\n" * 20]
        parts += sample.parts
    assert readable("".join(pieces), tuple(parts)) == []
