"""A real engine host on a thread of its own, with an engine that does what a test tells it."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any, Self

from copilot.serve.keeper import Load
from tests.fakes import ScriptedEngine
from tests.hosts import GUARD_SECONDS, Running, running


class HostThread:
    """``with HostThread(engine) as host``. What touches the engine while it runs goes through :meth:`do`."""

    def __init__(self, engine: ScriptedEngine | None = None, *, load: Load | None = None, ready: bool = True) -> None:
        self.engine = engine or ScriptedEngine()
        self.loop = asyncio.new_event_loop()
        self._load = load
        self._ready = ready
        self._running: Running | None = None
        self._began = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="host", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._began.wait(GUARD_SECONDS)
        return self

    def __exit__(self, *_error: object) -> None:
        self.leave()

    def leave(self) -> None:
        """End the host; a second time nothing happens."""
        if self._thread.is_alive():
            self.loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(GUARD_SECONDS)

    def do(self, work: Callable[[], Any]) -> None:
        """On the host's own thread."""
        self.loop.call_soon_threadsafe(work)

    @property
    def running(self) -> Running:
        assert self._running is not None
        return self._running

    def _run(self) -> None:
        self.loop.run_until_complete(self._serve())
        # Connections that were just ended are let go in the turns after it.
        self.loop.run_until_complete(asyncio.sleep(0.1))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()

    async def _serve(self) -> None:
        engine = None if self._load is not None else self.engine
        async with running(engine, load=self._load, ready=self._ready) as found:
            self._running = found
            self._began.set()
            await self._stop.wait()
