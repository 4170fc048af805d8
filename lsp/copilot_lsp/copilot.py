"""The older methods of Copilot's language server, so that clients written for it work with one changed path.

There is no account and nothing to sign in to: everyone is signed in, as ``local``.
"""

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from copilot import __version__
from copilot.text.position import Position
from copilot_lsp.messages import (
    DocumentId,
    InlineCompletionParams,
    InlineContext,
    Json,
    ProgressToken,
    RequestId,
    TriggerKind,
    Wire,
)
from copilot_lsp.news import item_id
from copilot_lsp.protocol import PlainRequest, Protocol
from copilot_lsp.status import State, Status

if TYPE_CHECKING:
    from copilot_lsp.server import Server

USER = "local"
_SIGNED_IN = {"status": "OK", "user": USER}
_ALREADY = {"status": "AlreadySignedIn", "user": USER}

_KINDS = {State.FAILED: "Error", State.OFF: "Inactive"}


class Doc(Wire, frozen=True):
    """``version``: of the text that the client means; None where it does not count."""

    uri: str
    position: Position
    version: int | None = None


class DocParams(Wire, frozen=True):
    doc: Doc
    panel_id: str = ""


class PanelParams(Wire, frozen=True):
    text_document: DocumentId
    position: Position
    partial_result_token: ProgressToken | None = None


class UuidParams(Wire, frozen=True):
    uuid: str
    accepted_length: int | None = None


class UuidsParams(Wire, frozen=True):
    uuids: list[str]


class CopilotMethods:
    def __init__(self, server: "Server") -> None:
        self._server = server
        self._panels: set[asyncio.Task[None]] = set()

    def register(self, requests: dict[str, PlainRequest]) -> None:
        fixed = {
            "checkStatus": _SIGNED_IN,
            "signIn": _ALREADY,
            "signInInitiate": _ALREADY,
            "signInConfirm": _SIGNED_IN,
            "signOut": _SIGNED_IN,
            "getVersion": {"version": __version__},
            "setEditorInfo": "OK",
            "textDocument/copilotInlineEdit": {"edits": []},
        }
        requests |= {method: PlainRequest(Any, _always(answer)) for method, answer in fixed.items()}
        requests |= {
            "copilot/models": PlainRequest(Any, self._models),
            "getCompletions": PlainRequest(DocParams, self._completions),
            "getCompletionsCycling": PlainRequest(DocParams, self._cycling),
            "getPanelCompletions": PlainRequest(DocParams, self._panel),
            "textDocument/copilotPanelCompletion": PlainRequest(PanelParams, self._panel_items),
            "notifyShown": PlainRequest(UuidParams, self._shown),
            "notifyAccepted": PlainRequest(UuidParams, self._accepted),
            "notifyRejected": PlainRequest(UuidsParams, self._rejected),
        }

    # ----------------------------------------------------------------------------------------------- completions

    def _completions(self, request_id: RequestId, params: DocParams) -> Awaitable[Json]:
        return self._listed(request_id, params.doc, TriggerKind.AUTOMATIC)

    def _cycling(self, request_id: RequestId, params: DocParams) -> Awaitable[Json]:
        return self._listed(request_id, params.doc, TriggerKind.INVOKED)

    def _listed(self, request_id: RequestId, doc: Doc, kind: TriggerKind) -> Awaitable[Json]:
        head, asked = self._ask(request_id, doc, kind)

        async def listed() -> Json:
            return {"completions": [_completion(item, doc, head) for item in await asked]}

        return listed()

    def _panel(self, request_id: RequestId, params: DocParams) -> Awaitable[Json]:
        """The answer says how many may come; they come as notifications."""
        head, asked = self._ask(request_id, params.doc, TriggerKind.INVOKED)
        protocol = self._server.protocol

        async def fill() -> None:
            items = await asked
            for rank, item in enumerate(items):
                solution = _solution(item, head, rank)
                protocol.notify_plain("PanelSolution", {"panelId": params.panel_id, **solution})
            protocol.notify_plain("PanelSolutionsDone", {"panelId": params.panel_id, "status": "OK", "message": ""})

        async def answer() -> Json:
            task = asyncio.create_task(fill())
            # The loop itself holds tasks only weakly.
            self._panels.add(task)
            task.add_done_callback(self._panels.discard)
            return {"solutionCountTarget": self._server.completion.candidates}

        return answer()

    def _panel_items(self, request_id: RequestId, params: PanelParams) -> Awaitable[Json]:
        context = InlineContext(TriggerKind.INVOKED)
        question = InlineCompletionParams(params.text_document, params.position, context, params.partial_result_token)
        answer = self._server.inline.complete(request_id, question)

        async def listed() -> Json:
            return await answer or {"items": []}

        return listed()

    def _ask(self, request_id: RequestId, doc: Doc, kind: TriggerKind) -> tuple[str, Awaitable[list[Json]]]:
        """The caret's line before the caret, and the items to come; none where the client means an older text."""
        document = self._server.inline.document(doc.uri)
        if document is None or (doc.version is not None and doc.version < document.version):
            return "", _none()
        line, column = document.split_at(doc.position, self._server.documents.encoding)
        question = InlineCompletionParams(DocumentId(doc.uri), doc.position, InlineContext(kind))
        answer = self._server.inline.complete(request_id, question)

        async def items() -> list[Json]:
            return list((await answer or {"items": []})["items"])

        return document.lines[line][:column], items()

    # ------------------------------------------------------------------------------------------ what became of it

    def _shown(self, request_id: RequestId, params: UuidParams) -> Awaitable[str]:
        self._server.inline.chosen(params.uuid)
        return _ok()

    def _accepted(self, request_id: RequestId, params: UuidParams) -> Awaitable[str]:
        self._server.inline.accepted(params.uuid, params.accepted_length)
        return _ok()

    def _rejected(self, request_id: RequestId, params: UuidsParams) -> Awaitable[str]:
        for uuid in params.uuids:
            self._server.inline.dismissed(uuid)
        return _ok()

    async def _models(self, request_id: RequestId, params: object) -> list[Json]:
        model = self._server.status.current.model or self._server.wanted_model
        return [{"id": model, "modelName": model, "scopes": ["completion"], "preview": False, "default": True}]


class CopilotStatus:
    """Tells the status in the two forms that Copilot clients know, where it looks different to them."""

    def __init__(self, protocol: Protocol) -> None:
        self._protocol = protocol
        self._told: tuple[bool, str, str] | None = None

    def tell(self, status: Status) -> None:
        new = seen(status)
        if new == self._told:
            return
        self._told = new
        busy, kind, message = new
        self._protocol.notify_plain("didChangeStatus", {"busy": busy, "kind": kind, "message": message})
        older = "InProgress" if busy else kind
        self._protocol.notify_plain("statusNotification", {"status": older, "message": message})


def seen(status: Status) -> tuple[bool, str, str]:
    """``busy``, ``kind`` and ``message`` of a status, as Copilot's clients know them."""
    busy = status.state in {State.STARTING, State.BUSY}
    return busy, _KINDS.get(status.state, "Normal"), f"{status.message} {status.hint}".strip()


def _completion(item: Json, doc: Doc, head: str) -> Json:
    """An item as these clients take it: the caret's whole line is written anew, and lines end at LF."""
    text, end = item["insertText"].replace("\r\n", "\n"), item["range"]["end"]
    return {
        "uuid": item_id(item),
        "text": head + text,
        "displayText": text,
        "range": {"start": {"line": end["line"], "character": 0}, "end": end},
        "position": {"line": doc.position.line, "character": doc.position.character},
        "docVersion": doc.version or 0,
    }


def _solution(item: Json, head: str, rank: int) -> Json:
    text = item["insertText"].replace("\r\n", "\n")
    return {
        "solutionId": item_id(item),
        "completionText": text,
        "displayText": head + text,
        "range": item["range"],
        "score": 1.0 / (1 + rank),
    }


def _always(answer: object) -> Any:
    async def handle(request_id: RequestId, params: object) -> object:
        return answer

    return handle


async def _none() -> list[Json]:
    return []


async def _ok() -> str:
    return "OK"
