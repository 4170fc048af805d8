"""What stands between the wire and the handlers: one answer to every request, in every state, whatever came.

pygls builds the capabilities and runs the handlers. What it leaves open is closed here: requests that it never answers
(parameters or results that do not fit), the order of the life cycle, file paths in errors, document text in logs, and
waiting for a client that never replies.
"""

import asyncio
import contextvars
import json
import logging
import traceback
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future
from enum import Enum, auto
from typing import Any, NamedTuple

import cattrs
import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol, lsp_method

from copilot_lsp import messages, options
from copilot_lsp.framing import Broken, Event, frame
from copilot_lsp.initialize import essentials
from copilot_lsp.messages import ErrorCode, Json, Refused, RequestId

log = logging.getLogger(__name__)

CLIENT_REPLY_SECONDS = 10.0

RequestHandler = Callable[[RequestId, Any], Awaitable[object]]
NotificationHandler = Callable[[Any], None]


class PlainRequest(NamedTuple):
    """A request whose parameters are read from the decoded JSON as ``params``, a msgspec type.

    ``handle`` is called before the next message is looked at, and what it returns is awaited after: it sees the
    documents as they were when the request came.
    """

    params: Any
    handle: RequestHandler


def _ignore(params: object) -> None: ...


class PlainNotification(NamedTuple):
    """``missed`` is called with the undecoded parameters instead of ``handle`` where they do not fit ``params``."""

    params: Any
    handle: NotificationHandler
    missed: NotificationHandler = _ignore


class Life(Enum):
    """LSP 3.18, "Server lifecycle"."""

    NEW = auto()
    RUNNING = auto()
    SHUT_DOWN = auto()


class Protocol(LanguageServerProtocol):
    """pygls' protocol, entered through :meth:`receive` instead of its own reader.

    ``send_bytes(data, droppable)`` takes framed messages; ``leave(exit_code)`` ends the process; ``announce`` completes
    the capabilities. Methods in ``plain_requests`` and ``plain_notifications`` never reach pygls' own handlers nor its
    converter.
    """

    def __init__(self, server: Any, converter: cattrs.Converter) -> None:
        super().__init__(server, converter)
        self.life = Life.NEW
        self.plain_requests: dict[str, PlainRequest] = {
            types.SHUTDOWN: PlainRequest(Any, self._shut_down),
        }
        self.plain_notifications: dict[str, PlainNotification] = {
            types.CANCEL_REQUEST: PlainNotification(messages.CancelParams, self._cancel),
        }
        self.send_bytes: Callable[[bytes, bool], None] = lambda data, droppable: None
        self.leave: Callable[[int], None] = lambda exit_code: None
        self.announce: Callable[[types.ServerCapabilities], None] = lambda capabilities: None
        self._waiting: dict[RequestId, asyncio.Future[object]] = {}
        self._requests_sent = 0

    # ------------------------------------------------------------------------------------------------- what comes

    def receive(self, event: Event) -> None:
        """Take one event off the wire. Never raises: a message that breaks something must not break the next."""
        if isinstance(event, Broken):
            log.warning("%s; skipped to the next message", event.reason)
            code = ErrorCode.INVALID_REQUEST if event.oversize else ErrorCode.PARSE_ERROR
            self.send(messages.error_message(None, code, f"{event.reason[0].upper()}{event.reason[1:]}."))
            return
        message = messages.decode(event.body)
        if isinstance(message, Refused):
            log.warning("a message was refused: %s", message.message)
            self.send(messages.error_message(message.id, message.code, message.message))
        elif "method" not in message:
            self._take_response(message)
        else:
            take = self._take_request if "id" in message else self._take_notification
            try:
                # Each handler has a context of its own, for the id of its request.
                contextvars.copy_context().run(take, message)
            except Exception as error:
                log.error("%s failed: %s", _shown(message["method"]), where(error))
                if "id" in message:
                    self._fail(message["id"], ErrorCode.INTERNAL_ERROR, "Internal error.")

    def _take_request(self, message: Json) -> None:
        request_id, method = message["id"], message["method"]
        if (refusal := self._out_of_order(method)) is not None:
            self._fail(request_id, *refusal)
            return
        if request_id in self._request_futures:
            self._fail(request_id, ErrorCode.INVALID_REQUEST, "A request with this id is still running.")
            return
        plain = self.plain_requests.get(method)
        try:
            if plain is not None:
                answer = plain.handle(request_id, msgspec.convert(message.get("params"), plain.params))
                task: Any = asyncio.ensure_future(answer)
                self._request_futures[request_id] = task
                task.add_done_callback(lambda done: self._send_handler_result(done, msg_id=request_id))
                return
            handler = self._get_handler(method)
            params = self._typed_params(message)
        except msgspec.ValidationError as error:
            self._fail(request_id, ErrorCode.INVALID_PARAMS, f"Invalid params: {error}.")
            return
        except JsonRpcException as error:
            self._fail(request_id, error.code, error.message)
            return
        self._ctx_msg_id.set(request_id)
        self._execute_handler(
            request_id,
            handler,
            callback=lambda future: self._send_handler_result(future, msg_id=request_id),
            args=(params,),
        )

    def _take_notification(self, message: Json) -> None:
        method = message["method"]
        if method == types.EXIT:
            self.leave(0 if self.life is Life.SHUT_DOWN else 1)
            return
        if self.life is not Life.RUNNING:
            return
        plain = self.plain_notifications.get(method)
        try:
            if plain is not None:
                plain.handle(msgspec.convert(message.get("params"), plain.params))
            elif method in self.fm.builtin_features or method in self.fm.features:
                self._handle_notification(method, self._typed_params(message))
        except msgspec.ValidationError as error:
            log.warning("%s was ignored: %s", method, error)
            if plain is not None:
                plain.missed(message.get("params"))
        except JsonRpcException as error:
            log.warning("%s was ignored: %s", method, error.message)

    def _out_of_order(self, method: str) -> tuple[ErrorCode, str] | None:
        if self.life is Life.SHUT_DOWN:
            return ErrorCode.INVALID_REQUEST, "The server was shut down."
        if (method == types.INITIALIZE) != (self.life is Life.NEW):
            if self.life is Life.NEW:
                return ErrorCode.SERVER_NOT_INITIALIZED, "The server is not initialized yet."
            return ErrorCode.INVALID_REQUEST, "The server is initialized already."
        return None

    def _typed_params(self, message: Json) -> Any:
        """``params`` as lsprotocol's type; where it has none, as they came. Raises ``JsonRpcException``."""
        method = message["method"]
        message_type = self.get_message_type(method)
        if message_type is None:
            return message.get("params")
        try:
            return self._converter.structure(message, message_type).params
        except Exception as error:
            if method == types.INITIALIZE and (params := essentials(message.get("params"))) is not None:
                log.warning("the client's capabilities do not fit LSP 3.18; only the essential ones are used")
                return params
            problems = "; ".join(cattrs.transform_error(error)[:3])
            raise JsonRpcException(f"Invalid params: {problems}.", ErrorCode.INVALID_PARAMS) from None

    def _take_response(self, message: Json) -> None:
        waiting = self._waiting.pop(message["id"], None) if messages.is_request_id(message.get("id")) else None
        if waiting is None or waiting.done():
            return
        error = message.get("error")
        if error is None:
            waiting.set_result(message.get("result"))
        else:
            code = error.get("code") if isinstance(error, dict) else None
            waiting.set_exception(ClientError(f"the client answered with error {code}"))

    # ------------------------------------------------------------------------------------------------ life cycle

    @lsp_method(types.INITIALIZE)
    def lsp_initialize(self, params: types.InitializeParams) -> Generator[Any, Any, types.InitializeResult]:
        if options.read(params.initialization_options).copilot and (general := params.capabilities.general):
            # They count in UTF-16 whatever is agreed on, as Copilot's server does.
            general.position_encodings = None
        result = yield from super().lsp_initialize(params)
        # pygls announces what is registered with it; what is plain never reaches it.
        self.announce(result.capabilities)
        self.life = Life.RUNNING
        return result

    async def _shut_down(self, request_id: RequestId, params: object) -> None:
        self.life = Life.SHUT_DOWN
        for other, future in list(self._request_futures.items()):
            if other != request_id:
                future.cancel()

    def _cancel(self, params: messages.CancelParams) -> None:
        # An id that is unknown was answered already: the two messages crossed.
        if (future := self._request_futures.get(params.id)) is not None:
            future.cancel()

    # ------------------------------------------------------------------------------------------------- what goes

    def send(self, message: Json, *, droppable: bool = False) -> None:
        """Send a message. A result that JSON has no form for is answered as an internal error, not left out."""
        try:
            body = json.dumps(message, default=self._serialize_message, separators=(",", ":"), allow_nan=False)
        except Exception as error:
            log.error("an answer could not be written as JSON: %s", where(error))
            if "id" not in message or "method" in message:
                return
            body = json.dumps(messages.error_message(message["id"], ErrorCode.INTERNAL_ERROR, "Internal error."))
        self.send_bytes(frame(body.encode()), droppable)

    def notify_plain(self, method: str, params: object, *, droppable: bool = False) -> None:
        """Send a notification whose parameters are JSON already."""
        self.send(messages.notification_message(method, params), droppable=droppable)

    async def ask(self, method: str, params: object, seconds: float = CLIENT_REPLY_SECONDS) -> Any:
        """Send a request to the client and return its result, undecoded.

        Raises :class:`ClientError` when it answers with an error, or not at all within ``seconds``.
        """
        self._requests_sent += 1
        request_id = f"slipstream-{self._requests_sent}"
        future: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._waiting[request_id] = future
        self.send(messages.request_message(request_id, method, params))
        try:
            return await asyncio.wait_for(future, seconds)
        except TimeoutError:
            raise ClientError(f"the client did not answer {method} within {seconds:g} s") from None
        finally:
            self._waiting.pop(request_id, None)

    def send_request(self, *args: Any, **kwargs: Any) -> Any:
        """pygls' own way to ask, which waits for ever when the answer does not fit."""
        raise NotImplementedError("use ask()")

    def _fail(self, request_id: RequestId, code: int, message: str) -> None:
        self.send(messages.error_message(request_id, code, message))

    # ------------------------------------------------------------------- pygls' own ways out, brought to ours

    def _send_handler_result(self, future: "Future[Any] | asyncio.Future[Any]", *, msg_id: RequestId) -> None:
        self._request_futures.pop(msg_id, None)
        if future.cancelled():
            self._fail(msg_id, ErrorCode.REQUEST_CANCELLED, "The request was cancelled.")
        elif (error := future.exception()) is None:
            self.send(messages.result_message(msg_id, future.result()))
        elif isinstance(error, JsonRpcException) and error.code != ErrorCode.INTERNAL_ERROR:
            self._fail(msg_id, error.code, error.message)
        else:
            log.error("a request failed: %s", where(error))
            self._fail(msg_id, ErrorCode.INTERNAL_ERROR, "Internal error.")

    def _check_handler_result(self, future: "Future[Any] | asyncio.Future[Any]") -> None:
        if not future.cancelled() and (error := future.exception()) is not None:
            log.error("a notification failed: %s", where(error))

    def _send_data(self, data: Any) -> None:
        # Only notifications come this way, as lsprotocol's or pygls' types.
        self.send(self._converter.unstructure(data))


class ClientError(Exception):
    """The client did not give what it was asked for."""


def where(error: BaseException) -> str:
    """Kind and place of an error for the log, without its message, which may hold document text."""
    frames = traceback.extract_tb(error.__traceback__)
    place = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:]))
    return f"{type(error).__name__} at {place or 'unknown place'}"


def _shown(method: str) -> str:
    return method[:80] if method.isprintable() else "a method"
