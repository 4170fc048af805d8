"""Whether anything was changed: each kind of change is found, and what is allowed is not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot.audit.chain import START, digest, linked, tombstone, verify
from copilot.errors import SlipstreamError
from tests.copilot.audit.recording import DAY, files, rows, sink, stored

COUNT = 12


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve lines in three files."""
    folder = tmp_path / "audit"
    now = [1_800_000_000.0]
    one = sink(folder, clock=lambda: now[0])
    one.open()
    for start in range(1, COUNT + 1, 4):
        one.write(rows(4, start=start))
        one.flush()
        now[0] += DAY
    one.close()
    return folder


def lines_of(folder: Path) -> list[tuple[Path, int]]:
    """Where each line stands."""
    return [(path, at) for path in files(folder) for at in range(len(path.read_bytes().splitlines()))]


def change(path: Path, edit: Callable[[list[bytes]], None]) -> None:
    lines = path.read_bytes().splitlines()
    edit(lines)
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def test_what_was_written_holds(folder: Path) -> None:
    verdict = verify(folder)
    assert verdict.broken is None
    assert (verdict.files, verdict.lines, verdict.forgotten, verdict.cuts, verdict.torn) == (3, COUNT, 0, 0, 0)
    assert verdict.last == digest(files(folder)[-1].read_bytes().splitlines()[-1])
    assert stored(folder)[0]["prev"] == START


@pytest.mark.parametrize("at", range(COUNT))
def test_a_line_that_was_changed_is_found(folder: Path, at: int) -> None:
    path, number = lines_of(folder)[at]

    def edit(lines: list[bytes]) -> None:
        lines[number] = lines[number].replace(b"alice", b"malory")

    change(path, edit)
    broken = verify(folder).broken
    assert broken is not None
    # The next line doesn't fit any more; behind the last there is none, only the hash that was kept.
    place = lines_of(folder)[min(at + 1, COUNT - 1)]
    assert (broken.file, broken.line) == (place[0], place[1] + 1)
    assert "changed" in broken.reason


@pytest.mark.parametrize("at", range(1, COUNT))
def test_a_line_that_was_taken_away_is_found(folder: Path, at: int) -> None:
    path, number = lines_of(folder)[at]
    change(path, lambda lines: lines.__delitem__(number))
    assert verify(folder).broken is not None


@pytest.mark.parametrize("at", range(COUNT - 1))
def test_a_line_that_was_put_in_is_found(folder: Path, at: int) -> None:
    path, number = lines_of(folder)[at]
    change(path, lambda lines: lines.insert(number, linked(digest(lines[number - 1]), rows(1)[0].json)))
    assert verify(folder).broken is not None


def test_lines_in_another_order_are_found(folder: Path) -> None:
    change(files(folder)[1], lambda lines: lines.reverse())
    broken = verify(folder).broken
    assert broken is not None
    assert (broken.file, broken.line) == (files(folder)[1], 1)


def test_a_file_in_the_middle_that_is_gone_is_found(folder: Path) -> None:
    files(folder)[1].unlink()
    broken = verify(folder).broken
    assert broken is not None
    assert (broken.file, broken.line) == (files(folder)[1], 1)


def test_a_new_end_that_lacks_the_last_lines_is_found(folder: Path) -> None:
    change(files(folder)[-1], lambda lines: lines.__delitem__(slice(2, None)))
    broken = verify(folder).broken
    assert broken is not None
    assert broken.line == 2
    files(folder)[-1].unlink()
    assert verify(folder).broken is not None


def test_the_oldest_files_may_be_gone(folder: Path) -> None:
    files(folder)[0].unlink()
    verdict = verify(folder)
    assert (verdict.broken, verdict.lines) == (None, 8)


@pytest.mark.parametrize("rubbish", [b"", b"not json", b"[1]", b'{"event":"ended"}', b"\xff\xfe"])
def test_what_is_no_line_of_ours_is_named(folder: Path, rubbish: bytes) -> None:
    def edit(lines: list[bytes]) -> None:
        lines[2] = rubbish

    change(files(folder)[0], edit)
    broken = verify(folder).broken
    assert broken is not None
    assert (broken.file, broken.line) == (files(folder)[0], 3)


def test_only_the_very_last_line_may_be_cut_off(folder: Path) -> None:
    first = files(folder)[0]
    first.write_bytes(first.read_bytes()[:-10])
    broken = verify(folder).broken
    assert broken is not None
    assert (broken.file, broken.line, broken.reason) == (first, 4, "it is cut off.")


def test_a_tombstone_that_nobody_asked_for_is_found(folder: Path) -> None:
    path = files(folder)[1]

    def edit(lines: list[bytes]) -> None:
        lines[1] = tombstone(lines[1], "0" * 8)

    change(path, edit)
    broken = verify(folder).broken
    assert broken is not None
    assert (broken.file, broken.line) == (path, 2)


def test_what_looks_like_a_tombstone_inside_a_line_is_none() -> None:
    line = linked(START, json.dumps({"event": "forgotten", "mark": "0" * 8, "was": "1" * 64, "seq": 1}).encode())
    assert digest(line) != "1" * 64


def test_a_copy_can_be_checked_elsewhere(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    (copy / "lock").unlink()
    copy.chmod(0o500)
    assert verify(copy).lines == COUNT


def test_where_nothing_is_recorded_it_says_so(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(SlipstreamError, match="Nothing is recorded") as caught:
            verify(folder)
        assert caught.value.code == "no_audit"
    assert not (tmp_path / "nowhere").exists()
