"""A language server on standard input and output as a pipeline, asked the way editors ask."""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from copilot.bench.replay.editor import Buffer, Edit
from copilot.bench.replay.pipeline import Ghost, Opened, Screen
from copilot.client.lsp_session import LspSession
from copilot.errors import SlipstreamError
from copilot.text.position import PositionEncoding, to_code_points, to_units

_AUTOMATIC, _INVOKED = 2, 1
_START_SECONDS = 60.0
_WARM_SECONDS = 180.0
_FOLDER = "file:///replay"
_SUFFIXES = {
    "python": ".py", "javascript": ".js", "typescript": ".ts", "go": ".go", "rust": ".rs", "c": ".c", "cpp": ".cpp",
    "java": ".java", "csharp": ".cs", "ruby": ".rb", "shellscript": ".sh",
}  # fmt: skip

Json = dict[str, Any]


class LspPipeline:
    """One request for each key, the one before it cancelled where ``cancels_previous``.

    ``streaming``: ask for partial results, which LSP 3.18 has not for this request but Slipstream's server gives.
    ``method``: ``inlineCompletion``, or ``completion`` for servers that know no other.
    """

    def __init__(
        self,
        session: LspSession,
        name: str,
        *,
        streaming: bool = True,
        cancels_previous: bool = True,
        method: str = "inlineCompletion",
    ) -> None:
        self.name = name
        self.requests = 0
        self.cancels = 0
        self._session = session
        self._streaming = streaming
        self._cancels = cancels_previous
        self._method = f"textDocument/{method}"
        self._encoding = PositionEncoding.UTF16
        self._tells_caret = False
        self._documents = 0
        self._version = 0
        self._newest: _Question | None = None
        self._by_token: dict[str, _Question] = {}
        self._screen: Screen | None = None
        session.on_notification = self._notified

    async def start(self) -> None:
        """Begin the session and wait until the server has completed something. Raises :class:`SlipstreamError`."""
        client: Json = {
            "general": {"positionEncodings": ["utf-32", "utf-16"]},
            "textDocument": {"inlineCompletion": {}, "completion": {}, "synchronization": {}},
            "workspace": {"configuration": True},
        }
        answer = await self._session.request(
            "initialize",
            {"processId": None, "clientInfo": {"name": "slipstream bench"}, "rootUri": _FOLDER, "capabilities": client},
            _START_SECONDS,
        )
        offered: Json = (answer or {}).get("capabilities") or {}
        self._encoding = PositionEncoding(offered.get("positionEncoding") or "utf-16")
        self._tells_caret = bool(_look_up(offered, "experimental", "slipstream", "caret"))
        self._session.notify("initialized", {})
        await self._warm_up()

    async def open(self, document: Opened, screen: Screen) -> None:
        self.requests = self.cancels = 0
        self._screen = screen
        self._open(document.name, document.language, document.buffer)
        self._tell_caret(document.buffer)

    @property
    def busy(self) -> bool:
        return self._newest is not None and not self._newest.answer.done() and not self._session.ended

    def typed(self, before: Buffer, edit: Edit, after: Buffer) -> None:
        old = self._screen.ghost.text if self._screen is not None and self._screen.ghost is not None else None
        self._change(before, edit)
        self._ask(after, through=bool(old) and not edit.removed)

    def jumped(self, before: Buffer, after: Buffer) -> None:
        if before.text != after.text:
            blanks = len(before.text) - len(after.text)
            self._change(before, Edit(removed=blanks))
        self._cancel_newest()
        self._newest = None
        self._tell_caret(after)

    async def close(self) -> None:
        self._screen = None
        self._cancel_newest()
        self._newest = None
        self._by_token.clear()
        self._session.notify("textDocument/didClose", {"textDocument": {"uri": self._uri}})
        # Whatever went wrong with the server shows here at the latest.
        if self._session.ended:
            await self._session.request("shutdown", None)

    # ----------------------------------------------------------------------------------------------------- messages

    def _open(self, name: str, language: str, buffer: Buffer) -> None:
        self._documents += 1
        self._version = 1
        stem = "".join(letter if letter.isalnum() else "_" for letter in name.rpartition(".")[0] or name)
        self._uri = f"{_FOLDER}/{self._documents}/{stem}{_SUFFIXES.get(language, '.txt')}"
        item = {"uri": self._uri, "languageId": language, "version": 1, "text": buffer.text}
        self._session.notify("textDocument/didOpen", {"textDocument": item})

    def _change(self, before: Buffer, edit: Edit) -> None:
        if not (edit.typed or edit.added or edit.removed or edit.taken):
            return
        self._version += 1
        start = len(before.before) - edit.removed
        text = before.text
        span = {
            "start": self._position(text, start),
            "end": self._position(text, len(before.before) + edit.taken),
        }
        changes = [{"range": span, "text": edit.typed + edit.added}]
        document = {"uri": self._uri, "version": self._version}
        self._session.notify("textDocument/didChange", {"textDocument": document, "contentChanges": changes})

    def _ask(self, at: Buffer, *, through: bool = False, kind: int = _AUTOMATIC) -> "_Question":
        if self._session.ended:
            raise SlipstreamError(
                f"The language server of {self.name} ended while a trace was played.",
                hint="Its log is above, or in the folder where it writes one.",
                code="server_gone",
            )
        self._cancel_newest()
        self.requests += 1
        token = f"replay-{self._documents}-{self.requests}"
        params: Json = {
            "textDocument": {"uri": self._uri},
            "position": self._position(at.text, len(at.before)),
            "context": {"triggerKind": kind if self._method.endswith("/inlineCompletion") else 1},
        }
        if self._streaming:
            params["partialResultToken"] = token
        number, answer = self._session.send(self._method, params)
        question = self._newest = _Question(number, token, at, answer, through=through)
        self._by_token = {token: question} if self._cancels else {**self._by_token, token: question}
        answer.add_done_callback(lambda done: self._answered(question, done))
        return question

    def _cancel_newest(self) -> None:
        if self._cancels and self._newest is not None and not self._newest.answer.done():
            self.cancels += 1
            self._session.notify("$/cancelRequest", {"id": self._newest.number})

    def _tell_caret(self, at: Buffer) -> None:
        if self._tells_caret:
            position = self._position(at.text, len(at.before))
            self._session.notify("slipstream/didMoveCaret", {"textDocument": {"uri": self._uri}, "position": position})

    def _position(self, text: str, offset: int) -> Json:
        line_start = text.rfind("\n", 0, offset) + 1
        units = to_units(text[line_start:offset], offset - line_start, self._encoding)
        return {"line": text.count("\n", 0, offset), "character": units}

    # ------------------------------------------------------------------------------------------------------ answers

    def _notified(self, method: str, params: Any) -> None:
        if method != "$/progress":
            return
        question = self._by_token.get(str(params.get("token")))
        if question is not None:
            self._take(question, params.get("value"))

    def _answered(self, question: "_Question", done: "asyncio.Future[Any]") -> None:
        if done.cancelled() or done.exception() is not None:
            return
        self._take(question, done.result())

    def _take(self, question: "_Question", value: Any) -> None:
        screen = self._screen
        newest = question is self._newest
        if screen is None or (self._cancels and not newest):
            # An editor that has cancelled a request does not look at its answer.
            return
        if newest and not question.told:
            question.told = True
            screen.answered(time.perf_counter() - question.sent, through=question.through)
        items = value.get("items") if isinstance(value, Mapping) else value
        if items is None:
            # Nothing new: what is shown stays.
            return
        ghost = self._ghost(items[0], question.at) if items else None
        if ghost is not None and not newest and self._newest is not None:
            ghost = _carried_over(ghost, question.at, self._newest.at)
        if newest or ghost is not None:
            screen.show(ghost)

    def _ghost(self, item: Json, at: Buffer) -> Ghost | None:
        """An item as an editor would show it; None where it could not."""
        edit: Json = item.get("textEdit") or {}
        text = edit.get("newText") or item.get("insertText") or item.get("label") or ""
        text = str(text.get("value", "") if isinstance(text, Mapping) else text)
        span = item.get("range") or edit.get("range") or edit.get("insert")
        if span is None:
            return Ghost(text)
        line = at.before.count("\n")
        start, end = span["start"], span["end"]
        if start["line"] != line or end["line"] != line:
            return None
        whole = at.line_before + at.line_after
        begin = to_code_points(whole, start["character"], self._encoding)
        replaced = to_code_points(whole, end["character"], self._encoding) - len(at.line_before)
        there = at.line_before[begin:]
        if text.startswith(there):
            return Ghost(text[len(there) :], max(0, replaced))
        return Ghost(text, max(0, replaced), len(there)) if not there.strip() else None

    async def _warm_up(self) -> None:
        """Ask until something comes: a server may have to load its model first."""
        buffer = Buffer("def add(first, second):\n    return ", "\n\n\nprint(add(1, 2))\n")
        until = time.monotonic() + _WARM_SECONDS
        while time.monotonic() < until:
            self._open("warm", "python", buffer)
            question = self._ask(buffer, kind=_INVOKED)
            try:
                value = await asyncio.wait_for(question.answer, until - time.monotonic())
            except TimeoutError:
                break
            items = value.get("items") if isinstance(value, Mapping) else value
            self._newest = None
            self._session.notify("textDocument/didClose", {"textDocument": {"uri": self._uri}})
            if items:
                return
            await asyncio.sleep(0.5)
        raise SlipstreamError(
            f"{self.name} completed nothing within {_WARM_SECONDS:.0f} seconds.",
            hint="`slipstream doctor` looks for the reason; another server may offer no inline completion.",
            code="server_silent",
        )


class _Question:
    """A request on its way, asked at ``at``."""

    def __init__(self, number: int, token: str, at: Buffer, answer: "asyncio.Future[Any]", *, through: bool) -> None:
        self.number = number
        self.token = token
        self.at = at
        self.answer = answer
        self.through = through
        self.sent = time.perf_counter()
        self.told = False


def _carried_over(ghost: Ghost, then: Buffer, now: Buffer) -> Ghost | None:
    """A suggestion for an earlier moment, after what was typed since; None where that is not its beginning."""
    typed = now.before[len(then.before) :]
    if now.before[: len(then.before)] != then.before or now.after != then.after or not ghost.text.startswith(typed):
        return None
    return ghost._replace(text=ghost.text[len(typed) :])


def _look_up(value: Any, *path: str) -> Any:
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value
