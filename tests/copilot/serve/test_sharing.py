"""Several users of one host: how much each may ask, what each waits for, and what is remembered of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from copilot import paths
from copilot.client.sse import SseEvent, SseParser
from copilot.config.settings import Settings, TeamSettings
from copilot.serve.guard import RequestError
from copilot.serve.sharing import Sharing
from tests.fakes import ScriptedEngine
from tests.hosts import settings, until
from tests.teams import Team, team

INFILL = {"prefix": "x = ", "max_tokens": 8}
DAY = 86_400


class Clocks:
    def __init__(self) -> None:
        self.now = 1000.0
        self.wall = 20_000.0 * DAY + 60

    def sharing(self, path: Path, **changes: int) -> Sharing:
        return Sharing(TeamSettings(**changes), path, clock=lambda: self.now, wall=lambda: self.wall)  # type: ignore[arg-type]

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        self.wall += seconds


def refused(sharing: Sharing, tenant: str) -> RequestError | None:
    try:
        sharing.admit(tenant)
    except RequestError as error:
        return error
    return None


def test_who_asks_too_often_is_told_when_to_come_back(tmp_path: Path) -> None:
    clocks = Clocks()
    sharing = clocks.sharing(tmp_path / "use.json", requests_per_minute=60)
    admitted = sum(refused(sharing, "ada") is None for _ in range(100))
    assert 1 <= admitted <= 11
    refusal = refused(sharing, "ada")
    assert refusal is not None
    assert (refusal.status, refusal.code, refusal.retryable) == (429, "rate_limited", True)
    assert refusal.retry_after is not None
    assert refused(sharing, "bob") is None
    assert all(refused(sharing, "") is None for _ in range(100))
    clocks.pass_by(refusal.retry_after + 0.001)
    assert refused(sharing, "ada") is None


def test_tokens_of_a_day_outlive_a_restart(tmp_path: Path) -> None:
    clocks = Clocks()
    path = tmp_path / "team" / "use.json"
    sharing = clocks.sharing(path, tokens_per_day=1000)
    sharing.spend("ada", 999)
    assert refused(sharing, "ada") is None
    sharing.spend("ada", 1)
    sharing.save()
    again = clocks.sharing(path, tokens_per_day=1000)
    refusal = refused(again, "ada")
    assert refusal is not None
    assert refusal.retry_after == pytest.approx(DAY - 60)
    clocks.pass_by(DAY)
    assert refused(again, "ada") is None


def test_use_is_saved_now_and_then(tmp_path: Path) -> None:
    clocks = Clocks()
    path = tmp_path / "use.json"
    sharing = clocks.sharing(path, tokens_per_day=10)
    sharing.spend("ada", 10)
    assert not path.exists()
    clocks.pass_by(60)
    sharing.spend("bob", 1)
    assert path.exists()
    assert refused(clocks.sharing(path, tokens_per_day=10), "ada") is not None


@pytest.mark.parametrize("damage", [b"", b"{", b'{"wall": "x"}', b"\xff"])
def test_what_cannot_be_read_counts_anew(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "use.json"
    path.write_bytes(damage)
    assert refused(Clocks().sharing(path, tokens_per_day=10), "ada") is None


def test_a_folder_that_cannot_be_written_costs_only_the_memory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    sharing = Clocks().sharing(tmp_path / "file" / "use.json")
    sharing.save()
    assert refused(sharing, "ada") is None


# ------------------------------------------------------------------------------------------------------- in a host


def limited(**changes: int) -> Settings:
    return msgspec.structs.replace(settings(), team=TeamSettings(**changes))  # type: ignore[arg-type]


@pytest.fixture
def hold() -> asyncio.Event:
    return asyncio.Event()


@pytest.fixture
async def shared(hold: asyncio.Event, tmp_path: Path) -> AsyncIterator[Team]:
    async with team(ScriptedEngine(slots=2, hold=hold), tmp_path, options=limited(waiting_per_user=3)) as found:
        yield found
        hold.set()


async def test_a_host_says_429_and_when(tmp_path: Path) -> None:
    async with team(ScriptedEngine(), tmp_path, options=limited(requests_per_minute=6)) as shared:
        async with shared.http(shared.token("ada")) as ada, shared.http(shared.token("bob")) as bob:
            assert (await ada.post("/v1/infill", json=INFILL)).status_code == 200
            answers = [await ada.post(path, json=body) for path, body in (
                ("/v1/infill", INFILL),
                ("/v1/completions", {"prompt": "x"}),
                ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
            )]  # fmt: skip
            assert [answer.status_code for answer in answers] == [429] * 3
            assert all(1 <= int(answer.headers["retry-after"]) <= 10 for answer in answers)
            assert answers[1].json()["error"]["code"] == "rate_limited"
            # Looking is free, and so are others.
            assert (await ada.get("/v1/models")).status_code == 200
            assert (await bob.post("/v1/infill", json=INFILL)).status_code == 200
        for _ in range(20):
            assert (await shared.running.http.post("/v1/infill", json=INFILL)).status_code == 200


async def test_what_was_computed_is_counted_to_who_asked(tmp_path: Path) -> None:
    engine, options = ScriptedEngine(), limited(tokens_per_day=200)
    async with team(engine, tmp_path, options=options) as shared, shared.http(shared.token("ada")) as ada:
        # 128 of the prompt and three of the answer each.
        statuses = [(await ada.post("/v1/infill", json=INFILL)).status_code for _ in range(4)]
        assert statuses == [200, 200, 429, 429]
    assert json.loads(paths.use_file().read_bytes())["tenants"]["ada"]["tokens"] == 262


async def events(response: httpx.Response) -> AsyncIterator[SseEvent]:
    parser = SseParser()
    async for chunk in response.aiter_raw():
        for event in parser.feed(chunk):
            yield event


async def test_who_waits_is_told_the_place_and_each_change_of_it(shared: Team, hold: asyncio.Event) -> None:
    async with shared.http(shared.token("ada")) as ada, shared.http(shared.token("bob")) as bob:
        ready = shared.running.host.service.keeper.peek()
        assert ready is not None
        running = [asyncio.create_task(http.post("/v1/infill", json=INFILL)) for http in (ada, bob)]
        await until(lambda: ready.generations.active == 2)
        first = asyncio.create_task(ada.post("/v1/infill", json=INFILL))
        await until(lambda: ready.generations.queued == 1)
        async with ada.stream("POST", "/v1/infill", json=INFILL) as response:
            places = []
            async for event in events(response):
                if event.event == "queued":
                    places.append(json.loads(event.data)["position"])
                if len(places) == 1 and not hold.is_set():
                    hold.set()
            assert event.event == "done"
        assert places[0] == 1
        assert places == sorted(places, reverse=True)
        assert len(set(places)) == len(places)
        await asyncio.gather(*running, first)


async def test_one_who_floods_the_host_leaves_room_for_others(shared: Team, hold: asyncio.Event) -> None:
    async with shared.http(shared.token("ada")) as ada, shared.http(shared.token("bob")) as bob:
        ready = shared.running.host.service.keeper.peek()
        assert ready is not None
        flood = [asyncio.create_task(ada.post("/v1/infill", json=INFILL)) for _ in range(12)]
        await until(lambda: sum(task.done() for task in flood) == 12 - 1 - 3)
        assert ready.generations.active == 1
        refusals = [task.result() for task in flood if task.done()]
        assert {answer.status_code for answer in refusals} == {503}
        assert all("retry-after" in answer.headers for answer in refusals)
        other = asyncio.create_task(bob.post("/v1/infill", json=INFILL))
        await until(lambda: ready.generations.active == 2)
        hold.set()
        assert (await other).status_code == 200
        await asyncio.gather(*flood)
