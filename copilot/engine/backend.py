"""What the worker drives: one loaded model, by whichever library. Blocks, and is called from several threads."""

import threading
from collections.abc import Callable
from typing import Protocol

from copilot.engine.protocol import Finish, PromptPlan, SamplingParams
from copilot.engine.wire import Event, Load, Loaded
from copilot.errors import SlipstreamError

Emit = Callable[[Event], None]
Report = Callable[[float], None]
"""Told the share of the loading that is done, 0 to 1."""


class Cancellation:
    """Set by one thread, looked at by the one that generates."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def __call__(self) -> bool:
        return self._event.is_set()


class Backend(Protocol):
    """``generate`` runs one generation to its end; what comes out goes to ``emit``, from the calling thread.

    It raises :class:`SlipstreamError`, with code ``context_too_long`` or ``missing_control_token`` among others.
    ``wake`` is to be called after a :class:`Cancellation` was set: its generation may be waiting for a slot.
    ``close`` gives back what it holds; nothing is called afterwards.
    """

    @property
    def loaded(self) -> Loaded: ...
    def count(self, text: str) -> int: ...
    def generate(
        self, id: int, plan: PromptPlan, params: SamplingParams, cancelled: Cancellation, emit: Emit
    ) -> Finish: ...
    def wake(self) -> None: ...
    def close(self) -> None: ...


def open_backend(load: Load, report: Report) -> Backend:
    """Load the model with the library that ``load`` names. Raises :class:`SlipstreamError`."""
    match load.backend:
        case "llama.cpp":
            from copilot.engine.llamacpp import LlamaCpp

            return LlamaCpp(load, report)
        case "exllamav2":
            from copilot.engine import exllamav2

            return exllamav2.open_model(load, report)
        case "exllamav3":
            from copilot.engine import exllamav3

            return exllamav3.open_model(load, report)
    raise SlipstreamError(
        f"No engine is called {load.backend}.", hint="This is a mistake in Slipstream.", code="engine_failed"
    )
