"""Makes traces: which stretches of a file are typed, in which order, with which timing. Seeded; pure.

Timing. Gaps between keys are lognormal with a median of 160 ms and sigma 0.45, which gives a mean of 177 ms within a
word and, with the longer ones, about the 239 ms that Dhakal et al. found for 168,000 volunteers (CHI 2018, 136 million
keystrokes); fast typists there have about 120 ms. A word starts after 1.4 of it, a line after 3.5, and sometimes
somebody thinks.
"""

import math
import random
from collections.abc import Sequence
from enum import StrEnum

from copilot.bench.replay.trace import Place, Step, Trace

MEDIAN_MS = {"slow": 240.0, "normal": 160.0, "fast": 120.0}
SIGMA = 0.45
_WORD_START = 1.4
_LINE_START = 3.5

# Before a line, someone who writes code thinks now and then; the seconds are a guess, the share too.
_THINKING_SHARE = 0.12
_THINKING_MS = 1_500.0
_THINKING_SIGMA = 0.6
_JUMP_MS = 1_200.0
# Correcting: it is seen with the next key, and backspaces come fast.
_TYPO_SHARE = 0.012
_NOTICE = 1.8
_BACKSPACE = 0.7

_LONGEST_LINE = 160
_TAB = 4

_NEIGHBOURS = {
    "a": "sq", "b": "vn", "c": "xv", "d": "sf", "e": "wr", "f": "dg", "g": "fh", "h": "gj", "i": "uo", "j": "hk",
    "k": "jl", "l": "k", "m": "n", "n": "bm", "o": "ip", "p": "o", "q": "wa", "r": "et", "s": "ad", "t": "ry",
    "u": "yi", "v": "cb", "w": "qe", "x": "zc", "y": "tu", "z": "x",
}  # fmt: skip


class Speed(StrEnum):
    SLOW = "slow"
    NORMAL = "normal"
    FAST = "fast"


def make_trace(
    text: str,
    *,
    name: str,
    language: str,
    seed: str,
    speed: Speed = Speed.NORMAL,
    lines: tuple[int, int] = (10, 40),
    jumps: int = 1,
    typos: bool = True,
    closing: bool = True,
) -> Trace | None:
    """A trace that types a stretch of ``lines`` lines of ``text`` and, in between, ends of lines elsewhere.

    ``text`` has ``\\n`` for every line end. None when it has no such stretch. The same ``seed`` gives the same trace.
    """
    rng = random.Random(f"{seed} {name}")  # noqa: S311 - no secret
    rows = text.split("\n")
    stretch = _stretch(rows, rng, lines)
    if stretch is None:
        return None
    first, after = stretch
    starts = _starts(rows)
    # Enter at the end of the line above is the first key.
    main = Place(starts[first] - 1, starts[after] - 1)
    ends = _line_ends(rows, starts, rng, stretch, jumps)
    places = sorted([main, *ends], key=lambda place: place.start)
    order = _order(text, places, places.index(main), rng)
    median = MEDIAN_MS[speed]
    return Trace(
        name=name,
        language=language,
        goal=text,
        places=tuple(places),
        steps=tuple(_steps(text, places, order, rng, median, typos=typos)),
        key_ms=median,
        closing=closing,
        indent=indentation(rows),
    )


def indentation(rows: Sequence[str]) -> str:
    """What one step to the right is in this file: a tab, or some blanks."""
    widths: dict[str, int] = {}
    previous = 0
    for row in rows:
        if row.startswith("\t"):
            widths["\t"] = widths.get("\t", 0) + 1
        elif row.strip():
            width = len(row) - len(row.lstrip(" "))
            if 1 < width - previous <= 2 * _TAB:
                unit = " " * (width - previous)
                widths[unit] = widths.get(unit, 0) + 1
            previous = width
    return max(widths, key=lambda unit: widths[unit], default=" " * _TAB)


def _stretch(rows: Sequence[str], rng: random.Random, lines: tuple[int, int]) -> tuple[int, int] | None:
    """The first line and the one after the last."""
    fewest, most = lines
    most = min(most, len(rows) - 2)
    if most < fewest:
        return None
    for _ in range(200):
        size = rng.randint(fewest, most)
        first = rng.randint(1, len(rows) - size - 1)
        if _worth_typing(rows[first : first + size]):
            return first, first + size
    return None


def _worth_typing(rows: Sequence[str]) -> bool:
    """Code rather than data or prose: no long line, no blanks that an editor would take away, few remarks."""
    if not rows[0].strip() or not rows[-1].strip() or any(len(row) > _LONGEST_LINE for row in rows):
        return False
    if any(row != row.rstrip() for row in rows):
        return False
    full = [row.strip() for row in rows if row.strip()]
    remarks = sum(row.startswith(("#", "//", "*", "/*", "--", '"""', "'''")) for row in full)
    return len(full) * 4 >= len(rows) * 3 and remarks * 3 <= len(full)


def _starts(rows: Sequence[str]) -> list[int]:
    starts = [0]
    for row in rows:
        starts.append(starts[-1] + len(row) + 1)
    return starts


def _line_ends(
    rows: Sequence[str], starts: Sequence[int], rng: random.Random, stretch: tuple[int, int], wanted: int
) -> list[Place]:
    """Ends of lines, away from the stretch and from each other; half of them leave the closing characters there."""
    first, after = stretch
    near = [at for at in range(max(0, first - 60), min(len(rows), after + 60)) if not first - 3 < at < after + 3]
    rng.shuffle(near)
    places: list[Place] = []
    taken: set[int] = set()
    for at in near:
        row = rows[at]
        indent = len(row) - len(row.lstrip())
        if len(places) == wanted:
            break
        if not 24 <= len(row) - indent <= 100 or row != row.rstrip() or taken & set(range(at - 2, at + 3)):
            continue
        cuts = [cut for cut in range(indent + 6, len(row) - 10) if not row[cut - 1].isalnum() and row[cut].isalnum()]
        if not cuts:
            continue
        cut, end = rng.choice(cuts), len(row)
        if rng.random() < 0.5:
            end = len(row.rstrip(")]}\"';:,"))
        if end - cut >= 8:
            places.append(Place(starts[at] + cut, starts[at] + end))
            taken.add(at)
    return places


def _order(text: str, places: Sequence[Place], main: int, rng: random.Random) -> list[tuple[int, int]]:
    """(place, character) in the order of typing: the stretch, left at ends of its lines for another place."""
    typed = text[places[main].start : places[main].end]
    breaks = [at for at in range(1, len(typed)) if typed[at] == "\n" and typed[at - 1] != "\n"]
    others = [number for number in range(len(places)) if number != main]
    rng.shuffle(others)
    leave = dict(zip(sorted(rng.sample(breaks, min(len(breaks), len(others)))), others, strict=False))
    order: list[tuple[int, int]] = []
    for at in range(len(typed)):
        if at in leave:
            order += _whole(places, leave.pop(at))
        order.append((main, at))
    left = [number for number in others if number not in {place for place, _ in order}]
    for number in left:
        order += _whole(places, number)
    return order


def _whole(places: Sequence[Place], number: int) -> list[tuple[int, int]]:
    return [(number, at) for at in range(places[number].end - places[number].start)]


def _steps(
    text: str,
    places: Sequence[Place],
    order: Sequence[tuple[int, int]],
    rng: random.Random,
    median: float,
    *,
    typos: bool,
) -> list[Step]:
    steps: list[Step] = []
    last_place = order[0][0]
    for place, at in order:
        offset = places[place].start + at
        letter, previous = text[offset], text[offset - 1 : offset]
        gap = _gap(rng, median)
        if place != last_place:
            gap += _JUMP_MS * rng.lognormvariate(0, _THINKING_SIGMA)
        elif previous in {"\n", ""}:
            gap *= _LINE_START
        elif letter.isalnum() and not previous.isalnum():
            gap *= _WORD_START
        if letter == "\n" and rng.random() < _THINKING_SHARE:
            gap += _THINKING_MS * rng.lognormvariate(0, _THINKING_SIGMA)
        last_place = place
        typo = _typo(letter, text[offset + 1 : offset + 2], rng) if typos else ""
        gaps = [gap]
        if typo:
            gaps += [_gap(rng, median) for _ in typo[1:]]
            gaps += [_gap(rng, median) * (_NOTICE if at == 0 else _BACKSPACE) for at in range(len(typo))]
            gaps.append(_gap(rng, median))
        steps.append(Step(place, at, tuple(round(gap, 1) for gap in gaps), typo))
    return steps


def _gap(rng: random.Random, median: float) -> float:
    return median * math.exp(rng.gauss(0, SIGMA))


def _typo(letter: str, following: str, rng: random.Random) -> str:
    """A neighbouring key instead of ``letter``, noticed at once or after the next one."""
    near = _NEIGHBOURS.get(letter)
    if near is None or rng.random() >= _TYPO_SHARE:
        return ""
    wrong = rng.choice(near)
    return wrong + following if following.isalpha() and rng.random() < 0.5 else wrong
