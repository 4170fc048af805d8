"""The ring between engine and readers."""

import asyncio

from copilot.serve.api import DoneData, ErrorData, ProgressData, StartData, TokenData
from copilot.serve.streams import Stream

START = StartData(stream="s", model="m", layout="raw")
DONE = DoneData(reason="stop")
A, B = TokenData(text="a"), TokenData(text="b")
LONG_SECONDS = 30.0


def progress(processed: int) -> ProgressData:
    return ProgressData(processed=processed, total=10**6, reused=0)


async def test_readers_start_anywhere_and_get_everything_in_order() -> None:
    stream = Stream("s", max_tokens=9)

    async def read(position: int) -> list[object]:
        seen: list[object] = []
        while events := await stream.after(position + len(seen), LONG_SECONDS):
            seen += events
        return seen

    readers = [asyncio.create_task(read(position)) for position in (0, 0, 2)]
    for event in (START, A, B):
        await asyncio.sleep(0)
        assert stream.append(event)
    stream.finish(DONE)
    assert await asyncio.gather(*readers) == [[START, A, B, DONE], [START, A, B, DONE], [B, DONE]]


async def test_a_reader_that_waits_too_long_gets_nothing() -> None:
    stream = Stream("s", max_tokens=9)
    assert await stream.after(0, 0.01) == ()
    assert not stream.closed


def test_nothing_follows_the_end() -> None:
    stream = Stream("s", max_tokens=9)
    stream.finish(DONE)
    stream.finish(ErrorData(code="late", message="Too late."))
    assert not stream.append(A)
    assert stream.events == [DONE]


def test_memory_is_bounded_whatever_the_engine_does() -> None:
    stream = Stream("s", max_tokens=3)
    for number in range(Stream.MAX_PROGRESS + 100):
        assert stream.append(progress(number))
    assert stream.last_progress == progress(Stream.MAX_PROGRESS + 99)
    taken = sum(stream.append(A) for _ in range(100))
    assert taken == stream.tokens == 3 + Stream.EXTRA_TOKENS
    assert len(stream.events) == Stream.MAX_PROGRESS + taken
