"""The formats of vendors' tokens, as they publish them. A table; ``copilot.safety.secrets`` searches by it.

A rule is a name and a pattern that is tried where a stretch of at least ``SHORTEST`` letters, digits, ``_`` and ``-``
begins. What has to stand before that stretch (``SG.``) is asserted, and stays readable. In a pattern ``<A36>`` is 36
letters or digits, ``<W20,>`` 20 or more letters, digits, ``_`` or ``-``, ``<H32>`` lower-case hexadecimal, ``<X32>``
hexadecimal of either case, ``<D8>`` digits, ``<L>`` lower-case letters and digits, ``<U>`` upper-case ones, ``<B>``
base64, and ``<UUID>`` a UUID. Where one begins as another does, the longer prefix stands first.
"""

import re
from functools import cache

SHORTEST = 18

_CLASSES = {
    "A": "[A-Za-z0-9]",
    "W": "[A-Za-z0-9_-]",
    "H": "[0-9a-f]",
    "X": "[0-9A-Fa-f]",
    "D": "[0-9]",
    "L": "[a-z0-9]",
    "U": "[A-Z0-9]",
    "B": "[A-Za-z0-9+/]",
}
_UUID = "[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}"

TOKENS: tuple[tuple[str, str], ...] = (
    # where code lives and is built
    ("github-token", "gh[pousr]_<A36,>"),
    ("github-fine-grained-token", "github_pat_<A22>_<A59>"),
    ("gitlab-token", "gl(?:pat|ptt|dt|rt|rtr|cbt|imt|ft|soat|agent|ffct|wt|oas|feat)-<W20,>(?:[.]<L2>[.]<L9>)?"),
    ("gitlab-runner-token", "GR1348941<W20>"),
    ("bitbucket-token", "ATBB<A32>"),
    ("atlassian-token", "AT[AC]TT3xFfG<W50,>=?<A0,>"),
    ("azure-devops-token", "<A76>AZDO<A4>"),
    ("slipstream-token", "lc_<W43>"),
    ("sourcegraph-token", "sgp_(?:(?:<H16>|local)_)?<H40>"),
    ("buildkite-token", "bk(?:ua|at|ct)_<A40,>"),
    ("circleci-token", "CCI(?:PAT|PRJ)_<A22>_<H40>"),
    ("harness-token", "(?<=pat[.])<W22>[.]<H24>[.]<A20>"),
    ("sonarqube-token", "sq[apu]_<H40>"),
    ("snyk-token", "snyk_(?:uat|sat|pat)[.]<H8>[.]<W40,>"),
    ("jfrog-token", "AKCp<A69>|cmVmdGtuO<A55>"),
    # packages
    ("npm-token", "npm_<A36>"),
    ("pypi-token", "pypi-AgE[a-zA-Z0-9]<W50,>"),
    ("rubygems-token", "rubygems_<H48>"),
    ("crates-io-token", "cio<A32>"),
    ("nuget-token", "oy2<L43>"),
    ("clojars-token", "CLOJARS_<L60>"),
    ("docker-token", "dckr_(?:pat|oat)_<W27,>"),
    # clouds
    ("aws-access-key-id", "(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    ("aws-bedrock-key", "ABSK<B109,>={0,2}"),
    ("amazon-mws-token", "(?<=amzn[.]mws[.])<UUID>"),
    ("google-api-key", "AIza<W35>"),
    ("google-oauth-secret", "GOCSPX-<W28>"),
    ("google-oauth-token", "(?<=ya29[.])<W30,>|(?<=1//)0<W40,>"),
    ("alibaba-access-key-id", "LTAI<A12,20>"),
    ("tencent-secret-id", "AKID<A32>"),
    ("volcengine-key-id", "AKLT<A40,>"),
    ("digitalocean-token", "do[oprt]_v1_<H64>"),
    ("heroku-key", "HRKU-(?:AA<W58>|<UUID>)"),
    ("cloudflare-origin-key", "(?<=v1[.])0-<H24>-<H146>"),
    ("cloudflare-token", "cf(?:at|ut|k)_<A40,>"),
    ("fly-token", "fo1_<W43>|fm[12][ar]?_<B100,>={0,3}"),
    ("vercel-token", "vc[aiprk]_<A24,>"),
    ("netlify-token", "nfp_<A36,>"),
    ("render-key", "rnd_<A28,>"),
    ("scaleway-key-id", "SCW<U17>"),
    ("scalingo-token", "tk-us-<W48>"),
    ("yandex-key", "AQVN<W35>|YC<W38>|(?<=t1[.])<W30,>={0,2}[.]<W86>={0,2}"),
    ("openshift-token", "(?<=sha256~)<W43>"),
    ("ngrok-token", "2<A26>_<A21>"),
    ("tailscale-key", "tskey-(?:auth|api|client|webhook|scim)-<A10,>(?:-<A16,>)?"),
    ("defined-networking-token", "dnkey-<W26>-<W52>"),
    # infrastructure
    ("vault-token", "(?:(?<=hvs[.])|(?<=hvb[.])|(?<=hvr[.]))<W24,>"),
    ("terraform-token", "(?<=[.]atlasv1[.])<W60,>"),
    ("pulumi-token", "pul-<H40>"),
    ("doppler-token", "(?:(?<=dp[.]pt[.])|(?<=dp[.]ct[.])|(?<=dp[.]sa[.])|(?<=dp[.]st[.]))<A40,44>"),
    ("doppler-token", "(?:(?<=dp[.]scim[.])|(?<=dp[.]audit[.]))<A40,44>"),
    ("infracost-key", "ico-<A32>"),
    ("prefect-key", "pn[ub]_<A36>"),
    ("databricks-token", "dapi<H32>(?:-<D1>)?"),
    ("planetscale-token", "pscale_(?:tkn|pw|oauth)_<W32,>"),
    ("supabase-key", "sbp_(?:oauth_)?<H40>|sb_secret_<W22,>"),
    ("neon-key", "napi_<L60,>"),
    ("confluent-key", "cflt<B60>"),
    ("age-key", "AGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}"),
    ("1password-token", "ops_eyJ<B100,>={0,3}"),
    ("1password-key", "A3-<U6>-(?:<U11>|<U6>-<U5>)-<U5>-<U5>-<U5>"),
    ("infisical-token", "(?<=st[.])<H24>[.]<H32>[.]<H32>"),
    # watching
    ("grafana-token", "glsa_<A32>_<X8>|glc_eyJ<B32,>={0,3}"),
    ("new-relic-key", "NR(?:AK|AL|RA)-<U27>|NRII-<W32>|NRJS-<H19>|<H32,36>NRAL"),
    ("sentry-token", "sntrys_eyJ<B80,>={0,2}(?:_<B43>)?|sntry[ua]_<H64>"),
    ("dynatrace-token", "(?<=dt0[a-z]0[0-9][.])<U24>[.]<U64>"),
    ("honeycomb-key", "hc[abx]i[kc]_<L58>"),
    ("logfire-token", "pylf_v1_(?:us|eu)_<A43>"),
    ("posthog-key", "ph[xs]_<A42,>"),
    ("axiom-token", "xa(?:at|pt)-<UUID>"),
    ("launchdarkly-key", "(?:sdk|api)-<UUID>"),
    ("checkly-key", "cu_<H32>"),
    # models
    ("anthropic-key", "sk-ant-<W24,>"),
    ("openrouter-key", "sk-or-(?:v1-)?<H64>"),
    ("langfuse-key", "sk-lf-<UUID>"),
    ("openai-key", "sk-(?:proj|svcacct|admin|None)-<W40,>|sk-<A20>T3BlbkFJ<A20>"),
    ("hugging-face-token", "(?:hf|api_org)_<A32,>"),
    ("replicate-token", "r8_<A37>"),
    ("groq-key", "gsk_<A50,>"),
    ("perplexity-key", "pplx-<A40,>"),
    ("xai-key", "xai-<A70,>"),
    ("fireworks-key", "fw_<A22,>"),
    ("langsmith-key", "ls(?:v2_(?:pt|sk)|__)_<H32>(?:_<H10>)?"),
    ("together-key", "tgp_v1_<W43>"),
    ("pinecone-key", "pcsk_<A5,6>_<A60,>"),
    ("nvidia-key", "nvapi-<W60,>"),
    ("cerebras-key", "csk-<L40,>"),
    ("voyage-key", "pa-<W43>"),
    ("jina-key", "jina_<H32><W24,>"),
    ("tavily-key", "tvly-(?:dev-|prod-)?<A28,>"),
    ("elevenlabs-key", "sk_<H48>"),
    ("kaggle-token", "KGAT_<H32>"),
    ("wandb-key", "wandb_v1_<W40,>"),
    ("firecrawl-key", "fc-<H32>"),
    ("model-host-key", "sk-<A32,>"),
    # messages
    ("slack-token", "xox[abceoprs]-<W20,>|xapp-<D1>-<A8,>-<D8,>-<H32,>"),
    ("slack-token", "(?<=xoxe[.])xox[bp]-<D1>-<A140,>"),
    ("discord-token", "[MNO][DTjz]<A22,26>[.]<W6>[.]<W27,38>"),
    ("telegram-token", "(?<=[0-9]{8}:)AA<W33>"),
    ("twilio-key", "SK<H32>"),
    ("sendgrid-key", "(?<=SG[.])<W20,24>[.]<W39,50>"),
    ("mailgun-key", "key-<L32>|<H32>-<H8>-<H8>"),
    ("mailchimp-key", "<H32>-us<D1,2>"),
    ("mandrill-key", "md-<W22>"),
    ("brevo-key", "x(?:key|smtp)sib-<H64>-<A16>"),
    ("resend-key", "re_<A8>_<A24>"),
    # money and shops
    ("stripe-key", "[rs]k_(?:live|test|prod)_<A16,>"),
    ("stripe-webhook-secret", "whsec_<B32,>={0,2}"),
    ("shopify-token", "shp(?:at|ca|pa|ss)_<X32>"),
    ("square-token", "sq0(?:atp|idp|csp)-<W22,43>|(?<![+/])EAAA<W60>"),
    ("paypal-token", "(?<=access_token[$]production[$]<L16>[$])<H32>"),
    ("plaid-token", "access-(?:sandbox|development|production)-<UUID>"),
    ("adyen-key", "AQE<B50,>={0,2}-<B40,>={0,2}-<A8,>"),
    ("razorpay-key", "rzp_(?:live|test)_<A14>"),
    ("paddle-key", "pdl_(?:live|sdbx)_apikey_<L26>_<A22>_<A3>"),
    ("mollie-key", "(?:live|test)_<A30,>"),
    ("flutterwave-key", "FLWSECK(?:_TEST)?-<A12,32>-X"),
    ("lob-key", "(?:live|test)_(?:pub_)?<H35>"),
    ("easypost-key", "EZ[AT]K<A54>"),
    ("shippo-token", "shippo_(?:live|test)_<H40>"),
    ("duffel-token", "duffel_(?:live|test)_<W43>"),
    # work
    ("linear-key", "lin_(?:api|oauth)_<A40,>"),
    ("notion-token", "ntn_<A43,>|secret_<A43>"),
    ("airtable-token", "(?<=pat<A14>[.])<H64>"),
    ("asana-token", "(?<=/<D16>:)<H32>"),
    ("figma-token", "fig[duo][rh]?_<W40,>"),
    ("postman-key", "PMAK-<H24>-<H34>"),
    ("typeform-token", "tfp_<W40,>"),
    ("hubspot-token", "pat-(?:na|eu|ap)<D1>-<UUID>"),
    ("trello-token", "ATTA<H64>"),
    ("dropbox-token", "(?:(?<=sl[.])|(?<=sl[.]u[.]))<W120,>"),
    ("contentful-token", "CFPAT-<W43>"),
    ("mapbox-token", "(?<=sk[.])eyJ<W20,>[.]<W20,>"),
    ("readme-key", "rdme_<L70>"),
    ("frameio-token", "fio-u-<W64>"),
    ("adobe-secret", "p8e-<L32>"),
    ("adafruit-key", "aio_<A28>"),
    ("maxmind-key", "<A6>_<A29>_mmk"),
    ("intra42-secret", "s-s4t2(?:ud|af)-<H64>"),
    ("zuplo-key", "zpka_<H32>_<H8>"),
    ("facebook-token", "(?<![+/])EAA[A-Z]<A60,>"),
    ("twitter-token", "A{20}<A40,>%<A40,>"),
    ("salesforce-token", "00D<A12,15>!<A50,>"),
    ("okta-token", "(?<=SSWS )00<W40>"),
    ("firebase-key", "AAAA<W7>:APA91b<W130,>"),
    # of no single vendor
    ("jwt", "eyJ<W14,>[.]eyJ<W10,>[.]<W20,>|eyJ<W14,>[.]<W0,>[.]<W10,>[.]<W16,>[.]<W16,>"),
    ("django-secret-key", "django-insecure-<W4,>[A-Za-z0-9!@#$%^&*(=+)_-]{24,}+"),
)

# Their forms are so wide that long names in code may have them.
LOOSE = frozenset(
    {"mollie-key", "lob-key", "model-host-key", "fireworks-key", "render-key", "crates-io-token", "voyage-key"}
)

# Who is known to give out keys without a mark of their own: words that make a name such as `DATADOG_APP_KEY` one.
VENDORS = re.compile(
    r"aws|amazon|azure|algolia|alchemy|agora|ably|airtable|amplitude|auth0|binance|bitbucket|bittrex|bugsnag|circle_?ci"
    r"|cloudflare|cloudinary|codecov|coinbase|confluent|coveralls|datadog|(?<![a-z])dd_|deepl|deepseek|discord|dropbox"
    r"|elastic|etherscan|etsy|facebook|fastly|finnhub|freshbooks|github|gitlab|gitter|google|heroku|hetzner|hubspot"
    r"|ibm|infura|intercom|jira|kraken|kucoin|lastfm|linkedin|linode|looker|mailgun|mailjet|mattermost|messagebird"
    r"|mixpanel|moralis|netlify|newrelic|newsapi|nytimes|okta|onesignal|openai|openweather|opsgenie|pagerduty|paypal"
    r"|plaid|polygon|pusher|rapidapi|recaptcha|rollbar|sauce_?labs|scaleway|segment|sendbird|sendgrid|sentry|shodan"
    r"|slack|snyk|sonar|splunk|spotify|squarespace|steam|strava|stripe|sumo_?logic|telegram|tomtom|travis|trello|twilio"
    r"|twitch|twitter|unsplash|vercel|vultr|wakatime|wandb|yandex|youtube|zendesk|zoom"
)


def _written_out(pattern: str) -> str:
    pattern = pattern.replace("<UUID>", _UUID)

    def counted(match: re.Match[str]) -> str:
        kind, count = match.groups()
        # Without giving back: what follows in a pattern never begins with the same class, but for fixed counts.
        return _CLASSES[kind] + "{" + count + "}" + ("+" if count.endswith(",") else "")

    return re.sub(r"<([A-Z])([0-9]+,?[0-9]*)>", counted, pattern)


@cache
def token_pattern() -> re.Pattern[str]:
    """One pattern for all: the first of a text's groups that took part names the rule.

    Compiled when it is first wanted, in some 25 ms. The groups are empty and stand at the ends: so each branch begins
    with a letter, and ``re`` passes over those that don't fit without entering them.
    """
    branches = []
    for number, (_name, pattern) in enumerate(TOKENS):
        alternatives = _written_out(pattern)
        branches += [f"{one}(?![A-Za-z0-9])(?P<r{number}_{part}>)" for part, one in enumerate(_split(alternatives))]
    return re.compile("|".join(branches))


def _split(pattern: str) -> list[str]:
    """At each ``|`` that stands in no parentheses."""
    parts, depth, begin = [], 0, 0
    for at, character in enumerate(pattern):
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "|" and depth == 0:
            parts.append(pattern[begin:at])
            begin = at + 1
    return [*parts, pattern[begin:]]


def rule_of(group: str) -> str:
    """The name of the rule whose group is ``group``."""
    return TOKENS[int(group[1:].partition("_")[0])][0]
