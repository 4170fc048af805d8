"""``slipstream users``, ``login`` and ``serve --team``, as an administrator and a colleague type them."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from copilot.cli import main
from copilot.serve.users import Users
from tests.teams import authority

ROOT = Path(__file__).parents[3]
GUARD_SECONDS = 60.0


def slipstream(*arguments: str, home: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring"}
    if home is not None:
        environment["SLIPSTREAM_HOME"] = str(home)
    return subprocess.run(
        [sys.executable, "-m", "copilot", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        input=stdin,
        timeout=GUARD_SECONDS,
        check=False,
        env=environment,
    )


class Served(NamedTuple):
    url: str
    ca: Path


@pytest.fixture
def served(home: Path, tmp_path: Path) -> Iterator[Served]:
    """A shared host with a model that nobody knows, and one user, in a process of its own."""
    pem = authority(tmp_path)
    (home / "config.toml").write_text(
        f'[model]\ncompletion = "no-such-model"\n[team]\ncertificate = "{pem.certificate}"\nkey = "{pem.key}"\n'
    )
    Users().add("first", ())
    command = [sys.executable, "-m", "copilot", "serve", "--team", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            line = next(line for line in process.stderr if "port" in line)
            found = re.search(r"127\.0\.0\.1 port (\d+), with TLS", line)
            assert found, line
            yield Served(f"https://localhost:{found[1]}", pem.ca)
        finally:
            process.kill()
            process.communicate()


def test_from_a_token_to_an_answer_and_back(served: Served, tmp_path: Path) -> None:
    colleague = tmp_path / "colleague"
    colleague.mkdir()
    added = slipstream("users", "add", "ada")
    assert added.returncode == 0, added.stderr
    token = added.stdout.strip()
    assert re.fullmatch(r"lc_[\w-]{43}", token)
    assert "shown only now" in added.stderr

    no_ca = slipstream("login", served.url, home=colleague, stdin=token)
    assert (no_ca.returncode, no_ca.stdout) == (1, "")
    assert "not one that this machine trusts" in no_ca.stderr
    assert "--ca" in no_ca.stderr
    wrong = slipstream("login", served.url, "--ca", str(served.ca), home=colleague, stdin="lc_nonsense\n")
    assert wrong.returncode == 1
    assert "does not take this token" in wrong.stderr
    none = slipstream("login", served.url, "--ca", str(served.ca), home=colleague)
    assert "No token was given" in none.stderr
    assert not (colleague / "login.json").exists()

    logged_in = slipstream("login", f"{served.url}/", "--ca", str(served.ca), home=colleague, stdin=f"{token}\n")
    assert logged_in.returncode == 0, logged_in.stderr
    assert token not in logged_in.stdout + logged_in.stderr
    status = slipstream("status", "--json", home=colleague)
    assert json.loads(status.stdout)["shared"] is True

    slipstream("users", "revoke", "ada")
    refused = slipstream("status", home=colleague)
    assert refused.returncode == 1
    assert "slipstream login" in refused.stderr

    rows = [json.loads(line) for line in slipstream("audit", "show", "--json").stdout.splitlines()]
    assert [row["event"] for row in rows if row.get("tenant") == "ada"] == ["user_added", "user_revoked"]
    assert [row["code"] for row in rows if row["event"] == "login_refused"] == ["bad_token"]
    assert slipstream("audit", "verify").returncode == 0

    assert slipstream("logout", home=colleague).stdout == "Logged out.\n"
    assert "not running" in slipstream("status", home=colleague).stdout


def test_no_host_is_opened_to_others_by_mistake(home: Path) -> None:
    without = slipstream("serve", "--team", "--listen", "0.0.0.0:0")
    assert without.returncode == 1
    assert "slipstream users add" in without.stderr
    slipstream("users", "add", "ada")
    plain = slipstream("serve", "--team", "--listen", "0.0.0.0:0")
    assert plain.returncode == 1
    assert "could read along" in plain.stderr
    alone = slipstream("serve", "--insecure-lan")
    assert "--team" in alone.stderr


def test_who_is_let_in(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["users", "list"]) == 0
    assert "There are no users" in capsys.readouterr().err
    main(["users", "add", "ada", "--scopes", "chat,admin", "--days", "30"])
    main(["users", "add", "bob"])
    first = capsys.readouterr().out
    main(["users", "list"])
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"ada  chat, admin +token of 20\d\d-\d\d-\d\d, good until 20\d\d-\d\d-\d\d", lines[0])
    assert re.fullmatch(r"bob  complete, chat +token of 20\d\d-\d\d-\d\d", lines[1])
    main(["users", "rotate", "ada"])
    assert capsys.readouterr().out not in first
    main(["users", "list", "--json"])
    listed = json.loads(capsys.readouterr().out)
    assert [(it["name"], it["expires"]) for it in listed][1:] == [("bob", None)]
    assert "digest" not in listed[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["add", "ada", "--scopes", "everything"], "there are complete, chat, figures, admin"),
        (["add", "ada", "--scopes", ","], "name at least one"),
        (["add", "ada", "--days", "0"], "not a number of days"),
        (["add", "ada", "--days", "-1"], "not a number of days"),
    ],
)
def test_called_wrongly(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["users", *arguments])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err
    assert Users().all() == {}


def test_a_user_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    for action in ("rotate", "revoke"):
        assert main(["users", action, "ada"]) == 1
        assert "There is no user ada" in capsys.readouterr().err
