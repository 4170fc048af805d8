"""The ``Engine`` that keeps a worker process running: started, supervised, restarted with back-off."""

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Self

import msgspec

from copilot import paths
from copilot.config.settings import EngineSettings
from copilot.engine import child, wire
from copilot.engine.child import Child, Exchange
from copilot.engine.holdback import Lead, StopHoldback, Utf8Decoder
from copilot.engine.protocol import (
    EngineCapabilities,
    FinishReason,
    ModelInfo,
    PromptPlan,
    SamplingParams,
    TokenEvent,
    Totals,
)
from copilot.errors import SlipstreamError

MAX_CRASHES = 3
CRASH_WINDOW = 300.0
"""After ``MAX_CRASHES`` within so many seconds the worker isn't started again: it would only crash again."""

RESTART_WAIT = 60.0
"""Seconds that a request waits for a worker that is being restarted."""

HOPELESS = frozenset({"no_gpu", "out_of_memory", "wrong_attention", "no_engine"})
"""Codes of a failed load that the next try, a second later, would fail with as well."""

HANG = 120.0
"""Seconds. No step takes so long: a worker that hasn't let go of a cancelled generation by then hangs."""

log = logging.getLogger(__name__)


class GpuLoad(msgspec.Struct, frozen=True, kw_only=True):
    """How to load a model with one of the GPU libraries; see ``wire.Load``."""

    backend: str = "llama.cpp"
    extension: str = ""
    draft: str = ""


class WorkerEngine:
    """A model in a child process. Made by :meth:`start`, from the event loop that it then belongs to.

    On Linux that has to be in a thread that lives as long as the engine: the worker ends with it.
    """

    def __init__(self, path: Path, info: ModelInfo, settings: EngineSettings, gpu: GpuLoad | None = None) -> None:
        self.model = info
        gpu = gpu or GpuLoad()
        # llama.cpp lets any slot use all of its cache, so that is no larger than the model's context. Pages are shared.
        one = min(settings.context_tokens, info.context_length)
        context = one if gpu.backend == "llama.cpp" else settings.context_tokens
        self.capabilities = EngineCapabilities(
            backend=gpu.backend, slots=settings.slots, speculative=settings.speculation == "ngram" or bool(gpu.draft)
        )
        self._load = wire.Load(
            path=str(path.absolute()),
            folder="",
            name=info.id,
            backend=gpu.backend,
            extension=gpu.extension,
            draft=gpu.draft,
            # The worker stands in another folder.
            lora=str(Path(settings.lora).expanduser().absolute()) if settings.lora else "",
            request_tokens=one,
            devices=settings.gpu_devices,
            cache_type=settings.cache_type,
            context_tokens=context,
            slots=settings.slots,
            batch_tokens=settings.batch_tokens
            if gpu.backend == "llama.cpp"
            else settings.gpu_batch_tokens // 256 * 256,
            threads=settings.threads,
            gpu_layers=settings.gpu_layers,
            speculation=settings.speculation,
        )
        self.restarts = 0
        self.totals = Totals()
        self._child: Child | None = None
        self._restart: asyncio.Task[None] | None = None
        self._burials: set[asyncio.Task[int]] = set()
        self._crashes: deque[float] = deque(maxlen=MAX_CRASHES)
        self._hopeless: SlipstreamError | None = None
        """Why it can't be started again, where that is known."""
        self._closed = False

    @classmethod
    async def start(
        cls,
        path: Path,
        info: ModelInfo,
        settings: EngineSettings,
        on_progress: Callable[[float], None] | None = None,
        gpu: GpuLoad | None = None,
    ) -> Self:
        """Load the model at ``path``: with llama.cpp, or as ``gpu`` says. ``on_progress`` is told the share of it
        that was read, 0 to 1.

        Raises :class:`SlipstreamError` with code ``engine_failed``. Cancelling it leaves nothing running.
        """
        engine = cls(path, info, settings, gpu)
        await engine._launch(on_progress or (lambda _share: None))
        return engine

    @property
    def pid(self) -> int | None:
        """The worker's process id; None while there is none."""
        return self._child.pid if self._child is not None and self._child.alive else None

    @property
    def restarting(self) -> bool:
        return self.pid is None and self._restart is not None and not self._restart.done()

    @property
    def failure(self) -> SlipstreamError | None:
        """None again once the crashes are long ago: the next request then starts the worker."""
        if self.pid is not None or self.restarting or self._recent_crashes() < MAX_CRASHES:
            return None
        return self._gave_up()

    async def count(self, text: str) -> int:
        """Tokens that ``text`` has as plain content."""
        worker = await self._ready()
        reply = await worker.ask(lambda id: wire.Count(id=id, text=text)).next()
        assert isinstance(reply, wire.Counted)
        return reply.tokens

    async def generate(self, plan: PromptPlan, params: SamplingParams) -> AsyncGenerator[TokenEvent]:
        """See :class:`copilot.engine.protocol.Engine`. ``aclose`` returns when the worker has let go of the slot.

        Other codes: ``missing_control_token``, ``empty_prompt``, ``invalid_text``; ``engine_failed`` when the worker
        can't be kept running.
        """
        worker = await self._ready()
        exchange = worker.ask(lambda id: wire.Generate(id=id, plan=plan, params=params))
        # The worker stops at the same strings, so that no step is lost; this is what guarantees that none is shown.
        decoder, holdback = Utf8Decoder(), StopHoldback((*plan.stop, *params.stop, *plan.controls))
        lead = Lead(plan.held)
        stopped = False
        try:
            while not isinstance(reply := await exchange.next(), wire.Done):
                assert isinstance(reply, wire.Event)
                if stopped:
                    continue
                text = holdback.feed(lead.feed(decoder.feed(reply.data)))
                if stopped := holdback.stopped is not None:
                    exchange.cancel()
                if text or reply.progress is not None or reply.token_id is not None:
                    yield TokenEvent(
                        text=text,
                        at=reply.at,
                        token_id=reply.token_id,
                        logprob=reply.logprob,
                        progress=reply.progress,
                    )
            if rest := holdback.feed(decoder.finish()) + holdback.finish():
                yield TokenEvent(text=rest, at=reply.at)
            finish = reply.finish
            if holdback.stopped:
                finish = msgspec.structs.replace(finish, reason=FinishReason.STOP)
            yield TokenEvent(at=reply.at, finish=finish)
        finally:
            await self._settle(worker, exchange)
            self.totals = self.totals.plus(exchange.progress, exchange.finish)

    async def restart(self) -> None:
        """Start the worker again although it crashed too often. Raises :class:`SlipstreamError` if that fails."""
        self._crashes.clear()
        await self._ready()

    async def close(self) -> None:
        """End the worker for sure; streams in flight fail. May be called again."""
        self._closed = True
        restart, worker = self._restart, self._child
        self._restart = self._child = None
        # First: whoever is cancelled while it waits has begun it, and waits for it the next time.
        if worker is not None:
            self._bury(worker)
        if restart is not None:
            restart.cancel()
            await asyncio.wait({restart})
        if self._burials:
            await asyncio.wait(self._burials)

    async def _settle(self, worker: Child, exchange: Exchange) -> None:
        try:
            await asyncio.wait_for(exchange.settle(), HANG)
        except TimeoutError:
            log.error("the engine worker does not answer and is ended")
            worker.abandon()

    async def _launch(self, on_progress: Callable[[float], None]) -> None:
        worker = await Child.start(self._load, on_progress=on_progress, on_lost=self._lost)
        self._child = worker
        loaded = worker.loaded
        self.model = msgspec.structs.replace(self.model, context_length=loaded.context_length)
        self.capabilities = msgspec.structs.replace(
            self.capabilities,
            version=loaded.version,
            patient_tokens=loaded.patient_tokens,
            kv_reuse=loaded.kv_reuse,
            logprobs=loaded.logprobs,
            grammar=loaded.grammar,
            prefill_tokens_per_second=loaded.prefill_tokens_per_second,
            notes=loaded.notes,
            gpu_bytes=loaded.gpu_bytes,
        )
        if not worker.alive:
            self._lost()

    def _lost(self) -> None:
        """The worker is gone, which nobody asked for."""
        worker, self._child = self._child, None
        if worker is None or self._closed:
            return
        self._bury(worker).add_done_callback(
            lambda burial: log.warning("the engine worker ended unexpectedly, status %d", burial.result())
        )
        self._crashes.append(time.monotonic())
        self._begin_restart()

    def _bury(self, worker: Child) -> asyncio.Task[int]:
        burial = asyncio.get_running_loop().create_task(worker.end())
        self._burials.add(burial)
        burial.add_done_callback(self._burials.discard)
        return burial

    def _recent_crashes(self) -> int:
        since = time.monotonic() - CRASH_WINDOW
        return sum(crash > since for crash in self._crashes)

    def _begin_restart(self) -> None:
        self._restart = asyncio.get_running_loop().create_task(self._restart_with_backoff())

    async def _restart_with_backoff(self) -> None:
        """Return with a worker in place, or when it has crashed too often. An error of loading counts as a crash."""
        while (crashes := self._recent_crashes()) < MAX_CRASHES:
            # At once after the first; then 1, 2, 4 … seconds.
            await asyncio.sleep(2 ** (crashes - 2) if crashes > 1 else 0)
            try:
                await self._launch(lambda _share: None)
                self.restarts += 1
                self._hopeless = None
            except SlipstreamError as error:
                log.warning("the engine worker could not be restarted: %s", error.code)
                self._hopeless = error if error.code in HOPELESS else None
                for _ in range(MAX_CRASHES if self._hopeless else 1):
                    self._crashes.append(time.monotonic())
            else:
                return

    async def _ready(self) -> Child:
        """The worker, waiting for it while it is being restarted."""
        until = time.monotonic() + RESTART_WAIT
        while True:
            if self._closed:
                raise SlipstreamError("The engine is closed.", hint="Start the host again.", code="engine_failed")
            if self._child is not None and self._child.alive:
                return self._child
            if self._restart is None or self._restart.done():
                if self._recent_crashes() >= MAX_CRASHES:
                    raise self._gave_up()
                self._begin_restart()
                continue
            done, _ = await asyncio.wait({self._restart}, timeout=until - time.monotonic())
            if not done:
                raise SlipstreamError(
                    "The engine is still being restarted.",
                    hint="Ask again in a while.",
                    code="engine_restarted",
                    retryable=True,
                )
            for task in done:
                # An error that was not foreseen is not to be lost.
                with contextlib.suppress(asyncio.CancelledError):
                    task.result()

    def _gave_up(self) -> SlipstreamError:
        if self._hopeless is not None:
            return self._hopeless
        minutes = round(CRASH_WINDOW / 60)
        return SlipstreamError(
            f"The engine crashed {MAX_CRASHES} times within {minutes} minutes and is not restarted.",
            hint=f"Look into {paths.log_dir() / child.LOG}, check the model with `slipstream models verify`, "
            f"and restart the host with `slipstream stop`; it tries again by itself after {minutes} minutes.",
            code="engine_failed",
        )
