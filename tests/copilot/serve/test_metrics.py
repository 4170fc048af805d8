"""Figures for Prometheus, of hosts on their real socket and port."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from copilot.client.failures import HostError
from copilot.client.host import HostClient
from copilot.client.login import Login
from copilot.config.settings import Settings
from copilot.engine.protocol import ModelInfo, Totals
from copilot.serve import host
from copilot.serve.api import DoneData, ErrorData, Lane
from copilot.serve.callers import Scope
from copilot.serve.metrics import MOST_TENANTS, OTHER, Metrics
from copilot.serve.observing import Seen
from tests.fakes import ScriptedEngine
from tests.hosts import http_client, running, settings, until
from tests.teams import Team, team

ROOT = Path(__file__).parents[3]
INFILL = {"prefix": "x = ", "max_tokens": 8}
CHAT = {"messages": [{"role": "user", "content": "hello"}]}
MODEL = ModelInfo(id="scripted", family="plain", context_length=4096)

Figures = dict[str, dict[tuple[str, ...], float]]


def figures(text: str) -> Figures:
    """Values by name, and by what the labels say in the order of their names. Without the buckets of histograms."""
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if "le" not in sample.labels:
                values = tuple(value for _, value in sorted(sample.labels.items()))
                found.setdefault(sample.name.removeprefix("slipstream_"), {})[values] = sample.value
    return found


class Steps(asyncio.Event):
    """Lets ``count`` pass without being set."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count
        self.reached = False
        """The next one waits."""

    async def wait(self) -> bool:  # type: ignore[override]
        if not self.count:
            self.reached = True
            await super().wait()
        self.count = max(0, self.count - 1)
        return True


async def scraped(http: httpx.AsyncClient) -> Figures:
    response = await http.get("/metrics")
    assert (response.status_code, response.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return figures(response.text)


@pytest.fixture
async def shared(tmp_path: Path) -> AsyncIterator[Team]:
    async with team(ScriptedEngine(), tmp_path, metrics=Metrics()) as found:
        yield found


async def test_what_ended_is_counted_for_each_lane_and_tenant(shared: Team) -> None:
    async with shared.http(shared.token("ada")) as ada, shared.http(shared.token("bob")) as bob:
        for _ in range(2):
            await ada.post("/v1/infill", json=INFILL)
        await ada.post("/v1/infill", json={**INFILL, "max_tokens": 1})
        await bob.post("/v1/chat/completions", json=CHAT)
    await shared.running.http.post("/v1/infill", json=INFILL)

    found = await scraped(shared.running.http)
    ada_inline, bob_chat, own = ("inline", "ada"), ("chat", "bob"), ("inline", "")
    assert found["requests_admitted_total"] == {ada_inline: 3, bob_chat: 1, own: 1}
    assert found["requests_ended_total"] == {
        ("inline", "stop", "ada"): 2,
        ("inline", "length", "ada"): 1,
        ("chat", "stop", "bob"): 1,
        ("inline", "stop", ""): 1,
    }
    assert found["prompt_tokens_total"] == {ada_inline: 384, bob_chat: 128, own: 128}
    assert found["reused_tokens_total"] == {ada_inline: 0, bob_chat: 0, own: 0}
    assert found["generated_tokens_total"] == {ada_inline: 7, bob_chat: 3, own: 3}
    for name in ("queue", "ttft"):
        assert found[f"{name}_seconds_count"] == {("inline",): 4, ("chat",): 1}
        assert all(value >= 0 for value in found[f"{name}_seconds_sum"].values())
    # One token has no other before it.
    assert found["itl_seconds_count"] == {("inline",): 3, ("chat",): 1}
    for name in ("streams_running", "streams_waiting"):
        assert found[name] == {ada_inline: 0, bob_chat: 0, own: 0}
    assert not {"requests_refused_total", "cancelled_tokens_total"} & found.keys()


async def test_what_runs_waits_is_cancelled_and_is_refused(tmp_path: Path) -> None:
    hold = Steps(2)
    async with (
        team(ScriptedEngine(hold=hold, slots=1), tmp_path, options=settings(max_queue=1), metrics=Metrics()) as shared,
        shared.http(shared.token("ada")) as ada,
        shared.http(shared.token("bob")) as bob,
    ):
        ready = shared.running.host.service.keeper.peek()
        assert ready is not None
        asked = [asyncio.create_task(ada.post("/v1/infill", json=INFILL))]
        await until(lambda: hold.reached)
        (stream,) = ready.generations.ids
        asked.append(asyncio.create_task(bob.post("/v1/infill", json=INFILL)))
        await until(lambda: ready.generations.queued)
        assert (await bob.post("/v1/chat/completions", json=CHAT)).status_code == 503

        found = await scraped(shared.running.http)
        assert found["streams_running"] == {("inline", "ada"): 1}
        assert found["streams_waiting"] == {("inline", "ada"): 0, ("inline", "bob"): 1}
        assert (found["slots"], found["slots_busy"]) == ({("scripted",): 1}, {("scripted",): 1})
        assert found["requests_refused_total"] == {("busy", "chat", "bob"): 1}
        assert "requests_ended_total" not in found

        await ada.delete(f"/v1/streams/{stream}")
        hold.set()
        await asyncio.gather(*asked)
        await until(lambda: not ready.generations.active)
        found = await scraped(shared.running.http)
        assert found["requests_ended_total"] == {("inline", "cancelled", "ada"): 1, ("inline", "stop", "bob"): 1}
        assert found["cancelled_tokens_total"] == {("inline", "ada"): 2}
        assert found["generated_tokens_total"] == {("inline", "ada"): 2, ("inline", "bob"): 3}
        assert found["itl_seconds_count"] == {("inline",): 1}
        assert found["slots_busy"] == {("scripted",): 0}
        assert {*found["streams_running"].values(), *found["streams_waiting"].values()} == {0}


async def test_one_that_is_cancelled_while_it_waits_ran_never(tmp_path: Path) -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(hold=hold, slots=1)
    async with team(engine, tmp_path, metrics=Metrics()) as shared, shared.http(shared.token("ada")) as ada:
        ready = shared.running.host.service.keeper.peek()
        assert ready is not None
        asked = []
        for lane in ("inline", "next_edit"):
            asked.append(asyncio.create_task(ada.post("/v1/infill", json={**INFILL, "lane": lane})))
            await until(lambda: len(ready.generations.ids) == len(asked))
        await ada.delete(f"/v1/streams/{ready.generations.ids[1]}")
        found = await scraped(shared.running.http)
        assert found["streams_waiting"] == {("inline", "ada"): 0, ("next_edit", "ada"): 0}
        assert found["streams_running"] == {("inline", "ada"): 1}
        assert found["queue_seconds_count"] == {("inline",): 1}
        hold.set()
        await asyncio.gather(*asked)


async def test_who_asks_too_often_is_counted(tmp_path: Path) -> None:
    often = msgspec.structs.replace(Settings().team, requests_per_minute=1)
    options = msgspec.structs.replace(settings(), team=often)
    async with team(ScriptedEngine(), tmp_path, options=options, metrics=Metrics()) as shared:
        async with shared.http(shared.token("ada")) as ada:
            statuses = [(await ada.post("/v1/infill", json=INFILL)).status_code for _ in range(20)]
        found = await scraped(shared.running.http)
    assert set(statuses) == {200, 429}
    assert found["requests_admitted_total"] == {("inline", "ada"): statuses.count(200)}
    assert found["requests_refused_total"] == {("rate_limited", "inline", "ada"): statuses.count(429)}


async def test_an_error_is_counted_by_its_code(tmp_path: Path) -> None:
    async with team(ScriptedEngine(fail_at=1), tmp_path, metrics=Metrics()) as shared:
        async with shared.http(shared.token("ada")) as ada:
            assert '"engine_restarted"' in (await ada.post("/v1/infill", json=INFILL)).text
        found = await scraped(shared.running.http)
    assert found["requests_ended_total"] == {("inline", "engine_restarted", "ada"): 1}
    assert found["ttft_seconds_count"] == {("inline",): 1}
    assert not {"generated_tokens_total", "prompt_tokens_total", "itl_seconds_count"} & found.keys()


async def test_what_the_engine_says_of_itself() -> None:
    engine = ScriptedEngine(slots=3)
    engine.restarts = 2
    engine.capabilities = msgspec.structs.replace(engine.capabilities, gpu_bytes=5_000_000_000)
    async with running(engine, metrics=Metrics()) as at:
        found = await scraped(at.http)
        # There is no share of nothing.
        assert "kv_reuse_ratio" not in found
        engine.totals = Totals(prompt_tokens=400, reused_tokens=300, generated_tokens=7)
        found = await scraped(at.http)
        assert found["kv_reuse_ratio"] == {("scripted",): 0.75}
        assert found["worker_restarts_total"] == {("scripted",): 2}
        assert found["slots"] == {("scripted",): 3}
        assert found["gpu_memory_bytes"] == {("scripted",): 5e9}
        assert found["resident_memory_bytes"][()] > 1e6
        await at.client.unload()
        assert not {"slots", "worker_restarts_total"} & (await scraped(at.http)).keys()


async def test_only_who_runs_the_host_sees_them(shared: Team) -> None:
    for scopes, status in (((Scope.ADMIN,), 200), ((Scope.COMPLETE, Scope.CHAT), 403)):
        async with shared.http(shared.token(scopes[0], *scopes)) as http:
            assert (await http.get("/metrics")).status_code == status
    token = shared.token("root", Scope.ADMIN)
    async with HostClient(login=Login(url=shared.url, ca=str(shared.ca), token=token)) as client:
        assert "slipstream_slots" in await client.metrics()


async def test_a_host_without_the_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "copilot.serve.metrics")
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    assert host._metrics() is None
    async with running(ScriptedEngine()) as at:
        assert (await at.http.get("/metrics")).status_code == 501
        with pytest.raises(HostError, match="prometheus_client") as caught:
            await at.client.metrics()
    assert (caught.value.code, "pip install" in caught.value.hint) == ("no_metrics", True)


async def test_a_host_process_counts() -> None:
    command = ("-m", "tests.copilot.serve.scripted_host", "30", "0")
    process = await asyncio.create_subprocess_exec(
        sys.executable, *command, cwd=ROOT, stderr=asyncio.subprocess.DEVNULL
    )
    async with HostClient() as client, http_client() as http:
        try:
            await client.ensure_running()
            async for _ in client.wait_ready():
                pass
            await http.post("/v1/infill", json=INFILL)
            assert (await scraped(http))["generated_tokens_total"] == {("inline", ""): 8}
        finally:
            await client.shutdown()
            await process.wait()


def test_a_series_for_each_tenant_up_to_a_limit() -> None:
    metrics = Metrics()
    for number in range(MOST_TENANTS + 7):
        metrics.refused(f"user{number}", Lane.INLINE, "busy")
    metrics.refused("user0", Lane.INLINE, "busy")
    found = figures(metrics.exposition([]).decode())["requests_refused_total"]
    assert len(found) == MOST_TENANTS + 1
    assert found["busy", "inline", OTHER] == 7
    assert found["busy", "inline", "user0"] == 2


def test_codes_of_errors_are_no_series_without_end() -> None:
    metrics = Metrics()
    for number in range(1000):
        seen = Seen(str(number), "ada", Lane.CHAT, MODEL)
        metrics.queued(seen)
        metrics.ended(seen, ErrorData(code=f"code{number}", message="It failed."))
    found = figures(metrics.exposition([]).decode())
    assert found["requests_ended_total"]["chat", OTHER, "ada"] == 900
    assert found["streams_waiting"] == {("chat", "ada"): 0}


@pytest.mark.parametrize(
    ("end", "seconds"),
    [
        (DoneData(reason="stop", generated_tokens=10, decode_ms=200.0, ttft_ms=5.0, total_ms=995.0), 0.02),
        (DoneData(reason="stop", generated_tokens=10, ttft_ms=100.0, total_ms=1000.0), 0.1),
        (DoneData(reason="length", generated_tokens=1, decode_ms=1.0, ttft_ms=100.0, total_ms=100.0), None),
        (DoneData(reason="cancelled", generated_tokens=10, ttft_ms=100.0, total_ms=1000.0), None),
    ],
)
def test_time_between_tokens(end: DoneData, seconds: float | None) -> None:
    metrics = Metrics()
    seen = Seen("a", "", Lane.INLINE, MODEL)
    metrics.queued(seen)
    metrics.started(seen, 0.0)
    metrics.ended(seen, end)
    sums = figures(metrics.exposition([]).decode()).get("itl_seconds_sum", {})
    assert sums == ({} if seconds is None else {("inline",): pytest.approx(seconds)})


# -------------------------------------------------------------------------------------------------- the dashboard


def test_the_dashboard_asks_for_what_there_is() -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana" / "slipstream.json").read_text(encoding="utf-8"))
    there: set[str] = set()
    for family in text_string_to_metric_families(Metrics().exposition([]).decode()):
        ends = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(family.type, ("",))
        there |= {family.name + end for end in ends}
    asked: set[str] = set()
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            names = set(re.findall(r"\bslipstream_\w+", target["expr"]))
            assert names, panel["title"]
            asked |= names
    assert asked <= there
    # Nothing is counted that nobody looks at, sums of histograms aside.
    assert {re.sub(r"_(sum|count|bucket)$", "", name) for name in there - asked} <= {
        re.sub(r"_(sum|count|bucket)$", "", name) for name in asked
    }


def test_panels_of_the_dashboard_do_not_overlap() -> None:
    dashboard = json.loads((ROOT / "docs" / "grafana" / "slipstream.json").read_text(encoding="utf-8"))
    places = [
        (panel["gridPos"]["x"] + x, panel["gridPos"]["y"] + y)
        for panel in dashboard["panels"]
        for x in range(panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["h"])
    ]
    assert len(places) == len(set(places))
    assert max(x for x, _ in places) < 24
    ids = [panel["id"] for panel in dashboard["panels"]]
    assert len(ids) == len(set(ids))
