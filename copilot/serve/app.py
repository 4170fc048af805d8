"""The routes: handlers that translate between HTTP and the service."""

import asyncio
import functools
import re
from collections.abc import Awaitable, Callable, Set
from typing import TYPE_CHECKING, TypeAlias, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from copilot.context.request import InfillRequest
from copilot.engine import planning
from copilot.engine.protocol import PromptPlan, SamplingParams
from copilot.serve import openai
from copilot.serve.api import (
    HostState,
    InfillBody,
    Lane,
    LetterBody,
    LoadBody,
    PeerBody,
    SamplesData,
    StreamState,
)
from copilot.serve.callers import Caller, Scope
from copilot.serve.delivery import STREAM_HEADER, KeptResponse, PeerResponse, StreamResponse, whole
from copilot.serve.doors import Door
from copilot.serve.guard import CALLER, Guard, RequestError
from copilot.serve.keeper import Ready
from copilot.serve.prompt import inspect
from copilot.serve.samples import KEEP_SECONDS
from copilot.serve.service import Service, draining_error
from copilot.serve.shelf import MOST_SECONDS, RESUME_HEADER, Frames, Kept
from copilot.serve.sse import InfillFrames
from copilot.serve.streams import Stream

if TYPE_CHECKING:
    from copilot.serve.metrics import Metrics

_DIGITS = 12
_STREAM_ID = re.compile("[0-9a-f]{32}")

T = TypeVar("T")
Handler: TypeAlias = Callable[[Request], Awaitable[Response]]

_infill = msgspec.json.Decoder(InfillBody, strict=True)
_completion = msgspec.json.Decoder(openai.CompletionBody, strict=True)
_chat = msgspec.json.Decoder(openai.ChatBody, strict=True)
_load = msgspec.json.Decoder(LoadBody, strict=True)
_peer = msgspec.json.Decoder(PeerBody, strict=True)
_letter = msgspec.json.Decoder(LetterBody, strict=True)
_encoder = msgspec.json.Encoder()


def build(service: Service, door: Door, metrics: "Metrics | None" = None) -> ASGIApp:
    """The ASGI application for those who come in by ``door``. ``metrics``: None where their library is missing."""
    handlers = _Handlers(service, metrics)
    anyone, complete, chat, admin = frozenset(Scope), {Scope.COMPLETE}, {Scope.CHAT}, {Scope.ADMIN}
    figures = {Scope.FIGURES, Scope.ADMIN}
    # Each with the scopes of which a caller needs one.
    routes = [
        ("POST", "/v1/infill", complete, handlers.infill),
        ("POST", "/v1/infill/prompt", complete, handlers.infill_prompt),
        ("POST", "/v1/completions", complete, handlers.completions),
        ("POST", "/v1/chat/completions", chat, handlers.chat),
        ("POST", "/v1/chat/prompt", chat, handlers.prompt),
        ("GET", "/v1/streams/{stream_id}", anyone, handlers.position),
        ("DELETE", "/v1/streams/{stream_id}", anyone, handlers.cancel),
        ("GET", "/v1/streams/{stream_id}/events", anyone, handlers.resume),
        ("GET", "/v1/samples", anyone, handlers.samples),
        ("POST", "/v1/peers", anyone, handlers.join),
        ("POST", "/v1/peers/{peer_id}/letters", anyone, handlers.send),
        ("GET", "/v1/models", anyone, handlers.models),
        ("POST", "/v1/load", admin, handlers.load),
        ("POST", "/v1/unload", admin, handlers.unload),
        ("POST", "/v1/shutdown", admin, handlers.shutdown),
        ("GET", "/metrics", figures, handlers.metrics),
        ("GET", "/health/live", None, handlers.live),
        ("GET", "/health/ready", anyone, handlers.status),
    ]
    found = [Route(path, _allowed(scopes, handler), methods=[method]) for method, path, scopes, handler in routes]
    return Guard(Router(found, redirect_slashes=False), door)


def _allowed(scopes: Set[Scope] | None, handler: Handler) -> Handler:
    """``handler`` for callers with one of ``scopes``; None: for everyone, also those who are not known."""
    if scopes is None:
        return handler

    async def checked(request: Request) -> Response:
        if not scopes & _caller(request).scopes:
            raise RequestError(
                403,
                f"This token is not good for this: it needs {' or '.join(sorted(scopes))}.",
                hint="`slipstream users` on the host says what a token is good for.",
                code="forbidden_scope",
            )
        return await handler(request)

    return checked


def _caller(request: Request) -> Caller:
    caller: Caller = request.scope[CALLER]
    return caller


def _json(value: object, status: int = 200) -> Response:
    return Response(_encoder.encode(value), status, media_type="application/json")


class _Handlers:
    def __init__(self, service: Service, metrics: "Metrics | None") -> None:
        self._service = service
        self._metrics = metrics

    async def infill(self, request: Request) -> Response:
        body = await _decode(request, _infill)
        ready = self._service.ready()
        self._service.admit(_caller(request).tenant, body.lane)
        plan = _plan_infill(body.request(), ready)
        params = SamplingParams(
            max_tokens=body.max_tokens,
            temperature=body.temperature,
            seed=body.seed,
            stop=body.stop,
            logprobs=body.logprobs,
        )
        stream = ready.generations.submit(
            plan,
            params,
            tenant=_caller(request).tenant,
            stream_id=self._stream_id(request),
            lane=body.lane,
            session=body.session,
            deadline_seconds=None if body.deadline_ms is None else body.deadline_ms / 1000,
        )
        return self._streamed(request, ready, stream, InfillFrames)

    async def infill_prompt(self, request: Request) -> Response:
        """What :meth:`infill` with the same body would ask the model."""
        body = await _decode(request, _infill)
        ready = self._service.ready()
        self._service.admit(_caller(request).tenant, body.lane)
        plan = _plan_infill(body.request(), ready)
        return _json(await inspect(plan, ready.loaded.engine, max_tokens=body.max_tokens))

    async def completions(self, request: Request) -> Response:
        body = await _decode(request, _completion)
        ready = self._service.ready()
        body.refuse(self._service.names(ready))
        loaded = ready.loaded
        if body.suffix is None:
            # A prompt that came whole is as often a question as a completion, and its client waits patiently.
            lane, plan = Lane.CHAT, planning.plan_raw(body.prompt, loaded.family)
        else:
            asked = InfillRequest(prefix=body.prompt, suffix=body.suffix)
            lane, plan = Lane.INLINE, _plan_infill(asked, ready)
        tenant, stream_id = _caller(request).tenant, self._stream_id(request)
        self._service.admit(tenant, lane)
        stream = ready.generations.submit(plan, body.sampling(), lane=lane, tenant=tenant, stream_id=stream_id)
        shape = openai.Shape("text", stream.id, loaded.engine.model.id)
        return await self._answer(request, ready, stream, shape, body)

    async def chat(self, request: Request) -> Response:
        body = await _decode(request, _chat)
        ready = await self._service.ready_to_chat(body.model)
        body.refuse(self._service.names(ready, chat=True), grammar=ready.loaded.engine.capabilities.grammar)
        plan = planning.plan_chat([message.to_plan() for message in body.messages], ready.loaded.family)
        tenant, stream_id = _caller(request).tenant, self._stream_id(request)
        self._service.admit(tenant, Lane.CHAT)
        stream = ready.generations.submit(plan, body.sampling(), lane=Lane.CHAT, tenant=tenant, stream_id=stream_id)
        shape = openai.Shape("chat", stream.id, ready.loaded.engine.model.id)
        return await self._answer(request, ready, stream, shape, body)

    async def _answer(
        self,
        request: Request,
        ready: Ready,
        stream: Stream,
        shape: openai.Shape,
        body: openai.CompletionBody | openai.ChatBody,
    ) -> Response:
        if body.stream:
            with_usage = body.stream_options is not None and body.stream_options.include_usage
            frames = functools.partial(openai.ChunkFrames, shape, include_usage=with_usage)
            return self._streamed(request, ready, stream, frames)
        events = await whole(stream, ready.generations.cancel, request.receive)
        return _json(openai.answer(shape, events))

    def _streamed(self, request: Request, ready: Ready, stream: Stream, frames: Callable[[], Frames]) -> Response:
        seconds = _number(request, RESUME_HEADER, MOST_SECONDS)
        if not seconds:
            return StreamResponse(stream, frames(), ready.generations.cancel)
        kept = Kept(stream, frames, ready.generations.cancel, seconds)
        self._service.shelf.put(kept)
        return KeptResponse(kept, self._service.shelf)

    def _stream_id(self, request: Request) -> str | None:
        """What the client wants to call its stream, so that it can stop it before it has heard of it."""
        wanted = request.headers.get(STREAM_HEADER)
        if wanted is None:
            return None
        if not _STREAM_ID.fullmatch(wanted):
            raise RequestError(400, f"The header {STREAM_HEADER} must be 32 hexadecimal digits.")
        if self._service.is_known(wanted):
            raise RequestError(409, "There is a stream of this id already.", code="stream_exists")
        return wanted

    async def resume(self, request: Request) -> Response:
        """What follows the frame that the reader had last."""
        kept = self._service.shelf.find(request.path_params["stream_id"], _caller(request).tenant)
        last = _number(request, "last-event-id", 10**9)
        return KeptResponse(kept, self._service.shelf, after=-1 if last is None else last)

    async def cancel(self, request: Request) -> Response:
        stream_id = request.path_params["stream_id"]
        ready = self._service.holding(stream_id, _caller(request).tenant)
        if ready is None or not ready.generations.cancel(stream_id):
            raise _unknown_stream()
        return Response(status_code=204)

    async def models(self, request: Request) -> Response:
        ids = self._service.model_ids
        found = [{"id": id, "object": "model", "owned_by": "local"} for id in ids]
        return _json({"object": "list", "data": found})

    async def load(self, request: Request) -> Response:
        body = await _decode(request, _load)
        await self._service.load(body.model)
        return _json({"state": self._service.keeper.state}, 202)

    async def unload(self, request: Request) -> Response:
        await self._service.unload()
        return _json({"state": self._service.keeper.state}, 202)

    async def prompt(self, request: Request) -> Response:
        body = await _decode(request, _chat)
        self._service.admit(_caller(request).tenant, Lane.CHAT)
        loaded = (await self._service.ready_to_chat(body.model)).loaded
        plan = planning.plan_chat([message.to_plan() for message in body.messages], loaded.family)
        return _json(await inspect(plan, loaded.engine, max_tokens=body.sampling().max_tokens))

    async def position(self, request: Request) -> Response:
        stream_id = request.path_params["stream_id"]
        ready = self._service.holding(stream_id, _caller(request).tenant)
        try:
            if ready is None:
                raise KeyError
            return _json(StreamState(position=ready.generations.position(stream_id)))
        except KeyError:
            raise _unknown_stream() from None

    async def samples(self, request: Request) -> Response:
        given = request.query_params.get("seconds", "")
        seconds = min(float(given), KEEP_SECONDS) if given.isdigit() else KEEP_SECONDS
        now = self._service.clock()
        return _json(SamplesData(now=now, samples=self._service.keeper.samples.since(now - seconds, _whose(request))))

    async def join(self, request: Request) -> Response:
        body = await _decode(request, _peer)
        if self._service.draining:
            raise draining_error()
        return PeerResponse(self._service.relay, self._service.relay.join(body, _caller(request).tenant))

    async def send(self, request: Request) -> Response:
        letter = await _decode(request, _letter)
        tenant = _caller(request).tenant
        self._service.relay.send(tenant, request.path_params["peer_id"], letter.to, letter.body)
        return Response(status_code=204)

    async def metrics(self, request: Request) -> Response:
        if self._metrics is None:
            raise RequestError(
                501,
                "Figures for Prometheus need the Python package prometheus_client, which the host lacks.",
                hint="Install it there with `pip install 'slipstream-copilot[team]'` and start the host again.",
                code="no_metrics",
            )
        content = await asyncio.to_thread(self._metrics.exposition, self._service.held)
        return Response(content, headers={"content-type": self._metrics.content_type})

    async def shutdown(self, request: Request) -> Response:
        self._service.on_shutdown()
        return _json({"stopping": True}, 202)

    async def live(self, request: Request) -> Response:
        return _json({"live": not self._service.draining}, 503 if self._service.draining else 200)

    async def status(self, request: Request) -> Response:
        status = self._service.status(others=_whose(request) is None)
        return _json(status, 200 if status.state is HostState.READY else 503)


def _whose(request: Request) -> str | None:
    """Whose figures a caller may see; None: everyone's."""
    caller = _caller(request)
    return None if caller.scopes & {Scope.FIGURES, Scope.ADMIN} else caller.tenant


def _number(request: Request, header: str, most: int) -> int | None:
    """A header that is a number, ``most`` where it is larger; None where it is not there."""
    text = request.headers.get(header)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < _DIGITS):
        raise RequestError(400, f"The header {header} must be a number from 0 on.")
    return min(int(text), most)


def _unknown_stream() -> RequestError:
    return RequestError(404, "No such stream is waiting or running.", code="unknown_stream")


def _plan_infill(asked: InfillRequest, ready: Ready) -> PromptPlan:
    return planning.plan_infill(asked, ready.loaded.family, ready.loaded.limits, ready.loaded.order)


async def _decode(request: Request, decoder: msgspec.json.Decoder[T]) -> T:
    try:
        return decoder.decode(await request.body())
    except msgspec.ValidationError as error:
        raise RequestError(400, f"The body is not as it should be: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise RequestError(400, "The body is not valid JSON.") from None
