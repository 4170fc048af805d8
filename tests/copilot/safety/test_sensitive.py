"""Files that are private by their name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.safety.sensitive import is_sensitive

PRIVATE = [
    *(".env", ".env.local", ".env.production", ".envrc", "prod.env", ".env.test.local", ".env-staging"),
    *("id_rsa", "id_ed25519", "id_ecdsa_sk", "id_rsa_work", "id_dsa.old", "server.pem", "tls.key", "a.p12", "a.pfx"),
    *("a.jks", "release.keystore", "vault.kdbx", "a.ppk", "a.p8", "x.keytab"),
    *(".npmrc", ".pypirc", ".netrc", "_netrc", ".htpasswd", ".git-credentials", ".pgpass", ".my.cnf", ".dockercfg"),
    *("kubeconfig", "kubeconfig.yaml", "prod.kubeconfig", ".vault-token", ".vault_pass.txt", ".bash_history"),
    *("terraform.tfstate", "terraform.tfstate.backup", "prod.tfvars", "prod.auto.tfvars", "a.tfvars.json"),
    *("service-account.json", "service_account-prod.json", "my-service-account.json", "client_secret_1.json"),
    *("secrets.yml", "secrets.yaml", "secrets.json", "secrets.toml", "secret.yaml", "secrets.prod.yaml"),
    *("credentials", "credentials.json", "aws_credentials.json", "credentials.toml", "accessKeys.csv"),
    *(".aws/credentials", ".aws/config", ".kube/config", ".docker/config.json", ".ssh/config", ".ssh/known_hosts"),
    *(".gnupg/pubring.kbx", ".m2/settings.xml", ".cargo/credentials.toml", ".config/gh/hosts.yml", ".azure/a.json"),
]
HARMLESS = [
    *(".env.example", ".env.sample", ".env.template", ".env.local.example", "example.env", ".env.dist"),
    *("id_rsa.pub", "id_ed25519_work.pub", "terraform.tfvars.example", "example.tfvars", "secrets.example.yaml"),
    *("environment.py", "env.py", ".environment", "settings.py", "secrets.py", "secrets_test.go", "credentials.py"),
    *("keys.py", "key.ts", "monkey.js", "pem.py", "config.json", ".docker/other.json", "docker/config.json"),
    *("aws/credentials.md", "kube/config", "ssh/config.c", "npmrc.md", "package.json", "vault.py", "token.go"),
    *("service.json", "account.json", "ids.txt", "id_generator.py", "id_rsa_test.pub", "history.py", "tfstate.go"),
]


@pytest.mark.parametrize("path", PRIVATE)
@pytest.mark.parametrize("above", ["", "a/b.c/", "/home/anna/"])
def test_private(path: str, above: str) -> None:
    assert is_sensitive(above + path)
    assert is_sensitive((above + path).upper())


@pytest.mark.parametrize("path", HARMLESS)
@pytest.mark.parametrize("above", ["", "a/b.c/", "/home/anna/"])
def test_harmless(path: str, above: str) -> None:
    assert not is_sensitive(above + path)


def test_wide_letters_and_other_separators_hide_nothing() -> None:
    assert is_sensitive("ａ/．ｅｎｖ")
    assert is_sensitive("a\\.ssh\\config")
    assert is_sensitive("a/İD_RSA".replace("İ", "I"))


@given(st.sampled_from([*PRIVATE, *HARMLESS]), st.text(st.characters(exclude_characters="/\\"), min_size=1))
def test_a_folder_above_changes_nothing(path: str, folder: str) -> None:
    if folder.casefold() not in {".ssh", ".gnupg", ".aws", ".docker", ".kube"}:
        assert is_sensitive(f"x{folder}/{path}") == is_sensitive(path)
