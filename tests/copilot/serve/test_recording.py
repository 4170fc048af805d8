"""What a shared host records of its use, as it lies in the files."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal

import httpx
import msgspec
import pytest

from copilot import paths
from copilot.audit.bus import Bus
from copilot.audit.opening import bus_for
from copilot.config.settings import AuditSettings, Settings
from copilot.serve.api import Lane
from copilot.serve.recording import Recorder
from tests.copilot.serve.test_sharing import limited
from tests.fakes import ScriptedEngine
from tests.hosts import until
from tests.teams import team

INFILL = {"prefix": "password = ", "max_tokens": 8}


def recorded(folder: Path) -> Iterator[dict[str, Any]]:
    for file in sorted(folder.glob("*.jsonl")):
        for line in file.read_text().splitlines():
            yield json.loads(line)


async def test_who_asked_and_how_it_went_but_nothing_of_what(tmp_path: Path) -> None:
    with Recorder(bus_for(AuditSettings(), shared=True)) as recorder:
        recorder.settings_read(Settings())
        options = limited(requests_per_minute=6)
        async with team(ScriptedEngine(("secret", "word")), tmp_path, options=options, recorder=recorder) as shared:
            async with shared.http(shared.token("ada")) as ada, shared.http("lc_nobody") as nobody:
                answer = await ada.post("/v1/infill", json=INFILL)
                assert (await ada.post("/v1/infill", json=INFILL)).status_code == 429
                assert (await nobody.get("/v1/models")).status_code == 401
            async with shared.http() as http:
                assert (await http.get("/v1/models")).status_code == 401
    rows = list(recorded(paths.audit_dir()))
    assert [row["event"] for row in rows] == [
        *("settings", "admitted", "started", "first_token", "ended", "refused", "login_refused", "login_refused"),
    ]
    stream = answer.headers["slipstream-stream"]
    assert {(row["tenant"], row["request"], row["lane"]) for row in rows[1:5]} == {("ada", stream, "inline")}
    assert (rows[4]["reason"], rows[4]["prompt_tokens"], rows[4]["generated_tokens"]) == ("stop", 128, 2)
    assert rows[4]["total_ms"] >= rows[4]["ttft_ms"] >= 0
    assert (rows[5]["tenant"], rows[5]["code"]) == ("ada", "rate_limited")
    assert [(row["code"], row["client"]) for row in rows[6:]] == [("bad_token", "127.0.0.1"), ("no_token", "127.0.0.1")]
    assert rows[0]["values"]["team.requests_per_minute"] == "600"
    text = json.dumps(rows)
    assert "password" not in text
    assert "secret" not in text
    assert "lc_" not in text


@contextlib.asynccontextmanager
async def asking(engine: ScriptedEngine, folder: Path, bus: Bus) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a host that records to ``bus``."""
    with Recorder(bus) as recorder:
        async with team(engine, folder, recorder=recorder) as shared, shared.http(shared.token("ada")) as ada:
            yield ada


async def test_an_error_is_recorded_by_its_code(tmp_path: Path) -> None:
    async with asking(ScriptedEngine(fail_at=1), tmp_path, bus_for(AuditSettings(), shared=True)) as ada:
        await ada.post("/v1/infill", json=INFILL)
    assert list(recorded(paths.audit_dir()))[-1]["reason"] == "engine_restarted"


def in_the_way() -> Path:
    """A file where the folder of the audit belongs."""
    paths.audit_dir().parent.mkdir(parents=True, exist_ok=True)
    paths.audit_dir().write_text("in the way")
    return paths.audit_dir()


async def test_what_must_be_recorded_and_cannot_be_is_refused(tmp_path: Path) -> None:
    file = in_the_way()
    bus = bus_for(AuditSettings(required=True), shared=True, notice=lambda _words: None)
    async with asking(ScriptedEngine(), tmp_path, bus) as ada:
        refused = await ada.post("/v1/infill", json=INFILL)
        assert (refused.status_code, refused.json()["code"]) == (503, "not_recorded")
        assert "retry-after" in refused.headers
        file.unlink()
        await until(lambda: not bus.refusing)
        assert (await ada.post("/v1/infill", json=INFILL)).status_code == 200


async def test_where_nothing_has_to_be_recorded_work_goes_on(tmp_path: Path) -> None:
    in_the_way()
    notices: list[str] = []
    bus = bus_for(AuditSettings(), shared=True, notice=notices.append)
    async with asking(ScriptedEngine(), tmp_path, bus) as ada:
        for _ in range(3):
            assert (await ada.post("/v1/infill", json=INFILL)).status_code == 200
        await until(lambda: notices)
        assert len(notices) == 1


async def test_switched_off_nothing_is_written(tmp_path: Path) -> None:
    async with asking(ScriptedEngine(), tmp_path, bus_for(AuditSettings(enabled=False), shared=True)) as ada:
        assert (await ada.post("/v1/infill", json=INFILL)).status_code == 200
    assert not paths.audit_dir().exists()


async def test_a_flood_of_refusals_is_a_few_rows_that_say_how_many(tmp_path: Path) -> None:
    now = 100.0
    recorder = Recorder(bus_for(AuditSettings(), shared=True), lambda: now)
    with recorder:
        for _ in range(1000):
            recorder.login_refused("bad_token", "192.0.2.1")
            recorder.refused("ada", Lane.CHAT, "rate_limited")
        now += 60
        recorder.refused("ada", Lane.CHAT, "rate_limited")
        recorder.refused("bob", Lane.CHAT, "rate_limited")
    rows = [(row["event"], row.get("tenant"), row.get("count", 1)) for row in recorded(paths.audit_dir())]
    assert rows == [
        ("login_refused", None, 1),
        ("refused", "ada", 1),
        ("refused", "ada", 1000),
        ("refused", "bob", 1),
        ("login_refused", None, 999),
    ]


async def test_no_password_of_the_settings_is_recorded(tmp_path: Path) -> None:
    with Recorder(bus_for(AuditSettings(), shared=True)) as recorder:
        nats = AuditSettings(nats="nats://audit:hunter2@nats.example:4222")
        recorder.settings_read(msgspec.structs.replace(Settings(), audit=nats))
    (row,) = recorded(paths.audit_dir())
    assert row["values"]["audit.nats"] == "nats://nats.example:4222"


@pytest.mark.parametrize(("content", "shown"), [("full", "hunter2hunter2"), ("redacted", ""), ("none", None)])
async def test_text_is_recorded_where_the_settings_say_so(
    tmp_path: Path, content: Literal["none", "redacted", "full"], shown: str | None
) -> None:
    engine, bus = ScriptedEngine(("sure", " thing")), bus_for(AuditSettings(content=content), shared=True)
    async with asking(engine, tmp_path, bus) as ada:
        await ada.post("/v1/infill", json={"prefix": "password = 'hunter2hunter2'\n"})
    texts = [row for row in recorded(paths.audit_dir()) if row["event"] == "text"]
    if shown is None:
        assert texts == []
    else:
        assert texts[0]["answer"] == "sure thing"
        assert ("hunter2hunter2" in texts[0]["prompt"]) is bool(shown)
        assert texts[0]["tenant"] == "ada"
