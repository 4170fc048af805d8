"""Git's own files of a user that has none, and repositories."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home of a user who has configured nothing."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("GIT_CONFIG_GLOBAL", raising=False)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    return home


Laid = Callable[[dict[str, str]], Path]


@pytest.fixture
def laid(tmp_path: Path, user: Path) -> Laid:
    """Makes a folder with files of these texts; no repository."""

    def lay(files: dict[str, str]) -> Path:
        root = tmp_path / "work"
        for path, text in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text)
        return root

    return lay


def initialised(folder: Path) -> Path:
    subprocess.run(["git", "init", "-q", str(folder)], check=True)
    return folder
