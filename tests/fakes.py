"""Fakes shared by tests. Nothing under ``copilot`` knows them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator, Sequence

from copilot.engine.protocol import (
    EngineCapabilities,
    Finish,
    FinishReason,
    ModelInfo,
    Progress,
    PromptPlan,
    SamplingParams,
    TokenEvent,
    Totals,
)
from copilot.errors import SlipstreamError


class Call:
    """One generation as the engine saw it."""

    def __init__(self, plan: PromptPlan, params: SamplingParams) -> None:
        self.plan = plan
        self.params = params
        self.steps = 0
        """Prefill and decode steps taken."""
        self.ended: str | None = None
        """``finished``, ``failed`` or ``cancelled``; None while it runs."""


class ScriptedEngine:
    """An engine that does what it was told, with the cancel behaviour of a real one.

    ``hold``: when given, each decode step waits until it is set. ``prefill_hold`` does the same for each prefill
    step. ``fail_at``: raise ``failure`` instead of token k. ``never_awaits``: yields without ever suspending, as a
    buffer that is always full would. ``release``: when given, a cancelled generation holds its slot until it is set.
    ``ignore_limit``: goes on beyond ``max_tokens`` for ever.

    Set its ``failure`` to have it given up, ``restarting`` to have its worker gone for a moment.
    """

    def __init__(
        self,
        tokens: Sequence[str] = ("alpha ", "beta ", "gamma"),
        *,
        prefill_steps: int = 2,
        slots: int = 2,
        step_seconds: float = 0.0,
        hold: asyncio.Event | None = None,
        prefill_hold: asyncio.Event | None = None,
        release: asyncio.Event | None = None,
        fail_at: int | None = None,
        failure: Exception | None = None,
        never_awaits: bool = False,
        ignore_limit: bool = False,
    ) -> None:
        self.restarts = 0
        self.totals = Totals()
        self.restarting = False
        self.failure: SlipstreamError | None = None
        self.tokens = tuple(tokens)
        self.prefill_steps = prefill_steps
        self.step_seconds = step_seconds
        self.hold = hold
        self.prefill_hold = prefill_hold
        self.release = release
        self.fail_at = fail_at
        self._token_failure = failure or SlipstreamError(
            "The engine worker died.", hint="Ask again.", code="engine_restarted", retryable=True
        )
        self.never_awaits = never_awaits
        self.ignore_limit = ignore_limit
        self.model = ModelInfo(id="scripted", family="plain", context_length=4096)
        self.capabilities = EngineCapabilities(backend="scripted", slots=slots, logprobs=True)
        self.calls: list[Call] = []
        self.busy = 0
        self.most_busy = 0
        self.closed = False

    async def count(self, text: str) -> int:
        return len(text.split())

    async def close(self) -> None:
        self.closed = True

    async def generate(self, plan: PromptPlan, params: SamplingParams) -> AsyncGenerator[TokenEvent]:
        if self.failure is not None:
            raise self.failure
        call = Call(plan, params)
        self.calls.append(call)
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            async with contextlib.aclosing(self._steps(call)) as steps:
                async for event in steps:
                    yield event
            call.ended = "finished"
        except Exception:
            call.ended = "failed"
            raise
        finally:
            if call.ended is None:
                call.ended = "cancelled"
                if self.release is not None:
                    await self.release.wait()
            self.busy -= 1

    async def _steps(self, call: Call) -> AsyncGenerator[TokenEvent]:
        total = 64 * self.prefill_steps
        for step in range(1, self.prefill_steps + 1):
            await self._step(call, self.prefill_hold)
            yield TokenEvent(at=time.monotonic(), progress=Progress(processed=64 * step, total=total, reused=0))
        count = 0
        while self.ignore_limit or count < min(len(self.tokens), call.params.max_tokens):
            if count == self.fail_at:
                raise self._token_failure
            await self._step(call, self.hold)
            yield TokenEvent(
                text=self.tokens[count % len(self.tokens)], at=time.monotonic(), token_id=count, logprob=-0.5
            )
            count += 1
        limited = count == call.params.max_tokens and count < len(self.tokens)
        yield TokenEvent(
            at=time.monotonic(),
            finish=Finish(
                reason=FinishReason.LENGTH if limited else FinishReason.STOP,
                prompt_tokens=total,
                reused_tokens=0,
                generated_tokens=count,
            ),
        )

    async def _step(self, call: Call, hold: asyncio.Event | None) -> None:
        call.steps += 1
        if self.never_awaits:
            return
        if hold is not None:
            await hold.wait()
        await asyncio.sleep(self.step_seconds)
