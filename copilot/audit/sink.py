"""Where rows go, as the bus sees it. The contract's tests are ``tests/copilot/audit/test_sinks.py``."""

from collections.abc import Sequence
from typing import Protocol

from copilot.audit.events import Row


class Sink(Protocol):
    """Used by one thread, the bus's. Each method may raise ``OSError`` or :class:`SlipstreamError`; the bus asks again
    later. Being made costs nothing and touches nothing."""

    name: str
    """What people call it in messages: ``the audit files``."""

    def open(self) -> None:
        """Comes first; after an error again."""

    def write(self, rows: Sequence[Row]) -> None:
        """Takes all rows, behind those before, or raises and takes none. Waits for no network."""

    def flush(self) -> None:
        """Have what was written survive a loss of power. Called once a second at most, and before the end."""

    def close(self) -> None:
        """Raises where rows that were taken did not arrive, and is closed nevertheless. Twice is once."""
