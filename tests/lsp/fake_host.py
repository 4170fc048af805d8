"""An engine host that does what a test tells it, on the socket where clients look for one.

It speaks the host's HTTP API by hand, so that a test sees exactly what the language server asks, and when it lets go.
"""

import asyncio
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import msgspec

from copilot import paths
from copilot.config.settings import Settings
from copilot.serve.api import (
    DoneData,
    ErrorData,
    HostState,
    HostStatus,
    ProgressData,
    PromptData,
    PromptPiece,
    StartData,
    TokenData,
)

ORDER = {"fresh_line": "spm", "line_end": "psm", "mid_line": "psm", "no_suffix": "prefix"}

_STEP_SECONDS = 0.005
_STEPS_A_HEARTBEAT = 200


@dataclass
class Asked:
    """One ``POST /v1/infill``. ``ended``: ``done``, ``error``, or ``closed`` when the client left first."""

    body: dict[str, Any]
    sent: int = 0
    ended: str | None = None

    @property
    def prefix(self) -> str:
        """The text before the caret."""
        return f"{self.body['prefix']}{self.body['begun']}"


@dataclass
class FakeHost:
    """``chat`` is what ``POST /v1/chat/completions`` answers, piece by piece; ``chat_answers`` are given before it, and
    ``chat_finish`` is how they end. ``asked_chat`` holds those requests. ``hold_after``, ``refuse`` and ``fail`` work
    on them as well.

    ``hold_after``: send so many tokens, then wait until :meth:`release`. ``refuse`` answers without a stream,
    ``fail`` ends one after its tokens. ``step_seconds`` pass after each piece.
    ``answers`` are given in turn, and ``tokens`` after them. All may be set while it runs.
    """

    tokens: Sequence[str] = ("1",)
    answers: list[Sequence[str]] = field(default_factory=list)
    hold_after: int | None = None
    refuse: ErrorData | None = None
    fail: ErrorData | None = None
    status: HostStatus = field(
        default_factory=lambda: HostStatus(
            state=HostState.READY, version="0", pid=1, model=Settings().model.completion, order=dict(ORDER)
        )
    )
    asked: list[Asked] = field(default_factory=list)
    chat: Sequence[str] = ("It adds ", "two ", "numbers.")
    chat_answers: list[Sequence[str]] = field(default_factory=list)
    chat_finish: str = "stop"
    step_seconds: float = 0.005
    asked_chat: list[Asked] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._started = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._serve(),), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._started.wait(10)
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        paths.host_socket().unlink(missing_ok=True)
        self._loop.close()

    @property
    def questions(self) -> list[Asked]:
        """What was asked for someone who waits, not ahead of time."""
        return [asked for asked in self.asked if asked.body["lane"] == "inline"]

    def release(self) -> None:
        """Let held streams go on."""
        self.hold_after = None

    async def _serve(self) -> None:
        socket: Path = paths.host_socket()
        paths.make_private_dir(socket.parent.parent)
        paths.make_private_dir(socket.parent)
        connections: set[asyncio.Task[Any]] = set()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            connections.add(task)
            try:
                while await self._answer(reader, writer):
                    pass
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                connections.discard(task)
                writer.close()

        server = await asyncio.start_unix_server(connected, path=str(socket))
        self._started.set()
        await self._stop.wait()
        server.close()
        for task in list(connections):
            task.cancel()
        if connections:
            await asyncio.wait(list(connections))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether the connection serves on."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        method, path, _ = head[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        if (method, path) == ("GET", "/health/live"):
            self._reply(writer, 200, b"{}")
        elif (method, path) == ("GET", "/health/ready"):
            code = 200 if self.status.state is HostState.READY else 503
            self._reply(writer, code, msgspec.json.encode(self.status))
        elif (method, path) == ("POST", "/v1/infill"):
            asked = Asked(msgspec.json.decode(body))
            self.asked.append(asked)
            if self.refuse is None:
                await self._stream(asked, reader, writer, self._infill_frames(asked))
                return False
            asked.ended = "refused"
            self._reply(writer, 503, msgspec.json.encode(self.refuse))
        elif (method, path) == ("POST", "/v1/infill/prompt"):
            self._reply(writer, 200, msgspec.json.encode(_prompt(msgspec.json.decode(body))))
        elif (method, path) == ("POST", "/v1/chat/completions"):
            asked = Asked(msgspec.json.decode(body))
            self.asked_chat.append(asked)
            if self.refuse is None:
                await self._stream(asked, reader, writer, self._chat_frames(asked))
                return False
            asked.ended = "refused"
            self._reply(writer, 503, msgspec.json.encode({"error": _openai_error(self.refuse)}))
        else:
            self._reply(writer, 404, b"{}")
        await writer.drain()
        return True

    def _reply(self, writer: asyncio.StreamWriter, status: int, body: bytes) -> None:
        writer.write(b"HTTP/1.1 %d x\r\ncontent-type: application/json\r\n" % status)
        writer.write(b"content-length: %d\r\n\r\n%s" % (len(body), body))

    async def _stream(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, frames: Iterator[bytes]
    ) -> None:
        left = asyncio.ensure_future(reader.read(1))
        try:
            writer.write(b"HTTP/1.1 200 x\r\ncontent-type: text/event-stream\r\nconnection: close\r\n")
            writer.write(b"slipstream-stream: s1\r\n\r\n")
            for frame in frames:
                writer.write(frame)
                await asyncio.sleep(self.step_seconds)
                # Polled: the test sets it from another thread.
                held = 0
                while not left.done() and self.hold_after is not None and asked.sent >= self.hold_after:
                    held += 1
                    if held % _STEPS_A_HEARTBEAT == 0:
                        writer.write(b": still here\n\n")
                    await asyncio.sleep(_STEP_SECONDS)
                if left.done():
                    asked.ended = "closed"
                    return
            await writer.drain()
            asked.ended = "error" if self.fail else "done"
        finally:
            left.cancel()

    def _infill_frames(self, asked: Asked) -> Iterator[bytes]:
        for sequence, event in enumerate(self._events(asked)):
            name = type(event).__name__.removesuffix("Data").lower()
            yield b"id: %d\nevent: %s\ndata: %s\n\n" % (sequence, name.encode(), msgspec.json.encode(event))

    def _chat_frames(self, asked: Asked) -> Iterator[bytes]:
        """As the host's: a chunk that opens the answer, one a piece, one that closes it, and ``[DONE]``."""

        def frame(delta: dict[str, str], finish: str | None = None) -> bytes:
            chunk = {"model": "fake", "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
            return b"data: %s\n\n" % msgspec.json.encode(chunk)

        yield frame({"role": "assistant", "content": ""})
        for text in self.chat_answers.pop(0) if self.chat_answers else self.chat:
            asked.sent += 1
            yield frame({"content": text})
        if self.fail is not None:
            yield b"data: %s\n\n" % msgspec.json.encode({"error": _openai_error(self.fail)})
        else:
            yield frame({}, self.chat_finish)
            yield b"data: [DONE]\n\n"

    def _events(self, asked: Asked) -> Iterator[StartData | ProgressData | TokenData | DoneData | ErrorData]:
        yield StartData(stream="s1", model=self.status.model or "fake", layout="psm")
        yield ProgressData(processed=32, total=64, reused=16)
        tokens: Sequence[str] = ()
        if asked.body["max_tokens"]:
            tokens = self.answers.pop(0) if self.answers else self.tokens
        for token in tokens:
            asked.sent += 1
            yield TokenData(text=token)
        if self.fail is not None:
            yield self.fail
        else:
            yield DoneData(
                reason="stop", prompt_tokens=64, reused_tokens=16, generated_tokens=len(tokens), decode_ms=100.0
            )


def _prompt(body: dict[str, Any]) -> PromptData:
    """As a tokenizer of words would have it."""
    texts = [("snippet", it["text"]) for it in body["snippets"]]
    texts += [(name, body[name]) for name in ("prefix", "begun", "suffix") if body[name]]
    pieces = [
        PromptPiece(name=name, text=text, control=False, tokens=len(text.split()), kept=len(text.split()))
        for name, text in texts
    ]
    return PromptData(pieces=tuple(pieces), limit=2048, answer=96)


def _openai_error(error: ErrorData) -> dict[str, str]:
    kind = "server_error" if error.retryable else "invalid_request_error"
    return {"message": f"{error.message} {error.hint}".strip(), "type": kind, "code": error.code}


@contextmanager
def failed_host(error: ErrorData) -> Iterator[FakeHost]:
    """A host that could not load its model."""
    status = HostStatus(state=HostState.FAILED, version="0", pid=1, error=error)
    with FakeHost(status=status, refuse=error) as host:
        yield host
