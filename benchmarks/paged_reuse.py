"""What a key costs with a KV cache of pages, in each layout of the planner, beside llama.cpp with the same model.

ExLlamaV2's own generator and page table on a processor (`tests/engines`), fed with the prompts that `plan_infill` makes
while someone types: as the completion session asks, with a frozen prefix and suffix and what was begun since; and as
any client may ask, with the whole text before and after the caret each time. Counted are the tokens that had to be
computed, as the engine reports them. Runs in the environment of `make test-engines`; makes a folder of the model first.

    .venv-engines/bin/python -m benchmarks.paged_reuse [--keys 24]
"""

import argparse
import asyncio
import tempfile
from pathlib import Path
from statistics import median
from typing import NamedTuple

from copilot_models import families

from copilot.bench.engine.words import code
from copilot.config.settings import EngineSettings
from copilot.context.request import InfillRequest
from copilot.engine import child
from copilot.engine.planning import PromptLimits, plan_infill
from copilot.engine.process import GpuLoad, WorkerEngine
from copilot.engine.protocol import Engine, ModelInfo, PromptPlan, SamplingParams
from copilot.weights import store
from copilot.weights.convert.gguf_import import import_gguf

MODEL = "qwen2.5-coder-0.5b-instruct-q4_k_m"
WORKER = Path(__file__).resolve().parents[1] / "tests" / "engines" / "cpu_worker.py"
TYPED = "    return buffer.merge(limit, frame)[:limit]"


class Cost(NamedTuple):
    """Tokens of a prompt, and those that were computed."""

    whole: int
    computed: int


def plans(layout: str, keys: int, *, session: bool) -> list[PromptPlan]:
    """The prompts of a caret that moves on, key by key. No two kinds begin alike."""
    family = families.load("qwen")
    head = f"# {layout} {session}\n"
    prefix, suffix = head + code(1, 1600), "\n\n" + code(2, 500)
    found = []
    for count in range(keys + 1):
        begun = TYPED[:count]
        if session:
            asked = InfillRequest(prefix=prefix, begun=begun, suffix=suffix, layout=layout)
        else:
            asked = InfillRequest(prefix=prefix + begun, suffix=suffix)
        order = dict.fromkeys(family.order, layout)
        found.append(plan_infill(asked, family, PromptLimits(), order))
    return found


async def costs(engine: Engine, prompts: list[PromptPlan]) -> list[Cost]:
    found = []
    for prompt in prompts:
        events = [event async for event in engine.generate(prompt, SamplingParams(max_tokens=1))]
        end = events[-1].finish
        assert end is not None
        found.append(Cost(end.prompt_tokens, end.prompt_tokens - end.reused_tokens))
    return found


async def measured(folder: Path, keys: int) -> None:
    settings = EngineSettings(context_tokens=4096, slots=4)
    info = ModelInfo(id=MODEL, family="qwen", context_length=32_768)
    llama = await WorkerEngine.start(store.find(MODEL).path, info, settings)
    child.COMMAND = ("-P", str(WORKER))
    paged = await WorkerEngine.start(folder, info, settings, gpu=GpuLoad(backend="exllamav2"))
    print(
        "| asked by | layout | prompt | ExLlamaV2: first, then a key | reused | llama.cpp: first, then a key | reused |"
    )
    print("|---|---|---|---|---|---|---|")
    for session in (True, False):
        for layout in ("spm", "psm", "prefix"):
            prompts = plans(layout, keys, session=session)
            row = [f"| {'the session' if session else 'any client'} | {layout} "]
            for engine in (paged, llama):
                first, *later = await costs(engine, prompts)
                share = 1 - sum(cost.computed for cost in later) / sum(cost.whole for cost in later)
                if engine is paged:
                    row.append(f"| {first.whole} ")
                row.append(f"| {first.computed}, {median(cost.computed for cost in later):.0f} | {share:.1%} ")
            print("".join(row) + "|", flush=True)
    await paged.close()
    await llama.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=24)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as kept:
        folder = import_gguf(store.find(MODEL).path, Path(kept) / "folder").folder
        asyncio.run(measured(folder, args.keys))


if __name__ == "__main__":
    main()
