"""Files that hold secrets by their name: never context, never indexed. No I/O."""

import re
import unicodedata

# Folders whose files are all private, and files that are so in one folder only.
_FOLDERS = re.compile(
    r"""(?:^|/)(?:
        \.ssh | \.gnupg | \.gpg | \.password-store | \.azure | \.config/gcloud
      | \.aws/(?:sso|cli)/cache | \.subversion/auth
    )/
    | (?:^|/)(?:
        \.aws/(?:credentials|config) | \.kube/config | \.docker/config\.json
      | \.config/(?:gh/hosts|hub|op/config)(?:\.ya?ml)?
      | \.(?:cargo|gem)/credentials(?:\.toml)? | \.m2/settings(?:-security)?\.xml | \.gradle/gradle\.properties
      | \.terraform\.d/credentials\.tfrc\.json | \.bundle/config | \.composer/auth\.json | \.jupyter/.*_config\.json
    )$""",
    re.VERBOSE,
)

# Whole names, whatever stands beside them.
_NAMES = re.compile(
    r"""
    # keys
    (?!.*\.pub$)(?:id_|identity\.)(?:rsa|dsa|ecdsa|ed25519|xmss)(?:[._-].*)?
  | .*\.(?:pem|key|p12|pfx|p8|pkcs12|pkcs8|jks|jceks|bks|keystore|kdbx?|ppk|keytab|agekey|snk|ovpn)
  | secring\.(?:gpg|pgp) | ssh_host_(?!.*\.pub$).*_key
    # tools that keep passwords in a file
  | \.npmrc | \.pypirc | [._]netrc | \.?htpasswd | \.htdigest | \.git-credentials | \.pgpass | pgpass\.conf | \.my\.cnf
  | \.mylogin\.cnf | \.dockercfg | \.dockerconfigjson | \.s3cfg | \.boto | \.vault.* | \.?kubeconfig(?:\.ya?ml|\.json)?
  | .*\.kubeconfig | \.remote-sync\.json | \.ftpconfig | \.sftp(?:-config)?\.json | \.esmtprc
  | \.msmtprc | \.fetchmailrc
  | \.(?:bash|zsh|sh|fish|python|psql|mysql|sqlite|node_repl|irb|rediscli|mongo)_history | \.histfile
    # clouds
  | .*\.tfstate(?:\..*)? | rootkey\.csv | .*_?accesskeys\.csv | .*service[-_]?account.*\.json | client_?secrets?.*\.json
  | .*credentials\.json | application_default_credentials\..*
    """,
    re.VERBOSE,
)

# Names that are harmless when they say they are an example.
_FILLED_IN = re.compile(
    r"""
    \.env(?:[._-].*)? | \.envrc | .*\.env | \.flaskenv
  | .*\.tfvars(?:\.json)?
  | \.?secrets?(?:[._-][\w-]+)*\.(?:ya?ml|json|json5|toml|ini|properties|xml|env|cfg|conf)
  | \.?credentials? | \.?credentials?(?:[._-][\w-]+)*\.(?:ya?ml|toml|ini|properties|xml|csv|cfg|conf|txt|enc)
  | \.?secrets | passwords?\.(?:txt|csv|json|ya?ml)
    """,
    re.VERBOSE,
)
_EXAMPLE = re.compile(r"(?:^|[._-])(?:example|examples|sample|template|tmpl|tpl|dist|schema)(?:[._-]|$)")
_EXAMPLE_END = re.compile(r"\.(?:example|sample|template|tmpl|tpl|dist)$")


def is_sensitive(path: str) -> bool:
    """Whether the file at ``path`` (posix, relative or absolute) is private by its name, in whatever case or width it
    is written."""
    path = unicodedata.normalize("NFKC", path).casefold().replace("\\", "/")
    if _FOLDERS.search(path):
        return True
    name = path.rpartition("/")[2]
    if _EXAMPLE_END.search(name):
        return False
    return bool(_NAMES.fullmatch(name) or (_FILLED_IN.fullmatch(name) and not _EXAMPLE.search(name)))
