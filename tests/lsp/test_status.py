"""What a status bar is told: by itself, and over the wire."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from copilot_lsp.status import INTERVAL_SECONDS, HostView, State, Status, StatusBoard, compose

from copilot import __version__, paths
from copilot.client.stats import StreamStats
from copilot.serve.api import DoneData, ErrorData, HostState, HostStatus, TokenData
from tests.lsp.fake_host import FakeHost, failed_host
from tests.lsp.jrpc import Client, Json, inline

URI = "file:///project/a.py"
COMPLETE = "textDocument/inlineCompletion"
READY = HostView(state=State.READY, model="m", backend="cpu")

# ------------------------------------------------------------------------------------------------------ by itself


@pytest.mark.parametrize(
    ("view", "enabled", "working", "state"),
    [
        (HostView(), True, False, State.STARTING),
        (HostView(), True, True, State.STARTING),
        (READY, True, False, State.READY),
        (READY, True, True, State.BUSY),
        (READY, False, True, State.OFF),
        (HostView(), False, False, State.OFF),
        (HostView(state=State.FAILED), True, True, State.FAILED),
        (HostView(state=State.FAILED), False, False, State.FAILED),
    ],
)
def test_the_state(view: HostView, enabled: bool, working: bool, state: State) -> None:
    assert compose(view, enabled=enabled, working=working, stats=None).state is state


def test_speed_is_that_of_the_last_completion() -> None:
    stats = StreamStats()
    stats.add(TokenData(text="a"))
    stats.add(DoneData(reason="stop", generated_tokens=5, decode_ms=250.0))
    status = compose(READY, enabled=True, working=False, stats=stats)
    assert status.tokens_per_second == 20.0
    assert status.ttft_ms is not None


def test_an_answer_too_short_to_have_a_speed_leaves_the_last_one() -> None:
    board = StatusBoard(lambda: True)
    for count in (5, 0):
        stats = StreamStats()
        board.measured(stats)
        stats.add(DoneData(reason="stop", generated_tokens=count, decode_ms=50.0 * count))
        assert board.current.tokens_per_second == 20.0


async def test_what_changes_together_is_told_together_and_nothing_twice() -> None:
    board, told = StatusBoard(lambda: True), list[Status]()
    board.subscribe(told.append)
    board.see(READY)
    await asyncio.sleep(0)
    await asyncio.sleep(0.01)
    assert [status.state for status in told] == [State.READY]
    for _ in range(100):
        with board.working():
            pass
    await asyncio.sleep(3 * INTERVAL_SECONDS)
    assert len(told) == 1
    with board.working():
        await asyncio.sleep(2 * INTERVAL_SECONDS)
    await asyncio.sleep(2 * INTERVAL_SECONDS)
    assert [status.state for status in told] == [State.READY, State.BUSY, State.READY]
    board.close()


# -------------------------------------------------------------------------------------------------- over the wire


def states(client: Client) -> list[str]:
    return [status["state"] for status in client.of("slipstream/didChangeStatus")]


def until(client: Client, state: str) -> Json:
    """The last status told, once that has ``state``."""
    client.until(f"the status {state}", lambda: states(client)[-1:] == [state])
    return dict(client.of("slipstream/didChangeStatus")[-1])


def ready(**more: Any) -> HostStatus:
    return HostStatus(state=HostState.READY, version="0", pid=1, model="coder", backend="llama.cpp", **more)


def test_a_completion_seen_in_the_status_bar(client: Client, host: FakeHost) -> None:
    host.status, host.tokens, host.hold_after = ready(), ("a", "b", "c"), 1
    result = client.initialize(initializationOptions={"status": True})
    assert result["capabilities"]["experimental"]["slipstream"]["status"] is True
    client.open(URI, "x = ")
    assert until(client, "ready") == {
        "state": "ready", "message": "", "hint": "", "model": "coder", "backend": "llama.cpp", "progress": None,
        "tokensPerSecond": None, "ttftMs": None, "version": __version__,
    }  # fmt: skip
    running = client.send(COMPLETE, inline(URI, 0, 4))
    until(client, "busy")
    host.release()
    client.wait(running)
    client.until("the speed", lambda: client.of("slipstream/didChangeStatus")[-1]["tokensPerSecond"] == 30.0)
    assert client.of("slipstream/didChangeStatus")[-1]["ttftMs"] > 0
    assert client.result("slipstream/status")["tokensPerSecond"] == 30.0


def test_speed_is_known_too_where_the_answer_was_typed_past(client: Client, host: FakeHost) -> None:
    host.status, host.tokens, host.hold_after = ready(), ("a", "b", "c"), 2
    client.initialize(initializationOptions={"status": True})
    client.open(URI, "x = ")
    running = client.send(COMPLETE, inline(URI, 0, 4))
    until(client, "busy")
    client.notify("$/cancelRequest", {"id": running})
    client.wait(running)
    host.release()
    client.until("the speed", lambda: client.of("slipstream/didChangeStatus")[-1]["tokensPerSecond"])


def test_a_model_that_is_loaded(client: Client, host: FakeHost) -> None:
    host.status = HostStatus(state=HostState.STARTING, version="0", pid=1, detail="Loading the model", progress=0.25)
    client.initialize(initializationOptions={"status": True})
    client.until("progress", lambda: client.of("slipstream/didChangeStatus")[-1:] and states(client)[-1] == "starting"
                 and client.of("slipstream/didChangeStatus")[-1]["progress"] == 0.25)  # fmt: skip
    assert client.of("slipstream/didChangeStatus")[-1]["message"] == "Loading the model"
    host.status = ready()
    assert until(client, "ready")["progress"] is None


def test_a_model_that_cannot_be_loaded() -> None:
    with failed_host(ErrorData(code="broken", message="It is broken.", hint="Mend it.")), Client() as client:
        client.initialize(initializationOptions={"status": True})
        status = until(client, "failed")
        assert (status["message"], status["hint"]) == ("It is broken.", "Mend it.")


def test_a_host_that_refuses_and_works_again(client: Client, host: FakeHost) -> None:
    client.initialize(initializationOptions={"status": True})
    client.open(URI, "x = \n\n\ny = ")
    until(client, "ready")
    host.refuse = ErrorData(code="model_broken", message="It went wrong.", hint="Do this.")
    client.result(COMPLETE, inline(URI, 0, 4))
    assert until(client, "failed")["message"] == "It went wrong."
    # That the host calls itself ready is not enough.
    client.result(COMPLETE, inline(URI, 0, 4))
    assert client.result("slipstream/status")["state"] == "failed"
    host.refuse = None
    client.result(COMPLETE, inline(URI, 3, 4))
    until(client, "ready")


def test_a_busy_host_is_not_a_failed_one(client: Client, host: FakeHost) -> None:
    client.initialize(initializationOptions={"status": True})
    client.open(URI, "x = ")
    until(client, "ready")
    host.refuse = ErrorData(code="busy", message="Others are first.", retryable=True)
    client.result(COMPLETE, inline(URI, 0, 4))
    assert client.result("slipstream/status")["state"] in {"ready", "busy"}
    assert "failed" not in states(client)


def test_switched_off_and_on_again(host: FakeHost) -> None:
    answers = {"enabled": False}

    def answer(message: Json) -> object:
        return [dict(answers)] if message["method"] == "workspace/configuration" else None

    with Client(answer=answer) as client:
        client.initialize(capabilities={"workspace": {"configuration": True}}, initializationOptions={"status": True})
        assert until(client, "off")["hint"]
        answers["enabled"] = True
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        until(client, "ready")


def test_a_configuration_that_cannot_be_read(home: Path) -> None:
    paths.config_file().parent.mkdir(parents=True, exist_ok=True)
    paths.config_file().write_text("this is = = not TOML")
    with Client() as client:
        client.initialize(initializationOptions={"status": True})
        assert "No completions come until it is corrected" in until(client, "failed")["message"]


def test_nobody_else_is_told(client: Client, host: FakeHost) -> None:
    client.initialize()
    client.open(URI, "x = ")
    client.result(COMPLETE, inline(URI, 0, 4))
    assert client.result("slipstream/status")["state"] == "ready"
    assert not states(client)
    assert not client.of("didChangeStatus")
    assert not client.of("statusNotification")


def test_a_model_that_stands_in_is_seen_and_the_return_of_the_other(client: Client, host: FakeHost) -> None:
    """The host switches by itself; that another model answered is how an editor gets to know."""
    host.status, host.answers = ready(), [("1",), ("2",), ("3",)]
    client.initialize(initializationOptions={"status": True})
    client.open(URI, "x = ")
    until(client, "ready")

    def complete(version: int) -> None:
        client.change(URI, version, {"text": f"x{version} = "})
        client.result(COMPLETE, inline(URI, 0, 5))

    words = "small stands in on the processor: There is no CUDA GPU."
    host.status = HostStatus(state=HostState.READY, version="0", pid=1, model="small", backend="cpu", detail=words)
    complete(2)
    client.until("the other model", lambda: client.of("slipstream/didChangeStatus")[-1]["model"] == "small")
    client.until("why", lambda: client.of("slipstream/didChangeStatus")[-1]["message"] == words)
    complete(3)
    assert client.of("slipstream/didChangeStatus")[-1]["message"] == words, "it stays while it is so"
    host.status = ready()
    complete(4)
    client.until("the first model", lambda: client.of("slipstream/didChangeStatus")[-1]["model"] == "coder")
    client.until("no words", lambda: client.of("slipstream/didChangeStatus")[-1]["message"] == "")
