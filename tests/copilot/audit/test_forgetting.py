"""A user is forgotten: nothing that names them is left, all else is as it was, and the chain holds."""

import os
from pathlib import Path

import pytest

from copilot.audit.bus import Bus
from copilot.audit.chain import verify
from copilot.audit.events import UserAdded
from copilot.audit.forgetting import forget
from tests.copilot.audit.recording import DAY, ended, files, no_file_above, rows, sink, stored


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files in which two users take turns."""
    folder = tmp_path / "audit"
    now = [1_800_000_000.0]
    one = sink(folder, clock=lambda: now[0])
    one.open()
    for start in range(1, 13, 4):
        one.write([*rows(2, start=start, tenant="alice"), *rows(2, start=start + 2, tenant="bob")])
        now[0] += DAY
    one.flush()
    one.close()
    return folder


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


def lines_about(folder: Path, name: bytes) -> list[bytes]:
    return [line for path in files(folder) for line in path.read_bytes().splitlines() if name in line]


def test_nothing_that_names_them_is_left_and_all_else_is_as_it_was(folder: Path) -> None:
    before, times = lines_about(folder, b"bob"), [path.stat().st_mtime for path in files(folder)]
    last = verify(folder).last
    assert forget(folder, "alice") == 6
    assert b"alice" not in everything(folder)
    assert lines_about(folder, b"bob") == before
    # How long they are kept has not begun anew.
    assert [path.stat().st_mtime for path in files(folder)][:3] == times
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files(folder))
    verdict = verify(folder)
    assert (verdict.broken, verdict.forgotten) == (None, 6)
    assert stored(folder)[-1]["rows"] == 6
    assert stored(folder)[-1]["prev"] == last


def test_one_after_the_other(folder: Path) -> None:
    assert [forget(folder, name) for name in ("alice", "alice", "bob", "nobody")] == [6, 0, 6, 0]
    verdict = verify(folder)
    assert (verdict.broken, verdict.forgotten) == (None, 12)


def test_what_they_did_to_others_is_forgotten_too(folder: Path) -> None:
    bus = Bus(optional=[sink(folder)])
    bus.publish(UserAdded(tenant="carol", by="bob"))
    bus.close()
    assert forget(folder, "bob") == 7
    assert b"bob" not in everything(folder)


def test_a_name_within_another_is_another(folder: Path) -> None:
    assert forget(folder, "alic") == 0
    with pytest.raises(ValueError, match="nobody"):
        forget(folder, "")


def test_a_host_that_runs_meanwhile_goes_on(folder: Path) -> None:
    bus = Bus(optional=[sink(folder)])
    bus.publish(ended(100, "alice"))
    bus.flush()
    assert forget(folder, "alice") == 7
    bus.publish(ended(101, "bob"))
    assert bus.close()
    found = stored(folder)
    assert found[-1]["request"] == "r101"
    assert b"alice" not in everything(folder)
    verdict = verify(folder)
    assert (verdict.broken, verdict.forgotten) == (None, 7)


def test_a_forged_tombstone_among_real_ones_is_found(folder: Path) -> None:
    from copilot.audit.chain import tombstone

    forget(folder, "alice")
    mark = stored(folder)[-1]["mark"]
    path = files(folder)[0]
    lines = path.read_bytes().splitlines()
    lines[3] = tombstone(lines[3], mark)
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    assert verify(folder).broken is not None


def test_pieces_of_lines_are_deleted(folder: Path) -> None:
    with files(folder)[-1].open("ab") as file:
        file.write(b'{"prev":"00","tenant":"alice"')
    assert forget(folder, "alice") == 6
    assert b"alice" not in everything(folder)
    assert verify(folder).cuts == 1


def test_a_full_disk_changes_nothing_and_it_can_be_done_again(folder: Path) -> None:
    with no_file_above(500), pytest.raises(OSError, match="large"):
        forget(folder, "alice")
    assert verify(folder).broken is None
    assert not list(folder.glob("*.rewriting"))
    assert len(lines_about(folder, b"alice")) == 6
    assert forget(folder, "alice") == 6
    assert b"alice" not in everything(folder)
    assert verify(folder).broken is None


def test_what_a_killed_one_left_is_cleared_away(folder: Path) -> None:
    left = files(folder)[0].with_suffix(".rewriting")
    left.write_bytes(b"alice")
    one = sink(folder, clock=lambda: 1_800_000_000.0)
    one.open()
    one.close()
    assert not left.exists()


def test_old_files_of_a_copy_stay(folder: Path) -> None:
    for path in files(folder):
        os.utime(path, (0, 0))
    assert forget(folder, "alice") == 6
    assert len(files(folder)) == 4
