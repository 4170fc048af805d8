"""The official client of OpenAI's API, against a shared host over TLS."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from copilot.serve.callers import Scope
from tests.copilot.serve.test_sharing import limited
from tests.fakes import ScriptedEngine
from tests.hosts import GUARD_SECONDS, until
from tests.teams import Team, team

ENGINE = ("Hello", " there", "!")
HI: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Hi"}]
TOOL: ChatCompletionToolParam = {"type": "function", "function": {"name": "look"}}


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine(ENGINE)


@pytest.fixture
async def shared(engine: ScriptedEngine, tmp_path: Path) -> AsyncIterator[Team]:
    async with team(engine, tmp_path, options=limited()) as found:
        yield found


def client(shared: Team, token: str) -> AsyncOpenAI:
    trusted = ssl.create_default_context(cafile=str(shared.ca))
    http = httpx2.AsyncClient(verify=trusted, timeout=GUARD_SECONDS)
    return AsyncOpenAI(base_url=f"{shared.url}/v1", api_key=token, http_client=http, max_retries=0)


@pytest.fixture
async def ada(shared: Team) -> AsyncIterator[AsyncOpenAI]:
    async with client(shared, shared.token("ada")) as found:
        yield found


async def test_models(ada: AsyncOpenAI) -> None:
    assert [model.id async for model in ada.models.list()] == ["scripted"]


async def test_chat(ada: AsyncOpenAI, engine: ScriptedEngine) -> None:
    answer = await ada.chat.completions.create(
        model="scripted",
        messages=[{"role": "developer", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
        temperature=0.5,
        max_completion_tokens=20,
        user="someone",
    )
    assert answer.choices[0].message.content == "Hello there!"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (128, 3)
    assert engine.calls[0].params.temperature == 0.5


async def test_chat_as_it_comes(ada: AsyncOpenAI) -> None:
    stream = await ada.chat.completions.create(
        model="scripted",
        messages=[{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = [chunk async for chunk in stream]
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello there!"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 131
    assert len({chunk.id for chunk in chunks}) == 1


async def test_a_completion_in_the_middle_and_one_at_the_end(ada: AsyncOpenAI, engine: ScriptedEngine) -> None:
    whole = await ada.completions.create(model="scripted", prompt="x = ", max_tokens=9, stop=["\n"])
    assert whole.choices[0].text == "Hello there!"
    middle = await ada.completions.create(model="scripted", prompt="f(", suffix=")", stream=True)
    assert "".join([chunk.choices[0].text async for chunk in middle]) == "Hello there!"
    assert [str(call.plan.layout) for call in engine.calls] == ["raw", "prefix"]


async def test_leaving_a_stream_stops_it(ada: AsyncOpenAI, engine: ScriptedEngine) -> None:
    engine.hold = asyncio.Event()
    stream = await ada.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "Hi"}], stream=True
    )
    await until(lambda: engine.busy == 1)
    await stream.close()
    await until(lambda: engine.calls[0].ended == "cancelled")


async def test_its_errors_are_the_ones_its_users_catch(shared: Team, ada: AsyncOpenAI, tmp_path: Path) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await ada.chat.completions.create(model="gpt-9", messages=HI)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="tools"):
        await ada.chat.completions.create(model="scripted", messages=HI, tools=[TOOL])
    async with client(shared, "lc_nobody") as nobody:
        with pytest.raises(openai.AuthenticationError, match="token"):
            await nobody.models.list()
    async with client(shared, shared.token("bob", Scope.COMPLETE)) as bob:
        with pytest.raises(openai.PermissionDeniedError, match="chat"):
            await bob.chat.completions.create(model="scripted", messages=HI)


async def test_who_asks_too_often_gets_the_error_that_is_tried_again(tmp_path: Path) -> None:
    options = limited(requests_per_minute=6)
    async with (
        team(ScriptedEngine(), tmp_path, options=options) as shared,
        client(shared, shared.token("ada")) as ada,
    ):
        await ada.completions.create(model="scripted", prompt="x")
        with pytest.raises(openai.RateLimitError) as caught:
            await ada.completions.create(model="scripted", prompt="x")
        assert 1 <= int(caught.value.response.headers["retry-after"]) <= 10


async def test_an_engine_that_dies_is_a_server_error(tmp_path: Path) -> None:
    async with (
        team(ScriptedEngine(ENGINE, fail_at=1), tmp_path) as shared,
        client(shared, shared.token("ada")) as ada,
    ):
        with pytest.raises(openai.InternalServerError, match="worker died"):
            await ada.completions.create(model="scripted", prompt="x")
        stream = await ada.completions.create(model="scripted", prompt="x", stream=True)
        with pytest.raises(openai.APIError, match="worker died"):
            async for _ in stream:
                pass
