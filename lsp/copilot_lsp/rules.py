"""The rules file of a workspace in the editor: used where its content is trusted, asked about once where it is not.

``slipstream.rules.show``, ``.trust`` and ``.distrust`` are the commands; ``.review`` asks the question again, or of
rules that are used whether to go on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from copilot.errors import SlipstreamError
from copilot_lsp.commands import Commands
from copilot_lsp.messages import Json, ProgressToken, RequestId, Wire

if TYPE_CHECKING:
    from copilot.context.rules import Rules
    from copilot_lsp.server import Server
    from copilot_lsp.showing import Showing

PREFIX = "slipstream.rules."
SHOW = "Show"
TRUST = "Trust"
NOT_NOW = "Not now"
KEEP = "Keep"
STOP = "Stop using them"


class RulesParams(Wire, frozen=True):
    """``uri``: a document of the workspace that is meant, or the one that is looked at. ``digest``: of the content that
    was read; trusting is refused where it is another by now."""

    uri: str | None = None
    digest: str | None = None


class WorkspaceRules:
    """``shows`` gives what talks to the user."""

    def __init__(self, server: "Server", shows: "Callable[[], Showing]") -> None:
        self._server = server
        self._shows = shows
        self._asked: set[tuple[Path, str]] = set()
        self._told: set[str] = set()
        self._asking: set[asyncio.Task[None]] = set()

    def register(self, commands: Commands) -> None:
        for name in ("show", "trust", "distrust", "review"):
            commands[f"{PREFIX}{name}"] = partial(self._run, name)

    def close(self) -> None:
        for task in self._asking:
            task.cancel()

    async def of(self, root: Path) -> str:
        """What a model reads. Whoever has not been asked about the rules is, and nobody waits for the answer."""
        from copilot.context.rules import read_rules

        try:
            rules = await asyncio.to_thread(read_rules, root)
        except SlipstreamError as error:
            if error.message not in self._told:
                self._told.add(error.message)
                self._server.show(f"Slipstream: {error}", types.MessageType.Warning)
            return ""
        if rules is None:
            return ""
        if rules.trusted:
            return rules.used
        if not rules.asked and (root, rules.digest) not in self._asked:
            self._ask_later(root, rules)
        return ""

    def _ask_later(self, root: Path, rules: "Rules") -> None:
        self._asked.add((root, rules.digest))
        task = asyncio.create_task(self._ask(root, rules))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _ask(self, root: Path, rules: "Rules") -> None:
        from copilot.context import rules as kept

        showing = self._shows()
        choices = (STOP, KEEP) if rules.trusted else (TRUST, NOT_NOW)
        chosen = await showing.choose(rules.question, (SHOW, *choices))
        if chosen == SHOW:
            await showing.text(kept.RULES_FILE, rules.shown)
            chosen = await showing.choose(rules.question, choices)
        try:
            if chosen == TRUST:
                await asyncio.to_thread(kept.trust, root, rules.digest)
            elif chosen == NOT_NOW:
                await asyncio.to_thread(kept.decline, root, rules.digest)
            elif chosen == STOP:
                await asyncio.to_thread(kept.distrust, root)
        except SlipstreamError as error:
            self._server.show(f"Slipstream: {error}", types.MessageType.Error)

    # ------------------------------------------------------------------------------------------------- commands

    def _run(
        self, name: str, request_id: RequestId, arguments: Sequence[Any], token: ProgressToken | None
    ) -> Awaitable[Json]:
        from copilot_lsp.within import within

        params = msgspec.convert(arguments[0] if arguments else {}, RulesParams)
        place = within(self._server, params.uri)
        if place is None:
            raise JsonRpcInvalidParams("No folder is open in the editor.")
        return self._done(name, place.folder.root, params.digest)

    async def _done(self, name: str, root: Path, digest: str | None) -> Json:
        from copilot.context.rules import RULES_FILE
        from copilot_lsp.trouble import RequestFailed

        try:
            rules = await asyncio.to_thread(_done, name, root, digest)
        except SlipstreamError as error:
            raise RequestFailed(str(error)) from error
        if name == "show" and rules is not None and not self._server.options.streams:
            await self._shows().text(RULES_FILE, rules.shown)
        if name == "review":
            if rules is None:
                self._server.show(f"This workspace has no rules in {RULES_FILE}.", types.MessageType.Info)
            else:
                self._ask_later(root, rules)
        if rules is None:
            return {"rules": False}
        return {
            "rules": True,
            "trusted": rules.trusted,
            "digest": rules.digest,
            "lines": rules.lines,
            "invisible": rules.invisible,
            "text": rules.shown,
        }


def _done(name: str, root: Path, digest: str | None) -> "Rules | None":
    """What there is after it."""
    from copilot.context.rules import distrust, read_rules, trust

    if name == "distrust":
        # Also where the file can't be read any more.
        distrust(root)
    rules = read_rules(root)
    if name == "trust":
        if rules is None:
            raise SlipstreamError("This workspace has no rules in .slipstream.md.", code="no_rules")
        if digest is not None and digest != rules.digest:
            raise SlipstreamError(
                ".slipstream.md was changed since it was read.", hint="Read it again.", code="rules_changed"
            )
        trust(root, rules.digest)
        return read_rules(root)
    return rules
