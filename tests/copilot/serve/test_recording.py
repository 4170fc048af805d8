"""What a shared host records of its use, as it lies in the files."""

import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx

from copilot import paths
from copilot.audit.bus import Bus
from copilot.audit.opening import bus_for
from copilot.config.settings import AuditSettings, Settings
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
    assert [row["code"] for row in rows[6:]] == ["bad_token", "no_token"]
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
