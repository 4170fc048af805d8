"""What happens to each stream, told to whoever keeps figures or records. They must be quick."""

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from copilot.engine.protocol import ModelInfo
from copilot.serve.api import DoneData, ErrorData, Lane
from copilot.serve.failures import describe_crash

log = logging.getLogger(__name__)


class Seen(NamedTuple):
    """Whose stream it is, and of what kind."""

    stream: str
    tenant: str
    lane: Lane
    model: ModelInfo


class Observer(Protocol):
    @property
    def takes_text(self) -> bool:
        """Whether :meth:`written` is to be called."""
        ...

    def written(self, seen: Seen, prompt: str, answer: str, /) -> None:
        """After :meth:`ended`, what was asked and answered."""
        ...

    def queued(self, seen: Seen, /) -> None:
        """It was admitted; it may start at once."""
        ...

    def started(self, seen: Seen, queue_ms: float, /) -> None: ...
    def first_token(self, seen: Seen, ttft_ms: float, /) -> None: ...
    def ended(self, seen: Seen, end: DoneData | ErrorData, /) -> None:
        """Once for each that was queued."""
        ...

    def refused(self, tenant: str, lane: Lane, code: str, /) -> None:
        """A request that did not become a stream."""
        ...


def tell(observers: Sequence[Observer], what: Callable[[Observer], None]) -> None:
    """One that fails costs its own figures, and no stream."""
    for observer in observers:
        try:
            what(observer)
        except Exception as error:
            log.error("an observer failed: %s", describe_crash(error))
