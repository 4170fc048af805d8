"""A stretch of typing as a value: a file, what is missing from it, and the keys that bring it back, timed."""

from collections.abc import Sequence
from pathlib import Path

import msgspec

from copilot.errors import SlipstreamError


class Place(msgspec.Struct, frozen=True):
    """The text from ``start`` up to ``end`` of the goal (code points) is missing at first."""

    start: int
    end: int


class Step(msgspec.Struct, frozen=True, array_like=True):
    """One character of what is missing: number ``at`` of place number ``place``.

    ``typo`` is pressed first and then taken back, key by key. ``gaps``: milliseconds before each of these keys and
    before the right one, in order.
    """

    place: int
    at: int
    gaps: tuple[float, ...]
    typo: str = ""


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """How ``goal`` comes to be. ``places`` stand in the order of the file, ``steps`` in that of typing.

    An editor helps: it indents after Enter, by ``indent`` where a block begins, and with ``closing`` puts the closing
    bracket or quote behind an opening one. ``key_ms``: the gap before a key that no step has, such as the ones that
    correct the editor.
    """

    name: str
    language: str
    goal: str
    places: tuple[Place, ...]
    steps: tuple[Step, ...]
    key_ms: float = 160.0
    closing: bool = True
    indent: str = "    "

    def __post_init__(self) -> None:
        ends = [0]
        for place in self.places:
            if not ends[-1] <= place.start <= place.end <= len(self.goal):
                raise ValueError("places overlap or lie outside the file")
            ends.append(place.end)
        left = [0 for _ in self.places]
        for step in self.steps:
            if not (0 <= step.place < len(left) and step.at == left[step.place]):
                raise ValueError("steps do not follow each other")
            if len(step.gaps) != 1 + 2 * len(step.typo):
                raise ValueError("a step has a gap for each of its keys")
            left[step.place] += 1
        if left != [place.end - place.start for place in self.places]:
            raise ValueError("steps do not bring back what is missing")

    @property
    def start(self) -> str:
        """The text before the first key."""
        kept = [self.goal[a:b] for a, b in zip(self._ends(), self._starts(), strict=True)]
        return "".join(kept)

    @property
    def characters(self) -> int:
        """How many are missing at first."""
        return len(self.steps)

    def text_of(self, place: int) -> str:
        """What is missing at a place."""
        return self.goal[self.places[place].start : self.places[place].end]

    def offset_of(self, place: int) -> int:
        """Where a place is in the text before the first key."""
        return self.places[place].start - sum(one.end - one.start for one in self.places[:place])

    def _ends(self) -> list[int]:
        return [0, *(place.end for place in self.places)]

    def _starts(self) -> list[int]:
        return [*(place.start for place in self.places), len(self.goal)]


class _File(msgspec.Struct, kw_only=True):
    traces: tuple[Trace, ...]
    format: int = 1


def save(traces: Sequence[Trace], path: Path) -> None:
    """Write traces as JSON. They hold the text of the files they were made from."""
    path.write_bytes(msgspec.json.encode(_File(traces=tuple(traces))))


def load(path: Path) -> tuple[Trace, ...]:
    """Traces that :func:`save` wrote. Raises :class:`SlipstreamError` with code ``bad_trace``."""
    try:
        file = msgspec.json.decode(path.read_bytes(), type=_File)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise SlipstreamError(
            f"{path} is not a file of traces: {error}.",
            hint="`slipstream bench replay --save-traces FILE` writes one.",
            code="bad_trace",
        ) from error
    if not file.traces:
        raise SlipstreamError(f"{path} holds no traces.", hint="Write it again.", code="bad_trace")
    return file.traces
