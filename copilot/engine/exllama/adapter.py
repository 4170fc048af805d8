"""The ``Backend`` over a generator of pages: a request's thread on one side, the job loop on the other."""

import math
import time
from collections.abc import Iterable

from copilot.engine import prompting
from copilot.engine.backend import Cancellation, Emit
from copilot.engine.exllama.loop import End, Job, JobLoop, Library, Step
from copilot.engine.exllama.vocabulary import Vocabulary
from copilot.engine.holdback import StopHoldback, Utf8Decoder
from copilot.engine.protocol import Finish, FinishReason, Progress, PromptPlan, SamplingParams
from copilot.engine.slots import Slots
from copilot.engine.wire import Event, Loaded
from copilot.errors import SlipstreamError

PAGE = 256
"""Tokens of a KV page in both libraries."""


class PagedBackend:
    """``draft_tokens``: what a job needs room for besides its text, as for tokens that are guessed."""

    def __init__(
        self, library: Library, vocabulary: Vocabulary, slots: Slots, loaded: Loaded, *, draft_tokens: int = 0
    ) -> None:
        self.loaded = loaded
        self._vocabulary = vocabulary
        self._slots = slots
        self._draft_tokens = draft_tokens
        self._loop = JobLoop(library)

    def count(self, text: str) -> int:
        return len(self._vocabulary.tokenizer.content(text))

    def generate(
        self, id: int, plan: PromptPlan, params: SamplingParams, cancelled: Cancellation, emit: Emit
    ) -> Finish:
        """See :class:`copilot.engine.backend.Backend`."""
        # The libraries have room for one at least, and make it.
        ids, max_tokens = prompting.prompt(
            plan,
            max(1, params.max_tokens),
            tokenizer=self._vocabulary.tokenizer,
            slots=self._slots,
            context_length=self.loaded.context_length - self._draft_tokens,
        )
        patient = prompting.is_patient(plan, params.max_tokens, self._slots)
        room = len(ids) + max_tokens + self._draft_tokens
        # A page is in use as a whole; but never so many that it could not be had at all.
        most = self._slots.patient_tokens if patient else self.loaded.context_length
        room = min(-(-room // PAGE) * PAGE, most)
        place = self._slots.acquire(ids, room, cancelled, patient=patient, owner=plan.owner)
        if place is None:
            return Finish(reason=FinishReason.CANCELLED, prompt_tokens=len(ids), reused_tokens=0, generated_tokens=0)
        controls = [self._vocabulary.tokenizer.control(spelling) for spelling in self._spelled(plan.controls)]
        stops = (*plan.stop, *params.stop)
        limit = min(max_tokens, params.max_tokens)
        ends = self._vocabulary.ends | frozenset(controls)
        job = Job(ids, limit, params, ends, lambda: run.ended or cancelled(), owner=plan.owner)
        run = _Run(id, job, stops, self._vocabulary, emit)
        try:
            self._loop.submit(job)
            return run.follow()
        finally:
            run.ended = True
            self._slots.release(place.slot, run.processed)

    def wake(self) -> None:
        """See :class:`copilot.engine.backend.Backend`."""
        self._slots.wake()

    def close(self) -> None:
        self._loop.close()

    def _spelled(self, controls: Iterable[str]) -> list[str]:
        """Those of a family's control tokens that this vocabulary has."""
        found = []
        for spelling in controls:
            try:
                self._vocabulary.tokenizer.control(spelling)
            except SlipstreamError:
                continue
            found.append(spelling)
        return found


class _Run:
    """One generation's steps to events. Ends it in the step after the one in which a stop string came."""

    def __init__(self, id: int, job: Job, stops: Iterable[str], vocabulary: Vocabulary, emit: Emit) -> None:
        self.ended = False
        """Nothing more is wanted: read by the loop's thread."""
        self.processed = 0
        """Tokens of the prompt that are in the KV cache."""
        self._id = id
        self._job = job
        self._prompt_tokens = len(job.ids)
        self._max_tokens = job.max_tokens
        self._vocabulary = vocabulary
        self._emit = emit
        # Only looked at: the text goes out as it is, the host holds back.
        self._decoder, self._holdback = Utf8Decoder(), StopHoldback(stops)
        self._reused = 0
        self._told = -1
        self._generated = 0
        self._began = time.monotonic()
        self._prefilled: float | None = None
        self._last = self._began

    def follow(self) -> Finish:
        """Take the job's steps to its end. Raises :class:`SlipstreamError` as the loop reports it."""
        while True:
            step = self._job.steps.get()
            if isinstance(step, SlipstreamError):
                raise step
            if reason := self._take(step):
                return self._finish(reason)

    def _take(self, step: Step) -> FinishReason | None:
        self._last = step.at
        if step.end is End.CANCELLED:
            return FinishReason.CANCELLED
        self._progress(step)
        if self.processed < self._prompt_tokens:
            return None
        if not self._max_tokens:
            return FinishReason.LENGTH
        for at, token in enumerate(step.tokens):
            self._generated += 1
            self._tell(step, at, token)
            if self._holdback.stopped:
                return FinishReason.STOP
            if self._generated == self._max_tokens:
                # With guesses the library may have gone further.
                return FinishReason.LENGTH
        if step.end is None:
            return None
        self._generated = max(self._generated, min(step.generated, self._max_tokens))
        return FinishReason.STOP if step.end is End.STOP_TOKEN else FinishReason.LENGTH

    def _progress(self, step: Step) -> None:
        """The last token of a prompt is computed with the first step of decoding: until then its prefill isn't done."""
        done = bool(step.tokens) or step.end is not None or step.processed >= self._prompt_tokens - 1
        processed = self._prompt_tokens if done else step.processed
        if processed <= self._told:
            return
        if self._told < 0:
            # What is told first is what was there.
            self._emit_progress(step.at, step.reused, step.reused)
        self._reused = max(self._reused, step.reused)
        if processed > self._told:
            self._emit_progress(step.at, processed, self._reused)
        if done:
            self._prefilled = step.at

    def _emit_progress(self, at: float, processed: int, reused: int) -> None:
        self._told = self.processed = processed
        state = Progress(processed=processed, total=self._prompt_tokens, reused=reused)
        self._emit(Event(id=self._id, at=at, progress=state))

    def _tell(self, step: Step, at: int, token: int) -> None:
        data = self._vocabulary.spelled(token)
        self._holdback.feed(self._decoder.feed(data))
        if self._job.params.logprobs:
            event = Event(id=self._id, at=step.at, data=data, token_id=token, logprob=_logprob(step, at, token))
            self._emit(event)
        elif data:
            self._emit(Event(id=self._id, at=step.at, data=data))

    def _finish(self, reason: FinishReason) -> Finish:
        prefilled = self._prefilled or self._last
        return Finish(
            reason=reason,
            prompt_tokens=self._prompt_tokens,
            reused_tokens=self._reused,
            generated_tokens=self._generated,
            prefill_ms=(prefilled - self._began) * 1000,
            decode_ms=(self._last - prefilled) * 1000,
        )


def _logprob(step: Step, at: int, token: int) -> float | None:
    if step.probabilities:
        return min(0.0, math.log(max(step.probabilities[at], 1e-38)))
    if step.logits is None:
        return None
    row = step.logits[0, at].float()
    return min(0.0, float(row[token] - row.logsumexp(-1)))
