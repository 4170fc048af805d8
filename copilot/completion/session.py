"""What one document's completions have to do with each other: events go in, decisions come out.

No I/O, no clock, no text of its own: the caller cancels, sends and answers. One session per open document.
"""

from typing import NamedTuple

from copilot.context.request import CaretPlace, caret_place


class Decision(NamedTuple):
    """How to serve a request.

    ``generation`` names it from now on; ``cancel`` names the one it makes pointless. ``place`` goes into the
    :class:`~copilot.context.request.InfillRequest`: it decides the order of the prompt.
    """

    generation: int
    place: CaretPlace
    cancel: int | None


class _Line(NamedTuple):
    """What stays while someone types along a line."""

    number: int
    rest: str


class _Live(NamedTuple):
    generation: int
    version: int


class Session:
    """At most one live generation; a newer request, an edit or a close supersedes it.

    The caret's place is frozen while someone types along a line, that is, as long as neither the line nor the text
    behind the caret on it changes: a fresh line becomes a line end with its first letter, and another order of the
    prompt would throw the KV cache away.
    """

    def __init__(self) -> None:
        self._live: _Live | None = None
        self._last_generation = 0
        self._line: _Line | None = None
        self._place = CaretPlace.LINE_END

    @property
    def live(self) -> int | None:
        """The generation that is running, if one is."""
        return self._live.generation if self._live else None

    def request(self, version: int, line: int, column: int, prefix: str, suffix: str) -> Decision:
        """A completion is asked for at ``line`` and ``column`` of ``version``, between ``prefix`` and ``suffix``."""
        del column  # Typing along a line changes it, and nothing is decided by it yet.
        cancel = self._supersede()
        self._follow(_Line(line, suffix.partition("\n")[0].rstrip()), prefix, suffix)
        self._last_generation += 1
        self._live = _Live(self._last_generation, version)
        return Decision(self._last_generation, self._place, cancel)

    def edited(self, version: int) -> int | None:
        """The document is now at ``version``. Returns the generation to cancel: its answer would be for old text."""
        return self._supersede() if self._live and self._live.version != version else None

    def finished(self, generation: int) -> bool:
        """A generation ended by itself. False when it had been superseded, so that its answer is not wanted."""
        wanted = self._live is not None and self._live.generation == generation
        if wanted:
            self._live = None
        return wanted

    def closed(self) -> int | None:
        """The document was closed. Returns the generation to cancel."""
        self._line = None
        return self._supersede()

    def _supersede(self) -> int | None:
        live, self._live = self.live, None
        return live

    def _follow(self, line: _Line, prefix: str, suffix: str) -> None:
        if line != self._line:
            self._line = line
            self._place = caret_place(prefix, suffix)
