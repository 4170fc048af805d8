"""The way to a warm model: progress while it loads, one message when it cannot, and no key that waits for it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from copilot_lsp.trouble import QUIET, Troubles

from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.serve.api import ErrorData, HostState, HostStatus
from tests.lsp.fake_host import FakeHost, failed_host
from tests.lsp.jrpc import Client, Json, inline

URI = "file:///w/a.py"
COMPLETE = "textDocument/inlineCompletion"
WORK_DONE = {"window": {"workDoneProgress": True}}
INVOKED = {"triggerKind": 1}


def starting(detail: str = "Loading the model", progress: float | None = None) -> HostStatus:
    return HostStatus(state=HostState.STARTING, version="0", pid=1, detail=detail, progress=progress)


MODEL = Settings().model.completion
READY = HostStatus(state=HostState.READY, version="0", pid=1, model=MODEL)


def shown(client: Client) -> list[str]:
    return [note["message"] for note in client.of("window/showMessage")]


def progress(client: Client) -> list[Json]:
    return [note["value"] for note in client.of("$/progress")]


def test_initialize_does_not_wait_for_the_host(host: FakeHost) -> None:
    host.status = starting()
    with Client() as client:
        assert client.initialize()["serverInfo"]
        assert client.stop() == 0


def test_progress_is_shown_while_a_model_is_fetched_and_loads(host: FakeHost) -> None:
    host.status = starting("Fetching the model", 0.25)
    with Client() as client:
        client.initialize(capabilities=WORK_DONE)
        client.until("the beginning", lambda: progress(client))
        host.status = starting("Fetching the model", 0.5)
        client.until("the middle", lambda: len(progress(client)) >= 2)
        host.status = starting("Loading the model", None)
        client.until("the next step", lambda: len(progress(client)) >= 3)
        host.status = READY
        client.until("the end", lambda: progress(client)[-1]["kind"] == "end")
        assert progress(client) == [
            {
                "kind": "begin",
                "title": "Slipstream",
                "cancellable": False,
                "message": "Fetching the model",
                "percentage": 25,
            },
            {"kind": "report", "message": "Fetching the model", "percentage": 50},
            {"kind": "report", "message": "Loading the model"},
            {"kind": "end"},
        ]
        (created,) = client.of("window/workDoneProgress/create")
        assert {note["token"] for note in client.of("$/progress")} == {created["token"]}
        assert client.stop() == 0


def test_a_host_that_is_ready_is_no_news(client: Client, host: FakeHost) -> None:
    client.initialize(capabilities=WORK_DONE)
    client.open(URI, "x = ")
    client.result(COMPLETE, inline(URI, 0, 4))
    assert not client.notes


def test_a_client_without_progress_is_not_asked_for_it(host: FakeHost) -> None:
    host.status = starting()
    with Client() as client:
        client.initialize()
        client.open(URI, "x = ")
        assert client.result(COMPLETE, inline(URI, 0, 4)) is None
        assert not client.notes


def test_who_types_does_not_wait_and_who_asks_does(host: FakeHost) -> None:
    host.status = starting()
    with Client() as client:
        client.initialize(initializationOptions={"candidates": 1})
        client.open(URI, "x = ")
        assert client.result(COMPLETE, inline(URI, 0, 4)) is None
        asked = client.send(COMPLETE, inline(URI, 0, 4, context=INVOKED))
        assert client.error("alive?")["code"] == -32601
        assert asked not in client.responses
        host.status = READY
        assert client.wait(asked)["result"]["items"]
        assert len(host.asked) == 1
        assert not shown(client)


def test_someone_who_waits_may_cancel(host: FakeHost) -> None:
    host.status = starting()
    with Client() as client:
        client.initialize()
        client.open(URI, "x = ")
        asked = client.send(COMPLETE, inline(URI, 0, 4, context=INVOKED))
        client.notify("$/cancelRequest", {"id": asked})
        assert client.wait(asked)["error"]["code"] == -32800


def test_a_model_that_cannot_be_loaded_is_told_once() -> None:
    error = ErrorData(code="model_missing", message="There is no model.", hint="Get one.")
    with failed_host(error) as host, Client() as client:
        client.initialize(capabilities=WORK_DONE)
        client.open(URI, "x = ")
        client.until("the message", lambda: shown(client))
        for _ in range(5):
            assert client.result(COMPLETE, inline(URI, 0, 4)) is None
        assert shown(client) == ["Slipstream: There is no model. Get one."]
        assert host.asked, "a host that failed tries again only when it is asked"
        host.status, host.refuse = READY, None
        assert client.result(COMPLETE, inline(URI, 0, 4))["items"]
        assert len(shown(client)) == 1


def test_a_host_that_cannot_be_started_is_told_once(home: Path) -> None:
    with Client() as client:
        client.result("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        # The server has read its settings; the host will not be able to.
        (home / "config.toml").write_text("[engine]\nthreads = 'none'\n")
        client.notify("initialized", {})
        client.open(URI, "x = ")
        client.until("the message", lambda: shown(client))
        for _ in range(3):
            assert client.result(COMPLETE, inline(URI, 0, 4)) is None
        assert "could not be started" in shown(client)[0]
        assert len(shown(client)) == 1
        assert client.stop() == 0


def test_a_host_with_another_model_is_told_once(host: FakeHost) -> None:
    host.status = msgspec.structs.replace(READY, model="another")
    with Client() as client:
        client.initialize()
        client.open(URI, "".join(f"{name} = \n" for name in "abcde"))
        # Each time another line: what was suggested once is remembered.
        assert client.result(COMPLETE, inline(URI, 0, 4, context=INVOKED))["items"]
        (message,) = shown(client)
        assert "has another loaded" in message
        assert "`slipstream stop`" in message
        assert MODEL in message
        # Looked at anew after trouble, and still the same host.
        host.refuse = ErrorData(code="busy", message="Busy.", retryable=True)
        assert client.result(COMPLETE, inline(URI, 1, 4, context=INVOKED)) is None
        host.refuse = None
        assert client.result(COMPLETE, inline(URI, 2, 4, context=INVOKED))["items"]
        assert len(shown(client)) == 1
        host.refuse = ErrorData(code="busy", message="Busy.", retryable=True)
        assert client.result(COMPLETE, inline(URI, 3, 4, context=INVOKED)) is None
        host.refuse = None
        host.status = msgspec.structs.replace(READY, model="a third", pid=2)
        assert client.result(COMPLETE, inline(URI, 4, 4, context=INVOKED))["items"]
        assert "has a third loaded" in shown(client)[1]
        assert len(shown(client)) == 2


def test_a_host_that_left_is_found_again() -> None:
    with Client() as client:
        with FakeHost() as first:
            client.initialize()
            client.open(URI, "x = ")
            assert client.result(COMPLETE, inline(URI, 0, 4))["items"]
            assert first.asked
        with FakeHost() as second:
            assert client.result(COMPLETE, inline(URI, 0, 4, context=INVOKED))["items"]
            assert second.asked
        assert not shown(client)


@pytest.mark.parametrize("reply", [None, {"code": 1, "message": "no"}])
def test_a_client_that_refuses_progress_or_never_answers_costs_nothing(host: FakeHost, reply: Any) -> None:
    class Refusing(Client):
        def _take(self, message: Json) -> None:
            if message.get("method") == "window/workDoneProgress/create":
                if reply is not None:
                    self.raw({"jsonrpc": "2.0", "id": message["id"], "error": reply})
                return
            super()._take(message)

    host.status = starting()
    with Refusing() as client:
        client.initialize(capabilities=WORK_DONE)
        client.open(URI, "x = ")
        assert client.result(COMPLETE, inline(URI, 0, 4)) is None
        host.status = READY
        asked = client.send(COMPLETE, inline(URI, 0, 4, context=INVOKED))
        assert client.wait(asked)["result"]["items"]
        assert not progress(client)
        assert client.stop() == 0


def test_a_host_is_not_started_for_someone_who_wants_no_completions(home: Path) -> None:
    with Client() as client:
        client.initialize(initializationOptions={"enabled": False})
        client.open(URI, "x = ")
        assert client.result(COMPLETE, inline(URI, 0, 4)) == {"items": []}
        assert client.stop() == 0
    assert not (home / "logs" / "host.log").exists()


# -------------------------------------------------------------------------------------------------------- telling


def test_a_kind_of_trouble_is_told_once_until_it_is_over() -> None:
    troubles = Troubles()
    one, two = SlipstreamError("One.", code="one"), SlipstreamError("Two.", hint="Do.", code="two")
    assert [troubles.tell(error) for error in (one, one, two, one)] == [
        "Slipstream: One.",
        None,
        "Slipstream: Two. Do.",
        None,
    ]
    troubles.recovered()
    assert troubles.tell(two) == "Slipstream: Two. Do."


@pytest.mark.parametrize("code", sorted(QUIET))
def test_what_needs_nobody_is_not_told(code: str) -> None:
    assert Troubles().tell(SlipstreamError("Never mind.", code=code)) is None
