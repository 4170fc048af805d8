"""What goes over the wire between the host and its clients. Values only; light enough for every client.

Requests are decoded with ``msgspec.json.Decoder(..., strict=True)``: unknown fields are refused, every number and
length is bounded, because a request may come from anyone who can reach the socket.
"""

from enum import StrEnum
from typing import Annotated, Any, Self, TypeAlias

import msgspec
from msgspec import Meta

from copilot.context.request import CaretPlace, InfillRequest, Snippet

MAX_BODY_BYTES = 2 * 1024 * 1024

Text = Annotated[str, Meta(max_length=1_000_000)]
Name = Annotated[str, Meta(max_length=1024)]
StopStrings = Annotated[tuple[Annotated[str, Meta(min_length=1, max_length=256)], ...], Meta(max_length=16)]


def _fields(source: "InfillBody | InfillRequest") -> dict[str, Any]:
    return {name: getattr(source, name) for name in InfillRequest.__struct_fields__}


class Lane(StrEnum):
    """A class of work, most urgent first."""

    INLINE = "inline"
    NEXT_EDIT = "next_edit"
    CHAT = "chat"
    BACKGROUND = "background"


class InfillBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /v1/infill``. Always answered as a stream of server-sent events.

    ``session`` names the document being typed in: a newer inline request of it supersedes the older one and what
    runs for it in the background, and a newer background request the older one of those. Background work runs while no
    completion does; what runs when one comes ends as ``cancelled``.
    ``max_tokens`` 0 only prefills: no text comes, and the next request with this beginning is answered the sooner.
    ``deadline_ms``: not started when it has waited longer.
    """

    prefix: Text
    begun: Text = ""
    suffix: Text = ""
    snippets: Annotated[tuple[Snippet, ...], Meta(max_length=64)] = ()
    path: Name | None = None
    language: Name | None = None
    place: CaretPlace | None = None
    layout: Name | None = None
    session: Name | None = None
    lane: Lane = Lane.INLINE
    max_tokens: Annotated[int, Meta(ge=0, le=2048)] = 96
    temperature: Annotated[float, Meta(ge=0, le=2)] = 0.0
    stop: StopStrings = ()
    seed: Annotated[int, Meta(ge=0, le=2**31 - 1)] | None = None
    logprobs: bool = False
    deadline_ms: Annotated[int, Meta(ge=1, le=600_000)] | None = None

    @classmethod
    def asking(cls, request: InfillRequest, **options: Any) -> Self:
        """The body that asks ``request``; ``options`` are the other fields."""
        return cls(**_fields(request), **options)

    def request(self) -> InfillRequest:
        return InfillRequest(**_fields(self))


class StartData(msgspec.Struct, frozen=True, kw_only=True):
    """``event: start``: the engine took the request up."""

    stream: str
    model: str
    layout: str


class QueuedData(msgspec.Struct, frozen=True, kw_only=True):
    """``event: queued``: so many are about to start before it; before ``start``, with each change."""

    position: int


class ProgressData(msgspec.Struct, frozen=True, kw_only=True):
    """``event: progress``: prefill so far, in tokens."""

    processed: int
    total: int
    reused: int


class TokenData(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """``event: token``: the next text, never taken back."""

    text: str
    token_id: int | None = None
    logprob: float | None = None


class DoneData(msgspec.Struct, frozen=True, kw_only=True):
    """``event: done``, one of the two ends of a stream. Times in milliseconds.

    ``reason``: ``stop``, ``length`` or ``cancelled``. ``queue_ms``: from the request's arrival until the engine
    took it. ``ttft_ms``: from the request's arrival until the first token. ``total_ms``: until this end.
    """

    reason: str
    prompt_tokens: int = 0
    reused_tokens: int = 0
    generated_tokens: int = 0
    queue_ms: float = 0.0
    ttft_ms: float | None = None
    total_ms: float = 0.0
    prefill_ms: float = 0.0
    decode_ms: float = 0.0


InfillEvent: TypeAlias = QueuedData | StartData | ProgressData | TokenData | DoneData
"""What a stream of ``POST /v1/infill`` brings where nothing goes wrong."""


class ErrorData(msgspec.Struct, frozen=True, kw_only=True):
    """``event: error``, the other end. ``partial``: text came before it and is all that will come."""

    code: str
    message: str
    hint: str = ""
    retryable: bool = False
    partial: bool = False


class HostState(StrEnum):
    STARTING = "starting"
    """No model is loaded yet (it is being fetched or loaded)."""
    READY = "ready"
    FAILED = "failed"
    """No model could be loaded; ``HostStatus.error`` says why."""
    UNLOADED = "unloaded"
    """Someone had the model unloaded; the next request loads it again."""
    STOPPING = "stopping"
    """It takes no more work and is about to leave."""


class HostStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``GET /health/ready`` (200 when ready, else 503) and ``slipstream status``."""

    state: HostState
    version: str
    pid: int
    model: str | None = None
    backend: str | None = None
    detail: str = ""
    """What it is busy with while starting, in words for people."""
    progress: float | None = None
    """Share of the fetch or load that is done, 0 to 1, where it is known."""
    error: ErrorData | None = None
    uptime_s: float = 0.0
    idle_s: float = 0.0
    idle_limit_s: float = 0.0
    active_streams: int = 0
    queued_streams: int = 0
    worker_restarts: int = 0
    slots: int = 0
    prompt_tokens: int = 0
    """Of all generations so far, as ``engine.protocol.Totals`` counts them; so are the next two."""
    reused_tokens: int = 0
    generated_tokens: int = 0
    context_tokens: int = 0
    """Tokens that one request may have, prompt and answer together."""
    snippets: bool = True
    """Whether the model's family has a form for code of other files; else ``InfillBody.snippets`` is left out."""
    layouts: tuple[str, ...] = ()
    """The orders of a prompt that ``InfillBody.layout`` may name."""
    order: dict[str, str] = {}
    """The layout that a prompt gets without that, for each place of the caret and for ``no_suffix``."""
    chosen: bool = False
    """The model is one that someone chose while the host ran, not the one that its settings name."""
    memory_bytes: int = 0
    """Resident memory of the host and its engine workers."""
    gpu_bytes: int = 0
    """Of the GPUs' memory that they hold; 0 for none."""
    prefill_tokens_per_second: float = 0.0
    """As the engine measured it when it loaded the model; 0 where it did not."""
    chat_model: str | None = None
    """A model of its own for chat, where it is loaded; otherwise ``model`` answers."""
    shared: bool = False
    """Others use this host too; which model it has is for whoever runs it to say."""
    stands_in: bool = False
    """``model`` answers in place of one that can't run; ``detail`` says why."""
    notes: tuple[str, ...] = ()
    """Sentences for people: what was chosen, and what is less than was asked for."""


class LoadBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /v1/load``: try again after a failed load; with ``model`` that one instead of the one that is loaded."""

    model: Name | None = None


class StreamState(msgspec.Struct, frozen=True, kw_only=True):
    """``GET /v1/streams/{id}``. ``position``: how many wait before it, None once it runs."""

    position: int | None = None


class PromptPiece(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of a prompt: one control token, or content. ``kept``: tokens of it that the model is shown."""

    name: str
    text: str
    control: bool
    tokens: int
    kept: int


class PromptData(msgspec.Struct, frozen=True, kw_only=True):
    """``POST /v1/chat/prompt`` and ``/v1/infill/prompt``: what a request with the same body would be asked as.

    ``limit``: tokens for prompt and answer together. ``answer``: what is left of it for the answer.
    ``error``: why it cannot be asked so, with the pieces as they are.
    """

    pieces: tuple[PromptPiece, ...]
    limit: int
    answer: int
    error: ErrorData | None = None


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """How one generation went. ``at``: seconds on the host's clock, see ``SamplesData.now``."""

    at: float
    lane: Lane
    ttft_ms: float
    queue_ms: float
    total_ms: float
    prompt_tokens: int
    reused_tokens: int
    generated_tokens: int
    decode_ms: float


class SamplesData(msgspec.Struct, frozen=True, kw_only=True):
    """``GET /v1/samples?seconds=N``: the generations of the last seconds, an hour at most."""

    now: float
    samples: tuple[Sample, ...]


class PeerRole(StrEnum):
    EDITOR = "editor"
    WINDOW = "window"


class PeerBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /v1/peers``: join, for as long as the answer is read. ``name``: for people; ``workspace``: a folder."""

    role: PeerRole
    name: Name
    workspace: Name | None = None


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    role: PeerRole
    name: str
    workspace: str | None


class PeersData(msgspec.Struct, frozen=True, kw_only=True):
    """``event: peers``: who is here now; ``you`` is whom this connection belongs to."""

    you: str
    peers: tuple[Peer, ...]


class LetterBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``POST /v1/peers/{id of the sender}/letters``."""

    to: Name
    body: msgspec.Raw


class LetterData(msgspec.Struct, frozen=True, kw_only=True):
    """``event: letter``: from ``sender``, in the order in which it was sent."""

    sender: str
    body: msgspec.Raw
