"""Where rules lie outside a workspace."""

from pathlib import Path

import pytest

from copilot.index.rule_files import rules_around
from tests.copilot.safety.conftest import initialised


def test_the_repository_around_it_and_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "config").mkdir()
    top = initialised(tmp_path / "top")
    (top / "in" / "ws").mkdir(parents=True)
    found = rules_around(top / "in" / "ws")
    assert set(found.folders) == {
        *map(str, (top / "in", top, top / ".git" / "info")),
        # It is not there yet, so what would hold it is watched too.
        *map(str, (tmp_path / "config" / "git", tmp_path / "config")),
    }
    assert str(top / ".git" / "info" / "exclude") in found.files
    assert {str(tmp_path / "config" / "git" / "ignore"), str(tmp_path / "config" / "git")} <= found.files
    # A file that is a link is watched at both its ends.
    (tmp_path / "config" / "git").mkdir()
    (tmp_path / "dots").mkdir()
    (tmp_path / "config" / "git" / "ignore").symlink_to(tmp_path / "dots" / "ignore")
    assert str(tmp_path / "dots") in rules_around(top).folders
