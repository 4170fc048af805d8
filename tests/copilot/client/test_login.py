"""The shared host that one is logged in to, and where its token is kept."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends import fail

from copilot import paths
from copilot.client import login
from copilot.client.login import Login
from copilot.errors import SlipstreamError

GIVEN = Login(url="https://gpu-box:8443", ca="/etc/ca.pem", proxy="http://proxy:3128", token="lc_secret")


class Ring(KeyringBackend):
    """A keyring in memory; ``locked``: nobody is there to open it."""

    priority = 1.0
    kept: ClassVar[dict[tuple[str, str], str]] = {}
    locked = False

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked:
            raise keyring.errors.KeyringLocked
        self.kept[service, username] = password

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked
        return self.kept.get((service, username))

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


@pytest.fixture
def ring() -> Iterator[Ring]:
    before = keyring.get_keyring()
    ring: Ring = Ring()  # type: ignore[no-untyped-call]
    ring.kept.clear()
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def no_ring() -> Iterator[None]:
    before = keyring.get_keyring()
    keyring.set_keyring(fail.Keyring())  # type: ignore[no-untyped-call]
    yield
    keyring.set_keyring(before)


def test_nobody_is_logged_in() -> None:
    assert login.current() is None
    assert not login.forget()


def test_the_token_is_in_the_keyring_and_not_in_the_file(ring: Ring) -> None:
    assert login.save(GIVEN) == "the system's keyring"
    assert "lc_secret" not in paths.login_file().read_text()
    assert login.current() == GIVEN
    assert login.forget()
    assert ring.kept == {}
    assert login.current() is None


@pytest.mark.usefixtures("no_ring")
def test_without_a_keyring_it_is_in_a_file_that_only_its_owner_reads() -> None:
    assert login.save(GIVEN) == str(paths.login_file())
    assert stat.S_IMODE(paths.login_file().stat().st_mode) == 0o600
    assert login.current() == GIVEN
    assert login.forget()
    assert not paths.login_file().exists()


def test_a_keyring_that_nobody_unlocks_is_not_counted_on(ring: Ring) -> None:
    ring.locked = True
    assert login.save(GIVEN) == str(paths.login_file())
    assert login.current() == GIVEN


def test_someone_may_not_want_the_keyring(ring: Ring) -> None:
    assert login.save(GIVEN, keyring=False) == str(paths.login_file())
    assert ring.kept == {}


def test_a_token_that_the_keyring_does_not_give_any_more(ring: Ring) -> None:
    login.save(GIVEN)
    ring.kept.clear()
    with pytest.raises(SlipstreamError, match="keyring does not give the token") as caught:
        login.current()
    assert "slipstream login" in caught.value.hint


@pytest.mark.parametrize("damage", [b"", b"{", b'{"url": 1}', b"\xff"])
def test_a_damaged_file_is_said_and_can_be_forgotten(damage: bytes) -> None:
    paths.login_file().parent.mkdir(parents=True, exist_ok=True)
    paths.login_file().write_bytes(damage)
    with pytest.raises(SlipstreamError) as caught:
        login.current()
    assert caught.value.code == "bad_login"
    assert login.forget()
    assert login.current() is None


def test_a_folder_that_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SLIPSTREAM_HOME", str(tmp_path / "file"))
    with pytest.raises(SlipstreamError) as caught:
        login.save(GIVEN, keyring=False)
    assert caught.value.code == "not_kept"
