"""OpenAI's completions and chat completions: what clients send, and the answers in the form they read.

Form: https://platform.openai.com/docs/api-reference/completions and /chat. Fields that only tune (penalties,
``user``, ``metadata``) are ignored; fields that would change what an answer is are refused by name.
"""

import time
from collections.abc import Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from copilot.engine.planning import Message
from copilot.engine.protocol import SamplingParams
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, ErrorData, Name, StopStrings, Text, TokenData
from copilot.serve.guard import RequestError, openai_error
from copilot.serve.streams import Event

MaxTokens = Annotated[int, Meta(ge=1, le=32_768)]
Temperature = Annotated[float, Meta(ge=0, le=2)]
TopP = Annotated[float, Meta(gt=0, le=1)]
Seed = Annotated[int, Meta(ge=0, le=2**31 - 1)]
Stop = Annotated[str, Meta(min_length=1, max_length=256)] | StopStrings | None


class StreamOptions(msgspec.Struct, frozen=True, kw_only=True):
    include_usage: bool = False


class _Common(msgspec.Struct, frozen=True, kw_only=True):
    model: Name | None = None
    stream: bool = False
    stream_options: StreamOptions | None = None
    temperature: Temperature | None = None
    top_p: TopP | None = None
    stop: Stop = None
    seed: Seed | None = None
    n: Annotated[int, Meta(ge=0, le=1024)] | None = None
    logit_bias: dict[str, float] | None = None

    def params(self, max_tokens: int) -> SamplingParams:
        stop = (self.stop,) if isinstance(self.stop, str) else self.stop or ()
        return SamplingParams(
            max_tokens=max_tokens,
            temperature=_DEFAULT_TEMPERATURE if self.temperature is None else self.temperature,
            top_p=1.0 if self.top_p is None else self.top_p,
            seed=self.seed,
            stop=stop,
        )

    def refuse_common(self, names: Sequence[str]) -> None:
        if self.model is not None and self.model not in names:
            raise RequestError(
                404,
                f"The model {self.model!r} is not loaded.",
                hint=f"Ask for {names[0]!r}, or leave `model` out.",
                code="model_not_found",
            )
        _refuse(self.n not in {None, 1}, "n", "other than 1")
        _refuse(bool(self.logit_bias), "logit_bias")


# Small code models ramble at OpenAI's default of 1.
_DEFAULT_TEMPERATURE = 0.2


class CompletionBody(_Common, frozen=True, kw_only=True):
    """``POST /v1/completions``. With ``suffix`` it is a fill-in-the-middle completion."""

    prompt: Text
    suffix: Text | None = None
    max_tokens: MaxTokens | None = None
    echo: bool | None = None
    best_of: int | None = None
    logprobs: int | None = None

    def refuse(self, names: Sequence[str]) -> None:
        """Raise :class:`RequestError` for what we do not do. ``names``: the models that may be asked for."""
        self.refuse_common(names)
        _refuse(bool(self.echo), "echo")
        _refuse(self.best_of not in {None, 1}, "best_of", "other than 1")
        _refuse(bool(self.logprobs), "logprobs")

    def sampling(self) -> SamplingParams:
        return self.params(self.max_tokens or 256)


class TextPart(msgspec.Struct, frozen=True, kw_only=True):
    type: Literal["text"]
    text: Text


class ChatMessage(msgspec.Struct, frozen=True, kw_only=True):
    role: Literal["system", "developer", "user", "assistant"]
    content: Text | Annotated[tuple[TextPart, ...], Meta(max_length=512)]

    def to_plan(self) -> Message:
        text = self.content if isinstance(self.content, str) else "".join(part.text for part in self.content)
        # OpenAI's newer word for the same thing.
        return Message("system" if self.role == "developer" else self.role, text)


class JsonSchema(msgspec.Struct, frozen=True, kw_only=True):
    schema: dict[str, Any]


class ResponseFormat(msgspec.Struct, frozen=True, kw_only=True):
    """``json_object``: any JSON object. The grammar holds every answer to its schema, ``strict`` or not."""

    type: Literal["text", "json_object", "json_schema"] = "text"
    json_schema: JsonSchema | None = None

    @property
    def schema(self) -> str:
        """A JSON text; empty for answers in any form."""
        if self.type == "text":
            return ""
        given = self.json_schema.schema if self.type == "json_schema" and self.json_schema else {"type": "object"}
        return msgspec.json.encode(given).decode()


class ChatBody(_Common, frozen=True, kw_only=True):
    """``POST /v1/chat/completions``."""

    messages: Annotated[tuple[ChatMessage, ...], Meta(min_length=1, max_length=512)]
    max_tokens: MaxTokens | None = None
    max_completion_tokens: MaxTokens | None = None
    logprobs: bool | None = None
    response_format: ResponseFormat | None = None
    tools: list[Any] | None = None
    functions: list[Any] | None = None
    modalities: list[str] | None = None

    def refuse(self, names: Sequence[str], *, grammar: bool) -> None:
        """Raise :class:`RequestError` for what we do not do. ``names``: the models that may be asked for;
        ``grammar``: answers can be held to a JSON schema."""
        self.refuse_common(names)
        _refuse(bool(self.logprobs), "logprobs")
        _refuse(bool(self.tools), "tools")
        _refuse(bool(self.functions), "functions")
        if (wanted := self.response_format) is not None:
            lacks_schema = wanted.type == "json_schema" and wanted.json_schema is None
            _refuse(lacks_schema, "response_format", "without its schema")
            _refuse(bool(wanted.schema) and not grammar, "response_format", "with this engine")
        _refuse(any(kind != "text" for kind in self.modalities or ()), "modalities", "other than text")

    def sampling(self) -> SamplingParams:
        params = self.params(self.max_completion_tokens or self.max_tokens or 1024)
        schema = self.response_format.schema if self.response_format is not None else ""
        return msgspec.structs.replace(params, json_schema=schema)


def _refuse(given: bool, field: str, what: str = "") -> None:
    if given:
        raise RequestError(400, f"`{field}`{' ' if what else ''}{what} is not supported.", hint="Leave it out.")


class Shape:
    """The objects of one answer: ``kind`` is ``chat`` or ``text``."""

    def __init__(self, kind: Literal["chat", "text"], stream_id: str, model: str) -> None:
        self._chat = kind == "chat"
        prefix, name = ("chatcmpl", "chat.completion") if self._chat else ("cmpl", "text_completion")
        self._base = {"id": f"{prefix}-{stream_id}", "created": int(time.time()), "model": model}
        self._whole_name = name
        self._chunk_name = f"{name}.chunk" if self._chat else name

    def opening(self) -> dict[str, Any] | None:
        """The chunk before any text, where the form has one."""
        return self._chunk({"delta": {"role": "assistant", "content": ""}}, None) if self._chat else None

    def delta(self, text: str) -> dict[str, Any]:
        return self._chunk({"delta": {"content": text}} if self._chat else {"text": text}, None)

    def closing(self, reason: str) -> dict[str, Any]:
        return self._chunk({"delta": {}} if self._chat else {"text": ""}, reason)

    def usage(self, done: DoneData) -> dict[str, Any]:
        return {**self._base, "object": self._chunk_name, "choices": [], "usage": usage(done)}

    def whole(self, text: str, done: DoneData) -> dict[str, Any]:
        body = {"message": {"role": "assistant", "content": text}} if self._chat else {"text": text}
        choice = {"index": 0, **body, "logprobs": None, "finish_reason": done.reason}
        return {**self._base, "object": self._whole_name, "choices": [choice], "usage": usage(done)}

    def _chunk(self, body: dict[str, Any], reason: str | None) -> dict[str, Any]:
        choice = {"index": 0, **body, "logprobs": None, "finish_reason": reason}
        return {**self._base, "object": self._chunk_name, "choices": [choice]}


def usage(done: DoneData) -> dict[str, Any]:
    return {
        "prompt_tokens": done.prompt_tokens,
        "completion_tokens": done.generated_tokens,
        "total_tokens": done.prompt_tokens + done.generated_tokens,
        "prompt_tokens_details": {"cached_tokens": done.reused_tokens},
        # Beyond OpenAI's form, and named as llama.cpp's server does: milliseconds.
        "timings": {
            "queue_ms": done.queue_ms,
            "ttft_ms": done.ttft_ms,
            "prompt_ms": done.prefill_ms,
            "predicted_ms": done.decode_ms,
        },
    }


_encoder = msgspec.json.Encoder()


class ChunkFrames:
    """Encodes the events of one stream as OpenAI's chunks, numbered from 0; the end of a good one is ``[DONE]``."""

    def __init__(self, shape: Shape, *, include_usage: bool) -> None:
        self._shape = shape
        self._include_usage = include_usage
        self._sequence = 0
        self._opened = False

    def feed(self, event: Event) -> bytes:
        match event:
            case TokenData(text=text):
                return self._open() + self._frame(self._shape.delta(text))
            case DoneData(reason="cancelled"):
                return self._frame({"error": openai_error(cancelled_error())})
            case DoneData():
                end = self._open() + self._frame(self._shape.closing(event.reason))
                if self._include_usage:
                    end += self._frame(self._shape.usage(event))
                return end + self._line(b"[DONE]")
            case ErrorData():
                return self._frame({"error": openai_error(from_data(event))})
            case _:
                return b""

    def _open(self) -> bytes:
        if self._opened:
            return b""
        self._opened = True
        opening = self._shape.opening()
        return self._frame(opening) if opening else b""

    def _frame(self, value: dict[str, Any]) -> bytes:
        return self._line(_encoder.encode(value))

    def _line(self, data: bytes) -> bytes:
        line = b"id: %d\ndata: %s\n\n" % (self._sequence, data)
        self._sequence += 1
        return line


def cancelled_error() -> SlipstreamError:
    """OpenAI's form has no word for an answer that was cancelled from elsewhere."""
    return SlipstreamError("The request was cancelled.", code="cancelled")


def from_data(error: ErrorData) -> SlipstreamError:
    return SlipstreamError(error.message, hint=error.hint, code=error.code, retryable=error.retryable)


def answer(shape: Shape, events: Sequence[Event]) -> dict[str, Any]:
    """The whole answer of an ended stream. Raises its :class:`SlipstreamError`."""
    end = events[-1]
    if isinstance(end, ErrorData):
        raise from_data(end)
    if not isinstance(end, DoneData) or end.reason == "cancelled":
        raise cancelled_error()
    return shape.whole("".join(event.text for event in events if isinstance(event, TokenData)), end)
