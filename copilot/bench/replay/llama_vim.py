"""The way of llama.vim: when it asks, what it keeps and what it shows. Time and the server come from outside.

A model of ggml-org/llama.vim at a1c8e6e (``autoload/llama.vim``), written from reading it: one request at a time and
none is ever stopped; while one runs, a timer of 100 ms tries again; answers are cached under up to four hashes of the
context; what is typed is looked for up to 128 characters back; as soon as something shows, the text that would follow
it is asked for. Its defaults: 256 lines before the caret and 64 after, 128 tokens, 250 ms of prediction for a first
request and 1,000 ms for one that looks ahead, nothing when more than 8 characters stand right of the caret.

Left out: the ring of chunks from other buffers and the ones taken when the cursor moves far, because a trace has one
file; and the cost of starting ``curl``. Both favour llama.vim in the tokens that are counted.
"""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from copilot.bench.replay.editor import Buffer, Edit
from copilot.bench.replay.pipeline import Ghost, Opened, Screen
from copilot.errors import SlipstreamError

PREFIX_LINES = 256
SUFFIX_LINES = 64
LOOK_BACK = 128
CACHE_KEYS = 250
RETRY_SECONDS = 0.1
MOST_RIGHT = 8
FIRST_MS = 250
AHEAD_MS = 1000
_KEYS_EACH = 4
_CLOSE_SECONDS = 30.0

Fields = Mapping[str, object]


class InfillServer(Protocol):
    """llama.cpp's server. Of an answer only the text is used; None when it gave none."""

    async def infill(self, fields: Fields) -> str | None: ...


class _Context(NamedTuple):
    """``s:fim_ctx_local``."""

    prefix: str
    middle: str
    suffix: str
    indent: int

    @property
    def key(self) -> str:
        # llama.vim hashes it; the text itself tells contexts apart as well.
        return f"{self.prefix}{self.middle}\xce{self.suffix}"


class _Call(NamedTuple):
    """The arguments of ``llama#fim``: ``buffer`` None means wherever the cursor is by then."""

    buffer: Buffer | None
    ahead: tuple[str, ...] = ()


class LlamaVim:
    """A :class:`~copilot.bench.replay.pipeline.Pipeline`."""

    name = "llama.vim"

    def __init__(self, server: InfillServer) -> None:
        self._server = server
        self._cache: OrderedDict[str, str] = OrderedDict()
        self._job: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._indent = 0
        self.requests = 0
        self.cancels = 0
        self._shown: tuple[str, ...] | None = None
        """``s:fim_data['content']`` while a hint is shown, which may be an empty one."""
        self._open = False
        self._failure: SlipstreamError | None = None

    async def open(self, document: Opened, screen: Screen) -> None:
        self._screen, self._buffer = screen, document.buffer
        self.requests, self._open = 0, True
        self._moved()

    @property
    def busy(self) -> bool:
        return self._job is not None

    def typed(self, before: Buffer, edit: Edit, after: Buffer) -> None:
        if self._failure is not None:
            raise self._failure
        self._buffer = after
        self._moved()

    def jumped(self, before: Buffer, after: Buffer) -> None:
        self._buffer = after
        self._moved()

    async def close(self) -> None:
        self._open = False
        if self._timer is not None:
            self._timer.cancel()
        if self._job is not None:
            await asyncio.wait([self._job], timeout=_CLOSE_SECONDS)
        if self._failure is not None:
            raise self._failure

    def _moved(self) -> None:
        """``CursorMovedI``: hide, show what the cache has, ask."""
        self._shown = None
        self._screen.show(None)
        self._try_hint()
        self._fim(_Call(None))

    def _fim(self, call: _Call) -> None:
        """``llama#fim``, as it calls itself: automatic, with the cache."""
        if self._job is not None:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._fim, call)
            return
        buffer = self._buffer if call.buffer is None else call.buffer
        context = self._ahead(buffer, call.ahead) if call.ahead else _local(buffer)
        right = "" if call.ahead or not buffer.line_before.strip() + buffer.line_after.strip() else buffer.line_after
        keys = _keys(context)
        if not self._open or len(right) > MOST_RIGHT or any(key in self._cache for key in keys):
            return
        self._indent = context.indent
        self.requests += 1
        fields = {
            "id_slot": 0,
            "input_prefix": context.prefix,
            "input_suffix": context.suffix,
            "input_extra": [],
            "prompt": context.middle,
            "n_predict": 128,
            "stop": [],
            "n_indent": context.indent,
            "top_k": 40,
            "top_p": 0.9,
            "samplers": ["top_k", "top_p", "infill"],
            "stream": False,
            "cache_prompt": True,
            "t_max_prompt_ms": 500,
            "t_max_predict_ms": AHEAD_MS if call.ahead else FIRST_MS,
        }
        self._job = asyncio.create_task(self._ask(fields, keys))

    async def _ask(self, fields: Fields, keys: list[str]) -> None:
        try:
            text = await self._server.infill(fields)
            if text is not None and self._open:
                self._answered(text, keys)
        except SlipstreamError as error:
            self._failure = error
        finally:
            # The end of the process is noticed after its output.
            self._job = None

    def _answered(self, text: str, keys: list[str]) -> None:
        for key in keys:
            self._keep(key, text)
        if self._shown is None or not "".join(self._shown).strip():
            self._try_hint()

    def _keep(self, key: str, text: str) -> None:
        self._cache[key] = text
        self._cache.move_to_end(key)
        while len(self._cache) > CACHE_KEYS:
            self._cache.popitem(last=False)

    def _try_hint(self) -> None:
        """``s:fim_try_hint``: the cached answer for this context or the best one from a little before it."""
        context = _local(self._buffer)
        text = self._cached(context.key)
        if text is None:
            text = self._from_before(context)
        if text is None:
            return
        self._shown, ghost = _render(self._buffer, text)
        self._screen.show(ghost)
        self._fim(_Call(self._buffer, self._shown))

    def _from_before(self, context: _Context) -> str | None:
        typed = context.prefix + context.middle
        found: str | None = None
        best = 0
        for back in range(1, min(LOOK_BACK, len(typed) - 1) + 1):
            text = self._cached(f"{typed[:-back]}\xce{context.suffix}")
            if not text or not text.startswith(typed[-back:]) or len(text) == back:
                continue
            rest = text[back:]
            if found is None:
                found = rest
            elif len(rest) > best:
                best, found = len(rest), rest
        return found

    def _cached(self, key: str) -> str | None:
        text = self._cache.get(key)
        if text is not None:
            self._cache.move_to_end(key)
        return text

    def _ahead(self, buffer: Buffer, content: tuple[str, ...]) -> _Context:
        """The context as if ``content`` were in the buffer already."""
        lines = buffer.before.split("\n")
        above, line = lines[:-1], lines[-1] + buffer.line_after
        above = above[max(0, len(above) - PREFIX_LINES + len(content) - 1) :]
        if len(content) == 1:
            middle = line + content[0]
        else:
            above += [line + content[0], *content[1:-1]]
            middle = content[-1]
        below = buffer.after.split("\n")[1 : SUFFIX_LINES + 1]
        return _Context("\n".join(above) + "\n", middle, "\n" + "\n".join(below) + "\n", self._indent)


def _local(buffer: Buffer) -> _Context:
    *above, line = buffer.before.split("\n")
    right, *below = buffer.after.split("\n")
    indent = len(line + right) - len((line + right).lstrip())
    if not (line + right).strip():
        # A blank line is asked for from its start.
        line, right, indent = "", "", 0
    prefix = "\n".join(above[-PREFIX_LINES:]) + "\n"
    return _Context(prefix, line, f"{right}\n" + "\n".join(below[:SUFFIX_LINES]) + "\n", indent)


def _keys(context: _Context) -> list[str]:
    """Where an answer is kept: also as if one, two or three lines had been scrolled off the top."""
    keys = [context.key]
    prefix = context.prefix
    for _ in range(_KEYS_EACH - 1):
        prefix = prefix.partition("\n")[2]
        if not prefix:
            break
        keys.append(context._replace(prefix=prefix).key)
    return keys


def _render(buffer: Buffer, text: str) -> tuple[tuple[str, ...], Ghost | None]:
    """``s:fim_render``: the lines that are kept, and what is seen of them."""
    content = text.rstrip("\n").split("\n")
    before, right = buffer.line_before, buffer.line_after
    line, left = before + right, 0
    if not line.strip():
        # The indentation that is there already is taken off.
        lead = min(len(re.match(r"\s*", content[0])[0]), len(line))  # type: ignore[index]
        line, content[0] = content[0][:lead], content[0][lead:]
        left = max(0, len(before) - lead)
    below = buffer.after.split("\n")[1:]
    if _repeats(line[: len(before)], right, content, below):
        content = [""]
    shown = "\n".join(content)
    content[-1] += right
    # Accepting the first of several lines puts it in place of the whole line, and what stood right is gone.
    line_replaced = len(right) if len(content) > 1 else None
    return tuple(content), Ghost(shown, 0, left, line_replaced) if shown.strip() else None


def _repeats(before: str, right: str, content: list[str], below: list[str]) -> bool:
    """Whether it repeats what stands there already, by the rules that llama.vim has for it."""
    if len(content) > 1 and content[0] == "" and content[1:] == below[: len(content) - 1]:
        return True
    if len(content) == 1 and content[0] == right:
        return True
    at = next((number for number, line in enumerate(below[:-1]) if line.strip()), max(0, len(below) - 1))
    following = below[at : at + len(content)]
    if not following or before + content[0] != following[0]:
        return False
    if len(content) == 1:
        return True
    if len(content) == 2:
        return len(following) > 1 and following[1].startswith(content[1])
    return content[1:] == following[1:]
