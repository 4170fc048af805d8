"""Made-up secrets in the forms that vendors publish, drawn when asked for: none stands in the repository.

In a form ``{A36}`` is 36 characters drawn from an alphabet: A letters and digits, W with ``_`` and ``-`` too, B base64,
X upper- and H lower-case hexadecimal, D digits, C letters, L small letters and digits, U capital letters and digits,
S base32, Q bech32, G a UUID.
"""

import base64
import random
import re
import string
import uuid
from collections.abc import Callable
from typing import NamedTuple


class Sample(NamedTuple):
    """``parts``: what was drawn, none of which may be readable in the end. ``name``: what a variable for it is called,
    "" where the value is known by its own form."""

    provider: str
    name: str
    value: str
    parts: tuple[str, ...]


_ALPHABETS = {
    "A": string.ascii_letters + string.digits,
    "W": string.ascii_letters + string.digits + "_-",
    "B": string.ascii_letters + string.digits + "+/",
    "X": "0123456789ABCDEF",
    "H": "0123456789abcdef",
    "D": "123456789",
    "C": string.ascii_letters,
    "L": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase + string.digits,
    "S": "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567",
    "Q": "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L",
}

# Known by what they look like.
PREFIXED: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("1password", ("ops_eyJ{A300}", "A3-{U6}-{U11}-{U5}-{U5}-{U5}")),
    ("adafruit", ("aio_{A28}",)),
    ("adobe", ("p8e-{L32}",)),
    ("age", ("AGE-SECRET-KEY-1{Q58}",)),
    ("airtable", ("pat{A14}.{H64}",)),
    ("alibaba", ("LTAI{A20}",)),
    ("anthropic", ("sk-ant-api03-{W93}AA", "sk-ant-admin01-{W93}AA")),
    ("asana", ("1/{D16}:{H32}",)),
    ("atlassian", ("ATATT3xFfGF0{W171}={X8}",)),
    ("aws", ("AKIA{S16}", "ASIA{S16}")),
    ("azure", ("{A3}8Q~{W34}", "{A3}7Q~{W31}")),
    ("azure-devops", ("{A76}AZDO{A4}",)),
    ("bitbucket", ("ATBB{A32}",)),
    ("brevo", ("xkeysib-{H64}-{A16}",)),
    ("buildkite", ("bkua_{H40}",)),
    ("cerebras", ("csk-{L48}",)),
    ("circleci", ("CCIPAT_{A22}_{H40}",)),
    ("clojars", ("CLOJARS_{L60}",)),
    ("cloudflare", ("v1.0-{H24}-{H146}",)),
    ("contentful", ("CFPAT-{W43}",)),
    ("crates-io", ("cio{A32}",)),
    ("databricks", ("dapi{H32}", "dapi{H32}-2")),
    ("deepseek", ("sk-{H32}",)),
    ("digitalocean", ("dop_v1_{H64}", "doo_v1_{H64}", "dor_v1_{H64}")),
    ("discord", ("MT{A24}.{W6}.{W38}", "Nz{A22}.{W6}.{W27}")),
    ("docker", ("dckr_pat_{W27}",)),
    ("doppler", ("dp.pt.{A43}", "dp.ct.{A40}")),
    ("dropbox", ("sl.{W140}",)),
    ("duffel", ("duffel_live_{W43}",)),
    ("dynatrace", ("dt0c01.{U24}.{U64}",)),
    ("easypost", ("EZAK{A54}",)),
    ("facebook", ("EAAC{A120}",)),
    ("figma", ("figd_{W40}",)),
    ("flutterwave", ("FLWSECK-{H32}-X",)),
    ("fly", ("fo1_{W43}",)),
    ("frameio", ("fio-u-{W64}",)),
    ("github", ("ghp_{A36}", "gho_{A36}", "ghu_{A36}", "ghs_{A36}", "ghr_{A76}", "github_pat_{A22}_{A59}")),
    ("gitlab", ("glpat-{W20}", "gldt-{W20}", "glrt-{W20}", "glptt-{H40}", "GR1348941{W20}", "glcbt-{W24}")),
    ("google", ("AIza{W35}", "GOCSPX-{W28}", "ya29.{W120}", "1//0{W60}")),
    ("grafana", ("glsa_{A32}_{H8}", "glc_eyJ{A80}")),
    ("groq", ("gsk_{A52}",)),
    ("harness", ("pat.{A22}.{H24}.{A20}",)),
    ("heroku", ("HRKU-{G}", "HRKU-AA{W58}")),
    ("hubspot", ("pat-na1-{G}",)),
    ("hugging-face", ("hf_{C34}",)),
    ("infracost", ("ico-{A32}",)),
    ("jfrog", ("AKCp{A69}",)),
    ("kaggle", ("KGAT_{H32}",)),
    ("langsmith", ("lsv2_pt_{H32}_{H10}",)),
    ("launchdarkly", ("sdk-{G}",)),
    ("linear", ("lin_api_{A40}",)),
    ("mailchimp", ("{H32}-us12",)),
    ("mailgun", ("key-{L32}", "{H32}-{H8}-{H8}")),
    ("mapbox", ("sk.eyJ{A80}.{A22}",)),
    ("maxmind", ("{A6}_{A29}_mmk",)),
    ("mollie", ("live_{A30}",)),
    ("neon", ("napi_{L64}",)),
    ("netlify", ("nfp_{A36}",)),
    ("new-relic", ("NRAK-{U27}",)),
    ("notion", ("ntn_{A46}", "secret_{A43}")),
    ("npm", ("npm_{A36}",)),
    ("nuget", ("oy2{L43}",)),
    ("nvidia", ("nvapi-{W64}",)),
    ("openai", ("sk-{A48}", "sk-proj-{W156}", "sk-svcacct-{W120}", "sk-{A20}T3BlbkFJ{A20}")),
    ("openrouter", ("sk-or-v1-{H64}",)),
    ("openshift", ("sha256~{W43}",)),
    ("paypal", ("access_token$production${L16}${H32}",)),
    ("perplexity", ("pplx-{A48}",)),
    ("pinecone", ("pcsk_{A6}_{A63}",)),
    ("plaid", ("access-production-{G}",)),
    ("planetscale", ("pscale_tkn_{W43}", "pscale_pw_{W43}")),
    ("posthog", ("phx_{A43}",)),
    ("postman", ("PMAK-{H24}-{H34}",)),
    ("prefect", ("pnu_{A36}",)),
    ("pulumi", ("pul-{H40}",)),
    ("pypi", ("pypi-AgEIcHlwaS5vcmc{W150}",)),
    ("readme", ("rdme_{L70}",)),
    ("replicate", ("r8_{A37}",)),
    ("resend", ("re_{A8}_{A24}",)),
    ("rubygems", ("rubygems_{H48}",)),
    ("sendgrid", ("SG.{W22}.{W43}",)),
    ("sentry", ("sntrys_eyJ{A120}_{B43}", "sntryu_{H64}")),
    ("shippo", ("shippo_live_{H40}",)),
    ("shopify", ("shpat_{H32}", "shpca_{H32}", "shppa_{H32}", "shpss_{H32}")),
    ("slack", ("xoxb-{D12}-{D13}-{A24}", "xoxp-{D12}-{D12}-{D13}-{H32}", "xapp-1-A{U10}-{D13}-{H64}")),
    ("slack-webhook", ("https://hooks.slack.com/services/T{U10}/B{U10}/{A24}",)),
    ("sonarqube", ("squ_{H40}", "sqp_{H40}")),
    ("slipstream", ("lc_{W43}",)),
    ("sourcegraph", ("sgp_{H16}_{H40}",)),
    ("square", ("sq0atp-{W22}", "sq0csp-{W43}", "EAAA{W60}")),
    ("stripe", ("sk_live_{A24}", "rk_live_{A99}", "sk_test_{A99}", "whsec_{A32}")),
    ("supabase", ("sbp_{H40}", "sb_secret_{W31}")),
    ("tailscale", ("tskey-auth-{A11}CNTRL-{A32}",)),
    ("teams", ("https://corp.webhook.office.com/webhookb2/{G}@{G}/IncomingWebhook/{H32}/{G}",)),
    ("telegram", ("{D10}:AA{W33}",)),
    ("terraform", ("{A14}.atlasv1.{W67}",)),
    ("trello", ("ATTA{H64}",)),
    ("twilio", ("SK{H32}",)),
    ("typeform", ("tfp_{W44}",)),
    ("vault", ("hvs.{W90}", "hvb.{W140}")),
    ("xai", ("xai-{A80}",)),
    ("yandex", ("AQVN{W35}",)),
)

# Known by the name before them.
NAMED: tuple[tuple[str, str, str], ...] = (
    ("algolia", "ALGOLIA_ADMIN_KEY", "{H32}"),
    ("auth0", "AUTH0_CLIENT_SECRET", "{W64}"),
    ("aws-secret", "AWS_SECRET_ACCESS_KEY", "{B40}"),
    ("azure-storage", "AZURE_STORAGE_KEY", "{B86}=="),
    ("cloudflare-global", "CLOUDFLARE_API_KEY", "{H37}"),
    ("cloudflare-api", "CLOUDFLARE_API_TOKEN", "{W40}"),
    ("codecov", "CODECOV_TOKEN", "{G}"),
    ("datadog", "DATADOG_API_KEY", "{H32}"),
    ("datadog-app", "DD_APP_KEY", "{H40}"),
    ("fastly", "FASTLY_API_TOKEN", "{W32}"),
    ("heroku-uuid", "HEROKU_API_KEY", "{G}"),
    ("hetzner", "HETZNER_API_TOKEN", "{A64}"),
    ("linode", "LINODE_TOKEN", "{H64}"),
    ("mailjet", "MAILJET_API_SECRET", "{H32}"),
    ("okta", "OKTA_API_TOKEN", "00{W40}"),
    ("opsgenie", "OPSGENIE_API_KEY", "{G}"),
    ("scaleway", "SCALEWAY_SECRET_KEY", "{G}"),
    ("snyk", "SNYK_TOKEN", "{G}"),
    ("spotify", "SPOTIFY_CLIENT_SECRET", "{H32}"),
    ("splunk", "SPLUNK_HEC_TOKEN", "{G}"),
    ("sumologic", "SUMOLOGIC_ACCESS_KEY", "{A64}"),
    ("twilio-auth", "TWILIO_AUTH_TOKEN", "{H32}"),
    ("twitter", "TWITTER_API_SECRET", "{A50}"),
    ("vercel", "VERCEL_TOKEN", "{A24}"),
    ("wandb", "WANDB_API_KEY", "{H40}"),
    ("zendesk", "ZENDESK_API_TOKEN", "{A40}"),
)

# Of nobody in particular.
_GENERIC_NAMES = (
    "API_KEY",
    "SECRET_KEY",
    "AUTH_TOKEN",
    "CLIENT_SECRET",
    "ACCESS_TOKEN",
    "ENCRYPTION_KEY",
    "SESSION_SECRET",
)
_GENERIC_FORMS = ("{H32}", "{H40}", "{H64}", "{B42}=", "{W43}", "{A20}", "{A32}", "{L24}", "{G}")
_PASSWORD_NAMES = ("PASSWORD", "DB_PASSWORD", "ADMIN_PASSWD", "SMTP_PASS", "ROOT_PWD", "KEYSTORE_PASSPHRASE")
_THINGS = ("winter", "tiger", "copper", "marble", "rocket", "velvet", "harbour", "lantern")

SURROUNDINGS: dict[str, str] = {
    "python": 'client = connect("{value}", retries=3)\n',
    "env": "# settings\nSETTING={value}\nDEBUG=1\n",
    "prose": "For the staging system use {value} until Friday.\n",
}
NAMED_SURROUNDINGS: dict[str, str] = {
    "python": 'import os\n\n{NAME} = "{value}"\n\n\ndef main() -> None: ...\n',
    "env": "# settings\n{NAME}={value}\nDEBUG=1\n",
    "prose": "The {words} is {value} until Friday.\n",
}
GENERIC_SURROUNDINGS: dict[str, str] = {
    "python": '{name} = "{value}"\n',
    "python, annotated": '    {name}: str = "{value}"\n',
    "python, dictionary": 'config = {{"host": "db", "{name}": "{value}"}}\n',
    "python, argument": 'connect(host="db", {name}="{value}", port=1)\n',
    "env": "HOST=db\n{NAME}={value}\nPORT=1\n",
    "shell": "export {NAME}='{value}'\n",
    "yaml": "database:\n  host: db\n  {name}: {value}\n",
    "json": '{{\n  "{camel}": "{value}",\n  "port": 1\n}}\n',
    "javascript": "const {camel} = '{value}';\n",
    "go": '\t{camel} := "{value}"\n',
    "java": '    private static final String {NAME} = "{value}";\n',
    "c": 'static const char *{name} = "{value}";\n',
    "toml": '[database]\n{name} = "{value}"\n',
    "xml": "<{camel}>{value}</{camel}>\n",
}


def drawn(form: str, chance: random.Random) -> tuple[str, tuple[str, ...]]:
    """A value of the form, and what of it was drawn."""
    parts: list[str] = []

    def part(match: re.Match[str]) -> str:
        kind, count = match.groups()
        if kind == "G":
            parts.append(str(uuid.UUID(int=chance.getrandbits(128), version=4)))
        else:
            parts.append("".join(chance.choices(_ALPHABETS[kind], k=int(count))))
        return parts[-1]

    value = re.sub(r"\{([A-Z])(\d*)\}", part, form)
    # An identifier before the secret part may stay, and short pieces say nothing.
    return value, tuple(one for one in parts if len(one) >= 8 and not (one.isdigit() and len(one) < 14))


def prefixed(provider: str, forms: tuple[str, ...], chance: random.Random) -> Sample:
    value, parts = drawn(chance.choice(forms), chance)
    if provider == "airtable":
        parts = parts[1:]
    elif provider in {"asana", "dynatrace", "terraform", "paypal"}:
        parts = parts[-1:]
    return Sample(provider, "", value, parts)


def named(provider: str, name: str, form: str, chance: random.Random) -> Sample:
    value, parts = drawn(form, chance)
    return Sample(provider, name, value, parts)


def generic(chance: random.Random) -> Sample:
    """A drawn secret or a password that a person chose, one in eight of those a phrase of words only."""
    if chance.random() < 0.5:
        value, _ = drawn(chance.choice(_GENERIC_FORMS), chance)
        return Sample("secret", chance.choice(_GENERIC_NAMES), value, (value,))
    value = chance.choice(_CHOSEN)(chance)
    return Sample("password", chance.choice(_PASSWORD_NAMES), value, (value,))


def _phrase(chance: random.Random) -> str:
    return "-".join(chance.sample(_THINGS, 4))


_CHOSEN: tuple[Callable[[random.Random], str], ...] = (
    lambda chance: chance.choice(_THINGS).capitalize() + str(chance.randrange(1950, 2030)) + "!",
    lambda chance: chance.choice(_THINGS) + chance.choice(_THINGS).capitalize() + str(chance.randrange(10, 999)),
    lambda chance: chance.choice(_THINGS).replace("e", "3").replace("o", "0") + "$" + str(chance.randrange(100)) + "x",
    lambda chance: "".join(chance.choices(string.ascii_letters + string.digits + "!@#%^*_+=", k=12)),
    lambda chance: "".join(chance.choices(string.ascii_letters + string.digits + "!@#%^*_+=", k=16)),
    lambda chance: "".join(chance.choices(string.ascii_letters + string.digits, k=10)),
    lambda chance: "-".join(chance.sample(_THINGS, 3)) + "-" + str(chance.randrange(100)),
    _phrase,
)


def placed(sample: Sample, surrounding: str) -> str:
    """The text of ``surrounding`` with the sample in it."""
    camel = sample.name.title().replace("_", "")
    return surrounding.format(
        value=sample.value,
        NAME=sample.name,
        name=sample.name.lower(),
        camel=camel[:1].lower() + camel[1:],
        words=sample.name.replace("_", " ").capitalize(),
    )


def private_key(chance: random.Random, kind: str = "RSA ", lines: int = 26) -> str:
    """In PEM, as RFC 7468 has it, with lines of 64."""
    body = ["".join(chance.choices(_ALPHABETS["B"], k=64)) for _ in range(lines - 1)]
    body.append("".join(chance.choices(_ALPHABETS["B"], k=chance.choice((4, 22, 46)))) + "==")
    return "\n".join([f"-----BEGIN {kind}PRIVATE" + " KEY-----", *body, f"-----END {kind}PRIVATE" + " KEY-----", ""])


def jwt(chance: random.Random) -> str:
    header = _url_safe(b'{"alg":"HS256","typ":"JWT"}')
    claims = _url_safe(f'{{"sub":"{chance.randrange(10**9)}","exp":{chance.randrange(10**9)}}}'.encode())
    return f"{header}.{claims}.{_url_safe(chance.randbytes(32))}"


def _url_safe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def structured(chance: random.Random) -> list[Sample]:
    """What is known by how it is put together; each is a whole text."""
    password = chance.choice(_CHOSEN[:6])(chance).replace("@", "a").replace("#", "h").replace("%", "p")
    token = drawn("{A40}", chance)[0]
    key = drawn("{B86}==", chance)[0]
    signature = drawn("{A43}%3D", chance)[0]
    hexadecimal = drawn("{H32}", chance)[0]
    basic = base64.b64encode(f"admin:{password}".encode()).decode()
    web_token = jwt(chance)
    scheme = chance.choice(("postgres", "mysql", "redis", "amqp", "https", "mongodb+srv"))
    rows = [
        ("url", f'URL = "{scheme}://app:{password}@db.internal:5432/main"\n', password),
        ("connection string", f'"Server=db;Database=main;User Id=app;Password={password};Encrypt=true"\n', password),
        ("libpq", f'dsn = "host=db user=app password={password} dbname=main"\n', password),
        ("storage", f'"DefaultEndpointsProtocol=https;AccountName=a1;AccountKey={key};EndpointSuffix=core"\n', key),
        ("service bus", f"Endpoint=sb://a.b/;SharedAccessKeyName=Root;SharedAccessKey={key}\n", key),
        ("shared signature", f"https://a.blob.core/c?sv=2022-11-02&sig={signature}&se=2030\n", signature),
        ("bearer", f"curl -H 'Authorization: Bearer {token}' https://a.b\n", token),
        ("dsn", f"https://{hexadecimal}@o1.ingest.sentry.io/1\n", hexadecimal),
        ("basic", f'headers = {{"Authorization": "Basic {basic}"}}\n', basic),
        ("header", f"curl -H 'X-Api-Key: {token}' https://a.b\n", token),
        ("json web token", f"cookie = '{web_token}'\n", web_token.rpartition(".")[2]),
        ("option", f"deploy --token {token} --verbose\n", token),
        ("option", f"deploy --api-key={token} --verbose\n", token),
        ("default", f'os.environ.get("API_TOKEN", "{token}")\n', token),
    ]
    return [Sample(provider, "", text, (part,)) for provider, text, part in rows]
