"""``python -m tests.gpu.speed FOLDER OUT EXTENSION``: measures a model folder as ``slipstream bench engine`` does."""

import asyncio
import sys
from pathlib import Path

import msgspec

from copilot.bench.engine import bare, device
from copilot.bench.engine.measure import CHARACTERS, Figure, Measuring
from copilot.bench.engine.report import Report, table
from copilot.bench.engine.words import code
from copilot.config.settings import EngineSettings
from copilot.engine.process import GpuLoad, WorkerEngine
from copilot.engine.protocol import ModelInfo

PROMPT, ANSWER, ROUNDS = 2000, 128, 4


async def measured(folder: Path, extension: str) -> Report:
    name, bandwidth = device.look("exllamav2")
    # A byte a token in these models.
    measure_bytes = int(PROMPT / CHARACTERS)
    prompts = [code(seed, PROMPT) for seed in range(2)]
    without = [bare.run("exllamav2", folder, prompts, ANSWER, extension=extension)]
    settings = EngineSettings(context_tokens=40_960, slots=32)
    info = ModelInfo(id=folder.name, family="plain", context_length=32_768)
    engine = await WorkerEngine.start(folder, info, settings, gpu=GpuLoad(backend="exllamav2", extension=extension))
    measuring = Measuring(engine, prompt_tokens=measure_bytes, answer_tokens=ANSWER)
    await measuring.speed(1)
    figures = [
        *await measuring.speed(ROUNDS),
        await measuring.keystrokes(20),
        *await measuring.cancels(ROUNDS),
        *await measuring.batches(),
        *await measuring.beside_chat(ROUNDS),
    ]
    await engine.close()
    without.append(bare.run("exllamav2", folder, prompts, ANSWER, extension=extension))
    return Report(
        model=folder.name,
        backend=engine.capabilities.backend,
        version=engine.capabilities.version,
        device=name,
        bandwidth=bandwidth,
        bytes_per_token=device.bytes_per_token(folder),
        figures=tuple(figures),
        bare=(
            Figure(name="prefill", unit="tokens/s", samples=tuple(rate for each in without for rate in each.prefill)),
            Figure(name="decode", unit="tokens/s", samples=tuple(rate for each in without for rate in each.decode)),
        ),
        notes=engine.capabilities.notes,
    )


def main(folder: Path, out: Path, extension: str) -> None:
    report = asyncio.run(measured(folder, extension))
    out.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    print("\n".join(table(report)))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
