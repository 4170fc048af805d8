"""Who may do what on a shared host, over a real port with real TLS."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest
from copilot_models import families

from copilot.config.settings import TeamSettings
from copilot.engine.planning import plan_raw
from copilot.engine.protocol import SamplingParams
from copilot.errors import SlipstreamError
from copilot.serve import app, delivery
from copilot.serve import host as host_module
from copilot.serve.api import DoneData, Lane
from copilot.serve.callers import Scope
from copilot.serve.doors import LocalDoor
from copilot.serve.generations import Generations
from copilot.serve.ports import parsed, team_port
from copilot.serve.users import Users
from tests.copilot.serve.test_sharing import limited
from tests.fakes import ScriptedEngine
from tests.hosts import until
from tests.teams import Team, authority, team

INFILL = {"prefix": "x = ", "max_tokens": 8}
CHAT = {"messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
async def shared(engine: ScriptedEngine, tmp_path: Path) -> AsyncIterator[Team]:
    async with team(engine, tmp_path) as found:
        yield found


def routes() -> Iterator[tuple[str, str]]:
    """All that the application has."""
    from starlette.routing import Route, Router

    router = app.build(None, LocalDoor())._app  # type: ignore[arg-type, attr-defined]
    assert isinstance(router, Router)
    for route in router.routes:
        assert isinstance(route, Route)
        for method in route.methods or ():
            if method != "HEAD":
                yield method, route.path.replace("{stream_id}", "0" * 32).replace("{peer_id}", "0" * 32)


async def test_nothing_but_the_sign_of_life_is_open(shared: Team, engine: ScriptedEngine) -> None:
    token = shared.token("ada", *Scope)
    shared.users.revoke("ada")
    expired = shared.users.add("old", tuple(Scope), days=1)
    shared.users._now = lambda: 4e9
    values = ["", "Bearer", f"Bearer {token}", f"Bearer {expired}", f"Basic {token}", token]
    values += [f"Bearer  {token}", f"Bearer {token},{token}", "Bearer lc_" + "a" * 43, "Bearer \u00e9"]
    tried = 0
    async with shared.http() as http:
        for method, path in [*routes(), ("GET", "/nowhere"), ("OPTIONS", "/v1/infill"), ("GET", "/")]:
            for value in values:
                headers = [(b"Authorization", value.encode())] if value else []
                response = await http.request(method, path, json=INFILL, headers=headers, params={"token": token})
                if path == "/health/live":
                    assert response.status_code == 200
                else:
                    assert (response.status_code, response.headers.get("www-authenticate")) == (401, "Bearer"), path
                    tried += 1
    assert tried > 150
    assert engine.calls == []


async def test_two_tokens_are_none(shared: Team) -> None:
    token = shared.token("ada")
    good = f"Bearer {token}"
    async with shared.http() as http:
        response = await http.get("/v1/models", headers=[("Authorization", good), ("Authorization", good)])
        assert response.status_code == 401
        assert (await http.get("/v1/models", headers={"authorization": f"bearer {token}"})).status_code == 200


NEEDS = {
    ("POST", "/v1/infill"): {Scope.COMPLETE},
    ("POST", "/v1/infill/prompt"): {Scope.COMPLETE},
    ("POST", "/v1/completions"): {Scope.COMPLETE},
    ("POST", "/v1/chat/completions"): {Scope.CHAT},
    ("POST", "/v1/chat/prompt"): {Scope.CHAT},
    ("POST", "/v1/load"): {Scope.ADMIN},
    ("POST", "/v1/unload"): {Scope.ADMIN},
    ("POST", "/v1/shutdown"): {Scope.ADMIN},
    ("GET", "/metrics"): {Scope.FIGURES, Scope.ADMIN},
}


@pytest.mark.parametrize("scope", Scope)
async def test_a_token_is_good_for_its_scopes_only(shared: Team, scope: Scope) -> None:
    async with shared.http(shared.token("ada", scope)) as http:
        for method, path in routes():
            if path == "/v1/peers":
                continue  # It would stay open.
            needed = NEEDS.get((method, path), set(Scope))
            if scope in needed and scope is Scope.ADMIN and path in {"/v1/load", "/v1/unload", "/v1/shutdown"}:
                continue  # It would end the host.
            response = await http.request(method, path, json={})
            assert (response.status_code == 403) is (path != "/health/live" and scope not in needed), (method, path)
    assert not shared.running.host.service.draining


async def test_a_token_that_is_revoked_is_refused_with_the_next_request(shared: Team) -> None:
    async with shared.http(shared.token("ada")) as http:
        assert (await http.get("/v1/models")).status_code == 200
        Users().revoke("ada")
        assert (await http.get("/v1/models")).status_code == 401


async def test_no_web_page_gets_in_with_a_token_either(shared: Team) -> None:
    token = shared.token("ada")
    for headers in ({"Origin": "https://example.com"}, {"Sec-Fetch-Site": "cross-site"}, {"Host": "example.com"}):
        async with shared.http(token, **headers) as http:
            assert (await http.post("/v1/infill", json=INFILL)).status_code == 403


async def test_each_sees_and_stops_their_own_streams_only(tmp_path: Path) -> None:
    hold = asyncio.Event()
    async with team(ScriptedEngine(hold=hold, slots=2), tmp_path) as shared:
        ready = shared.running.host.service.keeper.peek()
        assert ready is not None
        async with shared.http(shared.token("ada")) as ada, shared.http(shared.token("bob")) as bob:
            asking = asyncio.create_task(ada.post("/v1/infill", json=INFILL))
            await until(lambda: ready.generations.ids)
            (stream,) = ready.generations.ids
            assert (await bob.get(f"/v1/streams/{stream}")).status_code == 404
            assert (await bob.delete(f"/v1/streams/{stream}")).status_code == 404
            # Not even whoever runs the host, by that name.
            assert await shared.running.client.cancel(stream) is False
            assert (await ada.get(f"/v1/streams/{stream}")).json() == {"position": None}
            assert (await ada.delete(f"/v1/streams/{stream}")).status_code == 204
            assert '"cancelled"' in (await asking).text


async def test_a_session_of_one_does_not_supersede_another_s(tmp_path: Path) -> None:
    hold = asyncio.Event()
    body = {**INFILL, "session": "file:///src/app.py"}
    async with team(ScriptedEngine(hold=hold, slots=3), tmp_path) as shared:
        ready = shared.running.host.service.keeper.peek()
        assert ready is not None
        async with shared.http(shared.token("ada")) as ada, shared.http(shared.token("bob")) as bob:
            asking = [asyncio.create_task(http.post("/v1/infill", json=body)) for http in (ada, bob)]
            await until(lambda: ready.generations.active == 2)
            hold.set()
            assert ['"stop"' in (await task).text for task in asking] == [True, True]


async def test_figures_are_one_s_own_unless_one_runs_the_host(shared: Team) -> None:
    async with shared.http(shared.token("ada")) as ada, shared.http(shared.token("bob")) as bob:
        for _ in range(2):
            await ada.post("/v1/infill", json=INFILL)
        await bob.post("/v1/infill", json=INFILL)
        assert len((await ada.get("/v1/samples")).json()["samples"]) == 2
        assert len((await bob.get("/v1/samples")).json()["samples"]) == 1
    async with shared.http(shared.token("root", Scope.ADMIN)) as admin:
        assert len((await admin.get("/v1/samples")).json()["samples"]) == 3


async def test_every_prompt_goes_to_the_engine_with_its_owner(shared: Team, engine: ScriptedEngine) -> None:
    async with shared.http(shared.token("ada")) as ada:
        await ada.post("/v1/infill", json=INFILL)
        await ada.post("/v1/chat/completions", json=CHAT)
        await ada.post("/v1/completions", json={"prompt": "x"})
    await shared.running.http.post("/v1/infill", json=INFILL)
    assert [call.plan.owner for call in engine.calls] == ["ada", "ada", "ada", ""]


async def test_in_clear_text_nothing_is_said(shared: Team) -> None:
    async with httpx.AsyncClient(base_url=shared.url.replace("https", "http")) as http:
        with pytest.raises(httpx.HTTPError):
            await http.get("/health/live")


async def test_a_client_that_does_not_know_the_authority_does_not_trust_it(shared: Team) -> None:
    async with httpx.AsyncClient(base_url=shared.url, verify=ssl.create_default_context()) as http:
        with pytest.raises(httpx.ConnectError, match="certificate verify failed"):
            await http.get("/health/live")


# ----------------------------------------------------------------------------------------------- opening the port


def refused(settings: TeamSettings, users: Users, *, insecure: bool = False) -> str:
    with pytest.raises(SlipstreamError) as caught:
        team_port(settings, users, insecure=insecure).listener.close()
    assert caught.value.hint
    return caught.value.code


def test_no_port_is_opened_that_others_reach_without_tokens_and_tls(tmp_path: Path) -> None:
    users = Users()
    assert refused(TeamSettings(listen="127.0.0.1:0"), users) == "no_users"
    users.add("ada", (Scope.COMPLETE,))
    for listen in ("0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0"):
        assert refused(TeamSettings(listen=listen), users) == "no_certificate"
    with team_port(TeamSettings(listen="127.0.0.1:0"), users).listener:
        pass
    port = team_port(TeamSettings(listen="0.0.0.0:0"), users, insecure=True)
    port.listener.close()
    assert port.tls is None
    assert port.door.caller({}) is None


def test_a_certificate_that_cannot_be_used(tmp_path: Path) -> None:
    users = Users()
    users.add("ada", (Scope.COMPLETE,))
    pem, other = authority(tmp_path), tmp_path / "other"
    other.mkdir()
    for certificate, key in (
        (tmp_path / "nowhere.pem", pem.key),
        (pem.certificate, authority(other).key),
        (pem.key, pem.certificate),
    ):
        settings = TeamSettings(listen="0.0.0.0:0", certificate=str(certificate), key=str(key))
        # Never in clear text instead, whatever was allowed.
        assert refused(settings, users, insecure=True) == "bad_certificate"


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    users = Users()
    users.add("ada", (Scope.COMPLETE,))
    first = team_port(TeamSettings(listen="127.0.0.1:0"), users)
    number = first.listener.getsockname()[1]
    assert refused(TeamSettings(listen=f"127.0.0.1:{number}"), users) == "port_taken"
    first.listener.close()


@pytest.mark.parametrize("text", ["", "8443", ":8443", "host", "host:", "host:x", "host:65536", "host:-1"])
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(SlipstreamError) as caught:
        parsed(text)
    assert caught.value.code == "bad_address"


def test_addresses() -> None:
    assert parsed("[::1]:80") == ("::1", 80)
    assert [parsed(f"{host}:1").is_local for host in ("127.0.0.1", "[::1]", "localhost", "127.9.9.9")] == [True] * 4
    assert not any(parsed(f"{host}:1").is_local for host in ("0.0.0.0", "[::]", "10.0.0.1", "localhost.example.com"))


# -------------------------------------------------------------------------------------------------- connections


@pytest.mark.parametrize("limit", ["_MOST_CONNECTIONS", "_MOST_OF_ADDRESS"])
async def test_who_keeps_many_connections_open_locks_out_nobody_on_the_machine(
    shared: Team, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(host_module, limit, 3)
    port = int(shared.url.rpartition(":")[2])
    tls = ssl.create_default_context(cafile=str(shared.ca))
    open_ones = [await asyncio.open_connection("localhost", port, ssl=tls) for _ in range(4)]
    with contextlib.suppress(ConnectionError):
        assert await open_ones[3][0].read() == b""
    assert (await shared.running.http.get("/health/live")).status_code == 200
    for _, writer in open_ones:
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    await until(lambda: shared.running.host.connections <= 1)
    async with shared.http(shared.token("ada")) as ada:
        assert (await ada.get("/v1/models")).status_code == 200


async def test_answers_do_not_wait_for_an_acknowledgement(shared: Team) -> None:
    async with shared.http(shared.token("ada")) as ada:
        await ada.get("/v1/models")
        connections = [it for state in shared.running.host._states for it in state.connections]
        sockets = [it.transport.get_extra_info("socket") for it in connections]
        undelayed = [
            it.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) for it in sockets if it.family != socket.AF_UNIX
        ]
    assert undelayed
    assert all(undelayed)


async def test_a_client_that_sleeps_does_not_keep_the_host_from_leaving(
    engine: ScriptedEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(host_module, "_KEEP_ALIVE_SECONDS", 0)
    async with team(engine, tmp_path) as shared:
        port = int(shared.url.rpartition(":")[2])
        tls = ssl.create_default_context(cafile=str(shared.ca))
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = tls.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", port)) as raw:
            raw.setblocking(False)
            loop = asyncio.get_running_loop()
            while True:
                try:
                    client.do_handshake()
                    break
                except ssl.SSLWantReadError:
                    await loop.sock_sendall(raw, outgoing.read())
                    incoming.write(await loop.sock_recv(raw, 65_536))
            client.write(b"GET /health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await loop.sock_sendall(raw, outgoing.read())
            assert await loop.sock_recv(raw, 65_536)
            # The host has said that it closes, and this side never answers.
            states = shared.running.host._states
            await until(lambda: any(it.transport.is_closing() for state in states for it in state.connections))
            shared.running.host.stop()
            await asyncio.wait_for(shared.running.task, 20)
    assert engine.closed


async def test_an_observer_that_fails_costs_no_stream(engine: ScriptedEngine) -> None:
    class Broken:
        def __getattr__(self, _name: str) -> object:
            raise RuntimeError("figures are broken")

    generations = Generations(engine, max_queue=9, observers=[Broken()])  # type: ignore[list-item]
    for _ in range(5):
        stream = generations.submit(plan_raw("x", families.load("plain")), SamplingParams(max_tokens=3), lane=Lane.CHAT)
        await until(lambda: stream.closed)  # noqa: B023
        assert isinstance(stream.events[-1], DoneData)
    await until(lambda: not generations.active)


# ---------------------------------------------------------------------------------------------- what is open already


@pytest.mark.parametrize("headers", [{}, {"slipstream-resume": "30"}])
async def test_a_token_that_is_good_no_more_ends_what_it_has_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str]
) -> None:
    monkeypatch.setattr(delivery, "HEARTBEAT_SECONDS", 0.05)
    engine = ScriptedEngine(("x",) * 300, step_seconds=0.005)
    body = {**INFILL, "max_tokens": 2000}
    async with (
        team(engine, tmp_path) as shared,
        shared.http(shared.token("ada")) as ada,
        shared.http(shared.token("bob")) as bob,
    ):
        stolen = asyncio.create_task(ada.post("/v1/infill", json=body, headers=headers))
        other = asyncio.create_task(bob.post("/v1/infill", json=body))
        peer = asyncio.create_task(ada.post("/v1/peers", json={"role": "window", "name": "thief"}))
        relay = shared.running.host.service.relay
        await until(lambda: engine.busy == 2 and relay._boxes)
        shared.users.rotate("ada")
        for task in (stolen, peer):
            with pytest.raises(httpx.HTTPError):
                await task
        assert not relay._boxes
        assert sorted(str(call.ended) for call in engine.calls if call.plan.owner == "ada") == ["cancelled"]
        assert '"stop"' in (await other).text


async def test_what_others_do_is_not_told(tmp_path: Path) -> None:
    hold = asyncio.Event()
    async with (
        team(ScriptedEngine(hold=hold), tmp_path) as shared,
        shared.http(shared.token("ada")) as ada,
        shared.http(shared.token("bob")) as bob,
        shared.http(shared.token("root", Scope.FIGURES)) as admin,
    ):
        asking = asyncio.create_task(ada.post("/v1/infill", json=INFILL))
        await until(lambda: shared.running.host.service.status().active_streams == 1)
        seen = (await bob.get("/health/ready")).json()
        assert (seen["active_streams"], seen["prompt_tokens"], seen["memory_bytes"]) == (0, 0, 0)
        assert seen["model"] == "scripted"
        assert (await admin.get("/health/ready")).json()["active_streams"] == 1
        hold.set()
        await asking


@pytest.mark.parametrize(("path", "body"), [("/v1/infill/prompt", INFILL), ("/v1/chat/prompt", CHAT)])
async def test_looking_at_prompts_counts_too(tmp_path: Path, path: str, body: dict[str, object]) -> None:
    options = limited(requests_per_minute=6)
    async with team(ScriptedEngine(), tmp_path, options=options) as shared, shared.http(shared.token("ada")) as ada:
        assert [(await ada.post(path, json=body)).status_code for _ in range(2)] == [200, 429]
