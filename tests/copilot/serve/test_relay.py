"""Editors and windows find each other at the host, over the real socket."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import msgspec
import pytest

from copilot.client.failures import HostError
from copilot.client.host import HostClient
from copilot.serve import relay
from copilot.serve.api import LetterData, PeerBody, PeerRole, PeersData
from copilot.serve.relay import Relay
from tests.fakes import ScriptedEngine
from tests.hosts import GUARD_SECONDS, running

EDITOR = PeerBody(role=PeerRole.EDITOR, name="Neovim", workspace="/home/me/project")
WINDOW = PeerBody(role=PeerRole.WINDOW, name="Window")

Posts = AsyncGenerator[PeersData | LetterData]


async def _next(posts: Posts) -> PeersData | LetterData:
    return await asyncio.wait_for(anext(posts), GUARD_SECONDS)


async def _peers(posts: Posts, count: int) -> PeersData:
    """The first list with ``count`` peers on it."""
    while not (isinstance(post := await _next(posts), PeersData) and len(post.peers) == count):
        pass
    return post


@contextlib.asynccontextmanager
async def joined(client: HostClient, body: PeerBody) -> AsyncGenerator[Posts]:
    """With the connection made: the client sends its request when it is first read."""
    async with contextlib.aclosing(client.join(body)) as posts:
        first = await _next(posts)

        async def all_posts() -> Posts:
            yield first
            async for post in posts:
                yield post

        async with contextlib.aclosing(all_posts()) as every:
            yield every


async def test_peers_see_each_other_come_and_go() -> None:
    async with running(ScriptedEngine()) as host, joined(host.client, WINDOW) as window:
        assert (await _peers(window, 1)).peers[0].role is PeerRole.WINDOW
        async with joined(host.client, EDITOR) as editor:
            seen = await _peers(window, 2)
            assert [(it.role, it.name, it.workspace) for it in seen.peers if it.id != seen.you] == [
                (PeerRole.EDITOR, "Neovim", "/home/me/project")
            ]
            assert len((await _peers(editor, 2)).peers) == 2
        assert len((await _peers(window, 1)).peers) == 1


async def test_letters_arrive_in_the_order_in_which_they_were_sent() -> None:
    async with (
        running(ScriptedEngine()) as host,
        joined(host.client, WINDOW) as window,
        joined(host.client, EDITOR) as editor,
    ):
        window_id = (await _peers(window, 2)).you
        editor_id = (await _peers(editor, 2)).you
        for number in range(100):
            await host.client.send(editor_id, window_id, {"number": number, "text": "é\u2028"})
        letters = [await _next(window) for _ in range(100)]
    assert [msgspec.json.decode(it.body) for it in letters if isinstance(it, LetterData)] == [
        {"number": number, "text": "é\u2028"} for number in range(100)
    ]
    assert {it.sender for it in letters if isinstance(it, LetterData)} == {editor_id}


async def test_a_letter_to_someone_who_left_is_refused() -> None:
    async with running(ScriptedEngine()) as host, joined(host.client, WINDOW) as window:
        own = (await _peers(window, 1)).you
        with pytest.raises(HostError) as refused:
            await host.client.send(own, "0" * 32, {})
        assert refused.value.code == "unknown_peer"
        with pytest.raises(HostError):
            await host.client.send("0" * 32, own, {})


async def test_peers_do_not_keep_a_host_that_leaves() -> None:
    async with running(ScriptedEngine()) as host, joined(host.client, WINDOW) as window:
        await _peers(window, 1)
        host.host.stop()
        with pytest.raises(HostError) as lost:
            await _next(window)
        assert lost.value.code == "host_lost"
        await asyncio.wait_for(host.task, GUARD_SECONDS)


async def test_someone_who_stops_reading_loses_the_connection_and_nobody_else_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "MOST_WAITING_BYTES", 1000)
    board = Relay()
    slow, other = board.join(WINDOW), board.join(EDITOR)
    for _ in range(20):
        board.send("", other.peer.id, slow.peer.id, msgspec.Raw(b'"%s"' % (b"x" * 100)))
        if slow.closed:
            break
    assert slow.closed
    assert not other.closed


async def test_there_is_a_limit_to_peers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "MOST_PEERS", 1)
    async with running(ScriptedEngine()) as host, joined(host.client, WINDOW) as window:
        await _peers(window, 1)
        with pytest.raises(HostError) as refused:
            async with joined(host.client, EDITOR) as editor:
                await _next(editor)
        assert refused.value.code == "busy"
