"""The OpenAI routes, as an OpenAI client meets them."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from copilot.client.failures import HostError
from copilot.client.host import HostClient
from copilot.client.sse import SseEvent, SseParser
from copilot.engine.protocol import Layout
from copilot.serve.api import HostState
from tests.fakes import ScriptedEngine
from tests.hosts import running, until

CHAT = {"messages": [{"role": "user", "content": "Hi"}]}


def frames(content: bytes) -> list[SseEvent]:
    """All lines of a streamed answer; their numbers must have no gap."""
    found = SseParser().feed(content)
    assert [event.id for event in found] == [str(number) for number in range(len(found))]
    assert {event.event for event in found} == {"message"}
    return found


def chunks(content: bytes) -> list[dict[str, Any]]:
    *rest, last = frames(content)
    assert last.data == "[DONE]"
    return [json.loads(event.data) for event in rest]


async def test_a_completion() -> None:
    engine = ScriptedEngine(["one ", "two"])
    async with running(engine) as host:
        body = {"prompt": "count: ", "max_tokens": 5, "temperature": 0, "top_p": 0.9, "stop": "\n", "seed": 3}
        answer = (await host.http.post("/v1/completions", json=body)).json()
    call = engine.calls[0]
    assert call.plan.layout is Layout.RAW
    assert [part.text for part in call.plan.parts] == ["count: "]
    assert (call.params.max_tokens, call.params.temperature, call.params.top_p) == (5, 0, 0.9)
    assert (call.params.stop, call.params.seed) == (("\n",), 3)
    assert answer["object"] == "text_completion"
    assert answer["id"].startswith("cmpl-")
    assert answer["model"] == "scripted"
    assert answer["choices"] == [{"index": 0, "text": "one two", "logprobs": None, "finish_reason": "stop"}]
    timings = answer["usage"].pop("timings")
    assert timings["ttft_ms"] >= timings["queue_ms"] >= 0
    assert answer["usage"] == {
        "prompt_tokens": 128,
        "completion_tokens": 2,
        "total_tokens": 130,
        "prompt_tokens_details": {"cached_tokens": 0},
    }


async def test_a_streamed_completion_with_usage() -> None:
    async with running(ScriptedEngine(["one ", "two", "three"])) as host:
        body = {"prompt": "x", "max_tokens": 2, "stream": True, "stream_options": {"include_usage": True}}
        response = await host.http.post("/v1/completions", json=body)
    *texts, end, usage = chunks(response.content)
    assert [chunk["choices"][0]["text"] for chunk in texts] == ["one ", "two"]
    assert {chunk["object"] for chunk in [*texts, end, usage]} == {"text_completion"}
    assert end["choices"][0]["finish_reason"] == "length"
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] == 2


async def test_a_suffix_makes_it_a_fill_in_the_middle() -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        await host.http.post("/v1/completions", json={"prompt": "a", "suffix": "b"})
    assert engine.calls[0].plan.layout is Layout.PREFIX, "the scripted model's family has no FIM"
    assert engine.calls[0].plan.parts[-1].text == "a"


async def test_a_chat() -> None:
    engine = ScriptedEngine(["Hello", "."])
    async with running(engine) as host:
        body = {
            "model": "scripted",
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {"role": "user", "content": [{"type": "text", "text": "Hi "}, {"type": "text", "text": "there"}]},
                {"role": "assistant", "content": "Yes?", "name": "bot"},
                {"role": "user", "content": "Go on"},
            ],
            "user": "someone",
            "presence_penalty": 0.1,
            "max_completion_tokens": 7,
        }
        answer = (await host.http.post("/v1/chat/completions", json=body)).json()
    prompt = "".join(part.text for part in engine.calls[0].plan.parts)
    assert engine.calls[0].plan.layout is Layout.CHAT
    assert all(text in prompt for text in ("Be brief.", "Hi there", "Yes?", "Go on"))
    assert engine.calls[0].params.max_tokens == 7
    assert answer["object"] == "chat.completion"
    assert answer["choices"][0]["message"] == {"role": "assistant", "content": "Hello."}
    assert answer["choices"][0]["finish_reason"] == "stop"


async def test_a_streamed_chat() -> None:
    async with running(ScriptedEngine(["Hello", "."])) as host:
        response = await host.http.post("/v1/chat/completions", json={**CHAT, "stream": True})
    first, *texts, end = chunks(response.content)
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert [chunk["choices"][0]["delta"] for chunk in texts] == [{"content": "Hello"}, {"content": "."}]
    assert end["choices"][0] == {"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}
    assert {chunk["object"] for chunk in [first, *texts, end]} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in [first, *texts, end]}) == 1


async def test_the_client_streams_a_chat() -> None:
    async with running(ScriptedEngine(["Hello", "."])) as host:
        texts = [text async for text in host.client.chat(CHAT["messages"], max_tokens=9)]
    assert texts == ["Hello", "."]


@pytest.mark.parametrize("stream", [False, True])
async def test_an_error_of_the_engine(stream: bool) -> None:
    async with running(ScriptedEngine(fail_at=1)) as host:
        response = await host.http.post("/v1/completions", json={"prompt": "x", "stream": stream})
        with pytest.raises(HostError) as caught:
            [text async for text in host.client.chat(CHAT["messages"])]
    assert (caught.value.code, caught.value.partial) == ("engine_restarted", True)
    if stream:
        *_, last = frames(response.content)
        error = json.loads(last.data)["error"]
    else:
        assert response.status_code == 503
        error = response.json()["error"]
    assert error["code"] == "engine_restarted"
    assert error["type"] == "server_error"
    assert "worker died" in error["message"]


@pytest.mark.parametrize(
    ("path", "fields", "word"),
    [
        ("/v1/completions", {"prompt": "x", "n": 2}, "`n`"),
        ("/v1/completions", {"prompt": "x", "best_of": 2}, "`best_of`"),
        ("/v1/completions", {"prompt": "x", "echo": True}, "`echo`"),
        ("/v1/completions", {"prompt": "x", "logprobs": 3}, "`logprobs`"),
        ("/v1/completions", {"prompt": "x", "logit_bias": {"5": 1}}, "`logit_bias`"),
        ("/v1/completions", {"prompt": "x", "max_tokens": 0}, "max_tokens"),
        ("/v1/completions", {"prompt": "x", "temperature": 9}, "temperature"),
        ("/v1/completions", {"prompt": ["a", "b"]}, "prompt"),
        ("/v1/completions", {"prompt": ""}, "no text"),
        ("/v1/completions", {}, "prompt"),
        ("/v1/chat/completions", {**CHAT, "tools": [{}]}, "`tools`"),
        ("/v1/chat/completions", {**CHAT, "response_format": {"type": "json_object"}}, "`response_format` with this"),
        ("/v1/chat/completions", {**CHAT, "response_format": {"type": "json_schema"}}, "without its schema"),
        ("/v1/chat/completions", {**CHAT, "response_format": {"type": "xml"}}, "response_format"),
        ("/v1/chat/completions", {**CHAT, "modalities": ["audio"]}, "`modalities`"),
        ("/v1/chat/completions", {"messages": []}, "messages"),
        ("/v1/chat/completions", {"messages": [{"role": "tool", "content": "x"}]}, "role"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "type"),
    ],
)
async def test_what_we_do_not_do_is_refused_by_name(path: str, fields: dict[str, Any], word: str) -> None:
    engine = ScriptedEngine()
    async with running(engine) as host:
        response = await host.http.post(path, json=fields)
    assert response.status_code == 400
    error = response.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert word in error["message"]
    assert engine.calls == []


@pytest.mark.parametrize(
    ("wanted", "schema"),
    [
        ({"type": "text"}, ""),
        ({"type": "json_object"}, '{"type":"object"}'),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "strict": True, "schema": {"type": "array"}}},
            '{"type":"array"}',
        ),
    ],
)
async def test_a_chat_is_held_to_a_schema(wanted: dict[str, Any], schema: str) -> None:
    engine = ScriptedEngine(["{}"])
    engine.capabilities = msgspec.structs.replace(engine.capabilities, grammar=True)
    async with running(engine) as host:
        response = await host.http.post("/v1/chat/completions", json={**CHAT, "response_format": wanted})
    assert response.status_code == 200
    assert engine.calls[0].params.json_schema == schema


@pytest.mark.parametrize(
    "fields", [{"n": 1}, {"echo": False}, {"logprobs": None}, {"logit_bias": {}}, {"metadata": {}}]
)
async def test_harmless_fields_are_ignored(fields: dict[str, Any]) -> None:
    async with running(ScriptedEngine()) as host:
        assert (await host.http.post("/v1/completions", json={"prompt": "x", **fields})).status_code == 200


async def test_another_model_is_not_found() -> None:
    async with running(ScriptedEngine()) as host:
        response = await host.http.post("/v1/completions", json={"prompt": "x", "model": "gpt-9"})
        models = (await host.http.get("/v1/models")).json()
    assert response.status_code == 404
    assert response.json()["error"]["code"] == "model_not_found"
    assert "'scripted'" in response.json()["error"]["message"]
    assert [model["id"] for model in models["data"]] == ["scripted"]


async def test_a_client_that_leaves_before_the_whole_answer_cancels() -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(hold=hold)
    async with running(engine) as host:
        task = asyncio.create_task(host.http.post("/v1/completions", json={"prompt": "x"}))
        await until(lambda: engine.calls and engine.calls[0].steps == 3)
        task.cancel()
        await until(lambda: engine.calls[0].ended == "cancelled")


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_cancelled_from_elsewhere_is_an_error(stream: bool) -> None:
    hold = asyncio.Event()
    engine = ScriptedEngine(hold=hold)
    async with running(engine) as host:
        task = asyncio.create_task(host.http.post("/v1/completions", json={"prompt": "x", "stream": stream}))
        await until(lambda: engine.busy)
        ready = host.host.service.keeper.peek()
        assert ready is not None
        (stream_id,) = ready.generations.ids
        async with HostClient() as other:
            assert await other.cancel(stream_id)
        response = await task
    error = json.loads(frames(response.content)[-1].data) if stream else response.json()
    assert error["error"]["code"] == "cancelled"


async def test_while_starting_the_error_has_the_form_of_the_route() -> None:
    never = asyncio.Event()

    async def load(report: Any) -> Any:
        report("Fetching the model", 0.25)
        await never.wait()

    async with running(load=load, ready=False) as host:
        response = await host.http.post("/v1/chat/completions", json=CHAT)
        assert response.status_code == 503
        assert response.headers["retry-after"] == "1"
        assert response.json()["error"]["code"] == "starting"
        status = await host.client.status()
        assert status is not None
        assert (status.state, status.detail, status.progress) == (HostState.STARTING, "Fetching the model", 0.25)
        assert (await host.http.get("/v1/models")).json()["data"] == []
