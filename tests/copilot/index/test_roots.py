"""Of which folders no index is kept."""

from pathlib import Path

import pytest

from copilot.index.roots import why_not


def test_the_home_folder_and_what_is_above_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = tmp_path / "disk" / "u"
    (real / "work").mkdir(parents=True)
    (tmp_path / "home").symlink_to(tmp_path / "disk")
    monkeypatch.setenv("HOME", str(tmp_path / "home" / "u"))
    for folder in (tmp_path / "home" / "u", real, tmp_path / "disk", tmp_path, Path("/")):
        assert why_not(folder)
    for folder in (real / "work", tmp_path / "disk" / "u2", tmp_path / "other"):
        assert not why_not(folder)
