"""What the host and its engine worker say to each other, and how it is cut into frames.

A frame is a 4-byte big-endian length and one msgpack value, a struct tagged with its name. No I/O here.
Requests carry a number; every answer carries the number of its request, and each request gets exactly one of
``Done``, ``Counted`` or ``Failed``, after which nothing more comes for it.
"""

import struct
from typing import Generic, TypeVar

import msgspec

from copilot.engine.protocol import Finish, Progress, PromptPlan, SamplingParams

MAX_FRAME = 16 * 1024 * 1024
"""Bytes. The longest prompt of the largest context is a few MiB of text; whatever claims more is broken."""

_LENGTH = struct.Struct(">I")


class Load(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The first frame: load this model. ``folder`` is private to the worker; ``name`` is for messages.

    ``backend``: ``llama.cpp``, ``exllamav2`` or ``exllamav3``. ``speculation``, ``cache_type``: as in the settings.
    ``extension``: the folder of the library's compiled part, where it is not installed with it. ``draft``, ``lora``:
    a folder each, or empty. ``devices``: the GPUs to use; empty for all. ``context_tokens``: of the KV cache, for all
    requests together; ``request_tokens``: what one of them may have at most, 0 for as many.
    """

    path: str
    folder: str
    name: str
    context_tokens: int
    slots: int
    batch_tokens: int
    threads: int
    gpu_layers: int
    speculation: str = "off"
    backend: str = "llama.cpp"
    cache_type: str = "auto"
    extension: str = ""
    draft: str = ""
    lora: str = ""
    devices: tuple[str, ...] = ()
    request_tokens: int = 0


class Generate(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    id: int
    plan: PromptPlan
    params: SamplingParams


class Count(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """How many tokens ``text`` has as plain content."""

    id: int
    text: str


class Cancel(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Stop that generation within a step. It still gets its ``Done``. Unknown numbers are ignored."""

    id: int


class Shutdown(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    pass


class LoadProgress(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """``fraction`` of the model file that was read, 0 to 1."""

    fraction: float


class Loaded(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Ready. ``context_length``: tokens that one request may have; ``version``: the backend's; the others as in
    ``protocol.EngineCapabilities``. ``notes`` are sentences for the user: what was chosen, and what is less than was
    asked for. ``gpu_bytes``: what it holds of the GPUs' memory."""

    context_length: int
    patient_tokens: int
    version: str
    kv_reuse: str = "leading"
    logprobs: bool = True
    grammar: bool = False
    prefill_tokens_per_second: float = 0.0
    notes: tuple[str, ...] = ()
    gpu_bytes: int = 0


class Event(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One step. ``data`` are bytes of UTF-8 that may end within a character; ``at`` is ``time.monotonic()``."""

    id: int
    at: float
    data: bytes = b""
    token_id: int | None = None
    logprob: float | None = None
    progress: Progress | None = None


class Done(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    id: int
    at: float
    finish: Finish


class Counted(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    id: int
    tokens: int


class Failed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The fields of a ``SlipstreamError``. ``id`` 0 is the loading."""

    id: int
    message: str
    hint: str
    code: str
    retryable: bool = False


ToWorker = Load | Generate | Count | Cancel | Shutdown
FromWorker = LoadProgress | Loaded | Event | Done | Counted | Failed

_Frame = TypeVar("_Frame")
_encoder = msgspec.msgpack.Encoder()


class WireError(Exception):
    """The other side does not keep to the protocol; the connection is of no more use."""


class FrameTooLargeError(WireError):
    """What was to be sent does not fit into a frame."""


def encode(frame: ToWorker | FromWorker) -> bytes:
    """One frame as bytes. Raises :class:`FrameTooLargeError`; ``UnicodeEncodeError`` for text with lone surrogates."""
    body = _encoder.encode(frame)
    if len(body) > MAX_FRAME:
        raise FrameTooLargeError(f"{len(body)} bytes")
    return _LENGTH.pack(len(body)) + body


class FrameReader(Generic[_Frame]):
    """Bytes in pieces of any size to whole frames of one direction, see :func:`from_worker` and :func:`to_worker`."""

    def __init__(self, decoder: msgspec.msgpack.Decoder[_Frame]) -> None:
        self._decoder = decoder
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[_Frame]:
        """Return the frames that are complete now. Raises :class:`WireError` for one too large or malformed."""
        self._buffer += data
        frames: list[_Frame] = []
        start = 0
        while (body := start + _LENGTH.size) <= len(self._buffer):
            (length,) = _LENGTH.unpack_from(self._buffer, start)
            if length > MAX_FRAME:
                raise WireError(f"a frame of {length} bytes")
            if body + length > len(self._buffer):
                break
            start = body + length
            frames.append(self._decode(bytes(self._buffer[body:start])))
        del self._buffer[:start]
        return frames

    def _decode(self, body: bytes) -> _Frame:
        try:
            return self._decoder.decode(body)
        except msgspec.MsgspecError as error:
            # The error names fields and types, not values.
            raise WireError(str(error)) from None


def from_worker() -> FrameReader[FromWorker]:
    return FrameReader(msgspec.msgpack.Decoder(FromWorker))


def to_worker() -> FrameReader[ToWorker]:
    return FrameReader(msgspec.msgpack.Decoder(ToWorker))
