"""A stream goes on where its reader lost it: nothing twice, nothing lost, nobody else's."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from copilot.client.sse import SseEvent, SseParser
from copilot.serve import shelf
from copilot.serve.shelf import RESUME_HEADER
from tests.fakes import ScriptedEngine
from tests.hosts import until
from tests.teams import Team, team

WORDS = tuple(f"w{number} " for number in range(120))
BODY = {"prefix": "x = ", "max_tokens": 200}
KEEP = {RESUME_HEADER: "30"}


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(WORDS, slots=4, step_seconds=0.0005)


@pytest.fixture
async def shared(engine: ScriptedEngine, tmp_path: Path) -> AsyncIterator[Team]:
    async with team(engine, tmp_path) as found:
        yield found


class Reader:
    """Reads a stream and is cut off again and again."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http
        self.stream = ""
        self.seen: list[SseEvent] = []

    @property
    def text(self) -> str:
        return "".join(json.loads(event.data)["text"] for event in self.seen if event.event == "token")

    @property
    def is_over(self) -> bool:
        return bool(self.seen) and self.seen[-1].event in {"done", "error"}

    async def open(self, most: int, body: object = BODY, path: str = "/v1/infill") -> None:
        async with self._http.stream("POST", path, json=body, headers=KEEP) as response:
            self.stream = response.headers["slipstream-stream"]
            await self._read(response, most)

    async def resume(self, most: int) -> None:
        headers = {"Last-Event-ID": self.seen[-1].id} if self.seen else {}
        async with self._http.stream("GET", f"/v1/streams/{self.stream}/events", headers=headers) as response:
            assert response.status_code == 200, await response.aread()
            await self._read(response, most)

    async def _read(self, response: httpx.Response, most: int) -> None:
        """At most so many events; then the connection is closed in the middle."""
        parser = SseParser()
        left = most
        async for chunk in response.aiter_raw():
            for event in parser.feed(chunk):
                if left:
                    self.seen.append(event)
                    left -= 1
            if not left:
                return


@pytest.mark.parametrize("seed", range(5))
async def test_with_cuts_anywhere_every_word_comes_once_and_in_order(shared: Team, seed: int) -> None:
    rng = random.Random(seed)
    async with shared.http(shared.token(f"ada{seed}")) as http:
        readers = [Reader(http) for _ in range(8)]

        async def follow(reader: Reader) -> None:
            await reader.open(rng.randrange(1, 30))
            while not reader.is_over:
                await asyncio.sleep(rng.random() * 0.02)
                await reader.resume(rng.randrange(1, 60))

        await asyncio.gather(*(follow(reader) for reader in readers))
    for reader in readers:
        assert reader.text == "".join(WORDS)
        assert [event.id for event in reader.seen] == [str(at) for at in range(len(reader.seen))]


async def test_what_was_missed_after_the_end_comes_too(shared: Team) -> None:
    async with shared.http(shared.token("ada")) as http:
        reader = Reader(http)
        await reader.open(1)
        ready = shared.running.host.service.keeper.peek()
        assert ready is not None
        await until(lambda: not ready.generations.ids)
        await reader.resume(1000)
        assert reader.text == "".join(WORDS)
        await reader.resume(1000)
        assert [event.event for event in reader.seen].count("done") == 1


async def test_chat_in_openai_s_form_goes_on_in_that_form(shared: Team) -> None:
    body = {"messages": [{"role": "user", "content": "x"}], "stream": True, "stream_options": {"include_usage": True}}
    async with shared.http(shared.token("ada")) as http:
        whole, cut = Reader(http), Reader(http)
        await whole.open(1000, body, "/v1/chat/completions")
        await cut.open(3, body, "/v1/chat/completions")
        while cut.seen[-1].data != "[DONE]":
            await cut.resume(7)
    assert len(whole.seen) == len(cut.seen) > len(WORDS)

    def said(events: list[SseEvent]) -> list[object]:
        return [json.loads(event.data)["choices"] for event in events[:-1]]

    assert said(whole.seen) == said(cut.seen)


async def test_nobody_else_finds_it(shared: Team) -> None:
    async with shared.http(shared.token("ada")) as ada, shared.http(shared.token("bob")) as bob:
        reader = Reader(ada)
        await reader.open(5)
        path = f"/v1/streams/{reader.stream}/events"
        assert (await bob.get(path)).status_code == 404
        assert (await shared.running.http.get(path)).status_code == 404
        assert (await bob.get("/v1/streams/nonsense/events")).status_code == 404
        await reader.resume(1000)
        assert reader.text == "".join(WORDS)


async def test_without_asking_for_it_a_stream_ends_with_its_connection(shared: Team, engine: ScriptedEngine) -> None:
    engine.hold = asyncio.Event()
    async with shared.http(shared.token("ada")) as http:
        async with http.stream("POST", "/v1/infill", json=BODY) as response:
            stream = response.headers["slipstream-stream"]
        await until(lambda: engine.calls[0].ended == "cancelled")
        assert (await http.get(f"/v1/streams/{stream}/events")).status_code == 404


async def test_who_does_not_come_back_holds_no_slot(shared: Team, engine: ScriptedEngine) -> None:
    engine.hold = asyncio.Event()
    async with shared.http(shared.token("ada")) as http, shared.http(shared.token("bob")) as bob:
        async with http.stream("POST", "/v1/infill", json=BODY, headers={RESUME_HEADER: "1"}) as response:
            stream = response.headers["slipstream-stream"]
            # Longer than it is kept for: someone reads it.
            await asyncio.sleep(1.2)
            assert engine.busy == 1
        await until(lambda: engine.calls[0].ended == "cancelled")
        gone = await http.get(f"/v1/streams/{stream}/events")
        assert (gone.status_code, gone.json()["code"]) == (410, "stream_expired")
        assert (await bob.get(f"/v1/streams/{stream}/events")).status_code == 404


async def test_a_stream_that_is_kept_can_be_cancelled(shared: Team, engine: ScriptedEngine) -> None:
    engine.hold = asyncio.Event()
    async with shared.http(shared.token("ada")) as http:
        reader = Reader(http)
        await reader.open(1)
        assert (await http.delete(f"/v1/streams/{reader.stream}")).status_code == 204
        await until(lambda: engine.calls[0].ended == "cancelled")
        await reader.resume(1000)
        assert json.loads(reader.seen[-1].data)["reason"] == "cancelled"


async def test_so_many_are_kept_for_one_and_not_more(
    shared: Team, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shelf, "MOST_OF_TENANT", 3)
    async with shared.http(shared.token("ada")) as ada, shared.http(shared.token("bob")) as bob:
        other = Reader(bob)
        await other.open(1)
        readers = [Reader(ada) for _ in range(5)]
        for reader in readers:
            await reader.open(1)
            await asyncio.sleep(0.05)
        statuses = []
        for reader in readers:
            response = await ada.get(f"/v1/streams/{reader.stream}/events", headers={"Last-Event-ID": "999999"})
            statuses.append(response.status_code)
        assert statuses == [410, 410, 200, 200, 200]
        await other.resume(1000)
        assert other.is_over


@pytest.mark.parametrize("value", ["x", "-1", "1.5", "9" * 20, "\u0661"])
async def test_what_is_no_number_is_refused(shared: Team, value: str) -> None:
    async with shared.http(shared.token("ada")) as http:
        headers = [(RESUME_HEADER.encode(), value.encode())]
        with contextlib.suppress(httpx.LocalProtocolError):
            assert (await http.post("/v1/infill", json=BODY, headers=headers)).status_code == 400


async def test_a_client_may_choose_the_id_and_stop_what_it_has_not_heard_of(
    shared: Team, engine: ScriptedEngine
) -> None:
    engine.hold = asyncio.Event()
    headers = {**KEEP, "slipstream-stream": "0123456789abcdef" * 2}
    path = f"/v1/streams/{headers['slipstream-stream']}"
    async with shared.http(shared.token("ada")) as ada, shared.http(shared.token("bob")) as bob:
        asking = asyncio.create_task(ada.post("/v1/infill", json=BODY, headers=headers))
        await until(lambda: engine.busy == 1)
        assert (await bob.post("/v1/infill", json=BODY, headers=headers)).status_code == 409
        assert (await bob.delete(path)).status_code == 404
        assert (await ada.delete(path)).status_code == 204
        assert '"cancelled"' in (await asking).text
        assert (await ada.post("/v1/infill", json=BODY, headers=headers)).status_code == 409
        for wrong in ("", "x", "0" * 31, "0" * 33, "G" * 32, "0123456789ABCDEF" * 2):
            response = await ada.post("/v1/infill", json=BODY, headers={"slipstream-stream": wrong})
            assert response.status_code == 400
