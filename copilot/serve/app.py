"""The routes: handlers that translate between HTTP and the service."""

from typing import TypeVar

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
from copilot.serve.delivery import Frames, PeerResponse, StreamResponse, whole
from copilot.serve.guard import Guard, RequestError
from copilot.serve.keeper import Ready
from copilot.serve.prompt import inspect
from copilot.serve.samples import KEEP_SECONDS
from copilot.serve.service import Service, draining_error
from copilot.serve.sse import InfillFrames
from copilot.serve.streams import Stream

T = TypeVar("T")

_infill = msgspec.json.Decoder(InfillBody, strict=True)
_completion = msgspec.json.Decoder(openai.CompletionBody, strict=True)
_chat = msgspec.json.Decoder(openai.ChatBody, strict=True)
_load = msgspec.json.Decoder(LoadBody, strict=True)
_peer = msgspec.json.Decoder(PeerBody, strict=True)
_letter = msgspec.json.Decoder(LetterBody, strict=True)
_encoder = msgspec.json.Encoder()


def build(service: Service) -> ASGIApp:
    """The ASGI application."""
    handlers = _Handlers(service)
    routes = [
        Route("/v1/infill", handlers.infill, methods=["POST"]),
        Route("/v1/infill/prompt", handlers.infill_prompt, methods=["POST"]),
        Route("/v1/streams/{stream_id}", handlers.cancel, methods=["DELETE"]),
        Route("/v1/completions", handlers.completions, methods=["POST"]),
        Route("/v1/chat/completions", handlers.chat, methods=["POST"]),
        Route("/v1/chat/prompt", handlers.prompt, methods=["POST"]),
        Route("/v1/streams/{stream_id}", handlers.position, methods=["GET"]),
        Route("/v1/samples", handlers.samples, methods=["GET"]),
        Route("/v1/peers", handlers.join, methods=["POST"]),
        Route("/v1/peers/{peer_id}/letters", handlers.send, methods=["POST"]),
        Route("/v1/unload", handlers.unload, methods=["POST"]),
        Route("/v1/models", handlers.models, methods=["GET"]),
        Route("/v1/load", handlers.load, methods=["POST"]),
        Route("/v1/shutdown", handlers.shutdown, methods=["POST"]),
        Route("/health/live", handlers.live, methods=["GET"]),
        Route("/health/ready", handlers.status, methods=["GET"]),
    ]
    return Guard(Router(routes, redirect_slashes=False))


def _json(value: object, status: int = 200) -> Response:
    return Response(_encoder.encode(value), status, media_type="application/json")


class _Handlers:
    def __init__(self, service: Service) -> None:
        self._service = service

    async def infill(self, request: Request) -> Response:
        body = await _decode(request, _infill)
        ready = self._service.ready()
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
            lane=body.lane,
            session=body.session,
            deadline_seconds=None if body.deadline_ms is None else body.deadline_ms / 1000,
        )
        return self._streamed(ready, stream, InfillFrames())

    async def infill_prompt(self, request: Request) -> Response:
        """What :meth:`infill` with the same body would ask the model."""
        body = await _decode(request, _infill)
        ready = self._service.ready()
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
        stream = ready.generations.submit(plan, body.sampling(), lane=lane)
        shape = openai.Shape("text", stream.id, loaded.engine.model.id)
        return await self._answer(request, ready, stream, shape, body)

    async def chat(self, request: Request) -> Response:
        body = await _decode(request, _chat)
        ready = await self._service.ready_to_chat(body.model)
        body.refuse(self._service.names(ready, chat=True), grammar=ready.loaded.engine.capabilities.grammar)
        plan = planning.plan_chat([message.to_plan() for message in body.messages], ready.loaded.family)
        stream = ready.generations.submit(plan, body.sampling(), lane=Lane.CHAT)
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
            return self._streamed(ready, stream, openai.ChunkFrames(shape, include_usage=with_usage))
        events = await whole(stream, ready.generations.cancel, request.receive)
        return _json(openai.answer(shape, events))

    def _streamed(self, ready: Ready, stream: Stream, frames: Frames) -> Response:
        return StreamResponse(stream, frames, ready.generations.cancel)

    async def cancel(self, request: Request) -> Response:
        stream_id = request.path_params["stream_id"]
        ready = self._service.holding(stream_id)
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
        loaded = (await self._service.ready_to_chat(body.model)).loaded
        plan = planning.plan_chat([message.to_plan() for message in body.messages], loaded.family)
        return _json(await inspect(plan, loaded.engine, max_tokens=body.sampling().max_tokens))

    async def position(self, request: Request) -> Response:
        stream_id = request.path_params["stream_id"]
        ready = self._service.holding(stream_id)
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
        return _json(SamplesData(now=now, samples=self._service.keeper.samples.since(now - seconds)))

    async def join(self, request: Request) -> Response:
        body = await _decode(request, _peer)
        if self._service.draining:
            raise draining_error()
        return PeerResponse(self._service.relay, self._service.relay.join(body))

    async def send(self, request: Request) -> Response:
        letter = await _decode(request, _letter)
        self._service.relay.send(request.path_params["peer_id"], letter.to, letter.body)
        return Response(status_code=204)

    async def shutdown(self, request: Request) -> Response:
        self._service.on_shutdown()
        return _json({"stopping": True}, 202)

    async def live(self, request: Request) -> Response:
        return _json({"live": not self._service.draining}, 503 if self._service.draining else 200)

    async def status(self, request: Request) -> Response:
        status = self._service.status()
        return _json(status, 200 if status.state is HostState.READY else 503)


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
