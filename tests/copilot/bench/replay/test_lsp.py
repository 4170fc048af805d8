"""The driver of language servers, against a scripted one on real pipes."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from copilot.bench.replay import lsp
from copilot.bench.replay import play as player
from copilot.bench.replay.log import Answered, Log, Pressed, Shown
from copilot.bench.replay.lsp import LspPipeline
from copilot.bench.replay.play import play
from copilot.bench.replay.trace import Trace
from copilot.bench.replay.user import User
from copilot.client.lsp_session import run_server
from copilot.errors import SlipstreamError
from tests.copilot.bench.replay.scripted import NoMeter
from tests.copilot.bench.replay.traces import one_place

GOAL = "größe = '😀'; total = compute(größe, größe)\nnext_one = total + total + total\nend\n"
HERE = Path(__file__)


@pytest.fixture(autouse=True)
def no_looking_around(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "_SETTLE_SECONDS", 0.1)
    monkeypatch.setattr(player, "_LAST_LOOK_SECONDS", 0.5)


def trace(gap: float = 40.0, *, closing: bool = False) -> Trace:
    return one_place(GOAL, 20, len(GOAL) - 5, gap=gap, closing=closing)


async def replay(
    options: dict[str, Any], user: User | None = None, played: Trace | None = None, **driver: Any
) -> tuple[Log, LspPipeline]:
    command = [sys.executable, str(HERE.with_name("scripted_lsp.py")), json.dumps({"goal": GOAL, **options})]
    async with run_server(command) as session:
        pipeline = LspPipeline(session, "scripted", **driver)
        await pipeline.start()
        return await play(played or trace(), pipeline, user or User(dwell_ms=60), NoMeter()), pipeline


def shows(log: Log) -> list[Shown]:
    return [event for event in log.events if isinstance(event, Shown)]


def received(path: Path, method: str) -> list[dict[str, Any]]:
    messages = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [message for message in messages if message.get("method") == method]


async def test_right_lines_are_shown_and_accepted() -> None:
    log, _ = await replay({})
    accepted = [event.accepted for event in log.events if isinstance(event, Pressed) and event.accepted]
    assert sum(accepted) > 30
    assert all(show.right for show in shows(log))


async def test_the_server_sees_every_edit_in_its_own_units(tmp_path: Path) -> None:
    """It answers from the document as it has it, which a wrong position would spoil."""
    log, _ = await replay({"log": str(tmp_path / "log")}, User(accepts=False), trace(5.0, closing=True))
    changes = received(tmp_path / "log", "textDocument/didChange")
    assert [change["params"]["textDocument"]["version"] for change in changes] == list(range(2, 2 + len(changes)))
    assert all(show.right for show in shows(log))


async def test_partial_results_are_shown_as_they_come() -> None:
    slowly = one_place(GOAL, 20, 32, gap=300.0, closing=False)
    streamed, _ = await replay({"stream": True, "delay": 0.15}, User(accepts=False), slowly)
    first, second = shows(streamed)[:2]
    assert second.text.startswith(first.text)
    assert not second.flicker
    whole, _ = await replay({"stream": True}, User(accepts=False), streaming=False)
    assert shows(whole)[0].text == GOAL[21:].partition("\n")[0]


async def test_a_key_cancels_the_request_of_the_one_before(tmp_path: Path) -> None:
    slow = {"delay": 0.3, "log": str(tmp_path / "log")}
    log, pipeline = await replay(slow, User(accepts=False))
    assert pipeline.cancels >= len([key for key in log.events if isinstance(key, Pressed)]) - 3
    assert received(tmp_path / "log", "$/cancelRequest")
    # Nothing but what the last key of all asked for could come in time.
    assert len(shows(log)) <= 1


async def test_without_cancelling_answers_that_still_fit_are_shown() -> None:
    log, pipeline = await replay({"delay": 0.3}, User(accepts=False), cancels_previous=False)
    assert pipeline.cancels == 0
    assert shows(log)
    assert all(show.right for show in shows(log))


async def test_servers_that_know_only_completion_are_asked_for_that() -> None:
    log, _ = await replay({"method": "completion"}, method="completion")
    assert shows(log)


async def test_answers_to_keys_that_typed_through_are_told_apart() -> None:
    log, _ = await replay({}, User(accepts=False))
    answers = [event for event in log.events if isinstance(event, Answered)]
    assert any(event.through for event in answers)
    assert not answers[0].through


async def test_a_server_that_wants_to_know_hears_where_the_caret_rests(tmp_path: Path) -> None:
    await replay({"caret": True, "log": str(tmp_path / "log")})
    (told,) = received(tmp_path / "log", "slipstream/didMoveCaret")
    # The emoji counts twice.
    assert told["params"]["position"] == {"line": 0, "character": 21}
    await replay({"log": str(tmp_path / "other")})
    assert not received(tmp_path / "other", "slipstream/didMoveCaret")


async def test_null_leaves_what_is_shown(tmp_path: Path) -> None:
    log, _ = await replay({"warm_only": True})
    assert shows(log) == []


async def test_a_server_that_dies_is_told_with_its_status() -> None:
    with pytest.raises(SlipstreamError) as raised:
        await replay({"ends_after": 5})
    assert raised.value.code == "server_gone"
    assert "status 3" in raised.value.message


async def test_a_server_that_completes_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lsp, "_WARM_SECONDS", 1.0)
    with pytest.raises(SlipstreamError) as raised:
        await replay({"method": "other"})
    assert raised.value.code == "server_silent"
