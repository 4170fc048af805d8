"""A small model completes and a larger one chats: which answers what, and what happens when one is not there."""

import asyncio

import msgspec
import pytest
from copilot_models import families

from copilot.config.settings import ModelSettings, Settings
from copilot.engine.protocol import ModelInfo
from copilot.errors import SlipstreamError
from copilot.serve import service
from copilot.serve.keeper import Loaded, Report
from tests.fakes import ScriptedEngine
from tests.hosts import Running, running, until

QUESTION = {"messages": [{"role": "user", "content": "Why?"}]}
COMPLETION = {"prompt": "def f():", "suffix": "\n", "max_tokens": 8}


class Chat:
    """What loads the chat model, as often as it is asked to and as the test says."""

    def __init__(self) -> None:
        self.may_load = asyncio.Event()
        self.may_load.set()
        self.failure: SlipstreamError | None = None
        self.engines: list[ScriptedEngine] = []

    async def load(self, report: Report) -> Loaded:
        await self.may_load.wait()
        if self.failure is not None:
            raise self.failure
        engine = ScriptedEngine(("large ", "answer"))
        engine.model = ModelInfo(id="large", family="qwen", context_length=8192)
        self.engines.append(engine)
        return Loaded(engine, families.load("qwen"))


async def small(report: Report) -> Loaded:
    engine = ScriptedEngine(("small",))
    engine.model = ModelInfo(id="small", family="qwen", context_length=8192)
    return Loaded(engine, families.load("qwen"))


async def ask(host: Running) -> str:
    answer = await host.http.post("/v1/chat/completions", json=QUESTION)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["model"])


async def test_the_first_question_loads_the_chat_model_and_completions_never_do() -> None:
    chat = Chat()
    async with running(load=small, chat=chat.load) as host:
        answer = await host.http.post("/v1/completions", json=COMPLETION)
        assert answer.json()["model"] == "small"
        assert chat.engines == []
        assert await ask(host) == "large"
        assert await ask(host) == "large"
        assert len(chat.engines) == 1
        answer = await host.http.post("/v1/completions", json=COMPLETION)
        assert answer.json()["model"] == "small"
        status = (await host.http.get("/health/ready")).json()
        assert (status["model"], status["chat_model"]) == ("small", "large")
        models = (await host.http.get("/v1/models")).json()
        assert [each["id"] for each in models["data"]] == ["small", "large"]
    assert chat.engines[0].closed


async def test_while_it_loads_for_long_the_other_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CHAT_WAIT_SECONDS", 0.05)
    chat = Chat()
    chat.may_load.clear()
    async with running(load=small, chat=chat.load) as host:
        assert await ask(host) == "small"
        chat.may_load.set()
        assert host.host.service.chat_keeper is not None
        await until(lambda: bool(chat.engines))
        assert await ask(host) == "large"


async def test_where_it_does_not_fit_the_other_answers_and_that_is_said() -> None:
    chat = Chat()
    chat.failure = SlipstreamError("There is not enough memory on the GPU for large.", hint="", code="out_of_memory")
    async with running(load=small, chat=chat.load) as host:
        assert await ask(host) == "small"
        notes = (await host.http.get("/health/ready")).json()["notes"]
        assert any("not enough memory" in note and "small answers questions too" in note for note in notes)


async def test_it_is_unloaded_when_nobody_has_asked_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "WATCH_SECONDS", 0.02)
    chat = Chat()
    options = msgspec.structs.replace(Settings(), model=ModelSettings(chat="large", chat_idle_minutes=0.001))
    async with running(load=small, chat=chat.load, options=options) as host:
        assert await ask(host) == "large"
        await until(lambda: chat.engines[0].closed)
        assert (await host.http.get("/health/ready")).json()["chat_model"] is None
        assert await ask(host) == "large"
        assert len(chat.engines) == 2


async def test_a_question_that_runs_keeps_it_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "WATCH_SECONDS", 0.02)
    chat = Chat()
    options = msgspec.structs.replace(Settings(), model=ModelSettings(chat="large", chat_idle_minutes=0.001))
    async with running(load=small, chat=chat.load, options=options) as host:
        assert host.host.service.chat_keeper is not None
        ready = await host.host.service.ready_to_chat()
        assert isinstance(ready.loaded.engine, ScriptedEngine)
        ready.loaded.engine.hold = asyncio.Event()
        asking = asyncio.create_task(ask(host))
        await until(lambda: ready.generations.active)
        await asyncio.sleep(0.3)
        assert not chat.engines[0].closed
        ready.loaded.engine.hold.set()
        assert await asking == "large"


async def test_streams_of_both_are_cancelled_by_their_number() -> None:
    chat = Chat()
    async with running(load=small, chat=chat.load) as host:
        ready = await host.host.service.ready_to_chat()
        assert isinstance(ready.loaded.engine, ScriptedEngine)
        ready.loaded.engine.hold = asyncio.Event()
        asking = asyncio.create_task(host.http.post("/v1/chat/completions", json=QUESTION))
        await until(lambda: ready.generations.ids)
        gone = await host.http.delete(f"/v1/streams/{ready.generations.ids[0]}")
        assert gone.status_code == 204
        assert (await asking).json()["error"]["code"] == "cancelled"
        assert (await host.http.delete("/v1/streams/nothing")).status_code == 404


async def test_a_model_that_was_chosen_answers_everything() -> None:
    chat = Chat()
    async with running(load=small, chat=chat.load) as host:
        host.host.service.chosen = "small"
        assert await ask(host) == "small"


async def test_unloading_frees_both() -> None:
    chat = Chat()
    async with running(load=small, chat=chat.load) as host:
        await ask(host)
        completing = host.host.service.ready().loaded.engine
        assert isinstance(completing, ScriptedEngine)
        await host.http.post("/v1/unload", json={})
        assert completing.closed
        assert chat.engines[0].closed


async def test_one_that_can_not_be_loaded_is_not_tried_with_every_question(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot.serve.keeper._FIRST_RETRY_SECONDS", 1000.0)
    monkeypatch.setattr("copilot.serve.keeper._LAST_RETRY_SECONDS", 1000.0)
    chat = Chat()
    chat.failure = SlipstreamError("There is not enough memory.", hint="", code="out_of_memory")
    async with running(load=small, chat=chat.load) as host:
        assert await ask(host) == "small"
        chat.failure = None
        assert await ask(host) == "small"
        assert chat.engines == []


async def test_one_that_crashed_for_good_is_answered_for_and_loaded_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "WATCH_SECONDS", 0.02)
    chat = Chat()
    async with running(load=small, chat=chat.load) as host:
        assert await ask(host) == "large"
        chat.engines[0].failure = SlipstreamError("It crashed 3 times.", hint="", code="engine_failed")
        assert await ask(host) == "small"
        await until(lambda: chat.engines[0].closed)
        assert await ask(host) == "large"
