"""What the engine of the virtual replay answers: the text that will be typed, with seeded mistakes."""

import random
from collections.abc import Sequence

import msgspec

from copilot.bench.replay.trace import Trace

_TAILS = (160, 80, 40, 24, 12, 6)
"""So many characters before the caret are looked for in the goal, the longest first."""

_LEAST = 5

_WORDS = ("value", "result", "items", "index", "options", "label", "total", "data", "default", "current")


class Skill(msgspec.Struct, frozen=True, kw_only=True):
    """``right``: share of lines that are answered without a mistake. ``ends``: share of stretches at whose end the
    answer ends; the others run on into what follows.
    """

    right: float = 0.65
    ends: float = 0.8
    seed: int = 1


class Oracle:
    """Answers from ``trace.goal``. The same text before the caret always gets the same answer."""

    def __init__(self, trace: Trace, skill: Skill) -> None:
        self._goal = trace.goal
        self._places = [(place.start, place.end) for place in trace.places]
        self._skill = skill
        self._name = trace.name

    def answer(self, before: str, most: int = 2_000) -> str:
        """What a model would write behind ``before``, at most ``most`` characters."""
        found = self._find(before)
        if found is None:
            return f"{self._rng('lost', before[-40:]).choice(_WORDS)}\n"
        at, end = found
        if self._rng("end", str(end)).random() >= self._skill.ends:
            end = len(self._goal)
        return self._with_mistakes(at, min(end, at + most))

    def _find(self, before: str) -> tuple[int, int] | None:
        """Where in the goal ``before`` ends, and where the stretch ends that is typed there."""
        for size in _TAILS:
            tail = before[-size:]
            if len(tail.strip()) < _LEAST:
                # Blanks are found anywhere.
                break
            ends = [at + len(tail) for at in _occurrences(self._goal, tail)]
            for start, end in self._places:
                inside = [at for at in ends if start <= at < end]
                if inside:
                    return inside[0], end
            beyond = [at for at in ends if any(end <= at < end + 200 for _, end in self._places)]
            if beyond:
                return beyond[0], beyond[0]
            if len(tail) < size:
                break
        return None

    def _with_mistakes(self, at: int, end: int) -> str:
        """The goal's text, in which some lines go wrong; once the place of the mistake is typed, the rest is right."""
        text: list[str] = []
        while at < end:
            stop = self._goal.find("\n", at, end)
            stop = end if stop < 0 else stop + 1
            start = self._goal.rfind("\n", 0, at) + 1
            mistake = self._mistake(start, stop)
            if mistake is not None and at <= mistake < stop:
                # Another word than the right one: what a model gets wrong most often, and well-formed like it.
                after = mistake + _word_at(self._goal, mistake)
                word = self._rng("word", str(start)).choice(_WORDS)
                text.append(f"{self._goal[at:mistake]}{word}{self._goal[after:stop]}")
            else:
                text.append(self._goal[at:stop])
            at = stop
        return "".join(text)

    def _mistake(self, start: int, stop: int) -> int | None:
        """Where the line from ``start`` goes wrong: at the beginning of a word."""
        rng = self._rng("line", str(start))
        if rng.random() < self._skill.right:
            return None
        line = self._goal[start:stop]
        words = [
            at
            for at in range(1, len(line))
            if line[at].isalpha() and not (line[at - 1].isalnum() or line[at - 1] == "_")
        ]
        return start + rng.choice(words) if words else None

    def _rng(self, *parts: str) -> random.Random:
        return random.Random("|".join((str(self._skill.seed), self._name, *parts)))  # noqa: S311 - no secret


def _word_at(text: str, at: int) -> int:
    """The length of the word that begins there."""
    end = at
    while end < len(text) and (text[end].isalnum() or text[end] == "_"):
        end += 1
    return end - at


def _occurrences(text: str, part: str) -> Sequence[int]:
    found: list[int] = []
    at = text.find(part) if part else -1
    while at >= 0:
        found.append(at)
        at = text.find(part, at + 1)
    return found
