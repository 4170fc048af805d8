"""What waits before a sink that fails: in order, counted where it finds no room, asked for no more than needed."""

from collections.abc import Sequence

import pytest

from copilot.audit import outlet as audit_outlet
from copilot.audit.events import AuditGap, Row, row
from copilot.audit.outlet import BATCH_ROWS, Outlet
from tests.copilot.audit.recording import rows


class Weak:
    """A sink that takes ``writes`` writes and fails at others; ``flushes`` likewise."""

    name = "weak"

    def __init__(self) -> None:
        self.writes = self.flushes = 0
        self.asked = 0
        self.stored: list[Row] = []

    def open(self) -> None:
        pass

    def write(self, rows: Sequence[Row]) -> None:
        self.asked += 1
        if self.writes == 0:
            raise OSError(28, "No space left on device")
        self.writes -= 1
        self.stored += rows

    def flush(self) -> None:
        if self.flushes == 0:
            raise OSError(5, "Input/output error")
        self.flushes -= 1

    def close(self) -> None:
        pass


def gap(count: int, last: Row) -> Row:
    event = AuditGap(count=count, reason="sink")
    return row(event, run="0" * 8, number=last.number, wall_ns=0, monotonic=0)


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def weak() -> Weak:
    return Weak()


@pytest.fixture
def outlet(weak: Weak, notices: list[str], monkeypatch: pytest.MonkeyPatch) -> Outlet:
    # Only what is asked for at once is tried again.
    monkeypatch.setattr(audit_outlet, "_RETRY_SECONDS", 1e9)
    return Outlet(weak, room=2 * BATCH_ROWS, gap=gap, notice=notices.append, consequence="So what.")


def numbers(found: Sequence[Row]) -> list[int]:
    return [it.number for it in found]


def test_a_gap_comes_before_what_found_room_after_it(outlet: Outlet, weak: Weak) -> None:
    outlet.give([], at_once=True)
    outlet.give(rows(1))
    outlet.give(rows(2 * BATCH_ROWS + 9, start=2))
    weak.writes, weak.flushes = 1, 9
    outlet.give([], at_once=True)
    outlet.give(rows(1, start=9999))
    weak.writes = 9
    outlet.give([], at_once=True)
    *before, told, last = weak.stored
    assert numbers(before) == list(range(1, 2 * BATCH_ROWS + 1))
    assert (told.name, told.events, told.number) == ("audit_gap", 10, 2 * BATCH_ROWS + 10)
    assert last.number == 9999


def test_a_gap_that_finds_no_room_counts_as_what_it_stands_for(outlet: Outlet, weak: Weak) -> None:
    outlet.give(rows(1))
    outlet.give(rows(2 * BATCH_ROWS - 1, start=2))
    outlet.give([gap(7, rows(1, start=5000)[0]), *rows(1, start=5001)])
    weak.writes, weak.flushes = 9, 9
    outlet.give([], at_once=True)
    assert (weak.stored[-1].name, weak.stored[-1].events) == ("audit_gap", 8)


def test_a_sink_that_fails_is_left_alone_for_a_while(outlet: Outlet, weak: Weak, notices: list[str]) -> None:
    for number in range(50):
        outlet.give(rows(1, start=number))
    assert weak.asked == 1
    assert len(notices) == 1


def test_a_disk_that_takes_lines_and_loses_them_is_told_once(outlet: Outlet, weak: Weak, notices: list[str]) -> None:
    weak.writes = 1000
    for number in range(5):
        outlet.give(rows(1, start=number), at_once=True)
        outlet.flush()
        assert outlet.failing
    assert len(notices) == 1
    weak.flushes = 2
    outlet.give([], at_once=True)
    assert not outlet.failing
    assert not outlet.is_busy


def test_what_still_waits_at_the_end_is_told(outlet: Outlet, notices: list[str]) -> None:
    outlet.give(rows(1))
    outlet.give([*rows(2 * BATCH_ROWS + 3, start=2)])
    outlet.close()
    assert f"{2 * BATCH_ROWS + 4} events did not reach weak" in notices[-1]
