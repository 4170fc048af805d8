"""What guessing tokens from the text before (``engine.speculation``) saves or costs while decoding.

Two engines with the same model, with and without, answer the same prompts in turn (A B B A ...), greedily: code that
repeats what stands above it, which is what guessing is for, and ordinary places of source files. The prompt is
prefilled before, so that the CPU time of the worker is that of decoding; unlike the clock it is much the same on a busy
machine.

    python -m benchmarks.speculation [--folder copilot] [--places 12] [--tokens 48]

Prints both per token, the ratios (above 1: guessing pays) with their median, and how many answers were the same.
"""

import argparse
import asyncio
import os
import statistics
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("OMP_WAIT_POLICY", "passive")

import msgspec
import psutil
from copilot_models import families
from copilot_models.families import Family

from benchmarks.speculation_cases import REPEATING, Case, ordinary
from copilot.config.settings import EngineSettings, Settings
from copilot.engine.planning import plan_infill
from copilot.engine.process import WorkerEngine
from copilot.engine.protocol import ModelInfo, SamplingParams
from copilot.weights import store

_FEWEST = 4
"""Tokens of an answer that says something about decoding."""


class Answer(NamedTuple):
    text: str
    tokens: int
    wall_ms: float
    cpu_ms: float
    """Both for each token."""


async def ask(engine: WorkerEngine, family: Family, case: Case, tokens: int) -> Answer:
    plan = plan_infill(case.request, family)
    async for _ in engine.generate(plan, SamplingParams(max_tokens=0)):
        pass
    before = cpu_seconds(engine)
    text = ""
    async for event in engine.generate(plan, SamplingParams(max_tokens=tokens)):
        text += event.text
        if (end := event.finish) is not None:
            # The first token is that of the prompt's last step, which is done once more.
            wall = end.prefill_ms + end.decode_ms
            count = max(1, end.generated_tokens)
            return Answer(text, count, wall / count, 1000 * (cpu_seconds(engine) - before) / count)
    raise AssertionError("a generation ends with its finish")


def cpu_seconds(engine: WorkerEngine) -> float:
    times = psutil.Process(engine.pid).cpu_times()
    return float(times.user + times.system)


async def compare(name: str, cases: list[Case], engines: list[WorkerEngine], family: Family, tokens: int) -> None:
    walls, cpus, same = [], [], 0
    for number, case in enumerate(cases):
        answers: dict[int, Answer] = {}
        for which in (0, 1) if number % 2 else (1, 0):
            answers[which] = await ask(engines[which], family, case, tokens)
        off, on = answers[0], answers[1]
        same += off.text == on.text
        if min(off.tokens, on.tokens) < _FEWEST:
            continue
        walls.append(off.wall_ms / on.wall_ms)
        cpus.append(off.cpu_ms / on.cpu_ms)
        print(
            f"  {case.name:24} wall {off.wall_ms:5.1f} {on.wall_ms:5.1f} ms a token, ratio {walls[-1]:4.2f};"
            f" CPU {off.cpu_ms:5.1f} {on.cpu_ms:5.1f} ms a token, ratio {cpus[-1]:4.2f}",
            flush=True,
        )
    print(
        f"{name}: median of the ratios {statistics.median(walls):.2f} by the clock, {statistics.median(cpus):.2f} by"
        f" CPU time ({min(cpus):.2f} to {max(cpus):.2f}); {same} of {len(cases)} answers the same"
    )


async def measure(folder: Path, places: int, tokens: int) -> None:
    installed = store.find(Settings().model.completion)
    manifest = installed.manifest
    info = ModelInfo(id=manifest.id, family=manifest.family, context_length=manifest.context_length)
    off = EngineSettings(context_tokens=4096, slots=2)
    engines = [
        await WorkerEngine.start(installed.path, info, settings)
        for settings in (off, msgspec.structs.replace(off, speculation="ngram"))
    ]
    family = families.load(manifest.family)
    print("off and with guessing")
    try:
        await compare("code that repeats itself", list(REPEATING), engines, family, tokens)
        await compare("ordinary code", ordinary(folder, places), engines, family, tokens)
    finally:
        for engine in engines:
            await engine.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parents[1] / "copilot", help="Python files")
    parser.add_argument("--places", type=int, default=12)
    parser.add_argument("--tokens", type=int, default=48)
    args = parser.parse_args()
    asyncio.run(measure(args.folder, args.places, args.tokens))


if __name__ == "__main__":
    main()
