"""Measure an engine: prefill, decode, first token, cancelling, many at once, beside the bare library.

The model is loaded as the host loads it, in a worker of its own; a host that runs is not used, and should be stopped
(`slipstream stop`): both would compute. The bare library runs before and after, in the same run, with prompts of the
same size.
"""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from copilot.bench.engine.measure import Figure, Measuring
    from copilot.bench.engine.report import Report
    from copilot.config.settings import Settings
    from copilot.serve.keeper import Loaded

PARTS = ("speed", "keystrokes", "cancel", "batch", "chat")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = __doc__
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--model", default="", metavar="ID", help="which model (default: the one that completes)")
    parser.add_argument("--prompt", type=int, default=2000, metavar="TOKENS", help="about (default %(default)s)")
    parser.add_argument("--answer", type=int, default=128, metavar="TOKENS", help="(default %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="of each measurement (default %(default)s)")
    parser.add_argument("--slots", type=int, default=32, metavar="N", help="at once at most (default %(default)s)")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,...", help="of %(default)s")
    parser.add_argument("--no-bare", action="store_true", help="leave the bare library out")
    parser.add_argument("--quick", action="store_true", help="short prompts and answers, to see that it works")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all samples")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write a picture")


def run(args: argparse.Namespace) -> int:
    from copilot.bench.engine.report import svg, table
    from copilot.config import load

    unknown = set(args.only.split(",")) - set(PARTS)
    if unknown:
        raise SlipstreamError(
            f"There is no part {', '.join(sorted(unknown))}.",
            hint=f"Parts are {', '.join(PARTS)}.",
            code="bad_argument",
        )
    if args.quick:
        args.prompt, args.answer, args.rounds, args.slots = 300, 16, 2, min(4, args.slots)
    settings = load.load(args.config_file, args.overrides).settings
    report = asyncio.run(_measured(_with_room(settings, args), args))
    print("\n".join(table(report)))
    if args.json:
        args.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)))
    if args.svg:
        args.svg.write_text(svg(report), encoding="utf-8")
    return 0


def _with_room(settings: "Settings", args: argparse.Namespace) -> "Settings":
    """The same, with as many slots and as much context as is measured."""
    from copilot.serve import loading

    room = args.prompt * 2 + args.slots * (args.answer + 512) + 4096
    engine = msgspec.structs.replace(
        settings.engine, slots=args.slots, context_tokens=max(settings.engine.context_tokens, -(-room // 256) * 256)
    )
    return loading.with_completion(
        msgspec.structs.replace(settings, engine=engine), args.model or settings.model.completion
    )


async def _measured(settings: "Settings", args: argparse.Namespace) -> "Report":
    from copilot.bench.engine import device
    from copilot.bench.engine.measure import Measuring
    from copilot.bench.engine.report import Report
    from copilot.serve import loading
    from copilot.weights import store

    model = store.find(settings.model.completion)
    backend = loading.BACKENDS[model.manifest.format]
    name, bandwidth = device.look(backend)
    bare = _Bare(backend, model.path, args)
    bare.measure()
    _say(f"Loading {model.manifest.id}")
    loaded = await loading.load(settings, lambda _what, _share=None, /: None)
    try:
        measuring = Measuring(loaded.engine, prompt_tokens=args.prompt, answer_tokens=args.answer)
        await _warm_up(loaded)
        figures = [figure for part in args.only.split(",") for figure in await _part(part, measuring, args)]
    finally:
        await loaded.engine.close()
    bare.measure()
    info, capabilities = loaded.engine.model, loaded.engine.capabilities
    return Report(
        model=info.id,
        backend=capabilities.backend,
        version=capabilities.version,
        device=name,
        bandwidth=bandwidth,
        bytes_per_token=device.bytes_per_token(model.path),
        figures=tuple(figures),
        bare=bare.figures(),
        notes=capabilities.notes,
    )


class _Bare:
    """The bare library, once before and once after: what the machine does otherwise changes with time."""

    def __init__(self, backend: str, model: Path, args: argparse.Namespace) -> None:
        self._backend, self._model, self._args = backend, model, args
        self._prefill: list[float] = []
        self._decode: list[float] = []

    def measure(self) -> None:
        if self._args.no_bare or self._backend == "exllamav3" or "speed" not in self._args.only.split(","):
            return
        from copilot.bench.engine import bare
        from copilot.bench.engine.measure import CHARACTERS
        from copilot.bench.engine.words import code

        _say(f"The bare {self._backend}")
        count = max(1, self._args.rounds // 2)
        size = int(self._args.prompt * CHARACTERS)
        prompts = [f"# bare {seed}\n" + code(1000 + seed, size) for seed in range(count)]
        extension = ""
        if self._backend != "llama.cpp":
            from copilot.engine.exllama import extension as built

            extension = str(built.ready(self._backend) or "")
        found = bare.run(self._backend, self._model, prompts, self._args.answer, extension=extension)
        self._prefill += found.prefill
        self._decode += found.decode

    def figures(self) -> "tuple[Figure, ...]":
        from copilot.bench.engine.measure import Figure

        pairs = (("prefill", self._prefill), ("decode", self._decode))
        return tuple(Figure(name=name, unit="tokens/s", samples=tuple(found)) for name, found in pairs if found)


async def _part(part: str, measuring: "Measuring", args: argparse.Namespace) -> "Sequence[Figure]":
    _say(f"Measuring: {part}")
    match part:
        case "speed":
            return await measuring.speed(args.rounds)
        case "keystrokes":
            return [await measuring.keystrokes(4 * args.rounds)]
        case "cancel":
            return await measuring.cancels(args.rounds)
        case "batch":
            return await measuring.batches()
        case _:
            return await measuring.beside_chat(args.rounds)


async def _warm_up(loaded: "Loaded") -> None:
    """What is done for the first time takes longer, and is nobody's speed."""
    from copilot.bench.engine.measure import plan
    from copilot.engine.protocol import SamplingParams

    stream = loaded.engine.generate(plan("x = 1\n"), SamplingParams(max_tokens=8))
    async with contextlib.aclosing(stream):
        async for _ in stream:
            pass


def _say(what: str) -> None:
    print(f"{what} ...", file=sys.stderr, flush=True)
