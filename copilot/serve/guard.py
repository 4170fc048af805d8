"""The outermost layer of the host: what a request must be before anything else looks at it.

The socket is private, but a proxy or a mistake may put it within a browser's reach. A browser always names the page
it acts for (``Origin``, ``Sec-Fetch-Site``) or a host that we are not, and cannot send JSON to a stranger unasked.
Who asks is decided here too, before any route is looked for: what is not known to be open is closed.
"""

import asyncio
import functools
import logging
import math

import msgspec
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from copilot.errors import SlipstreamError
from copilot.serve.api import MAX_BODY_BYTES
from copilot.serve.callers import Caller
from copilot.serve.doors import Door, Headers
from copilot.serve.failures import describe_crash, error_data, internal_error

log = logging.getLogger(__name__)

OPENAI_PATHS = frozenset({"/v1/completions", "/v1/chat/completions", "/v1/models"})
OPEN_PATHS = frozenset({"/health/live"})
"""What anyone may ask who reaches the port: is there a host?"""

CALLER = "slipstream.caller"
"""Key of a scope: the :class:`~copilot.serve.callers.Caller`. Open paths have none."""

STILL = "slipstream.still"
"""Key of a scope: a function that says whether the caller would be let in now."""

_BODY_SECONDS = 15.0
_RETRY_AFTER_SECONDS = b"1"
# What no second try makes right: the request is to blame, or its model; or a bug of ours. All else is a state of
# the host, 503.
_INVALID = frozenset(
    {
        "bad_schema",
        "context_too_long",
        "empty_prompt",
        "invalid_text",
        "missing_control_token",
        "no_chat_template",
        "unknown_layout",
    }
)
_STATUS = {"cancelled": 409, "unknown_peer": 404, "internal": 500, **dict.fromkeys(_INVALID, 400)}


class RequestError(SlipstreamError):
    """A request that cannot be served as it is. ``status`` is its HTTP status; ``retry_after``: seconds after which it
    may be."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        hint: str = "",
        code: str = "invalid_request",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, hint=hint, code=code, retryable=retry_after is not None)
        self.status = status
        self.retry_after = retry_after


class ClientGoneError(Exception):
    """The connection ended before the request was whole; there is nobody to answer."""


def error_response(error: SlipstreamError, path: str) -> Response:
    """``error`` as JSON: in OpenAI's form on its routes, else an ``ErrorData``."""
    status = error.status if isinstance(error, RequestError) else _STATUS.get(error.code, 503)
    if path in OPENAI_PATHS:
        content = msgspec.json.encode({"error": openai_error(error)})
    else:
        content = msgspec.json.encode(error_data(error))
    response = Response(content, status, media_type="application/json")
    if status == 503:
        response.headers["retry-after"] = _RETRY_AFTER_SECONDS.decode()
    elif isinstance(error, RequestError) and error.retry_after is not None:
        response.headers["retry-after"] = str(math.ceil(error.retry_after))
    if status == 401:
        response.headers["www-authenticate"] = "Bearer"
    if status in {401, 408, 413}:
        # The rest of the body is still on its way and nobody will read it; of strangers nothing more is read at all.
        response.headers["connection"] = "close"
    return response


def openai_error(error: SlipstreamError) -> dict[str, str | None]:
    """The ``error`` object that OpenAI clients know."""
    invalid = isinstance(error, RequestError) or error.code in _INVALID
    return {
        "message": str(error),
        "type": "invalid_request_error" if invalid else "server_error",
        "param": None,
        "code": error.code,
    }


def check_head(scope: Scope, door: Door) -> Caller | None:
    """Who asks; None on an open path. Raises :class:`RequestError` unless method and headers are those of a program
    that means us, and of someone whom ``door`` lets in."""
    found: dict[bytes, list[bytes]] = {}
    for name, value in scope["headers"]:
        found.setdefault(name, []).append(value.strip())
    if b"origin" in found or any(value.lower() != b"none" for value in found.get(b"sec-fetch-site", [])):
        raise RequestError(403, "Requests from web pages are refused.", code="forbidden_origin")
    hosts = found.get(b"host", [])
    if len(hosts) != 1 or _without_port(hosts[0].lower()) not in door.hosts:
        raise RequestError(
            403,
            "The Host header names another host.",
            hint="Use http://localhost, or a name that the host was told of (`team.names`).",
            code="forbidden_host",
        )
    caller = None
    if scope["path"] not in OPEN_PATHS:
        caller = door.caller(found, (scope.get("client") or ("",))[0] or "")
        if caller is None:
            raise RequestError(
                401,
                "The token is missing, or it is not good (any more).",
                hint="Whoever runs the host makes one with `slipstream users add`; `slipstream login` keeps it.",
                code="unauthorized",
            )
        scope[STILL] = functools.partial(door.still, found, caller)
    if scope["method"] == "POST":
        _check_body(found)
    return caller


def _check_body(found: Headers) -> None:
    kinds = found.get(b"content-type", [])
    if len(kinds) != 1 or kinds[0].lower().partition(b";")[0].strip() != b"application/json":
        raise RequestError(415, "The body must be JSON.", hint="Send `Content-Type: application/json`.")
    if any(not length.isdigit() or int(length) > MAX_BODY_BYTES for length in found.get(b"content-length", [])):
        raise _too_large()


def _without_port(host: bytes) -> bytes:
    name, colon, port = host.rpartition(b":")
    return name if colon and port.isdigit() else host


def _too_large() -> RequestError:
    return RequestError(413, f"The body is larger than {MAX_BODY_BYTES // 2**20} MiB.", code="too_large")


async def read_body(receive: Receive) -> bytes:
    """The whole body, at most ``MAX_BODY_BYTES``."""
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_BODY_SECONDS):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientGoneError
                chunk = message.get("body", b"")
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise _too_large()
                chunks.append(chunk)
                if not message.get("more_body", False):
                    return b"".join(chunks)
    except TimeoutError:
        raise RequestError(408, "The body did not arrive in time.") from None


class Guard:
    """ASGI: checks each request that comes in by ``door``, hands its whole body on, and turns every exception into an
    answer."""

    def __init__(self, app: ASGIApp, door: Door) -> None:
        self._app = app
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        # Starlette's routes raise their 404 and 405 instead of answering in plain text.
        scope["app"] = self
        answered = False

        async def noting(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        try:
            scope[CALLER] = check_head(scope, self._door)
            if scope["method"] == "POST":
                receive = _replay(await read_body(receive), receive)
            await self._app(scope, receive, noting)
            return
        except ClientGoneError:
            return
        except SlipstreamError as error:
            failure = error
        except HTTPException as error:
            code = "not_found" if error.status_code == 404 else "invalid_request"
            failure = RequestError(error.status_code, f"{error.detail}: {scope['method']} {scope['path']}", code=code)
        except Exception as error:
            log.error("request failed: %s", describe_crash(error))
            failure = internal_error()
        if answered:
            # Too late for a status: an answer cut off is the only sign left.
            scope["slipstream.abort"]()
            return
        await error_response(failure, scope["path"])(scope, receive, send)


def _replay(body: bytes, receive: Receive) -> Receive:
    """``body`` once, then whatever the connection says."""
    waiting: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def next_message() -> Message:
        return waiting.pop() if waiting else await receive()

    return next_message
