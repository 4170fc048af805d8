"""The measurements: an ``Engine`` in, samples out. Times are wall-clock, as a caller of the engine sees them."""

import asyncio
import itertools
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from itertools import pairwise

import msgspec

from copilot.bench.engine.words import code
from copilot.engine.protocol import Engine, Finish, Layout, Part, PromptPlan, SamplingParams, TokenEvent

CHARACTERS = 3.2
"""Of code for a token, roughly; what counts is what the engine counts."""

LINE_TOKENS = 16
BATCHES = (1, 2, 4, 8, 16, 32)


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """``samples`` in ``unit``; ``note`` for people."""

    name: str
    unit: str
    samples: tuple[float, ...]
    note: str = ""

    @property
    def median(self) -> float:
        return percentile(self.samples, 0.5)


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which that share of them lies (nearest rank); 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


class Measuring:
    """``prompt_tokens``: about how long the prompts are. No prompt is used twice, unless the measurement is of that."""

    def __init__(
        self, engine: Engine, *, prompt_tokens: int, answer_tokens: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.engine = engine
        self._characters = int(prompt_tokens * CHARACTERS)
        self._answer = answer_tokens
        self._clock = clock
        self._seed = 0

    def text(self, characters: int | None = None) -> str:
        """A prompt that the engine has not seen."""
        self._seed += 1
        return f"# {self._seed}\n" + code(self._seed, characters or self._characters)

    async def speed(self, rounds: int) -> list[Figure]:
        """Prefill, decode and the time between tokens, each time with another prompt."""
        prefill: list[float] = []
        decode: list[float] = []
        cold: list[float] = []
        gaps: list[float] = []
        for _ in range(rounds):
            began = self._clock()
            times, end = await self._answered(plan(self.text()), self._answer)
            computed = end.prompt_tokens - end.reused_tokens
            if times:
                cold.append(1000 * (times[0] - began))
            if end.prefill_ms:
                prefill.append(1000 * computed / end.prefill_ms)
            if len(times) > 1 and times[-1] > times[0]:
                decode.append((end.generated_tokens - 1) / (times[-1] - times[0]))
            gaps += [1000 * (later - earlier) for earlier, later in pairwise(times)]
        return [
            Figure(name="prefill", unit="tokens/s", samples=tuple(prefill)),
            Figure(name="decode", unit="tokens/s", samples=tuple(decode)),
            Figure(name="first token, cold", unit="ms", samples=tuple(cold)),
            Figure(name="between tokens", unit="ms", samples=tuple(gaps)),
        ]

    async def keystrokes(self, keys: int) -> Figure:
        """The first token of a prompt to which one character was added."""
        typed = self.text()
        await self._answered(plan(typed), 1)
        samples, reused, whole = [], 0, 0
        for key in itertools.islice(itertools.cycle("return buffer[index:limit]\n"), keys):
            typed += key
            began = self._clock()
            times, end = await self._answered(plan(typed), 1)
            if times:
                samples.append(1000 * (times[0] - began))
            reused, whole = reused + end.reused_tokens, whole + end.prompt_tokens
        share = reused / whole if whole else 0.0
        note = f"{whole // max(1, keys)} tokens, {share:.1%} from the KV cache"
        return Figure(name="first token, a key later", unit="ms", samples=tuple(samples), note=note)

    async def cancels(self, rounds: int) -> list[Figure]:
        """From the decision to stop until the engine has let go, in the prefill and in decoding."""
        found = []
        for name, ready in (("cancel in prefill", _prefilling), ("cancel in decode", _decoding)):
            samples = []
            for _ in range(rounds):
                stream = self.engine.generate(plan(self.text()), SamplingParams(max_tokens=4 * self._answer))
                await ready(stream)
                began = self._clock()
                await stream.aclose()
                samples.append(1000 * (self._clock() - began))
            found.append(Figure(name=name, unit="ms", samples=tuple(samples)))
        return found

    async def batches(self) -> list[Figure]:
        """Tokens a second of so many completions side by side, together."""
        found = []
        for size in BATCHES:
            if size > self.engine.capabilities.slots:
                break
            prompts = [plan(self.text(200)) for _ in range(size)]
            began = self._clock()
            ends = await asyncio.gather(*(self._answered(prompt, self._answer) for prompt in prompts))
            seconds = self._clock() - began
            total = sum(end.generated_tokens for _, end in ends)
            found.append(Figure(name=f"{size} at once", unit="tokens/s", samples=(total / seconds,)))
        return found

    async def beside_chat(self, rounds: int) -> list[Figure]:
        """A line of completion alone, and while an answer in a conversation is being written."""
        alone = [await self._line() for _ in range(rounds)]
        if self.engine.capabilities.slots < 2:
            return [Figure(name="a line, alone", unit="ms", samples=tuple(alone))]
        patient = msgspec.structs.replace(plan(self.text(400)), layout=Layout.CHAT)
        chat = self.engine.generate(patient, SamplingParams(max_tokens=4096))
        reading = asyncio.create_task(_drain(chat))
        await asyncio.sleep(0.2)
        beside = []
        for _ in range(rounds):
            if reading.done():
                break
            beside.append(await self._line())
        reading.cancel()
        await asyncio.wait([reading])
        await chat.aclose()
        return [
            Figure(name="a line, alone", unit="ms", samples=tuple(alone)),
            Figure(name="a line, beside a chat", unit="ms", samples=tuple(beside)),
        ]

    async def _line(self) -> float:
        began = self._clock()
        await self._answered(plan(self.text(600)), LINE_TOKENS)
        return 1000 * (self._clock() - began)

    async def _answered(self, prompt: PromptPlan, tokens: int) -> tuple[list[float], Finish]:
        """When text came, and the end."""
        times: list[float] = []
        async for event in self.engine.generate(prompt, SamplingParams(max_tokens=tokens)):
            if event.text:
                times.append(self._clock())
            if event.finish is not None:
                return times, event.finish
        raise AssertionError("a generation without an end")


def plan(text: str) -> PromptPlan:
    """Plain text, as someone waits for while typing."""
    return PromptPlan(parts=(Part(text=text, name="prefix"),), layout=Layout.PREFIX)


async def _prefilling(stream: AsyncGenerator[TokenEvent]) -> None:
    """Until it has begun."""
    await anext(stream)


async def _decoding(stream: AsyncGenerator[TokenEvent]) -> None:
    came = 0
    while came < 4:
        came += bool((await anext(stream)).text)


async def _drain(stream: AsyncGenerator[TokenEvent]) -> None:
    async for _ in stream:
        pass
