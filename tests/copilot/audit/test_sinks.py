"""The contract of every sink, seen through the bus: real files on a full disk, a real server that goes away."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from copilot.audit.bus import Bus
from copilot.audit.events import UserAdded
from copilot.audit.nats import NatsSink
from copilot.audit.sink import Sink
from tests.copilot.audit import recording
from tests.copilot.audit.nats_server import NatsServer, nats_server, needs_nats
from tests.copilot.audit.recording import ended, missing, no_file_above, requests, rows, wait_until

ROOM = 40


class Place(Protocol):
    """Where a sink writes to. ``away``: a block in which it can't."""

    def sink(self) -> Sink: ...

    def stored(self) -> list[dict[str, Any]]: ...

    def away(self) -> contextlib.AbstractContextManager[None]: ...


class Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder / "audit"

    def sink(self) -> Sink:
        return recording.sink(self._folder)

    def stored(self) -> list[dict[str, Any]]:
        return recording.stored(self._folder) if self._folder.is_dir() else []

    def away(self) -> contextlib.AbstractContextManager[None]:
        sizes = [path.stat().st_size for path in recording.files(self._folder)] if self._folder.is_dir() else []
        return no_file_above(sum(sizes) + 100)


class Nats:
    def __init__(self, server: NatsServer) -> None:
        self._server = server

    def sink(self) -> Sink:
        return NatsSink(self._server.address, keep_days=14, room=ROOM)

    def stored(self) -> list[dict[str, Any]]:
        return self._server.stored()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        self._server.stop()
        try:
            yield
        finally:
            self._server.start()


@pytest.fixture(params=["files", pytest.param("nats", marks=needs_nats)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    if request.param == "files":
        yield Files(tmp_path)
    else:
        with nats_server(tmp_path) as server:
            yield Nats(server)


def fill(bus: Bus, start: int, count: int) -> None:
    """As fast as a slow writer takes them, so that the queue itself never overflows."""
    for number in range(start, start + count):
        bus.publish(ended(number))
        if number % 5 == 0:
            assert bus.flush()


def refuses(bus: Bus) -> bool:
    return bus.refusing


def test_every_event_arrives_in_order(place: Place) -> None:
    bus = Bus(optional=[place.sink()])
    fill(bus, 1, ROOM)
    assert bus.close()
    found = place.stored()
    assert requests(found) == [f"r{number}" for number in range(1, ROOM + 1)]
    assert [it["seq"] for it in found] == list(range(1, ROOM + 1))
    assert {it["tenant"] for it in found} == {"alice"}


def test_what_comes_after_a_restart_follows(place: Place) -> None:
    for start in (1, 11, 21):
        bus = Bus(optional=[place.sink()])
        fill(bus, start, 10)
        assert bus.close()
    found = place.stored()
    assert requests(found) == [f"r{number}" for number in range(1, 31)]
    assert len({(it["run"], it["seq"]) for it in found}) == 30


@pytest.mark.parametrize("name", ["a\nb", 'quo"te\\', "\u2028\u202e", "漢字🎈", "\x00\x1b[2J", "a" * 5000])
def test_names_are_kept_as_they_are(place: Place, name: str) -> None:
    bus = Bus(optional=[place.sink()])
    bus.publish(UserAdded(tenant=name, by="root"))
    assert bus.close()
    (found,) = place.stored()
    assert (found["event"], found["tenant"], found["by"]) == ("user_added", name, "root")


@pytest.mark.parametrize("before", [0, 10])
def test_a_sink_that_is_away_for_a_while_loses_nothing_that_finds_room(place: Place, before: int) -> None:
    """``before``: whether it worked to begin with."""
    notices: list[str] = []
    if before:
        bus = Bus(optional=[place.sink()])
        fill(bus, 1, before)
        assert bus.close()
    with place.away():
        bus = Bus(optional=[place.sink()], notice=notices.append)
        fill(bus, before + 1, ROOM // 2)
    bus.publish(ended(before + ROOM // 2 + 1))
    wait_until(lambda: len(requests(place.stored())) == before + ROOM // 2 + 1)
    assert bus.close()
    found = place.stored()
    assert sorted(requests(found)) == sorted(f"r{number}" for number in range(1, len(found) + 1))
    assert missing(found) == 0
    assert len(notices) <= 1


def test_what_finds_no_room_is_counted_with_one_notice(place: Place) -> None:
    notices: list[str] = []
    total = 5 * ROOM
    bus = Bus(optional=[place.sink()], notice=notices.append, capacity=ROOM)
    fill(bus, 1, 5)
    wait_until(lambda: len(place.stored()) == 5)
    with place.away():
        fill(bus, 6, total - 5)
        assert not refuses(bus)
    wait_until(lambda: len(requests(found := place.stored())) + missing(found) == total)
    assert bus.close()
    found = place.stored()
    assert missing(found) > 0
    assert len(requests(found)) + missing(found) == total
    assert len(set(requests(found))) == len(requests(found))
    assert len(notices) == 1
    assert "Work goes on" in notices[0]


def test_what_has_to_be_recorded_is_refused_until_it_can_be(place: Place) -> None:
    bus = Bus(required=[place.sink()], capacity=1000)
    fill(bus, 1, 5)
    assert not refuses(bus)
    with place.away():
        fill(bus, 6, 4 * ROOM)
        assert refuses(bus)
    wait_until(lambda: not refuses(bus))
    wait_until(lambda: len(requests(place.stored())) == 4 * ROOM + 5)
    assert bus.close()
    assert missing(place.stored()) == 0


def test_what_does_not_arrive_before_the_end_is_told(place: Place) -> None:
    notices: list[str] = []
    with place.away():
        bus = Bus(optional=[place.sink()], notice=notices.append)
        fill(bus, 1, 10)
        assert bus.close(timeout=60)
    assert sum("10 events did not" in notice for notice in notices) == 1


def test_closing_twice_is_closing_once(place: Place) -> None:
    sink = place.sink()
    sink.close()
    sink.open()
    sink.write(rows(3))
    sink.flush()
    sink.close()
    sink.close()
    assert len(place.stored()) == 3
