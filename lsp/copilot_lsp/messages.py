"""JSON-RPC 2.0 messages as plain data: what came is told apart, what goes out is built. No I/O.

The shapes of the methods that come with every keystroke are declared here too. They are read straight from the decoded
JSON: a converter for the whole protocol would cost more than the edit itself, and would drop what it does not know.
"""

import json
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from copilot.text.position import Position, Range

RequestId = str | int
ProgressToken = str | int
Json = dict[str, Any]

# Above it a double leaves integers out (ECMA-262, Number.MAX_SAFE_INTEGER).
_MOST_EXACT = 2**53 - 1


class ErrorCode(IntEnum):
    """JSON-RPC 2.0, section 5.1, and LSP 3.18, ``ErrorCodes`` and ``LSPErrorCodes``."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    SERVER_NOT_INITIALIZED = -32002
    REQUEST_CANCELLED = -32800


class Refused(NamedTuple):
    """Content that is no message; answered with an error that names no request, or ``id`` where it could be read."""

    code: ErrorCode
    message: str
    id: RequestId | None = None


def decode(body: bytes) -> Json | Refused:
    """The message in ``body``: a request, a notification or a response, told apart by its keys."""
    try:
        # Not msgspec: editors written in JavaScript send lone surrogates, which it refuses.
        message = json.loads(body.decode(), parse_float=_number, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return Refused(ErrorCode.PARSE_ERROR, "The content is not valid JSON in UTF-8.")
    if isinstance(message, list):
        return Refused(ErrorCode.INVALID_REQUEST, "Batches are not part of the Language Server Protocol.")
    if not isinstance(message, dict):
        return Refused(ErrorCode.INVALID_REQUEST, "A message is a JSON object.")
    request_id = message.get("id")
    known_id = request_id if is_request_id(request_id) else None
    if message.get("jsonrpc") != "2.0":
        return Refused(ErrorCode.INVALID_REQUEST, 'A message has "jsonrpc": "2.0".', known_id)
    if "method" in message:
        if not isinstance(message["method"], str):
            return Refused(ErrorCode.INVALID_REQUEST, "The method is a string.", known_id)
        if "id" in message and known_id is None:
            return Refused(ErrorCode.INVALID_REQUEST, "The id of a request is a string or an integer.")
    elif "result" not in message and "error" not in message:
        return Refused(ErrorCode.INVALID_REQUEST, "The message has neither a method nor a result.", known_id)
    return message


def _number(text: str) -> int | float:
    """JSON has one kind of number: some clients write 1 as 1.0 and mean a position all the same."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) <= _MOST_EXACT else value


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def is_request_id(value: object) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def result_message(request_id: RequestId, result: object) -> Json:
    return {"jsonrpc": "2.0", "id": request_id, "result": result}


def error_message(request_id: RequestId | None, code: int, message: str) -> Json:
    """An error without ``data``: what a client may show must not hold paths or text of ours."""
    return {"jsonrpc": "2.0", "id": request_id, "error": {"code": int(code), "message": message}}


def notification_message(method: str, params: object) -> Json:
    return {"jsonrpc": "2.0", "method": method, "params": params}


def request_message(request_id: RequestId, method: str, params: object) -> Json:
    return {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}


class Wire(msgspec.Struct, frozen=True, rename="camel"):
    """Base of the shapes below. Fields that are not declared are allowed and ignored."""


class DocumentItem(Wire, frozen=True):
    uri: str
    language_id: str
    version: int
    text: str


class DocumentId(Wire, frozen=True):
    uri: str


class VersionedDocumentId(Wire, frozen=True):
    """``version`` None: the client does not count; the next one is meant."""

    uri: str
    version: int | None = None


class ContentChange(Wire, frozen=True):
    """One edit; without a range the text is the whole document."""

    text: str
    range: Range | None = None


class DidOpenParams(Wire, frozen=True):
    text_document: DocumentItem


class DidChangeParams(Wire, frozen=True):
    text_document: VersionedDocumentId
    content_changes: tuple[ContentChange, ...]


class DidCloseParams(Wire, frozen=True):
    text_document: DocumentId


class DidMoveCaretParams(Wire, frozen=True):
    """``slipstream/didMoveCaret``, a notification of our own: the caret came to rest, or a file was opened there.

    ``selection`` and ``diagnostics`` of the file, where the client tells of them: what a companion window offers.
    """

    text_document: DocumentId
    position: Position
    selection: Range | None = None
    diagnostics: tuple[Any, ...] | None = None


class DidSaveParams(Wire, frozen=True):
    text_document: DocumentId


class FocusParams(Wire, frozen=True):
    """``textDocument/didFocus``, of Copilot's language server."""

    text_document: DocumentId


class ItemParams(Wire, frozen=True):
    """What clients tell of an item that they were given. Some send all of it back, some only its command.

    ``accepted_length``: UTF-16 units of its ``insertText``, from its start.
    """

    item: dict[str, Any]
    accepted_length: int | None = None


class CancelParams(Wire, frozen=True):
    id: str | int


class ExecuteCommandParams(Wire, frozen=True):
    """``workspace/executeCommand``; ``arguments`` as they came."""

    command: str
    arguments: list[Any] | None = None
    work_done_token: ProgressToken | None = None


class TriggerKind(IntEnum):
    """LSP 3.18, ``InlineCompletionTriggerKind``."""

    INVOKED = 1
    AUTOMATIC = 2


class SelectedCompletion(Wire, frozen=True):
    """The entry that is selected in the editor's completion popup."""

    range: Range
    text: str


class InlineContext(Wire, frozen=True):
    # A draft of the protocol, which clients in use still follow, began to count at 0.
    trigger_kind: int = TriggerKind.AUTOMATIC
    selected_completion_info: SelectedCompletion | None = None


class InlineCompletionParams(Wire, frozen=True):
    """``textDocument/inlineCompletion``.

    ``partial_result_token`` is not in LSP 3.18 for this request; clients of ours send it to see the text grow.
    """

    text_document: DocumentId
    position: Position
    context: InlineContext | None = None
    partial_result_token: ProgressToken | None = None

    @property
    def invoked(self) -> bool:
        """Whether someone asked for this one explicitly; a context that is missing means that nobody did."""
        return self.context is not None and self.context.trigger_kind <= TriggerKind.INVOKED
