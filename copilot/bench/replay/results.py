"""What a replay found, as one value: for the table, the picture and the JSON file."""

from collections.abc import Mapping, Sequence

import msgspec

from copilot.bench.replay.compare import Ratio, compare
from copilot.bench.replay.log import Log
from copilot.bench.replay.metrics import Measures, joined, measure, sample


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What was played. ``clock``: ``real`` or ``virtual``."""

    clock: str
    model: str
    traces: tuple[str, ...]
    characters: int
    speed: str
    seed: str
    user: str
    pace: str = "typing"
    threads: int | None = None


class Results(msgspec.Struct, frozen=True, kw_only=True):
    """``waits``: of each pipeline, the milliseconds until something was on the screen; those that never ended count in
    ``Measures.shown_share``. ``ratios``: of the first pipeline over each other.
    """

    setup: Setup
    pipelines: dict[str, Measures]
    waits: dict[str, tuple[float, ...]]
    unanswered: dict[str, int]
    ratios: dict[str, dict[str, Ratio]]


def results_of(setup: Setup, logs: Sequence[Sequence[Log]]) -> Results:
    """``logs``: a list for each pipeline, all of the same traces in the same order."""
    samples = {one[0].pipeline: [sample(log) for log in one] for one in logs}
    whole = {name: joined(ones) for name, ones in samples.items()}
    first, *others = samples
    came = {name: tuple(sorted(round(wait, 1) for wait in one.waits if wait < _NEVER)) for name, one in whole.items()}
    return Results(
        setup=setup,
        pipelines={name: measure(one) for name, one in whole.items()},
        waits=came,
        unanswered={name: len(whole[name].waits) - len(came[name]) for name in whole},
        ratios={name: compare(samples[first], samples[name]) for name in others},
    )


def as_json(results: Results, logs: Sequence[Sequence[Log]]) -> bytes:
    """Results and every event, for programs. The texts of suggestions and names of files are in it."""
    value: Mapping[str, object] = {"results": results, "logs": logs}
    return msgspec.json.format(msgspec.json.encode(value), indent=1)


_NEVER = float("inf")
