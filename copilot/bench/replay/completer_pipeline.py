"""Slipstream's completion session in this process, driven as its language server drives it."""

import asyncio
from collections.abc import Sequence

from copilot.bench.replay.editor import Buffer, Edit
from copilot.bench.replay.pipeline import Ghost, Opened, Screen
from copilot.completion.completer import Asked, Completer, Link
from copilot.completion.speed import Speed
from copilot.completion.suggestion import Suggestion
from copilot.config.settings import CompletionSettings
from copilot.text.document import Change, Document
from copilot.text.position import Position, PositionEncoding, Range
from copilot.text.spot import Spot


class CompleterPipeline:
    """A :class:`~copilot.bench.replay.pipeline.Pipeline`. ``streaming``: as for clients that take partial results."""

    name = "slipstream"

    def __init__(self, link: Link, settings: CompletionSettings, *, streaming: bool = True) -> None:
        self.requests = 0
        self.cancels = 0
        self._link = link
        self._settings = settings
        self._streaming = streaming
        self._speed = Speed()
        self._documents = 0
        self._asked: asyncio.Task[None] | None = None

    async def open(self, document: Opened, screen: Screen) -> None:
        self.requests = self.cancels = 0
        self._documents += 1
        self._screen = screen
        self._path = document.name
        self._completer = Completer(self._link, f"replay-{self._documents}", self._settings, speed=self._speed)
        uri = f"file:///replay/{self._documents}/{document.name}"
        self._document = Document.from_text(uri, document.language, 1, document.buffer.text)
        self._completer.moved(self._spot(document.buffer), path=self._path)

    @property
    def busy(self) -> bool:
        return self._asked is not None and not self._asked.done()

    def typed(self, before: Buffer, edit: Edit, after: Buffer) -> None:
        through = self._screen.ghost is not None and not edit.removed
        self._change(before, edit, after)
        self._cancel()
        self.requests += 1
        question = _Question(self, through=through)
        asked = self._completer.ask(self._spot(after), path=self._path, grow=question.grow if self._streaming else None)
        self._asked = question.task = asyncio.create_task(question.answer(asked))

    def jumped(self, before: Buffer, after: Buffer) -> None:
        if before.text != after.text:
            self._change(before, Edit(removed=len(before.text) - len(after.text)), after)
        self._cancel()
        self._completer.moved(self._spot(after), path=self._path)

    async def close(self) -> None:
        self._cancel()
        await self._completer.closed()

    def show(self, question: "_Question", suggestions: Sequence[Suggestion]) -> None:
        if question.task is not None and question.task is not self._asked:
            # Its answer is for text that is no longer there.
            return
        first = suggestions[0] if suggestions else None
        self._screen.show(None if first is None else Ghost(first.text, first.replaced))

    def answered(self, question: "_Question", seconds: float) -> None:
        if question.task is None or question.task is self._asked:
            self._screen.answered(seconds, through=question.through)

    def _change(self, before: Buffer, edit: Edit, after: Buffer) -> None:
        if before.text == after.text:
            return
        start = _place(before, len(before.before) - edit.removed)
        end = _place(before, len(before.before) + edit.taken)
        change = Change(Range(start, end), edit.typed + edit.added)
        self._document = self._document.apply([change], PositionEncoding.UTF32, self._document.version + 1)
        behind = _place(after, len(after.before) + len(edit.added))
        self._completer.edited(self._document, [change], Spot(self._document, behind.line, behind.character))

    def _cancel(self) -> None:
        if self._asked is not None and not self._asked.done():
            self.cancels += 1
            self._asked.cancel()
        self._asked = None

    def _spot(self, at: Buffer) -> Spot:
        place = _place(at, len(at.before))
        return Spot(self._document, place.line, place.character)


class _Question:
    """One key's request."""

    def __init__(self, pipeline: CompleterPipeline, *, through: bool) -> None:
        self.through = through
        self.task: asyncio.Task[None] | None = None
        self._pipeline = pipeline
        self._loop = asyncio.get_running_loop()
        self._sent = self._loop.time()
        self._told = False

    def grow(self, suggestions: Sequence[Suggestion]) -> None:
        self._tell()
        self._pipeline.show(self, suggestions)

    async def answer(self, asked: Asked) -> None:
        suggestions, _facts = await asked
        self._tell()
        if suggestions is not None:
            self._pipeline.show(self, suggestions)

    def _tell(self) -> None:
        if not self._told:
            self._told = True
            self._pipeline.answered(self, self._loop.time() - self._sent)


def _place(buffer: Buffer, offset: int) -> Position:
    text = buffer.text
    return Position(text.count("\n", 0, offset), offset - (text.rfind("\n", 0, offset) + 1))
