"""The audit files on a real disk: private, a file a day, no more than is to be kept, and whole after any crash."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from copilot.audit.bus import Bus
from copilot.audit.chain import verify
from copilot.errors import SlipstreamError
from tests.copilot.audit.recording import DAY, ended, files, no_file_above, requests, rows, sink, stored

NOON = 1_800_000_000.0 - 1_800_000_000.0 % DAY + DAY / 2
"""2027-01-15, 12:00 UTC."""


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "state" / "audit"


@pytest.fixture
def clock() -> Clock:
    return Clock()


def names(folder: Path) -> list[str]:
    return [path.name.removeprefix("audit-").removesuffix(".jsonl") for path in files(folder)]


def test_nobody_else_can_read_it(folder: Path) -> None:
    before = os.umask(0)
    try:
        with_all = sink(folder)
        with_all.open()
        with_all.write(rows(3))
        with_all.flush()
        with_all.close()
    finally:
        os.umask(before)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
        files(folder)[0].name: 0o600,
        "lock": 0o600,
        "head": 0o600,
    }


def test_a_link_that_someone_put_there_is_not_followed(folder: Path, tmp_path: Path) -> None:
    folder.parent.mkdir()
    folder.symlink_to(tmp_path)
    with pytest.raises(SlipstreamError, match="SLIPSTREAM_HOME"):
        sink(folder).open()


def test_each_day_has_a_file_and_the_chain_goes_on(folder: Path, clock: Clock) -> None:
    files_of_days = sink(folder, clock=clock)
    files_of_days.open()
    for day in range(3):
        clock.now = NOON + day * DAY
        files_of_days.write(rows(2, start=2 * day + 1))
    files_of_days.close()
    assert names(folder) == ["2027-01-15-000001", "2027-01-16-000001", "2027-01-17-000001"]
    assert requests(stored(folder)) == [f"r{number}" for number in range(1, 7)]
    assert verify(folder).broken is None


def test_a_new_process_on_another_day_begins_a_file(folder: Path, clock: Clock) -> None:
    for day in (0, 0, 1):
        clock.now = NOON + day * DAY
        one = sink(folder, clock=clock)
        one.open()
        one.write(rows(1))
        one.close()
    assert names(folder) == ["2027-01-15-000001", "2027-01-16-000001"]
    assert verify(folder).lines == 3


@pytest.mark.parametrize("back", [3600.0, 13 * 3600.0, 40 * DAY])
@pytest.mark.parametrize("restart", [False, True])
def test_after_the_clock_went_back_no_older_file_is_written_to(
    folder: Path, clock: Clock, back: float, restart: bool
) -> None:
    one = sink(folder, clock=clock)
    one.open()
    written: list[str] = []
    start = NOON
    for step, now in enumerate((start - DAY, start, start - back, start - back + 1, start + DAY)):
        clock.now = now
        if restart:
            one.close()
            one = sink(folder, clock=clock)
            one.open()
        before = {path: path.read_bytes() for path in files(folder)}
        one.write(rows(1, start=step + 1))
        changed = [path for path in files(folder) if before.get(path) != path.read_bytes()]
        assert changed == files(folder)[-1:]
        written += [path.name for path in changed]
    one.close()
    assert written == sorted(written)
    assert requests(stored(folder)) == ["r1", "r2", "r3", "r4", "r5"]
    assert verify(folder).broken is None


def test_a_clock_far_ahead_does_not_end_the_daily_files(folder: Path, clock: Clock) -> None:
    one = sink(folder, clock=clock)
    one.open()
    for now in (NOON + 4000 * DAY, NOON, NOON + 1, NOON + DAY, NOON + 2 * DAY):
        clock.now = now
        one.write(rows(1))
    one.close()
    assert len(files(folder)) == 4
    assert verify(folder).broken is None


def test_files_are_deleted_when_they_are_old(folder: Path, clock: Clock) -> None:
    one = sink(folder, clock=clock)
    one.open()
    for day in range(30):
        clock.now = NOON + day * DAY
        one.write(rows(1, start=day))
    one.close()
    assert names(folder)[0] == "2027-01-30-000001"
    assert len(names(folder)) == 15
    assert verify(folder).broken is None


def test_the_newest_file_stays_however_old(folder: Path, clock: Clock) -> None:
    one = sink(folder, clock=clock)
    one.open()
    one.write(rows(1))
    one.close()
    clock.now += 1000 * DAY
    one = sink(folder, clock=clock)
    one.open()
    one.close()
    assert requests(stored(folder)) == ["r1"]


def test_together_they_stay_below_the_limit(folder: Path, clock: Clock) -> None:
    limit = 40_000
    one = sink(folder, clock=clock, keep_bytes=limit)
    one.open()
    for start in range(1, 1001, 10):
        one.write(rows(10, start=start))
        assert sum(path.stat().st_size for path in files(folder)) <= limit
    one.close()
    found = requests(stored(folder))
    assert found[-1] == "r1000"
    assert len(found) * 200 > limit / 2
    assert verify(folder).broken is None


def test_two_processes_may_write(folder: Path, clock: Clock) -> None:
    host, command = sink(folder, clock=clock), sink(folder, clock=clock)
    host.open()
    command.open()
    for number in range(1, 21):
        if number == 11:
            clock.now += DAY
        (host, command)[number % 3 == 0].write(rows(1, start=number))
    host.close()
    command.close()
    assert requests(stored(folder)) == [f"r{number}" for number in range(1, 21)]
    assert len(files(folder)) == 2
    assert verify(folder).broken is None


WRITES_ONE_BY_ONE = """
import sys
from pathlib import Path
from tests.copilot.audit.recording import rows, sink
one = sink(Path(sys.argv[1]))
one.open()
print("ready", flush=True)
sys.stdin.readline()
for number in range(300):
    one.write(rows(1, start=number))
"""


def test_processes_that_write_at_the_same_time_wait_for_each_other(folder: Path) -> None:
    command = [sys.executable, "-c", WRITES_ONE_BY_ONE, str(folder)]
    children = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) for _ in range(3)]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == b"ready\n"
        child.stdout.close()
    for child in children:
        assert child.stdin is not None
        child.stdin.write(b"go\n")
        child.stdin.close()
    assert [child.wait(60) for child in children] == [0, 0, 0]
    verdict = verify(folder)
    assert (verdict.broken, verdict.lines, verdict.cuts) == (None, 900, 0)


def test_a_full_disk_leaves_no_half_line(folder: Path) -> None:
    one = sink(folder)
    one.open()
    one.write(rows(5))
    size = files(folder)[0].stat().st_size
    with no_file_above(size + 250), pytest.raises(OSError, match="large"):
        one.write(rows(5, start=6))
    assert files(folder)[0].stat().st_size == size
    one.write(rows(5, start=6))
    one.close()
    assert requests(stored(folder)) == [f"r{number}" for number in range(1, 11)]
    assert verify(folder).broken is None


def test_a_folder_that_was_deleted_is_made_again(folder: Path) -> None:
    bus = Bus(optional=[sink(folder)])
    bus.publish(ended(1))
    assert bus.flush()
    shutil.rmtree(folder)
    bus.publish(ended(2))
    assert bus.flush()
    bus.publish(ended(3))
    assert bus.close()
    assert requests(stored(folder)) == ["r2", "r3"]
    assert folder.stat().st_mode & 0o777 == 0o700
    assert verify(folder).broken is None


HALF_A_LINE = """
import os, resource, signal, sys
from pathlib import Path
from tests.copilot.audit.recording import rows, sink, files
folder = Path(sys.argv[1])
one = sink(folder)
one.open()
one.write(rows(5))
one.flush()
# Killed when a part of the line is on the disk, and before anything can be mended.
os.ftruncate = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
resource.setrlimit(resource.RLIMIT_FSIZE, (files(folder)[0].stat().st_size + 330, resource.RLIM_INFINITY))
one.write(rows(3, start=6))
"""


@pytest.fixture
def cut_off(folder: Path) -> Path:
    """Files whose last line was half written when the process was killed."""
    done = subprocess.run([sys.executable, "-c", HALF_A_LINE, str(folder)], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    return folder


def test_a_torn_line_is_seen_before_it_is_mended(cut_off: Path) -> None:
    verdict = verify(cut_off)
    assert verdict.broken is None
    assert verdict.lines == 6
    assert verdict.torn > 0


def test_a_torn_line_is_set_aside_and_the_chain_goes_on_with_a_mark(cut_off: Path) -> None:
    torn = files(cut_off)[0].read_bytes().splitlines()[-1]
    one = sink(cut_off)
    one.open()
    one.write(rows(1, start=7))
    one.flush()
    one.close()
    found = stored(cut_off)
    assert requests(found) == ["r1", "r2", "r3", "r4", "r5", "r6", "r7"]
    mark = found[-2]
    assert (mark["event"], mark["bytes"]) == ("audit_break", len(torn))
    aside = cut_off / mark["file"]
    assert aside.read_bytes() == torn
    assert aside.stat().st_mode & 0o777 == 0o600
    verdict = verify(cut_off)
    assert (verdict.broken, verdict.cuts, verdict.torn) == (None, 1, 0)


def test_what_was_set_aside_is_deleted_when_it_is_old(cut_off: Path) -> None:
    one = sink(cut_off)
    one.open()
    one.close()
    (aside,) = cut_off.glob("torn-*")
    os.utime(aside, (0, 0))
    one = sink(cut_off)
    one.open()
    one.close()
    assert not aside.exists()


@pytest.mark.parametrize(
    "rubbish", [bytes(5000), b"\xff" * 70_000, b'{"prev":"0', b"\n\n\n", b'{"half": 1}\n' + bytes(9)]
)
def test_rubbish_after_a_loss_of_power_is_set_aside(folder: Path, rubbish: bytes) -> None:
    one = sink(folder)
    one.open()
    one.write(rows(5))
    one.flush()
    one.close()
    with files(folder)[0].open("ab") as file:
        file.write(rubbish)
    one = sink(folder)
    one.open()
    one.write(rows(1, start=6))
    one.close()
    assert requests(stored(folder)) == ["r1", "r2", "r3", "r4", "r5", "r6"]
    verdict = verify(folder)
    assert (verdict.broken, verdict.cuts) == (None, 1)


def test_a_file_that_was_only_begun_is_gone_on_with(folder: Path, clock: Clock) -> None:
    one = sink(folder, clock=clock)
    one.open()
    one.write(rows(2))
    one.close()
    (folder / "audit-2027-01-16-000001.jsonl").touch(0o600)
    clock.now += DAY
    one = sink(folder, clock=clock)
    one.open()
    one.write(rows(1, start=3))
    one.close()
    assert [len(path.read_bytes().splitlines()) for path in files(folder)] == [2, 1]
    assert verify(folder).lines == 3


WRITES = """
import sys
from pathlib import Path
from copilot.audit.bus import Bus
from tests.copilot.audit.recording import ended, sink
bus = Bus(optional=[sink(Path(sys.argv[1]))])
number = 0
while True:
    number += 1
    bus.publish(ended(number))
    if number % 700 == 0:
        bus.flush()
        print(number, flush=True)
"""


def test_whenever_it_is_killed_what_was_flushed_is_there_and_the_chain_holds(folder: Path) -> None:
    chance = random.Random(7)
    kills, flushed = 8, 0
    for _ in range(kills):
        child = subprocess.Popen([sys.executable, "-c", WRITES, str(folder)], stdout=subprocess.PIPE, text=True)
        assert child.stdout is not None
        said = child.stdout.readline()
        time.sleep(chance.random() / 5)
        child.kill()
        said += child.stdout.read()
        child.wait(60)
        child.stdout.close()
        flushed += int(said.split()[-1])
    bus = Bus(optional=[sink(folder)])
    bus.publish(ended(1))
    assert bus.close()
    verdict = verify(folder)
    assert verdict.broken is None
    assert verdict.lines - verdict.cuts > flushed
