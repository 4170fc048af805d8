from pathlib import Path

import pytest

from copilot import paths
from copilot.errors import SlipstreamError


def test_home_holds_everything_but_a_models_folder_of_its_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", "/big/disk")
    assert paths.models_dir() == Path("/big/disk")
    for path in (paths.config_file(), paths.log_dir(), paths.host_socket()):
        assert path.is_relative_to(home)


def test_relative_folders_mean_the_same_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("HOME", "MODELS_DIR", "CONFIG"):
        monkeypatch.setenv(f"SLIPSTREAM_{name}", "here")
    before = (paths.host_socket(), paths.models_dir(), paths.config_file())
    monkeypatch.chdir("/")
    monkeypatch.setenv("SLIPSTREAM_HOME", str(tmp_path / "here"))
    assert before == (paths.host_socket(), tmp_path / "here", tmp_path / "here")


def test_private_folder_is_made_private(tmp_path: Path) -> None:
    folder = paths.make_private_dir(tmp_path / "a" / "b")
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o755)
    paths.make_private_dir(folder)
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_link_is_no_private_folder(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(SlipstreamError, match="SLIPSTREAM_HOME") as caught:
        paths.make_private_dir(tmp_path / "link")
    assert caught.value.code == "unsafe_directory"
