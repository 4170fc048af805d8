"""The protocol's edges, through the real process: every request gets one answer, whatever came before it."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from copilot_lsp.framing import MAX_MESSAGE_BYTES

from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, Json, at, inline

URI = "file:///w/a.py"
COMPLETE = "textDocument/inlineCompletion"


@pytest.fixture(scope="module")
def running() -> Iterator[Client]:
    """One server for all tests that leave nothing behind; it needs no host."""
    folder = tempfile.mkdtemp(prefix="ss-")
    with Client(env={**os.environ, "SLIPSTREAM_HOME": folder}) as client:
        client.initialize(initializationOptions={"enabled": False})
        yield client
        assert client.stop() == 0
    shutil.rmtree(folder)


def codes_of(client: Client, data: bytes) -> int:
    """Send ``data`` raw; the code of the error that answers it, with an id of null."""
    client.responses.pop(None, None)
    client.raw_bytes(data)
    code: int = client.wait(None)["error"]["code"]
    return code


def framed(content: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%s" % (len(content), content)


def alive(client: Client) -> bool:
    return bool(client.error("no/such/method")["code"] == -32601)


# ------------------------------------------------------------------------------------------------ capabilities


def test_it_announces_what_it_does(client: Client) -> None:
    result = client.initialize()
    capabilities = result["capabilities"]
    assert capabilities["inlineCompletionProvider"] == {}
    assert capabilities["textDocumentSync"] == {"openClose": True, "change": 2, "save": {"includeText": False}}
    assert capabilities["workspace"]["workspaceFolders"]["supported"] is True
    assert capabilities["positionEncoding"] == "utf-16"
    assert result["serverInfo"]["name"] == "slipstream"


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (["utf-8", "utf-16"], "utf-8"),
        (["utf-32", "utf-8", "utf-16"], "utf-32"),
        (["utf-7", "utf-16"], "utf-16"),
        (["utf-7"], "utf-16"),
        ([], "utf-16"),
        (None, "utf-16"),
    ],
)
def test_the_first_encoding_that_it_knows_counts(client: Client, offered: list[str] | None, chosen: str) -> None:
    general = {"positionEncodings": offered} if offered is not None else {}
    result = client.initialize(capabilities={"general": general})
    assert result["capabilities"]["positionEncoding"] == chosen


def test_odd_capabilities_do_not_keep_it_from_starting(client: Client) -> None:
    odd = {
        "textDocument": {"completion": "yes please", "inlineCompletion": 7},
        "general": {"positionEncodings": ["utf-8"]},
        "experimental": {"x": [1]},
    }
    assert client.initialize(capabilities=odd)["capabilities"]["positionEncoding"] == "utf-8"


# -------------------------------------------------------------------------------------------------- life cycle


def test_requests_before_initialize_are_refused(client: Client) -> None:
    assert client.error(COMPLETE, inline(URI, 0, 0))["code"] == -32002
    assert client.error("shutdown")["code"] == -32002
    client.notify("textDocument/didOpen", {"nonsense": True})
    assert client.initialize()["serverInfo"]["name"] == "slipstream"


def test_a_failed_initialize_may_be_repeated(client: Client) -> None:
    assert client.error("initialize", {"processId": None})["code"] == -32602
    assert client.error("initialize")["code"] == -32602
    assert client.error("initialize", {"processId": "seven", "capabilities": {}})["code"] == -32602
    client.initialize()


def test_a_second_initialize_is_refused_and_documents_stay(client: Client, host: FakeHost) -> None:
    client.initialize()
    client.open(URI, "x = ")
    assert client.error("initialize", {"processId": None, "capabilities": {}})["code"] == -32600
    assert client.result(COMPLETE, inline(URI, 0, 4))["items"]
    assert host.asked[-1].body["prefix"] == "x = "


def test_after_shutdown_only_exit_is_left(client: Client, host: FakeHost) -> None:
    client.initialize()
    client.result("shutdown")
    assert client.error(COMPLETE, inline(URI, 0, 0))["code"] == -32600
    assert client.error("shutdown")["code"] == -32600
    client.notify("exit")
    assert client.exit_status() == 0


@pytest.mark.parametrize("initialized", [True, False])
def test_exit_without_shutdown_is_a_failure(client: Client, initialized: bool) -> None:
    if initialized:
        client.initialize()
    client.notify("exit")
    assert client.exit_status() == 1


def test_shutdown_ends_what_runs(client: Client, host: FakeHost) -> None:
    host.hold_after = 1
    client.initialize()
    client.open(URI, "x = ")
    running = client.send(COMPLETE, inline(URI, 0, 4))
    client.until("the request at the host", lambda: host.asked and host.asked[0].sent)
    client.result("shutdown")
    client.wait(running)
    client.notify("exit")
    assert client.exit_status() == 0
    client.until("the end of the stream", lambda: host.asked[0].ended == "closed")


# ------------------------------------------------------------------------------------------- malformed messages


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"{bad}", -32700),
        (b"", -32700),
        (b"   ", -32700),
        (b"null", -32600),
        (b"7", -32600),
        (b'"text"', -32600),
        (b"[]", -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"shutdown"}]', -32600),
        (b"{}", -32600),
        (b'{"jsonrpc":"1.0","method":"exit"}', -32600),
        (b'{"jsonrpc":"2.0"}', -32600),
        (b'{"jsonrpc":"2.0","method":7}', -32600),
        (b'{"jsonrpc":"2.0","id":null,"method":"shutdown"}', -32600),
        (b'{"jsonrpc":"2.0","id":[1],"method":"shutdown"}', -32600),
        (b'{"jsonrpc":"2.0","id":true,"method":"shutdown"}', -32600),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"shutdown"}', -32600),
        (b'{"jsonrpc":"2.0","method":"x","params":NaN}', -32700),
        (b'\xff\xfe{"jsonrpc":"2.0"}', -32700),
        ('{"jsonrpc":"2.0"}'.encode("utf-16"), -32700),
        (b"[" * 100_000, -32700),
        (b'{"a":' * 100_000, -32700),
        (b"9" * 10_000, -32700),
    ],
)
def test_a_malformed_message_is_answered_and_the_next_one_too(running: Client, content: bytes, code: int) -> None:
    assert codes_of(running, framed(content)) == code
    assert alive(running)


@pytest.mark.parametrize(
    "data",
    [
        b"hello\r\n\r\n",
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: 1000000000000\r\n\r\n",
        b"Content-Length: " + b"9" * 30 + b"\r\n\r\n",
        b"Content-Length: %d\r\n\r\n{}" % (MAX_MESSAGE_BYTES + 1),
        b"\x00" * 20_000,
    ],
)
def test_broken_framing_costs_nothing_else(running: Client, data: bytes) -> None:
    assert codes_of(running, data) in {-32700, -32600}
    assert alive(running)


def test_a_message_of_the_largest_size_is_taken(client: Client, host: FakeHost) -> None:
    client.initialize()
    text = "x" * (MAX_MESSAGE_BYTES - 1000)
    client.open(URI, text)
    client.open("file:///w/b.py", "y = ")
    assert client.result(COMPLETE, inline("file:///w/b.py", 0, 4))["items"]


def test_a_message_that_is_too_large_names_the_limit(running: Client) -> None:
    running.responses.pop(None, None)
    running.open(URI, "x" * (MAX_MESSAGE_BYTES + 1))
    error = running.wait(None)["error"]
    assert error["code"] == -32600
    assert str(MAX_MESSAGE_BYTES) in error["message"]
    assert alive(running)


@pytest.mark.parametrize("method", ["unknown/request", "", "$/unknown", "textDocument/hover"])
def test_an_unknown_request_is_answered(running: Client, method: str) -> None:
    assert running.error(method, {"position": at(0, 0)})["code"] == -32601


@pytest.mark.parametrize(
    "params",
    [
        None,
        7,
        [],
        {},
        {"textDocument": {"uri": URI}},
        {"textDocument": {"uri": 7}, "position": at(0, 0)},
        {"textDocument": {"uri": URI}, "position": {"line": 0}},
        {"textDocument": {"uri": URI}, "position": {"line": "0", "character": 0}},
        {"textDocument": {"uri": URI}, "position": {"line": 0, "character": 1.5}},
        {"textDocument": {"uri": URI}, "position": at(0, 0), "context": {"triggerKind": "automatic"}},
        {"textDocument": {"uri": URI}, "position": at(0, 0), "partialResultToken": {}},
    ],
)
def test_params_that_do_not_fit_are_answered(running: Client, params: Any) -> None:
    assert running.error(COMPLETE, params)["code"] == -32602
    assert alive(running)


@pytest.mark.parametrize("params", [None, 7, {}, {"command": "no-such-command"}])
def test_params_of_a_typed_request_that_do_not_fit_are_answered(running: Client, params: Any) -> None:
    assert running.error("workspace/executeCommand", params)["code"] == -32602
    assert alive(running)


@pytest.mark.parametrize(
    "method",
    [
        "textDocument/didOpen",
        "textDocument/didChange",
        "textDocument/didClose",
        "textDocument/didSave",
        "workspace/didChangeWorkspaceFolders",
        "workspace/didChangeConfiguration",
        "window/workDoneProgress/cancel",
        "$/cancelRequest",
        "$/setTrace",
        "$/unknown",
        "initialized",
    ],
)
@pytest.mark.parametrize("params", [None, 7, [], {}, {"textDocument": {}, "id": {}, "event": 3}])
def test_a_notification_that_does_not_fit_is_ignored(running: Client, method: str, params: Any) -> None:
    running.notify(method, params)
    assert alive(running)
    assert not running.of("window/showMessage")


@pytest.mark.parametrize(
    "response",
    [
        {"id": "never-asked", "result": 1},
        {"id": "never-asked", "error": {"code": 1, "message": "no"}},
        {"id": None, "result": 1},
        {"id": ["x"], "error": None},
        {"result": 1},
        {"id": "slipstream-1", "error": "no object"},
    ],
)
def test_a_response_that_nobody_waits_for_is_ignored(running: Client, response: Json) -> None:
    running.raw({"jsonrpc": "2.0", **response})
    assert alive(running)


def test_a_response_cannot_answer_a_request_of_the_client(client: Client, host: FakeHost) -> None:
    host.hold_after = 0
    client.initialize()
    client.open(URI, "x = ")
    running = client.send(COMPLETE, inline(URI, 0, 4), "mine")
    client.until("the request at the host", lambda: host.asked)
    client.raw({"jsonrpc": "2.0", "id": "mine", "result": "forged"})
    assert alive(client)
    host.release()
    assert client.wait(running)["result"]["items"]


def test_an_id_that_is_in_use_is_refused(client: Client, host: FakeHost) -> None:
    host.hold_after = 0
    client.initialize()
    client.open(URI, "x = ")
    client.open("file:///w/b.py", "y = ")
    client.send(COMPLETE, inline(URI, 0, 4), "twice")
    client.until("the request at the host", lambda: host.asked)
    client.send(COMPLETE, inline("file:///w/b.py", 0, 4), "twice")
    assert client.wait("twice")["error"]["code"] == -32600


def test_answers_carry_no_paths_of_ours(running: Client) -> None:
    for method, params in [("workspace/executeCommand", {"command": "x"}), (COMPLETE, {}), ("nope", {})]:
        error = running.error(method, params)
        assert "data" not in error
        assert os.sep + "copilot" not in json.dumps(error)
