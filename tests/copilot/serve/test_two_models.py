"""A small model completes and a larger one chats: which answers what, and what happens when one is not there."""

import asyncio

import msgspec
import pytest
from copilot_models import families

from copilot.config.settings import ModelSettings, Settings
from copilot.engine.protocol import ModelInfo
from copilot.errors import SlipstreamError
from copilot.serve import service
from copilot.serve.keeper import Load, Loaded, Report
from copilot.serve.loading import standing_in
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


CONFIGURED = msgspec.structs.replace(Settings(), model=ModelSettings(completion="small", chat="large"))


async def ask(host: Running, **fields: str) -> str:
    answer = await host.http.post("/v1/chat/completions", json={**QUESTION, **fields})
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


def choose(model: str) -> Load:
    async def load(report: Report) -> Loaded:
        engine = ScriptedEngine(("chosen",))
        engine.model = ModelInfo(id=model, family="qwen", context_length=8192)
        return Loaded(engine, families.load("qwen"))

    return load


async def test_a_model_that_was_chosen_answers_everything_until_the_configured_one_is_chosen_again() -> None:
    chat = Chat()
    async with running(load=small, chat=chat.load, options=CONFIGURED, choose=choose) as host:
        assert await ask(host) == "large"
        assert (await host.http.post("/v1/load", json={"model": "other"})).status_code == 202
        assert chat.engines[0].closed, "the chosen one may need its memory"
        await until(lambda: host.host.service.keeper.peek() is not None)
        assert await ask(host) == "other"
        assert (await host.http.post("/v1/load", json={"model": "small"})).status_code == 202
        await until(lambda: host.host.service.keeper.peek() is not None)
        assert await ask(host) == "large"
        status = (await host.http.get("/health/ready")).json()
        assert (status["model"], status["chosen"]) == ("small", False)


async def test_a_client_may_ask_for_either_by_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CHAT_WAIT_SECONDS", 0.05)
    chat = Chat()
    chat.may_load.clear()
    async with running(load=small, chat=chat.load, options=CONFIGURED) as host:
        models = (await host.http.get("/v1/models")).json()
        assert [each["id"] for each in models["data"]] == ["small", "large"]
        assert await ask(host, model="small") == "small"
        assert not host.host.service.keepers[1].loading, "it was not asked for"
        assert await ask(host, model="large") == "small"
        chat.may_load.set()
        await until(lambda: bool(chat.engines))
        assert await ask(host, model="large") == "large"
        assert await ask(host, model="small") == "small"
        answer = await host.http.post("/v1/chat/completions", json={**QUESTION, "model": "gpt-4"})
        assert answer.status_code == 404
        assert "'gpt-4' is not loaded" in answer.text
        answer = await host.http.post("/v1/completions", json={**COMPLETION, "model": "large"})
        assert answer.status_code == 404


class Tight:
    """A GPU with memory for one model, which other programs may use up. A small one stands in on the processor."""

    def __init__(self) -> None:
        self.others = False
        self.chat = Chat()

    async def load_coder(self, report: Report) -> Loaded:
        if self.others or any(not engine.closed for engine in self.chat.engines):
            raise SlipstreamError("There is not enough memory for coder.", hint="", code="out_of_memory")
        engine = ScriptedEngine(("coder",))
        engine.model = ModelInfo(id="coder", family="qwen", context_length=8192)
        return Loaded(engine, families.load("qwen"))


async def test_a_chat_model_never_takes_the_memory_that_completions_wait_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "WATCH_SECONDS", 0.02)
    monkeypatch.setattr("copilot.serve.keeper._FIRST_RENEWAL_SECONDS", 1000.0)
    monkeypatch.setattr("copilot.serve.keeper._LAST_RENEWAL_SECONDS", 1000.0)
    tight = Tight()
    tight.others = True
    options = msgspec.structs.replace(Settings(), model=ModelSettings(completion="coder", chat="large"))
    async with running(load=standing_in(tight.load_coder, small), chat=tight.chat.load, options=options) as host:
        assert await ask(host) == "small"
        assert tight.chat.engines == []
        # One that was there before gives its memory up as soon as it is idle, and then that is tried at once.
        tight.others = False
        host.host.service.keepers[1].start()
        await until(lambda: bool(tight.chat.engines))
        await until(lambda: tight.chat.engines[0].closed)
        await until(lambda: host.host.service.ready().loaded.engine.model.id == "coder")


async def test_one_that_is_loaded_answers_while_the_other_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash takes no memory."""
    monkeypatch.setattr(service, "WATCH_SECONDS", 0.02)
    chat = Chat()
    async with running(load=small, chat=chat.load, options=CONFIGURED) as host:
        assert await ask(host) == "large"
        engine = host.host.service.ready().loaded.engine
        assert isinstance(engine, ScriptedEngine)
        engine.failure = SlipstreamError("It crashed 3 times.", hint="", code="engine_failed")
        await asyncio.sleep(0.2)
        assert await ask(host) == "large"
        assert not chat.engines[0].closed


async def test_of_two_choices_the_last_one_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = Chat()
    async with running(load=small, chat=chat.load, options=CONFIGURED, choose=choose) as host:
        assert await ask(host) == "large"
        close = chat.engines[0].close

        async def slow() -> None:
            await asyncio.sleep(0.2)
            await close()

        monkeypatch.setattr(chat.engines[0], "close", slow)
        first = asyncio.create_task(host.http.post("/v1/load", json={"model": "other"}))
        await until(lambda: host.host.service.chosen == "other")
        assert (await host.http.post("/v1/load", json={"model": "small"})).status_code == 202
        assert (await first).status_code == 202
        await until(lambda: host.host.service.keeper.peek() is not None)
        status = (await host.http.get("/health/ready")).json()
        assert (status["model"], status["chosen"]) == ("small", False)


async def test_the_status_says_that_the_chat_model_is_still_being_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "CHAT_WAIT_SECONDS", 0.05)
    chat = Chat()
    chat.may_load.clear()
    async with running(load=small, chat=chat.load, options=CONFIGURED) as host:
        assert await ask(host) == "small"
        notes = (await host.http.get("/health/ready")).json()["notes"]
        assert notes == ["large is not ready (starting): small answers questions until then."]
        chat.may_load.set()
        await until(lambda: bool(chat.engines))
        assert (await host.http.get("/health/ready")).json()["notes"] == []


async def test_a_host_that_leaves_gives_out_no_chat_model(monkeypatch: pytest.MonkeyPatch) -> None:
    chat = Chat()
    chat.may_load.clear()
    async with running(load=small, chat=chat.load, options=CONFIGURED) as host:
        asking = asyncio.create_task(host.host.service.ready_to_chat())
        await asyncio.sleep(0.02)
        host.host.service.draining = True
        chat.may_load.set()
        with pytest.raises(SlipstreamError, match="shutting down"):
            await asking


async def test_the_one_that_stands_in_can_be_chosen() -> None:
    async def gone(report: Report) -> Loaded:
        raise SlipstreamError("There is no CUDA GPU.", hint="", code="no_gpu")

    options = msgspec.structs.replace(Settings(), model=ModelSettings(completion="coder"))
    async with running(load=standing_in(gone, small), options=options, choose=choose) as host:
        assert (await host.http.get("/health/ready")).json()["stands_in"]
        assert (await host.http.post("/v1/completions", json={**COMPLETION, "model": "coder"})).status_code == 200
        await host.http.post("/v1/load", json={"model": "small"})
        await until(lambda: host.host.service.keeper.peek() is not None)
        status = (await host.http.get("/health/ready")).json()
        assert (status["stands_in"], status["chosen"], status["model"]) == (False, True, "small")


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
