"""One generation gives the suggestion and the model's own answer."""

import asyncio
import contextlib

import pytest

from copilot.bench.quality.recording import Recorder
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, InfillBody, StartData, TokenData
from tests.copilot.bench.quality.script import Script

BODY = InfillBody(prefix="x")


def whole_line(text: str) -> bool:
    return "\n" in text


async def take(recorder: Recorder, count: int | None = None) -> str:
    """Read so many texts, or all."""
    text, seen = "", 0
    async with recorder.infill(BODY) as events:
        async for event in events:
            if isinstance(event, TokenData):
                text, seen = text + event.text, seen + 1
            if seen == count:
                break
    return text


async def test_what_is_read_is_what_the_host_wrote() -> None:
    host = Script(["a", "b", "\n", "c"])
    recorder = Recorder(host, whole_line)
    assert await take(recorder) == "ab\nc"
    await recorder.settled()
    (generation,) = recorder.generations
    assert (generation.text, generation.ended, generation.layout) == ("ab\nc", "stop", "spm")
    assert generation.prompt_tokens == 7


async def test_it_reads_on_until_it_is_enough_and_no_further() -> None:
    host = Script(["a", "b", "c", "\n", "d", "e"])
    recorder = Recorder(host, whole_line)
    assert await take(recorder, 1) == "a"
    await recorder.settled()
    assert recorder.generations[0].text == "abc\n"
    assert recorder.generations[0].ended == ""
    assert (host.open, host.sent) == (0, 4)


async def test_it_reads_on_when_who_asked_was_cancelled() -> None:
    host = Script(["a", "b", "\n"])
    recorder = Recorder(host, whole_line)
    started = asyncio.Event()

    async def impatient() -> None:
        async with recorder.infill(BODY) as events:
            async for _event in events:
                started.set()
                await asyncio.sleep(60)

    task = asyncio.create_task(impatient())
    await started.wait()
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await recorder.settled()
    assert recorder.generations[0].text == "ab\n"


async def test_one_after_the_other() -> None:
    host = Script(["a", "\n", "b"])
    recorder = Recorder(host, whole_line)
    await take(recorder, 1)
    await take(recorder, 1)
    await recorder.settled()
    assert [generation.text for generation in recorder.generations] == ["a\n", "a\n"]
    assert host.most_open == 1


async def test_a_request_for_no_text_is_no_answer() -> None:
    recorder = Recorder(Script(["a"]), whole_line)
    async with recorder.infill(InfillBody(prefix="x", max_tokens=0)) as events:
        assert [type(event) async for event in events] == [StartData, DoneData]
    assert recorder.generations == []


@pytest.mark.parametrize("count", [None, 1])
async def test_a_failure_is_heard_once_wherever_it_comes(count: int | None) -> None:
    host = Script(["a", "b"], SlipstreamError("gone", code="host_lost"))
    recorder = Recorder(host, whole_line)
    with pytest.raises(SlipstreamError, match="gone"):
        await take(recorder, count)
        await recorder.settled()
    await recorder.settled()
