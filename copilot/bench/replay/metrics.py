"""Measures, read off event logs. Pure; every definition is in docs/benchmarks.md."""

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from copilot.bench.replay.log import Answered, Hidden, Log, Pressed, Shown, Work

WITHIN_MS = (150, 300, 1000)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """What one log adds to the measures: sums, and lists of milliseconds. Samples of several logs can be joined."""

    characters: int = 0
    accepted: int = 0
    lines: int = 0
    perfect_lines: int = 0
    keys: int = 0
    open_keys: int = 0
    """Those after which the line lacked something."""
    keys_alone: int = 0
    accepts: int = 0
    shown: int = 0
    wrong: int = 0
    flickers: int = 0
    doubled: int = 0
    requests: int = 0
    cancels: int = 0
    prompt_tokens: int = 0
    evaluated_tokens: int = 0
    generated_tokens: int = 0
    later_prompt_tokens: int = 0
    later_evaluated_tokens: int = 0
    cpu_seconds: float = 0.0
    seconds: float = 0.0
    uncounted: int = 0
    """Logs whose tokens are not known."""
    waits: tuple[float, ...] = ()
    """For each key after which nothing valid was on the screen and the line lacked something: until something was;
    infinite where nothing came before the caret left the line."""
    right_waits: tuple[float, ...] = ()
    """The same until something right was."""
    through_ms: tuple[float, ...] = ()
    """Answers to keys that typed the next character of the ghost text."""


def sample(log: Log) -> Sample:
    """Read one log."""
    pressed = [event for event in log.events if isinstance(event, Pressed)]
    episodes = list(_episodes(log))
    shows = [event for event in log.events if isinstance(event, Shown)]
    work: Work = log.work
    return Sample(
        characters=log.characters,
        accepted=sum(key.accepted for key in pressed),
        lines=log.lines,
        perfect_lines=sum(key.ends_line for key in pressed),
        keys=len(pressed),
        open_keys=sum(key.open for key in pressed),
        keys_alone=log.keys_alone,
        accepts=sum(key.accepted > 0 for key in pressed),
        shown=len(episodes),
        wrong=sum(not episode[-1].right for episode in episodes),
        flickers=sum(show.flicker for show in shows),
        doubled=sum(any(show.doubled for show in episode) for episode in episodes),
        requests=work.requests,
        cancels=work.cancels,
        prompt_tokens=work.prompt_tokens,
        evaluated_tokens=work.evaluated_tokens,
        generated_tokens=work.generated_tokens,
        later_prompt_tokens=work.later_prompt_tokens,
        later_evaluated_tokens=work.later_evaluated_tokens,
        uncounted=not work.counted,
        cpu_seconds=work.cpu_seconds if work.cpu_seconds is not None else math.nan,
        seconds=log.seconds,
        waits=tuple(_waits(log, lambda show: True)),
        right_waits=tuple(_waits(log, lambda show: show.right)),
        through_ms=tuple(event.ms for event in log.events if isinstance(event, Answered) and event.through),
    )


def joined(samples: Sequence[Sample]) -> Sample:
    """One sample of all logs together."""
    whole: dict[str, Any] = {}
    for name in Sample.__struct_fields__:
        values = [getattr(one, name) for one in samples]
        whole[name] = tuple(chain.from_iterable(values)) if isinstance(values[0], tuple) else sum(values)
    return Sample(**whole)


class Measures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a report. None: there was nothing to count, or it never came."""

    completed_ratio: float | None
    keys_saved: float | None
    perfect_lines: float | None
    first_ms: dict[str, float | None]
    """p50, p90 and p99 of ``Sample.waits``."""
    first_shown_ms: dict[str, float | None]
    """The same over those waits that ended with something on the screen."""
    first_right_ms: dict[str, float | None]
    shown_share: float | None
    """Of the waits, those that ended with something on the screen."""
    within: dict[str, float | None]
    """Share of keys, the line lacking something, with ghost text on the screen at most so many milliseconds later."""
    shown: int
    wrong_share: float | None
    flickers: int
    doubled: int
    accepts: int
    evaluated_per_character: float | None
    generated_per_character: float | None
    prompt_tokens: int | None
    evaluated_tokens: int | None
    generated_tokens: int | None
    reused_share: float | None
    """Of the prompt tokens of requests that ended after a trace's second key."""
    through_ms: dict[str, float | None]
    cpu_seconds: float | None
    cpu_per_character: float | None
    requests: int
    cancels: int
    seconds: float


def measure(one: Sample) -> Measures:
    """The measures of a sample."""
    came = [wait for wait in one.waits if wait < math.inf]
    cpu = None if math.isnan(one.cpu_seconds) else one.cpu_seconds
    kept = one.open_keys - len(one.waits)
    return Measures(
        completed_ratio=_share(one.accepted, one.characters),
        keys_saved=_share(one.keys_alone - one.keys, one.keys_alone),
        perfect_lines=_share(one.perfect_lines, one.lines),
        first_ms=_percentiles(one.waits),
        first_shown_ms=_percentiles(came),
        first_right_ms=_percentiles(one.right_waits),
        shown_share=_share(len(came), len(one.waits)),
        within={str(limit): _share(kept + sum(wait <= limit for wait in came), one.open_keys) for limit in WITHIN_MS},
        shown=one.shown,
        wrong_share=_share(one.wrong, one.shown),
        flickers=one.flickers,
        doubled=one.doubled,
        accepts=one.accepts,
        evaluated_per_character=None if one.uncounted else _share(one.evaluated_tokens, one.accepted),
        generated_per_character=None if one.uncounted else _share(one.generated_tokens, one.accepted),
        prompt_tokens=None if one.uncounted else one.prompt_tokens,
        evaluated_tokens=None if one.uncounted else one.evaluated_tokens,
        generated_tokens=None if one.uncounted else one.generated_tokens,
        reused_share=_share(one.later_prompt_tokens - one.later_evaluated_tokens, one.later_prompt_tokens),
        through_ms=_percentiles(one.through_ms),
        cpu_seconds=None if cpu is None else round(cpu, 2),
        cpu_per_character=None if cpu is None else _share(cpu, one.accepted),
        requests=one.requests,
        cancels=one.cancels,
        seconds=round(one.seconds, 1),
    )


def percentile(values: Sequence[float], share: float) -> float | None:
    """The smallest value that at least ``share`` of all are not above; None where that is infinite or there is none."""
    if not values:
        return None
    found = sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
    return None if math.isinf(found) else found


def _percentiles(values: Sequence[float]) -> dict[str, float | None]:
    found = {f"p{round(100 * share)}": percentile(values, share) for share in (0.5, 0.9, 0.99)}
    return {name: None if value is None else round(value, 1) for name, value in found.items()}


def _share(part: float, whole: float) -> float | None:
    return round(part / whole, 4) if whole else None


def _waits(log: Log, counts: Callable[[Shown], bool]) -> Iterator[float]:
    """One for each key after which nothing that counts was on the screen."""
    waiting: list[Pressed] = []
    there = False
    for event in log.events:
        match event:
            case Pressed():
                if waiting and waiting[-1].line != event.line:
                    yield from (math.inf for _ in waiting)
                    waiting = []
                there = there and event.kept
                if not there and event.open:
                    waiting.append(event)
            case Shown():
                there = counts(event)
                if there:
                    yield from (event.at - key.at for key in waiting)
                    waiting = []
            case Hidden():
                there = False
            case Answered():
                pass
    yield from (math.inf for _ in waiting)


def _episodes(log: Log) -> Iterator[list[Shown]]:
    """Ghost text from where it came until it went, or was replaced by another."""
    episode: list[Shown] = []
    for event in log.events:
        if isinstance(event, Shown):
            if episode and (event.fresh or event.flicker):
                yield episode
                episode = []
            episode.append(event)
        elif isinstance(event, Hidden) and episode:
            yield episode
            episode = []
    if episode:
        yield episode
