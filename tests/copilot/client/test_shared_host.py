"""The client of a shared host: over TLS, through a proxy, and on from where a connection was lost."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from copilot.client.dial import endpoint
from copilot.client.failures import HostError
from copilot.client.host import HostClient
from copilot.client.login import Login
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, InfillBody, TokenData
from tests.fakes import ScriptedEngine
from tests.hosts import until
from tests.teams import Team, authority, team

WORDS = tuple(f"w{number} " for number in range(60))
BODY = InfillBody(prefix="x = ", max_tokens=100)
HELLO = [{"role": "user", "content": "hello"}]


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(WORDS, slots=4, step_seconds=0.002)


@pytest.fixture
async def shared(engine: ScriptedEngine, tmp_path: Path) -> AsyncIterator[Team]:
    async with team(engine, tmp_path) as found:
        yield found


def to(shared: Team, *, port: int | None = None, proxy: str = "", name: str = "ada") -> Login:
    url = shared.url if port is None else f"https://localhost:{port}"
    return Login(url=url, ca=str(shared.ca), token=shared.token(name), proxy=proxy)


class Wire:
    """A TCP relay to a host, or a proxy that is asked to CONNECT, which cuts what goes through it."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self.asked: list[bytes] = []
        self.answer = b"HTTP/1.1 200 Connection established\r\n\r\n"
        self.pairs: list[tuple[asyncio.StreamWriter, asyncio.StreamWriter]] = []
        self.down = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.transport.abort()
            return
        port = self._port
        if not port:
            head = await reader.readuntil(b"\r\n\r\n")
            self.asked.append(head)
            writer.write(self.answer)
            if b" 200 " not in self.answer:
                writer.close()
                return
            port = int(head.split(b" ")[1].rpartition(b":")[2])
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        self.pairs.append((writer, far_writer))
        await asyncio.gather(self._copy(reader, far_writer), self._copy(far_reader, writer))

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(4096):
                writer.write(data)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()

    def cut(self) -> None:
        for pair in self.pairs:
            for writer in pair:
                writer.transport.abort()
        self.pairs.clear()


@contextlib.asynccontextmanager
async def wired(wire: Wire) -> AsyncIterator[int]:
    """Its port."""
    server = await asyncio.start_server(wire.serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]
        wire.cut()


def port_of(shared: Team) -> int:
    return endpoint(shared.url)[1]


async def test_completions_and_chat_and_status(shared: Team) -> None:
    async with HostClient(login=to(shared)) as client:
        await client.ensure_running()
        status = await client.status()
        assert status is not None
        assert status.model == "scripted"
        assert status.shared
        async with client.infill(BODY) as stream:
            assert "".join([event.text async for event in stream if isinstance(event, TokenData)]) == "".join(WORDS)
        assert "".join([text async for text in client.chat(HELLO)]) == "".join(WORDS)


@pytest.mark.parametrize("cuts", [1, 3])
async def test_an_answer_goes_on_over_the_next_connection(shared: Team, engine: ScriptedEngine, cuts: int) -> None:
    wire = Wire(port_of(shared))
    async with wired(wire) as port, HostClient(login=to(shared, port=port)) as client:
        seen: list[str] = []
        async with client.infill(BODY) as stream:
            async for event in stream:
                if isinstance(event, TokenData):
                    seen.append(event.text)
                    if len(seen) in [10 * number for number in range(1, cuts + 1)]:
                        wire.cut()
        assert tuple(seen) == WORDS
        assert isinstance(event, DoneData)
        chat = ""
        async for text in client.chat(HELLO):
            chat += text
            if chat.count(" ") == 7:
                wire.cut()
        assert chat == "".join(WORDS)
    assert len(engine.calls) == 2


async def test_the_network_may_be_away_for_a_moment(shared: Team) -> None:
    wire = Wire(port_of(shared))
    async with wired(wire) as port, HostClient(login=to(shared, port=port)) as client:
        seen = []
        async with client.infill(BODY) as stream:
            async for event in stream:
                if isinstance(event, TokenData):
                    seen.append(event.text)
                    if len(seen) == 5:
                        wire.down = True
                        wire.cut()
                        asyncio.get_running_loop().call_later(0.3, setattr, wire, "down", False)
        assert tuple(seen) == WORDS


async def test_an_answer_that_nobody_wants_any_more_is_stopped(shared: Team, engine: ScriptedEngine) -> None:
    engine.hold = asyncio.Event()
    async with HostClient(login=to(shared)) as client:
        async with client.infill(BODY):
            await until(lambda: engine.busy == 1)
        await until(lambda: engine.calls[0].ended == "cancelled")
        chat = client.chat_pieces(HELLO)
        asking = asyncio.ensure_future(anext(chat))
        await until(lambda: engine.busy == 1)
        asking.cancel()
        await asyncio.wait([asking])
        await until(lambda: engine.calls[1].ended == "cancelled")
        async with client.infill(BODY):
            await until(lambda: engine.busy == 1)
    # Closing the client at once says so too.
    await until(lambda: engine.calls[2].ended == "cancelled")


async def test_a_host_that_forgot_the_answer_ends_it(shared: Team) -> None:
    wire = Wire(port_of(shared))
    async with (
        wired(wire) as port,
        HostClient(login=to(shared, port=port)) as client,
        client.infill(BODY) as stream,
    ):
        with pytest.raises(HostError) as caught:
            async for event in stream:
                if isinstance(event, TokenData):
                    shared.running.host.service.shelf.close()
                    wire.cut()
    assert caught.value.code == "host_lost"
    assert caught.value.partial


async def test_through_a_proxy(shared: Team) -> None:
    wire = Wire()
    async with wired(wire) as port:
        proxy = f"http://me:p%40ss@127.0.0.1:{port}"
        async with HostClient(login=to(shared, proxy=proxy)) as client:
            assert await client.status() is not None
        head = wire.asked[0].decode()
        assert head.startswith(f"CONNECT localhost:{port_of(shared)} HTTP/1.1\r\n")
        assert f"Proxy-Authorization: Basic {base64.b64encode(b'me:p@ss').decode()}\r\n" in head
        assert "lc_" not in head


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 No\r\n\r\n", b"HTTP/1.1 502 Bad\r\n\r\n", b"nonsense\r\n\r\n", b"x"])
async def test_a_proxy_that_does_not_lead_there(shared: Team, answer: bytes) -> None:
    wire = Wire()
    wire.answer = answer
    async with wired(wire) as port, HostClient(login=to(shared, proxy=f"http://127.0.0.1:{port}")) as client:
        with pytest.raises(HostError, match="proxy does not connect") as caught:
            async with client.infill(BODY):
                pass
    assert "--proxy" in caught.value.hint


async def test_a_stranger_in_the_host_s_place_gets_no_token(shared: Team, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    login = Login(url=shared.url, ca=str(authority(other).ca), token=shared.token("ada"))
    async with HostClient(login=login) as client:
        with pytest.raises(HostError, match="not one that this machine trusts") as caught:
            async with client.infill(BODY):
                pass
        assert "--ca" in caught.value.hint
        for ask in (client.status, client.ensure_running):
            with pytest.raises(HostError, match="not one that this machine trusts"):
                await ask()


async def test_a_token_that_is_not_good(shared: Team) -> None:
    login = to(shared)
    shared.users.revoke("ada")
    async with HostClient(login=login) as client:
        await client.ensure_running()
        with pytest.raises(HostError) as caught:
            await client.status()
    assert caught.value.code == "unauthorized"


async def test_where_nobody_listens_none_is_started_here(tmp_path: Path) -> None:
    login = Login(url="http://127.0.0.1:9", token="lc_x")
    async with HostClient(login=login) as client:
        with pytest.raises(SlipstreamError, match=r"http://127.0.0.1:9 does not answer") as caught:
            await client.ensure_running()
    assert "slipstream logout" in caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        "",
        "gpu-box",
        "gpu-box:8443",
        "ftp://gpu-box",
        "htps://gpu-box:8443",
        "https://",
        "https://a:b",
        "https://a/b",
        "https://u@a",
        "https://a?x",
    ],
)
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(SlipstreamError) as caught:
        endpoint(url)
    assert caught.value.code == "bad_address"


def test_authorities_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    for name in ("nowhere.pem", "ca.pem"):
        with pytest.raises(SlipstreamError) as caught:
            HostClient(login=Login(url="https://a", ca=str(tmp_path / name), token="lc_x"))
        assert caught.value.code == "bad_certificate"


def test_no_token_goes_to_another_machine_in_clear_text_by_mistake() -> None:
    with pytest.raises(SlipstreamError, match="could read the token") as caught:
        Login(url="http://gpu-box:8443", token="lc_x").dial()
    assert "--insecure-lan" in caught.value.hint
    Login(url="http://gpu-box:8443", token="lc_x", insecure=True).dial()
    for here in ("http://localhost:1", "http://127.0.0.1:1", "http://[::1]:1"):
        Login(url=here, token="lc_x").dial()


@pytest.mark.parametrize("proxy", ["proxy:3128", "https://proxy:3128", "http://proxy:abc", "http://", "socks5://a:1"])
def test_what_is_no_proxy(proxy: str) -> None:
    with pytest.raises(SlipstreamError, match="not the address of a proxy") as caught:
        Login(url="https://gpu-box", proxy=proxy, token="lc_x").dial()
    assert "http://HOST:PORT" in caught.value.hint
