"""What is refused before anything else looks at it, over the real socket."""

import asyncio
import json
import socket

import httpx
import pytest

from copilot import paths
from copilot.errors import SlipstreamError
from copilot.serve import guard
from copilot.serve.api import MAX_BODY_BYTES
from copilot.serve.keeper import Loaded, Report
from tests.fakes import ScriptedEngine
from tests.hosts import GUARD_SECONDS, Running, infill_bytes, running

ROUTES = [
    ("POST", "/v1/infill"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/load"),
    ("POST", "/v1/shutdown"),
    ("DELETE", "/v1/streams/x"),
    ("GET", "/v1/models"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/nowhere"),
    ("OPTIONS", "/v1/infill"),
]
BODY = {"prefix": "x"}


def code(response: httpx.Response) -> str:
    body = response.json()
    return str(body["error"]["code"] if "error" in body else body["code"])


async def refused(host: Running, engine: ScriptedEngine, status: int, response: httpx.Response) -> None:
    assert response.status_code == status, response.text
    assert engine.calls == []
    assert not host.host.service.draining


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_no_route_answers_a_web_page(method: str, path: str) -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        for headers in (
            {"Origin": "https://example.com"},
            {"Origin": "http://localhost"},
            {"Origin": "null"},
            {"Sec-Fetch-Site": "cross-site"},
            {"Sec-Fetch-Site": "same-origin"},
            {"Host": "example.com"},
            {"Host": "localhost.example.com"},
            {"Host": "127.0.0.1.example.com:80"},
            {"Host": ""},
        ):
            response = await host.http.request(method, path, json=BODY, headers=headers)
            await refused(host, engine, 403, response)
            assert code(response) in {"forbidden_origin", "forbidden_host"}


@pytest.mark.parametrize("name", ["localhost", "LOCALHOST:8080", "127.0.0.1:1", "[::1]:8080", "[::1]", "slipstream"])
async def test_our_own_names_are_let_in(name: str) -> None:
    async with running(ScriptedEngine()) as host:
        assert (await host.http.get("/health/live", headers={"Host": name})).status_code == 200


@pytest.mark.parametrize("path", ["/v1/infill", "/v1/completions", "/v1/chat/completions", "/v1/shutdown"])
async def test_only_json_is_read(path: str) -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        for kind in ("text/plain", "application/x-www-form-urlencoded", "text/plain; application/json", ""):
            headers = {"Content-Type": kind} if kind else {}
            response = await host.http.post(path, content=b'{"prefix":"x"}', headers=headers)
            await refused(host, engine, 415, response)


async def test_json_with_a_charset_is_json() -> None:
    async with running(ScriptedEngine()) as host:
        headers = {"Content-Type": "application/json; charset=utf-8"}
        assert (await host.http.post("/v1/infill", content=b'{"prefix":"x"}', headers=headers)).status_code == 200


async def test_a_body_too_large_by_its_length_or_by_its_bytes() -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        head = b"POST /v1/infill HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        for rest in (
            b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
            b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s" % (MAX_BODY_BYTES + 1, b" " * (MAX_BODY_BYTES + 1)),
        ):
            status, body = await raw(head + rest)
            assert status == 413
            assert json.loads(body)["code"] == "too_large"
        assert engine.calls == []
        exactly = b'{"prefix":"x"}'.ljust(MAX_BODY_BYTES)
        headers = {"Content-Type": "application/json"}
        assert (await host.http.post("/v1/infill", content=exactly, headers=headers)).status_code == 200


async def raw(request: bytes) -> tuple[int, bytes]:
    """Send bytes that no proper client would; the answer's status and body."""
    async with asyncio.timeout(GUARD_SECONDS):
        reader, writer = await asyncio.open_unix_connection(str(paths.host_socket()))
        writer.write(request)
        answer = await reader.read()
        writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


async def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_BODY_SECONDS", 0.05)
    async with running(ScriptedEngine()):
        status, _ = await raw(infill_bytes(b"{", length=9))
    assert status == 408


async def test_a_client_that_leaves_in_its_body_is_nothing_to_talk_about(caplog: pytest.LogCaptureFixture) -> None:
    async with running(ScriptedEngine()) as host:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(paths.host_socket()))
            client.sendall(infill_bytes(b"{", length=9))
        assert (await host.http.get("/health/live")).status_code == 200
    assert "error" not in caplog.text.lower()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"prefix": 1},
        {"prefix": "x", "suffx": "typo"},
        {"prefix": "x", "max_tokens": -1},
        {"prefix": "x", "max_tokens": 2049},
        {"prefix": "x", "max_tokens": "5"},
        {"prefix": "x", "max_tokens": 10**30},
        {"prefix": "x", "temperature": -0.1},
        {"prefix": "x", "temperature": 2.1},
        {"prefix": "x", "seed": -1},
        {"prefix": "x", "deadline_ms": 0},
        {"prefix": "x", "stop": [""]},
        {"prefix": "x", "stop": ["x"] * 17},
        {"prefix": "x", "lane": "fast"},
        {"prefix": "x", "place": "somewhere"},
        {"prefix": "x" * 1_000_001},
        {"prefix": "x", "session": "s" * 1025},
        {"prefix": "x", "snippets": [{"path": "p", "text": "t"}] * 65},
        {"prefix": "x", "snippets": [{"path": "p"}]},
        {"prefix": "x", "snippets": [{"path": "p", "text": "t", "start_line": -1}]},
        {"prefix": "x", "snippets": [{"path": "p", "text": "t", "colour": "red"}]},
        [],
        "prefix",
    ],
)
async def test_infill_bodies_out_of_bounds_are_refused(wrong: object) -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        response = await host.http.post("/v1/infill", json=wrong)
        await refused(host, engine, 400, response)
    assert code(response) == "invalid_request"


@pytest.mark.parametrize(
    "wrong", [b"", b"{", b"\xff\xfe", b'{"prefix": "\\ud800"}', b"[" * 100_000, b'{"prefix": NaN}']
)
@pytest.mark.parametrize("path", ["/v1/infill", "/v1/completions", "/v1/chat/completions"])
async def test_what_is_no_json_is_refused(path: str, wrong: bytes) -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        response = await host.http.post(path, content=wrong, headers={"Content-Type": "application/json"})
        await refused(host, engine, 400, response)


async def test_unknown_paths_and_methods_are_answered_in_json() -> None:
    async with running(ScriptedEngine()) as host:
        missing = await host.http.get("/nowhere")
        wrong = await host.http.get("/v1/infill")
    assert (missing.status_code, code(missing)) == (404, "not_found")
    assert (wrong.status_code, code(wrong)) == (405, "invalid_request")


@pytest.mark.parametrize("fault", ["missing_control_token", "invalid_text", "unknown_layout"])
async def test_what_no_second_try_makes_right_is_not_offered_one(fault: str) -> None:
    async def load(report: Report) -> Loaded:
        raise SlipstreamError("It does not fit.", code=fault)

    async with running(load=load) as host:
        response = await host.http.post("/v1/infill", json=BODY)
        assert (response.status_code, code(response)) == (400, fault)
        assert "retry-after" not in response.headers
        chat = await host.http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "x"}]})
        assert (chat.status_code, chat.json()["error"]["type"]) == (400, "invalid_request_error")
