"""What the last generations of a document were asked, and how that went: for people who wonder why. No I/O."""

from collections import OrderedDict
from typing import NamedTuple

from copilot.client.stats import StreamStats
from copilot.completion.run import Kind
from copilot.context.request import InfillRequest
from copilot.serve.api import StartData

KEPT = 32
"""Generations that are remembered; some kilobytes each."""


class Origin(NamedTuple):
    """``line``: the caret's when it was asked, from 0. ``gave_up``: what the prompt lacked for the user's budget."""

    kind: Kind
    request: InfillRequest
    line: int
    gave_up: tuple[str, ...] = ()


class Trace:
    """``model`` and ``layout`` are the host's word, None until it has taken the question up."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.stats = StreamStats()
        self.model: str | None = None
        self.layout: str | None = None

    def add(self, event: object) -> None:
        """Each event of the stream as it comes."""
        self.stats.add(event)
        if isinstance(event, StartData):
            self.model, self.layout = event.model, event.layout


class Traces:
    """The newest ones, by generation."""

    def __init__(self) -> None:
        self._traces: OrderedDict[int, Trace] = OrderedDict()

    def begin(self, generation: int, origin: Origin) -> Trace:
        trace = self._traces[generation] = Trace(origin)
        if len(self._traces) > KEPT:
            self._traces.popitem(last=False)
        return trace

    def get(self, generation: int | None) -> Trace | None:
        return None if generation is None else self._traces.get(generation)
