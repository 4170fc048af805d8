"""What came of one problem in one configuration; kept as JSON, one object a line, so that a run can go on later."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from copilot import __version__
from copilot.bench.quality.problems import Problem, Stratum
from copilot.bench.quality.recording import Generation
from copilot.bench.quality.scoring import Flaws
from copilot.context.request import CaretPlace
from copilot.errors import SlipstreamError


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """Of one answer. ``text`` is what counts of it. ``passed`` is None where nothing was run; ``why`` it did not."""

    text: str
    passed: bool | None
    why: str = ""
    exact: bool
    similarity: float
    flaws: Flaws

    @property
    def shown(self) -> bool:
        return bool(self.text.strip())

    @property
    def right(self) -> bool:
        """By execution where there is one, else by comparison."""
        return self.exact if self.passed is None else self.passed


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What an answer depends on beside the problem: ``version`` of Slipstream, ``arm`` the configuration's name."""

    version: str = __version__
    model: str
    arm: str
    prefix_tokens: int
    suffix_tokens: int
    max_tokens: int
    max_lines: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """``generations``: all that the model wrote, as far as it was needed. ``suggestion``: what the pipeline made of it.

    ``raw`` scores the first generation, ``shown`` the suggestion as far as it counts, ``whole`` all of it.
    ``replaced``: characters right of the caret that the suggestion stands in for.
    As published, a hole has no suggestion: no editor has such a place.
    """

    id: str
    stratum: Stratum
    place: CaretPlace
    digest: str
    setup: Setup
    gold: str
    generations: tuple[Generation, ...]
    suggestion: str = ""
    replaced: int = 0
    seconds: float = 0.0
    raw: Score
    shown: Score | None = None
    whole: Score | None = None

    @property
    def key(self) -> tuple[str, Stratum, str, Setup]:
        return (self.id, self.stratum, self.digest, self.setup)

    @property
    def layout(self) -> str:
        """The order of the first prompt."""
        return self.generations[0].layout

    @property
    def answer(self) -> str:
        return self.generations[0].text

    @property
    def retried(self) -> bool:
        return len(self.generations) > 1

    @property
    def final(self) -> Score:
        return self.raw if self.shown is None else self.shown


def digest(problem: Problem) -> str:
    """Tells holes apart that have the same name: the seed decides where a line is cut."""
    return hashlib.sha256(f"{problem.prefix}\0{problem.gold}\0{problem.suffix}".encode()).hexdigest()[:16]


class Store:
    """Results of this and earlier runs. Each is written as soon as it is there; without a file they are only kept."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: dict[tuple[str, Stratum, str, Setup], Result] = {}
        if file is not None and file.exists():
            for result in _read(file):
                self._known[result.key] = result

    def all(self) -> list[Result]:
        return list(self._known.values())

    def find(self, problem: Problem, setup: Setup) -> Result | None:
        return self._known.get((problem.id, problem.stratum, digest(problem), setup))

    def add(self, result: Result) -> None:
        self._known[result.key] = result
        if self._file is not None:
            with self._file.open("ab") as out:
                out.write(msgspec.json.encode(result) + b"\n")


def _read(file: Path) -> Iterator[Result]:
    """Of a line that was cut off in the middle of writing nothing is left afterwards."""
    decoder = msgspec.json.Decoder(Result)
    data = file.read_bytes()
    whole, end, rest = data.rpartition(b"\n")
    lines = whole.split(b"\n") if end else []
    for number, line in enumerate(lines or [rest], 1):
        if not line.strip():
            continue
        try:
            yield decoder.decode(line)
        except msgspec.MsgspecError as error:
            raise SlipstreamError(
                f"{file} is no file of results: line {number} can't be read ({error}).",
                hint="Name a new file, or one that an earlier run with --json wrote.",
                code="bad_results",
            ) from None
    if lines and rest:
        with file.open("r+b") as out:
            out.truncate(len(data) - len(rest))
