"""What is kept of each workspace in one file of the user's."""

import stat
from pathlib import Path

import msgspec
import pytest

from copilot.config.kept import KeptByWorkspace
from copilot.errors import SlipstreamError


class Said(msgspec.Struct, frozen=True, kw_only=True):
    words: tuple[str, ...] = ()

    def said(self, word: str) -> "Said":
        return Said(words=(*self.words, word))


def kept(path: Path) -> KeptByWorkspace[Said]:
    return KeptByWorkspace(path, Said)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state" / "context.json"


def test_what_one_writes_another_sees(file: Path, tmp_path: Path) -> None:
    one, other = kept(file), kept(file)
    assert other.of(tmp_path) == Said()
    one.change(tmp_path, lambda it: it.said("pin"))
    assert other.of(tmp_path) == Said(words=("pin",))
    other.change(tmp_path, lambda it: it.said("never"))
    assert one.of(tmp_path) == Said(words=("pin", "never"))


def test_workspaces_have_nothing_to_do_with_each_other(file: Path, tmp_path: Path) -> None:
    one = kept(file)
    one.change(tmp_path / "a", lambda it: it.said("pin"))
    assert one.of(tmp_path / "b") == Said()


def test_only_its_owner_reads_it_and_what_says_nothing_is_not_kept(file: Path, tmp_path: Path) -> None:
    one = kept(file)
    one.change(tmp_path, lambda it: it.said("pin"))
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    one.change(tmp_path, lambda it: Said())
    assert str(tmp_path) not in file.read_text(encoding="utf-8")


def test_a_file_that_cannot_be_read_is_put_aside(file: Path, tmp_path: Path) -> None:
    file.parent.mkdir()
    file.write_text("{not json", encoding="utf-8")
    one = kept(file)
    assert one.of(tmp_path) == Said()
    one.change(tmp_path, lambda it: it.said("pin"))
    assert kept(file).of(tmp_path) == Said(words=("pin",))
    (aside,) = file.parent.glob("context.json.unreadable-*")
    assert aside.read_text(encoding="utf-8") == "{not json"
    one.of(tmp_path)
    file.write_text("not json either", encoding="utf-8")
    assert one.of(tmp_path) == Said(words=("pin",))
    assert len(list(file.parent.glob("context.json.unreadable-*"))) == 2


def test_what_cannot_be_read_now_is_not_overwritten(file: Path, tmp_path: Path) -> None:
    one = kept(file)
    one.change(tmp_path, lambda it: it.said("pin"))
    file.unlink()
    # Reading a folder fails for everybody.
    file.mkdir()
    assert one.of(tmp_path) == Said(words=("pin",))
    with pytest.raises(SlipstreamError):
        one.change(tmp_path, lambda it: it.said("never"))
    assert file.is_dir()


def test_where_it_cannot_be_written_one_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(SlipstreamError) as caught:
        kept(tmp_path / "state" / "context.json").change(tmp_path, lambda it: it.said("pin"))
    assert caught.value.code == "not_kept"
