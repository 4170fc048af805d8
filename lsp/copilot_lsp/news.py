"""What a client tells of a suggestion: that it is on screen, was accepted or dismissed. What is unknown is ignored."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Any

from copilot_lsp.caret import ACCEPT
from copilot_lsp.commands import Commands
from copilot_lsp.inline import InlineCompletions
from copilot_lsp.messages import FocusParams, ItemParams, ProgressToken, RequestId
from copilot_lsp.protocol import PlainNotification

COPILOT_ACCEPT = "github.copilot.didAcceptCompletionItem"


class News:
    """Handlers; ``inline`` knows the suggestions."""

    def __init__(self, inline: InlineCompletions) -> None:
        self._inline = inline

    def register(self, commands: Commands, notifications: dict[str, PlainNotification]) -> None:
        commands[ACCEPT] = commands[COPILOT_ACCEPT] = self._accept
        notifications |= {
            "textDocument/didFocus": PlainNotification(FocusParams, self._focus),
            "textDocument/didShowCompletion": PlainNotification(ItemParams, self._show),
            "textDocument/didPartiallyAcceptCompletion": PlainNotification(ItemParams, self._accept_part),
            "slipstream/didDismissCompletion": PlainNotification(ItemParams, self._dismiss),
        }

    def _accept(self, request_id: RequestId, arguments: Sequence[Any], token: ProgressToken | None) -> Awaitable[None]:
        self._inline.accepted(_id(arguments))
        return _done()

    def _focus(self, params: FocusParams) -> None:
        self._inline.focused(params.text_document.uri)

    def _show(self, params: ItemParams) -> None:
        self._inline.chosen(item_id(params.item))

    def _accept_part(self, params: ItemParams) -> None:
        self._inline.accepted(item_id(params.item), params.accepted_length)

    def _dismiss(self, params: ItemParams) -> None:
        self._inline.dismissed(item_id(params.item))


def item_id(item: Mapping[str, Any]) -> str:
    """The id that an item's command carries; empty where there is none."""
    given = item.get("command")
    return _id(given.get("arguments")) if isinstance(given, Mapping) else ""


def _id(arguments: object) -> str:
    first = arguments[0] if isinstance(arguments, Sequence) and arguments else None
    suggestion = first.get("id") if isinstance(first, Mapping) else None
    return suggestion if isinstance(suggestion, str) else ""


async def _done() -> None:
    return None
