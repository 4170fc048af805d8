"""`POST /v1/infill` and what ends its streams, over the real socket with a scripted engine."""

import asyncio
import socket

import pytest

from copilot import paths
from copilot.client.failures import HostError
from copilot.client.sse import SseParser
from copilot.engine.protocol import Layout
from copilot.serve import delivery
from copilot.serve.api import DoneData, ErrorData, InfillBody, Lane, ProgressData, StartData, TokenData
from tests.fakes import ScriptedEngine
from tests.hosts import GUARD_SECONDS, Running, infill_bytes, running, settings, until

BODY = InfillBody(prefix="def f(x):\n    return ", suffix="\n", session="file:///a.py")


def body(session: str | None = None, lane: Lane = Lane.INLINE, deadline_ms: int | None = None) -> InfillBody:
    return InfillBody(prefix="x = ", session=session, lane=lane, deadline_ms=deadline_ms)


async def collect(host: Running, what: InfillBody = BODY) -> list[object]:
    async with host.client.infill(what) as stream:
        return [event async for event in stream]


async def end_of(host: Running, what: InfillBody) -> DoneData | str:
    """The last event, or the code of the error."""
    try:
        last = (await collect(host, what))[-1]
    except HostError as error:
        return error.code
    assert isinstance(last, DoneData)
    return last


async def test_a_whole_stream() -> None:
    engine = ScriptedEngine(["one ", "two"], prefill_steps=2)
    async with running(engine) as host:
        events = await collect(host)
    start, first, second, one, two, done = events
    assert isinstance(start, StartData)
    assert (start.model, start.layout) == ("scripted", Layout.PREFIX)
    assert [first, second] == [
        ProgressData(processed=64, total=128, reused=0),
        ProgressData(processed=128, total=128, reused=0),
    ]
    assert [one, two] == [TokenData(text="one "), TokenData(text="two")]
    assert isinstance(done, DoneData)
    assert (done.reason, done.prompt_tokens, done.generated_tokens) == ("stop", 128, 2)
    assert done.ttft_ms is not None
    assert done.ttft_ms >= done.queue_ms >= 0
    assert engine.calls[0].plan.parts[-1].text + engine.calls[0].plan.held == BODY.prefix


async def test_the_bytes_on_the_wire() -> None:
    async with running(ScriptedEngine(["a"], prefill_steps=0)) as host:
        response = await host.http.post("/v1/infill", json={"prefix": "x"})
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    stream_id = response.headers["slipstream-stream"]
    lines = response.text.split("\n")
    assert lines[:3] == [
        "id: 0",
        "event: start",
        f'data: {{"stream":"{stream_id}","model":"scripted","layout":"prefix"}}',
    ]
    assert lines[4:7] == ["id: 1", "event: token", 'data: {"text":"a"}']
    assert lines[8:10] == ["id: 2", "event: done"]
    assert response.text.endswith("\n\n")


async def test_parameters_reach_the_engine() -> None:
    engine = ScriptedEngine(["a"] * 9)
    asked = InfillBody(prefix="x", max_tokens=3, temperature=0.5, seed=7, stop=("\n",), logprobs=True)
    async with running(engine) as host:
        *_, last_token, done = await collect(host, asked)
    params = engine.calls[0].params
    assert (params.max_tokens, params.temperature, params.seed, params.stop) == (3, 0.5, 7, ("\n",))
    assert last_token == TokenData(text="a", token_id=2, logprob=-0.5)
    assert isinstance(done, DoneData)
    assert done.reason == "length"


async def test_asked_for_no_tokens_it_only_prefills() -> None:
    async with running(ScriptedEngine(prefill_steps=2)) as host:
        start, *progress, done = await collect(host, InfillBody(prefix="x", max_tokens=0))
    assert isinstance(start, StartData)
    assert all(isinstance(event, ProgressData) for event in progress)
    assert isinstance(done, DoneData)
    assert (done.reason, done.prompt_tokens, done.generated_tokens, done.ttft_ms) == ("length", 128, 0, None)


async def test_what_was_begun_and_the_layout_reach_the_prompt() -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        await collect(host, InfillBody(prefix="x = ", begun="1 +", suffix="\n", layout="prefix"))
        assert await end_of(host, InfillBody(prefix="x", suffix="y", layout="psm")) == "unknown_layout"
    assert [part.text for part in engine.calls[0].plan.parts] == ["x = 1 +"]


async def test_an_error_in_mid_stream_is_the_end_and_says_that_text_came() -> None:
    async with running(ScriptedEngine(fail_at=1)) as host:
        async with host.client.infill(BODY) as stream:
            events = []
            with pytest.raises(HostError) as caught:
                async for event in stream:
                    events.append(event)  # noqa: PERF401 - what came before the error counts
        assert isinstance(events[-1], TokenData)
        assert (caught.value.code, caught.value.retryable, caught.value.partial) == ("engine_restarted", True, True)
        await until(lambda: host.host.service.status().active_streams == 0)


async def test_a_bug_in_the_engine_is_told_without_its_message(caplog: pytest.LogCaptureFixture) -> None:
    async with running(ScriptedEngine(fail_at=0, failure=ValueError("print('secret code')"))) as host:
        with pytest.raises(HostError) as caught:
            await collect(host)
    assert (caught.value.code, caught.value.partial) == ("internal", False)
    assert "ValueError" in caplog.text
    assert "secret" not in caplog.text + str(caught.value)


async def test_no_document_text_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    async with running(ScriptedEngine(["canary_out"])) as host:
        await collect(host, InfillBody(prefix="canary_in", suffix="canary_in", session="canary_in"))
        await host.http.post("/v1/infill", json={"prefix": "x", "lane": "canary_in"})
    assert "canary" not in caplog.text


@pytest.mark.parametrize("phase", ["prefill", "decode"])
async def test_closing_the_connection_cancels(phase: str) -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(prefill_hold=hold) if phase == "prefill" else ScriptedEngine(hold=hold)
    async with running(engine) as host:
        async with host.client.infill(BODY) as stream:
            await anext(stream)
            await until(lambda: engine.calls and engine.calls[0].steps == (1 if phase == "prefill" else 3))
        await until(lambda: engine.calls[0].ended == "cancelled")
        assert engine.calls[0].steps == (1 if phase == "prefill" else 3)
        await until(lambda: host.host.service.status().active_streams == 0)


async def test_closing_a_queued_connection_touches_no_other() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(slots=1, hold=hold)
    async with running(engine) as host:
        first = asyncio.create_task(end_of(host, body("a")))
        await until(lambda: engine.busy == 1)
        async with host.client.infill(body("b")) as stream:
            assert stream.id
            await until(lambda: host.host.service.status().queued_streams == 1)
        await until(lambda: host.host.service.status().queued_streams == 0)
        hold.set()
        end = await first
    assert isinstance(end, DoneData)
    assert end.reason == "stop"
    assert len(engine.calls) == 1


@pytest.mark.parametrize("queued", [False, True])
async def test_delete_ends_a_stream_as_cancelled(queued: bool) -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(slots=1, hold=hold)
    async with running(engine) as host:
        other = asyncio.create_task(end_of(host, body("other")))
        await until(lambda: engine.busy == 1)
        if not queued:
            hold.set()
            await other
            hold.clear()
        async with host.client.infill(BODY) as stream:
            if not queued:
                await anext(stream)
            assert await host.client.cancel(stream.id)
            *_, end = [event async for event in stream]
        assert isinstance(end, DoneData)
        assert end.reason == "cancelled"
        hold.set()
        if queued:
            done = await other
            assert isinstance(done, DoneData)
            assert done.reason == "stop"
            assert len(engine.calls) == 1
        else:
            await until(lambda: engine.calls[-1].ended == "cancelled")
        await until(lambda: host.host.service.status().active_streams == 0)
        assert not await host.client.cancel(stream.id)


async def test_deleting_an_unknown_stream_is_404() -> None:
    async with running(ScriptedEngine()) as host:
        response = await host.http.delete("/v1/streams/nothing")
    assert response.status_code == 404
    assert response.json()["code"] == "unknown_stream"


async def test_a_newer_request_of_a_session_supersedes_the_older_one_at_once() -> None:
    """And starts when the engine has let go, so that it finds the KV cache."""
    hold, release = asyncio.Event(), asyncio.Event()
    engine = ScriptedEngine(slots=2, hold=hold, release=release)
    async with running(engine) as host:
        older = asyncio.create_task(end_of(host, body("a")))
        await until(lambda: engine.busy == 1)
        newer = asyncio.create_task(end_of(host, body("a")))
        end = await older
        assert isinstance(end, DoneData)
        assert end.reason == "cancelled"
        assert len(engine.calls) == 1
        hold.set()
        release.set()
        end = await newer
    assert isinstance(end, DoneData)
    assert end.reason == "stop"
    assert [call.ended for call in engine.calls] == ["cancelled", "finished"]
    assert engine.most_busy == 1


async def test_typing_ends_background_work_as_cancelled() -> None:
    hold, release = asyncio.Event(), asyncio.Event()
    engine = ScriptedEngine(slots=2, hold=hold, release=release)
    async with running(engine) as host:
        ahead = asyncio.create_task(end_of(host, body("a", Lane.BACKGROUND)))
        await until(lambda: engine.busy == 1)
        typing = asyncio.create_task(end_of(host, body("a")))
        later = await ahead
        assert isinstance(later, DoneData)
        assert later.reason == "cancelled"
        assert len(engine.calls) == 1, "it waits for the KV cache"
        after = asyncio.create_task(end_of(host, body("a", Lane.BACKGROUND)))
        release.set()
        await until(lambda: len(engine.calls) == 2)
        await until(lambda: host.host.service.status().queued_streams == 1)
        hold.set()
        ends = [await typing, await after]
    assert [end.reason for end in ends if isinstance(end, DoneData)] == ["stop", "stop"]
    assert engine.most_busy == 1


async def test_other_sessions_and_lanes_run_side_by_side() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(slots=3, hold=hold)
    async with running(engine) as host:
        asked = [body("a"), body("b"), body("a", Lane.CHAT)]
        tasks = [asyncio.create_task(end_of(host, one)) for one in asked]
        await until(lambda: engine.busy == 3)
        hold.set()
        ends = await asyncio.gather(*tasks)
    assert [end.reason for end in ends if isinstance(end, DoneData)] == ["stop"] * 3


async def test_chat_leaves_a_slot_for_typing() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(slots=2, hold=hold)
    async with running(engine) as host:
        chats = [asyncio.create_task(end_of(host, body(lane=Lane.CHAT))) for _ in range(2)]
        await until(lambda: engine.busy == 1 and host.host.service.status().queued_streams == 1)
        typing = asyncio.create_task(end_of(host, body("a")))
        await until(lambda: engine.busy == 2)
        hold.set()
        for task in [typing, *chats]:
            assert isinstance(await task, DoneData)


async def test_expired_work_is_never_started() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(slots=1, hold=hold)
    async with running(engine) as host:
        first = asyncio.create_task(end_of(host, body("a")))
        await until(lambda: engine.busy == 1)
        assert await end_of(host, body("b", deadline_ms=20)) == "expired"
        hold.set()
        await first
    assert len(engine.calls) == 1


async def test_a_full_queue_is_busy_and_retryable() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(slots=1, hold=hold)
    async with running(engine, options=settings(max_queue=1)) as host:
        tasks = [asyncio.create_task(end_of(host, body(name))) for name in "ab"]
        await until(lambda: host.host.service.status().queued_streams == 1)
        response = await host.http.post("/v1/infill", json={"prefix": "x"})
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert (response.json()["code"], response.json()["retryable"]) == ("busy", True)
        hold.set()
        await asyncio.gather(*tasks)


async def test_an_engine_that_never_suspends_is_stopped_with_its_client() -> None:
    """It would else generate to its limit, and nobody else would be served meanwhile."""
    engine = ScriptedEngine(["x"] * 2048, never_awaits=True)
    async with running(engine) as host:
        async with host.client.infill(InfillBody(prefix="x", max_tokens=2048)) as stream:
            async for event in stream:
                if isinstance(event, TokenData):
                    break
        await until(lambda: engine.calls[0].ended is not None)
    assert engine.calls[0].ended == "cancelled"
    assert engine.calls[0].steps < 1024


async def test_an_engine_that_ignores_its_limit_is_stopped() -> None:
    engine = ScriptedEngine(["x"], ignore_limit=True)
    async with running(engine) as host:
        *_, end = await collect(host, InfillBody(prefix="x", max_tokens=10))
        await until(lambda: engine.busy == 0)
    assert isinstance(end, DoneData)
    assert end.reason == "length"
    assert engine.calls[0].steps < 40


async def _stall(stream_body: bytes) -> socket.socket:
    """A client that sends a request and then reads nothing."""
    connection = socket.socket(socket.AF_UNIX)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(str(paths.host_socket()))
    connection.sendall(infill_bytes(stream_body))
    return connection


async def test_a_reader_that_stalls_holds_no_slot() -> None:
    engine = ScriptedEngine(["x" * 4000] * 500, slots=1)
    async with running(engine) as host:
        with await _stall(b'{"prefix":"x","max_tokens":500}'):
            await until(lambda: engine.calls and engine.calls[0].ended is not None)
            assert engine.calls[0].ended == "finished"
            *_, end = await collect(host, InfillBody(prefix="y", max_tokens=1))
            assert isinstance(end, DoneData)


def _rest(connection: socket.socket) -> bytes:
    received = b""
    while chunk := connection.recv(65536):
        received += chunk
    return received


async def test_a_reader_that_stalls_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "WRITE_SECONDS", 0.1)
    hold = asyncio.Event()
    hold.set()
    engine = ScriptedEngine(["x" * 4000] * 2000, slots=1, step_seconds=0.001)
    async with running(engine) as host:
        with await _stall(b'{"prefix":"x","max_tokens":2000}') as connection:
            await until(lambda: engine.calls and engine.calls[0].ended is not None)
            assert engine.calls[0].ended == "cancelled"
            connection.settimeout(GUARD_SECONDS)
            # In a thread: the host that is to hang up shares this loop.
            received = await asyncio.to_thread(_rest, connection)
        assert b"event: token" in received
        assert b"event: done" not in received
        await until(lambda: host.host.service.status().active_streams == 0)


async def test_heartbeats_while_nothing_else_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "HEARTBEAT_SECONDS", 0.02)
    hold = asyncio.Event()
    async with running(ScriptedEngine(prefill_hold=hold)) as host:
        raw = b""
        async with host.http.stream("POST", "/v1/infill", json={"prefix": "x"}) as response:
            async for chunk in response.aiter_raw():
                raw += chunk
                if raw.count(b": still here\n\n") >= 3:
                    hold.set()
    events = SseParser().feed(raw)
    assert [event.event for event in events] == ["start", "progress", "progress", "token", "token", "token", "done"]
    assert [event.id for event in events] == [str(number) for number in range(7)]


async def test_many_opened_and_aborted_leave_nothing_behind() -> None:
    engine = ScriptedEngine(["x"] * 96, slots=2, step_seconds=0.001)
    async with running(engine) as host:

        async def open_and_leave(number: int) -> None:
            async with host.client.infill(body(f"file-{number % 7}")) as stream:
                for _ in range(number % 5):
                    if await anext(stream, None) is None:
                        break

        for _ in range(5):
            results = await asyncio.gather(*[open_and_leave(n) for n in range(40)], return_exceptions=True)
            assert [error for error in results if error is not None] == []
        await until(lambda: engine.busy == 0)
        status = host.host.service.status()
        assert (status.active_streams, status.queued_streams) == (0, 0)
        assert all(call.ended for call in engine.calls)
        assert isinstance(await end_of(host, body("last")), DoneData)
    assert engine.most_busy <= 2


async def test_a_storm_of_requests_that_their_client_leaves_ends_with_it() -> None:
    engine = ScriptedEngine(["x"] * 96, slots=4, step_seconds=0.002)
    async with running(engine) as host:
        last: asyncio.Task[DoneData | str] | None = None
        for _ in range(1000):
            task = asyncio.create_task(end_of(host, BODY))
            if last is not None:
                last.cancel()
            last = task
            await asyncio.sleep(0.001)
        assert last is not None
        last.cancel()
        await until(lambda: engine.busy == 0)
        # Requests that are still in the socket when their client has left come to nothing either.
        await until(lambda: host.host.connections == 0)
        status = host.host.service.status()
        assert (status.active_streams, status.queued_streams, engine.busy) == (0, 0, 0)
        assert engine.most_busy == 1
        assert {call.ended for call in engine.calls} == {"cancelled"}
        assert isinstance(await end_of(host, BODY), DoneData)


async def test_a_terminal_event_is_never_followed() -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        response = await host.http.post("/v1/infill", json={"prefix": "x"})
    names = [event.event for event in SseParser().feed(response.content)]
    assert names.count("done") + names.count("error") == 1
    assert names[-1] == "done"


def test_error_data_is_what_the_client_raises() -> None:
    data = ErrorData(code="busy", message="Too much.", hint="Wait.", retryable=True, partial=True)
    error = HostError(data)
    assert (error.code, str(error), error.retryable, error.partial) == ("busy", "Too much. Wait.", True, True)
