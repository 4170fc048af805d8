"""An event loop whose clock jumps to the next timer as soon as nothing is ready: hours pass in seconds, and the same
program always takes the same course, however busy the machine is.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Jump(selectors.BaseSelector):
    """Waits for nothing: where the loop would sleep, its clock is moved on. Files still wake it."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._advance = advance

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            # No timer and nothing ready: only another thread could go on from here, and there is none.
            raise RuntimeError("every task waits for something that no timer will bring")
        ready = self._real.select(0)
        if not ready and timeout > 0:
            self._advance(timeout)
        return ready

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time()`` starts at 0 and moves only as above."""

    def __init__(self) -> None:
        self._now = 0.0
        super().__init__(_Jump(self._move))

    def time(self) -> float:
        return self._now

    def _move(self, seconds: float) -> None:
        self._now += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """As ``asyncio.run``, in virtual time. Raises :class:`RuntimeError` when everything waits for ever."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
