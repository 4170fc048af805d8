"""Writing never blocks, keeps its order, and leaves out only what may be left out."""

import asyncio
import os
import threading

from copilot_lsp.framing import Broken, Event, Message, frame
from copilot_lsp.transport import Inbox, Outbox

GUARD_SECONDS = 30.0


class Pipe:
    """An outbox on a pipe that nobody reads until :meth:`read`."""

    def __init__(self) -> None:
        self._reading, writing = os.pipe()
        self._writing = writing
        self.lost: list[str] = []
        self.outbox = Outbox(writing, self.lost.append)
        self.outbox.start()

    def read(self) -> bytes:
        """Everything, after which nothing more may be put."""
        received = bytearray()

        def drain() -> None:
            while data := os.read(self._reading, 1 << 16):
                received.extend(data)

        reader = threading.Thread(target=drain)
        reader.start()
        self.outbox.finish(GUARD_SECONDS)
        os.close(self._writing)
        reader.join(GUARD_SECONDS)
        os.close(self._reading)
        return bytes(received)


def test_messages_are_written_in_order() -> None:
    pipe = Pipe()
    pieces = [b"%d;" % number * 100 for number in range(1000)]
    for piece in pieces:
        pipe.outbox.put(piece)
    assert pipe.read() == b"".join(pieces)


def test_a_slow_reader_misses_intermediate_states_and_no_answer() -> None:
    pipe = Pipe()
    for _ in range(40):
        pipe.outbox.put(b"answer" + b"." * 50_000)
        pipe.outbox.put(b"state" + b"," * 50_000, droppable=True)
    received = pipe.read()
    assert received.count(b"answer") == 40
    assert 0 < received.count(b"state") < 40
    assert not pipe.lost


def test_a_reader_that_never_reads_is_given_up() -> None:
    pipe = Pipe()
    for _ in range(200):
        pipe.outbox.put(b"x" * 100_000)
    assert len(pipe.lost) == 1
    assert len(pipe.read()) < 200 * 100_000


def test_a_closed_pipe_is_told_once() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    lost: list[str] = []
    outbox = Outbox(writing, lost.append)
    outbox.start()
    outbox.put(b"x")
    outbox.join(GUARD_SECONDS)
    outbox.put(b"y")
    assert len(lost) == 1
    os.close(writing)


async def test_reading_waits_for_a_loop_that_is_busy_and_loses_nothing() -> None:
    """Far more than may wait in memory is sent before the loop takes the first message."""
    reading, writing = os.pipe()
    taken: list[Event] = []
    ended = threading.Event()
    inbox = Inbox(reading, asyncio.get_running_loop(), taken.append, ended.set)
    inbox.start()
    bodies = [b"%d" % number + b" " * 1_000_000 for number in range(20)]

    def send() -> None:
        for body in bodies:
            rest = memoryview(frame(body))
            while rest:
                rest = rest[os.write(writing, rest) :]
        os.write(writing, b"Content-Length: no\r\n\r\n")
        os.close(writing)

    sender = threading.Thread(target=send)
    sender.start()
    sender.join(0.5)
    assert sender.is_alive(), "a sender of 20 MB should have to wait"
    await asyncio.get_running_loop().run_in_executor(None, ended.wait, GUARD_SECONDS)
    await asyncio.sleep(0)
    assert [event.body for event in taken if isinstance(event, Message)] == bodies
    assert isinstance(taken[-1], Broken)
    sender.join(GUARD_SECONDS)
    os.close(reading)
