"""Tokens: made, good, replaced, taken back."""

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from copilot.errors import SlipstreamError
from copilot.serve.callers import Caller, Scope
from copilot.serve.users import Users

BOTH = (Scope.COMPLETE, Scope.CHAT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "team" / "users.json"


def test_whose_token_it_is_and_what_it_is_good_for(path: Path) -> None:
    users = Users(path)
    ada, bob = users.add("ada", BOTH), users.add("bob", (Scope.ADMIN,))
    for asked in (users, Users(path)):
        assert asked.caller(ada) == Caller("ada", frozenset(BOTH))
        assert asked.caller(bob) == Caller("bob", frozenset({Scope.ADMIN}))
    assert list(users.all()) == ["ada", "bob"]


def test_what_is_kept_lets_nobody_in_and_nobody_else_reads_it(path: Path) -> None:
    token = Users(path).add("ada", BOTH)
    kept = path.read_text()
    assert token not in kept
    assert token[3:] not in kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    digest = json.loads(kept)["users"]["ada"]["digest"]
    assert Users(path).caller(digest) is None
    assert Users(path).caller(f"lc_{digest[:43]}") is None


@pytest.mark.parametrize(
    "wrong", ["", "lc_", "x", "lc_" + "a" * 43, "LC_" + "a" * 43, "lc_" + "a" * 100_000, "lc_" + "é" * 43, "lc_\n"]
)
def test_what_is_no_token_lets_nobody_in(path: Path, wrong: str) -> None:
    users = Users(path)
    token = users.add("ada", BOTH)
    assert users.caller(wrong) is None
    assert users.caller(f"{token}\n") is None
    assert users.caller(f" {token}") is None
    assert users.caller(token[:-1] + ("A" if token[-1] != "A" else "B")) is None


def test_a_running_host_hears_of_changes_with_the_next_request(path: Path) -> None:
    host, admin = Users(path), Users(path)
    old = admin.add("ada", BOTH)
    assert host.caller(old) is not None
    new = admin.rotate("ada")
    assert host.caller(old) is None
    assert host.caller(new) == Caller("ada", frozenset(BOTH))
    admin.revoke("ada")
    assert host.caller(new) is None
    assert admin.all() == {}


def test_a_token_of_some_days_expires(path: Path) -> None:
    now = 1_000_000.0
    users = Users(path, lambda: now)
    token = users.add("ada", BOTH, days=2)
    now += 2 * 86_400 - 1
    assert users.caller(token) is not None
    now += 1
    assert users.caller(token) is None
    again = users.rotate("ada", days=1)
    assert users.caller(again) is not None
    again = users.rotate("ada")
    assert users.all()["ada"].expires == now + 86_400
    now += 86_400
    assert users.caller(again) is None


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "a\n", "ä", "x" * 65])
def test_what_can_be_no_name(path: Path, name: str) -> None:
    with pytest.raises(SlipstreamError) as caught:
        Users(path).add(name, BOTH)
    assert caught.value.code == "bad_name"
    assert not path.exists()


def test_there_is_one_user_of_a_name(path: Path) -> None:
    users = Users(path)
    token = users.add("ada", BOTH)
    with pytest.raises(SlipstreamError, match="There is a user ada already"):
        users.add("ada", BOTH)
    assert users.caller(token) is not None
    for change in (users.rotate, users.revoke):
        with pytest.raises(SlipstreamError, match="There is no user bob"):
            change("bob")


@pytest.mark.parametrize(
    "damage", [b"", b"{", b'{"key": "zz", "users": {}}', b'{"key": "", "users": {"ada": 1}}', b"\xff"]
)
def test_a_damaged_file_lets_nobody_in_and_is_not_written_over(path: Path, damage: bytes) -> None:
    users = Users(path)
    token = users.add("ada", BOTH)
    assert users.caller(token) is not None
    path.write_bytes(damage)
    assert users.caller(token) is None
    with pytest.raises(SlipstreamError) as caught:
        users.add("bob", BOTH)
    assert caught.value.code == "users_not_read"
    assert path.read_bytes() == damage
    path.unlink()
    assert users.caller(token) is None


def test_a_file_that_can_be_read_again_lets_people_in_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = Users(path)
    token = admin.add("ada", BOTH)
    host = Users(path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", lambda _path: (_ for _ in ()).throw(PermissionError("not yours")))
        assert host.caller(token) is None
    # The file is as it was.
    assert host.caller(token) is not None


def test_two_who_write_at_once_lose_nobody(path: Path) -> None:
    def add(first: int) -> None:
        users = Users(path)
        for number in range(first, first + 10):
            users.add(f"user{number}", BOTH)

    threads = [threading.Thread(target=add, args=(first,)) for first in (0, 10, 20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(Users(path).all()) == 30


@pytest.mark.skipif(os.getuid() == 0, reason="root writes everywhere")
def test_a_folder_that_cannot_be_written(path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o500)
    with pytest.raises(SlipstreamError) as caught:
        Users(path).add("ada", BOTH)
    assert caught.value.code == "users_not_written"
