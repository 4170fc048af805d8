"""Answers in clients that have no view of their own for them: a file to read, a question before anything is written.

An edit is sent only after someone has seen its diff and chosen to apply it. No client is trusted to ask instead:
some announce change annotations and apply what needs confirmation all the same.
"""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

from lsprotocol import types

from copilot.errors import SlipstreamError
from copilot_lsp.messages import Json
from copilot_lsp.papers import Papers
from copilot_lsp.protocol import ClientError, Protocol

log = logging.getLogger(__name__)

APPLY = "Apply"
DISCARD = "Discard"
_DECISION_SECONDS = 3600.0
_MOST_LINES = 40
"""Lines of a diff that a message may hold, where no file can be shown."""
# Optional in LSP 3.18, but LSP4IJ 0.20 fails without it and never answers.
_AT_ITS_BEGIN: Json = {"selection": {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}}


class Offer(NamedTuple):
    """``edit`` is asked for when someone wants it: the change as it fits then, or None."""

    title: str
    diff: str
    edit: Callable[[], Json | None]


class Showing:
    """``files``: the client shows files; ``applies``: it makes edits."""

    def __init__(self, protocol: Protocol, *, files: bool, applies: bool) -> None:
        self._protocol = protocol
        self._files = files
        self._applies = applies
        self._papers = Papers()

    def close(self) -> None:
        self._papers.close()

    async def text(self, title: str, text: str, *, suffix: str = ".md") -> None:
        """For someone to read."""
        if text.strip() and not await self._file(title, suffix, text):
            self.say(text)

    async def choose(self, message: str, choices: Sequence[str]) -> str | None:
        """One of ``choices``; None where the user wants none, or the client did not ask."""
        actions = [{"title": choice} for choice in choices]
        params = {"type": types.MessageType.Info.value, "message": message, "actions": actions}
        try:
            answer = await self._protocol.ask(types.WINDOW_SHOW_MESSAGE_REQUEST, params, _DECISION_SECONDS)
        except ClientError as error:
            log.warning("nobody was asked: %s", error)
            return None
        chosen = answer.get("title") if isinstance(answer, dict) else None
        return chosen if isinstance(chosen, str) and chosen in choices else None

    async def offer(self, offer: Offer) -> None:
        """Show the diff and ask; make the change where the answer is yes."""
        message = f"Slipstream proposes: {offer.title}."
        if not await self._file(offer.title, ".diff", offer.diff):
            if self._applies and offer.diff.count("\n") > _MOST_LINES:
                # Nobody can decide about what does not fit on the screen.
                self.say(f"{message} This editor can't show it, so nothing was changed.")
                return
            message = f"{message}\n\n{offer.diff}"
        if not self._applies:
            self.say(f"{message}\nThis editor makes no changes for a server: the diff is yours to apply.")
        elif await self.choose(message, (APPLY, DISCARD)) == APPLY:
            await self._apply(offer)

    async def _apply(self, offer: Offer) -> None:
        edit = offer.edit()
        if edit is None:
            self.say("The text was changed meanwhile, so nothing was written. Ask again.", types.MessageType.Warning)
            return
        try:
            answer = await self._protocol.ask(types.WORKSPACE_APPLY_EDIT, {"label": offer.title, "edit": edit})
        except ClientError as error:
            log.warning("an edit was not made: %s", error)
            answer = None
        if not (isinstance(answer, dict) and answer.get("applied")):
            reason = answer.get("failureReason") if isinstance(answer, dict) else None
            self.say(f"The editor did not make the change: {reason or 'it gave no reason'}.", types.MessageType.Warning)

    def say(self, message: str, kind: types.MessageType = types.MessageType.Info) -> None:
        self._protocol.notify_plain(types.WINDOW_SHOW_MESSAGE, {"type": kind.value, "message": message})

    async def _file(self, title: str, suffix: str, text: str) -> bool:
        """Whether the client shows it."""
        if not self._files:
            return False
        try:
            uri = self._papers.write(title, suffix, text).as_uri()
            answer = await self._protocol.ask(
                types.WINDOW_SHOW_DOCUMENT, {"uri": uri, "takeFocus": True, **_AT_ITS_BEGIN}
            )
        except (ClientError, OSError, SlipstreamError) as error:
            log.warning("a text was not shown as a file: %s", error)
            return False
        return isinstance(answer, dict) and answer.get("success") is True
