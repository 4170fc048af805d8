"""Publishing waits for nothing and loses nothing in silence."""

import json
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from copilot.audit.bus import TEXT_CAPACITY, Bus
from copilot.audit.events import Row, Text
from copilot.audit.outlet import BATCH_ROWS
from copilot.errors import SlipstreamError
from tests.copilot.audit.recording import PATIENCE_SECONDS, ended, missing, requests, wait_until

CAPACITY = 500
TOKEN = "ghp_" + "aB3dE5gH7jK9mN1pQ3sT5vW7yZ9bC2dF4hJ6"
"""Made up, and in the form of a real one."""


class Memory:
    """A sink that keeps rows, and does ``before_write`` first."""

    name = "memory"

    def __init__(self, before_write: Callable[[], object] = lambda: None) -> None:
        self.batches: list[list[Row]] = []
        self.flushes = 0
        self.closed = 0
        self._before_write = before_write

    def open(self) -> None:
        pass

    def write(self, rows: Sequence[Row]) -> None:
        self._before_write()
        self.batches.append(list(rows))

    def flush(self) -> None:
        self.flushes += 1

    def close(self) -> None:
        self.closed += 1

    @property
    def stored(self) -> list[dict[str, Any]]:
        return [json.loads(row.json) for batch in self.batches for row in batch]


class Stuck(Memory):
    """Its first write takes until :meth:`go_on`, as on a disk that hangs."""

    def __init__(self) -> None:
        self._hold = threading.Event()
        self.reached = threading.Event()
        super().__init__(self._wait)

    def _wait(self) -> None:
        self.reached.set()
        self._hold.wait()

    def go_on(self) -> None:
        self._hold.set()


def stuck(*, required: bool = False) -> tuple[Bus, Stuck]:
    """A bus whose writer is busy with the first event."""
    sink = Stuck()
    bus = Bus(required=[sink] if required else [], optional=[] if required else [sink], capacity=CAPACITY)
    bus.publish(ended(0))
    assert sink.reached.wait(PATIENCE_SECONDS)
    return bus, sink


def takes_text(bus: Bus) -> bool:
    return bus.takes_text


def refuses(bus: Bus) -> bool:
    return bus.refusing


def test_publishing_never_waits_and_the_gap_says_how_much_is_missing() -> None:
    bus, sink = stuck()
    for number in range(1, 20 * CAPACITY):
        bus.publish(ended(number))
    sink.go_on()
    assert bus.flush()
    bus.publish(ended(20 * CAPACITY))
    assert bus.close()
    (gap,) = [it for it in sink.stored if it["event"] == "audit_gap"]
    assert gap["reason"] == "queue"
    assert len(requests(sink.stored)) + gap["count"] == 20 * CAPACITY + 1
    assert len(requests(sink.stored)) >= CAPACITY


def test_the_gap_stands_where_the_events_are_missing() -> None:
    bus, sink = stuck()
    for number in range(1, CAPACITY + 101):
        bus.publish(ended(number))
    sink.go_on()
    assert bus.flush()
    bus.publish(ended(9999))
    assert bus.close()
    found = sink.stored
    at = next(at for at, it in enumerate(found) if it["event"] == "audit_gap")
    assert found[at - 1]["request"] == f"r{at - 1}"
    assert found[at]["count"] == CAPACITY + 100 - (at - 1)
    assert requests(found[at:]) == ["r9999"]
    assert [it["seq"] for it in found] == sorted(it["seq"] for it in found)


def test_a_gap_is_told_even_if_nothing_follows() -> None:
    bus, sink = stuck()
    for number in range(1, 2 * CAPACITY):
        bus.publish(ended(number))
    sink.go_on()
    wait_until(lambda: len(requests(sink.stored)) + missing(sink.stored) == 2 * CAPACITY)
    assert bus.close()


def test_several_threads_may_publish() -> None:
    bus, sink = stuck()

    def publish(start: int) -> None:
        for number in range(start, start + 1000):
            bus.publish(ended(number))

    threads = [threading.Thread(target=publish, args=(start,)) for start in range(1, 8001, 1000)]
    for thread in threads:
        thread.start()
    sink.go_on()
    for thread in threads:
        thread.join()
    assert bus.close()
    assert len(requests(sink.stored)) + missing(sink.stored) == 8001
    assert len({(it["event"], it["seq"]) for it in sink.stored}) == len(sink.stored)


class Steps(Memory):
    """Each write takes until it is allowed."""

    def __init__(self) -> None:
        self.allowed = threading.Semaphore(0)
        self.reached = threading.Semaphore(0)
        super().__init__(self._wait)

    def _wait(self) -> None:
        self.reached.release()
        self.allowed.acquire()


def test_a_gap_stands_before_what_was_taken_after_it() -> None:
    sink = Steps()
    bus = Bus(optional=[sink], capacity=2000)
    bus.publish(ended(0))
    sink.reached.acquire()
    for number in range(1, 2101):
        bus.publish(ended(number))
    sink.allowed.release()
    # A first batch of the 2000 that wait is on its way, so there is room again.
    sink.reached.acquire()
    bus.publish(ended(9999))
    sink.allowed.release(100)
    assert bus.close()
    assert max(map(len, sink.batches)) <= BATCH_ROWS
    *before, gap, last = sink.stored
    assert requests(before) == [f"r{number}" for number in range(2001)]
    assert (gap["event"], gap["count"], gap["seq"]) == ("audit_gap", 100, 2101)
    assert requests([last]) == ["r9999"]


def test_a_queue_that_is_nearly_full_refuses_where_it_must_be_recorded() -> None:
    bus, sink = stuck(required=True)
    for number in range(int(CAPACITY * 0.9)):
        bus.publish(ended(number))
    assert not refuses(bus)
    bus.publish(ended(0))
    assert refuses(bus)
    sink.go_on()
    assert bus.flush()
    assert not refuses(bus)
    assert bus.close()
    assert refuses(bus)


def test_a_queue_that_is_full_refuses_nobody_otherwise() -> None:
    bus, sink = stuck()
    for number in range(2 * CAPACITY):
        bus.publish(ended(number))
    assert not refuses(bus)
    sink.go_on()
    assert bus.close()


def test_nothing_is_served_before_a_required_sink_is_open() -> None:
    opened = threading.Event()

    class Late(Memory):
        def open(self) -> None:
            opened.wait()

    bus = Bus(required=[Late()])
    assert refuses(bus)
    opened.set()
    wait_until(lambda: not refuses(bus))
    assert bus.close()


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), SlipstreamError("It is away."), ValueError("secret")]
)
def test_a_sink_that_fails_stops_no_other_and_says_so_once(error: Exception) -> None:
    def fail() -> None:
        raise error

    notices: list[str] = []
    good, bad = Memory(), Memory(fail)
    bus = Bus(optional=[bad, good], notice=notices.append)
    for number in range(30):
        bus.publish(ended(number))
        bus.flush()
    assert len(notices) == 1
    assert "memory" in notices[0]
    assert "secret" not in notices[0]
    assert bus.close()
    assert len(requests(good.stored)) == 30
    assert "30 events did not reach memory" in notices[1]
    assert good.closed == bad.closed == 1


def test_what_fails_again_later_is_told_again() -> None:
    broken = [True]

    def fail_if_broken() -> None:
        if broken[0]:
            raise OSError(28, "No space left on device")

    notices: list[str] = []
    sink = Memory(fail_if_broken)
    bus = Bus(optional=[sink], notice=notices.append)
    for is_broken, said in ((True, 1), (False, 1), (True, 2), (False, 2)):
        broken[0] = is_broken
        bus.publish(ended(1))
        bus.flush()
        assert len(notices) == said
    assert bus.close()
    assert len(requests(sink.stored)) == 4


def test_an_event_that_cannot_be_written_is_counted() -> None:
    sink = Memory()
    bus = Bus(optional=[sink])
    bus.publish(ended(1, "\ud800"))
    bus.publish(ended(2))
    bus.publish(None)  # type: ignore[arg-type]
    bus.publish(ended(3))
    assert bus.close()
    assert requests(sink.stored) == ["r2", "r3"]
    assert [(it["event"], it.get("reason")) for it in sink.stored if "reason" in it and it["event"] == "audit_gap"] == [
        ("audit_gap", "event"),
        ("audit_gap", "event"),
    ]


def test_after_the_end_nothing_is_taken() -> None:
    sink = Memory()
    bus = Bus(optional=[sink], content="full")
    bus.publish(ended(1))
    assert takes_text(bus)
    assert bus.close()
    bus.publish(ended(2))
    assert not takes_text(bus)
    assert bus.flush()
    assert bus.close()
    assert requests(sink.stored) == ["r1"]
    assert sink.flushes > 0
    assert sink.closed == 1


def test_a_bus_without_sinks_does_nothing() -> None:
    threads = threading.active_count()
    bus = Bus(content="full")
    bus.publish(ended(1))
    assert threading.active_count() == threads
    assert not takes_text(bus)
    assert not refuses(bus)
    assert bus.flush()
    assert bus.close()


def test_text_is_taken_only_where_it_may_be() -> None:
    for content, count in (("none", 0), ("redacted", 1), ("full", 1)):
        sink = Memory()
        bus = Bus(optional=[sink], content=content)  # type: ignore[arg-type]
        assert bus.takes_text == bool(count)
        bus.publish(Text(prompt=f"token {TOKEN}", answer="b"))
        assert bus.close()
        assert len(sink.stored) == count
        assert (TOKEN in json.dumps(sink.stored)) == (content == "full")


def test_text_that_waits_is_bounded() -> None:
    sink = Stuck()
    bus = Bus(optional=[sink], content="full")
    bus.publish(ended(0))
    assert sink.reached.wait(PATIENCE_SECONDS)
    prompt = "x" * (TEXT_CAPACITY // 10)
    for _ in range(15):
        bus.publish(Text(prompt=prompt))
    sink.go_on()
    assert bus.flush()
    bus.publish(Text(prompt=prompt))
    assert bus.close()
    texts = [it for it in sink.stored if it["event"] == "text"]
    assert len(texts) == 11
    assert missing(sink.stored) == 5


def test_a_disk_that_hangs_does_not_keep_the_host_from_leaving() -> None:
    bus, sink = stuck()
    assert not bus.flush(timeout=0.01)
    assert not bus.close(timeout=0.01)
    sink.go_on()
    assert bus.close()
