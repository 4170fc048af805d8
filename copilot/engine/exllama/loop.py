"""The one thread that drives the generator, and what it tells the threads that wait for their generations.

The libraries' own asynchronous wrappers are not used: they step inside the event loop, a cancelled consumer of
ExLlamaV2's hangs, a second cancel raises, and after an exception all is dead (``dynamic_async.py`` of 0.3.2).
"""

import os
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NoReturn, Protocol

import msgspec

from copilot.engine.protocol import SamplingParams
from copilot.errors import SlipstreamError

IDLE_SECONDS = 2.0
"""After so long without work the library may tidy up."""


class End(StrEnum):
    """Why a job is over."""

    STOP_TOKEN = "stop_token"  # noqa: S105 - a token of text
    LENGTH = "length"
    CANCELLED = "cancelled"


class Step(msgspec.Struct, kw_only=True):
    """What one iteration did for one job.

    ``processed`` and ``reused``: tokens of the prompt that are in the KV cache, and how many of them were found
    there. ``tokens`` are new ones, without the one that stopped it. ``logits``: a tensor (1, tokens, vocabulary) where
    the job asked for it, ``probabilities`` (one each) where the library has true ones. ``generated``: of the whole
    job, the stopping one included; known at the end. ``at``: ``time.monotonic()``.
    """

    at: float
    processed: int = 0
    reused: int = 0
    tokens: Sequence[int] = ()
    probabilities: Sequence[float] = ()
    logits: Any = None
    end: End | None = None
    generated: int = 0


class Job:
    """One generation as the loop knows it. ``max_tokens`` 0: only the prompt counts, and one token is made in vain.
    ``handle`` is the library's own job, ``owner`` whose prompt it is."""

    def __init__(
        self,
        ids: Sequence[int],
        max_tokens: int,
        params: SamplingParams,
        stop_tokens: frozenset[int],
        cancelled: Callable[[], bool],
        *,
        owner: str = "",
    ) -> None:
        self.ids = ids
        self.owner = owner
        self.max_tokens = max_tokens
        self.params = params
        self.stop_tokens = stop_tokens
        self.cancelled = cancelled
        self.handle: Any = None
        self.steps: queue.SimpleQueue[Step | SlipstreamError] = queue.SimpleQueue()


class Library(Protocol):
    """A loaded generator. Everything is called from the loop's thread.

    ``iterate`` returns what each job got, in order; with an error, or a step that has ``end``, it is over. After
    ``recover`` no job is left; it returns what their requests are told, or None when the library can't be used any
    more.
    """

    def submit(self, job: Job) -> None: ...
    def cancel(self, job: Job) -> None: ...
    def iterate(self) -> list[tuple[Job, Step | SlipstreamError]]: ...
    def tidy(self) -> None: ...
    def recover(self, error: Exception) -> SlipstreamError | None: ...
    def close(self) -> None: ...


def _say_where(error: Exception) -> None:
    """Into the log: where, and of which type, but not the message, which could hold text of a prompt."""
    print("".join(traceback.format_tb(error.__traceback__)), type(error).__name__, file=sys.stderr)  # noqa: T201


def _die(error: Exception) -> NoReturn:
    _say_where(error)
    os._exit(1)


def refused() -> SlipstreamError:
    return SlipstreamError(
        "The GPU engine refused the request.",
        hint="Ask again; the log engine.log says where it failed.",
        code="engine_failed",
        retryable=True,
    )


class JobLoop:
    """Runs until :meth:`close`. ``on_broken`` is called, in the loop's thread, when the library is beyond repair: the
    process then ends, and its parent starts another."""

    def __init__(self, library: Library, on_broken: Callable[[Exception], NoReturn] = _die) -> None:
        self._library = library
        self._on_broken = on_broken
        self._new: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._running: list[Job] = []
        self._closing = False
        self._tidied = True
        self._thread = threading.Thread(target=self._run, name="generator", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Start it with the next iteration. Its ``steps`` end with one that has ``end``, or with an error."""
        self._new.put(job)

    def close(self) -> None:
        """Cancel what runs, free what the library holds, and wait for that."""
        self._closing = True
        self._new.put(None)
        self._thread.join()

    def _run(self) -> None:
        while not self._closing:
            try:
                new = self._new_jobs()
                # First, so that what they leave in the KV cache is found by the new ones.
                self._drop_cancelled()
                for job in new:
                    self._begin(job)
                if self._running:
                    self._iterate()
            except Exception as error:
                self._fail(error)
        while not self._new.empty():
            if (late := self._new.get()) is not None:
                self._running.append(late)
        self._end_all(lambda: Step(at=time.monotonic(), end=End.CANCELLED))
        self._library.close()

    def _new_jobs(self) -> list[Job]:
        """What was submitted meanwhile; waits for it while there is nothing else to do."""
        found = [] if self._running else [self._wait()]
        while not self._new.empty():
            found.append(self._new.get())
        return [job for job in found if job is not None]

    def _wait(self) -> Job | None:
        """The next job; None to look again."""
        try:
            job = self._new.get(timeout=None if self._tidied else IDLE_SECONDS)
        except queue.Empty:
            self._tidied = True
            self._library.tidy()
            return None
        self._tidied = False
        return job

    def _begin(self, job: Job) -> None:
        if job.cancelled():
            job.steps.put(Step(at=time.monotonic(), end=End.CANCELLED))
            return
        try:
            self._library.submit(job)
        except SlipstreamError as error:
            job.steps.put(error)
        except Exception as error:
            # Refused before it was queued: the others go on.
            _say_where(error)
            job.steps.put(refused())
        else:
            self._running.append(job)

    def _drop_cancelled(self) -> None:
        for job in [job for job in self._running if job.cancelled()]:
            self._library.cancel(job)
            self._running.remove(job)
            job.steps.put(Step(at=time.monotonic(), end=End.CANCELLED))

    def _iterate(self) -> None:
        for job, step in self._library.iterate():
            if isinstance(step, SlipstreamError) or step.end is not None:
                self._running.remove(job)
            job.steps.put(step)

    def _fail(self, error: Exception) -> None:
        _say_where(error)
        told = self._library.recover(error)
        if told is None:
            self._on_broken(error)
        self._end_all(lambda: told)

    def _end_all(self, last: Callable[[], Step | SlipstreamError]) -> None:
        for job in self._running:
            job.steps.put(last())
        self._running.clear()
