"""HTTP over a Unix socket, where a plain connection would go wrong."""

import asyncio
import contextlib
import socket
from pathlib import Path

import pytest

from copilot.client.dial import ConnectionLostError, Loss, unix
from copilot.client.http import Http

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


async def test_a_host_with_too_many_waiting_at_its_door_is_waited_for(home: Path) -> None:
    loop = asyncio.get_running_loop()
    address = home / "door.sock"
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(str(address))
        listener.listen(0)
        listener.setblocking(False)
        waiting = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                other = stack.enter_context(socket.socket(socket.AF_UNIX))
                other.setblocking(False)
                other.connect(str(address))
                waiting += 1

        http = Http(unix(address), silence_seconds=30)

        async def ask() -> bytes:
            async with http.request("GET", "/", None) as response:
                return await response.body()

        asked = asyncio.create_task(ask())
        await asyncio.sleep(0.02)
        assert not asked.done()
        for _ in range(waiting):
            stack.enter_context((await loop.sock_accept(listener))[0])
        theirs = stack.enter_context((await loop.sock_accept(listener))[0])
        assert (await loop.sock_recv(theirs, 4096)).startswith(b"GET / HTTP/1.1")
        await loop.sock_sendall(theirs, ANSWER)
        assert await asked == b"hi"
        await http.aclose()


async def test_where_nobody_listens_it_is_refused_at_once(home: Path) -> None:
    with pytest.raises(ConnectionLostError) as raised:
        async with Http(unix(home / "nobody.sock"), silence_seconds=30).request("GET", "/", None):
            pass
    assert raised.value.loss is Loss.REFUSED
