"""``slipstream models import-gguf`` and ``convert``: one model made of another."""

import argparse
import sys
import time
from pathlib import Path

from copilot import paths
from copilot.errors import SlipstreamError
from copilot.weights.progress import amount


def add_import(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="ID|FILE", help="a GGUF model of `slipstream models list`, or a file")
    parser.add_argument("--out", default="", metavar="FOLDER", help="where to put it; by default beside the models")
    parser.add_argument("--dtype", default="float16", choices=["float16", "float32"], help="precision of the weights")


def run_import(args: argparse.Namespace) -> int:
    from copilot.weights import store
    from copilot.weights.convert.gguf_import import import_gguf

    path = Path(args.source)
    if not path.is_file():
        if "/" in args.source or path.suffix.lower() == ".gguf":
            raise SlipstreamError(
                f"There is no file {path}.",
                hint="Name a GGUF file, or a model of `slipstream models list`.",
                code="not_found",
            )
        path = store.find(args.source).path
    if path.suffix.lower() != ".gguf":
        raise SlipstreamError(
            f"{path} is not a GGUF file.", hint="Models in other formats need no import.", code="bad_model_file"
        )
    folder = Path(args.out) if args.out else paths.models_dir() / "made" / f"{path.stem}-{args.dtype}"
    with Shown() as shown:
        made = import_gguf(path, folder, dtype=args.dtype, report=shown.report)
    print(f"{made.folder}: {made.parameters:,} parameters of {made.architecture}, {amount(made.size_bytes)}.")
    print(f"Every weight was compared with the file's; they differ by {made.largest_error:.1e} at most.")
    if made.tied:
        print("Embeddings and output are one matrix in it, and were kept once.")
    print(f"Use it with `slipstream models add {made.folder}`, or quantise it with `slipstream models convert`.")
    return 0


def add_convert(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="FOLDER", help="16-bit safetensors, as published or from import-gguf")
    parser.add_argument("--bpw", type=float, default=4.0, metavar="BITS", help="bits a weight, 2 to 8 (default 4.0)")
    parser.add_argument("--head-bits", type=int, default=6, choices=[6, 8], help="bits of the output layer (default 6)")
    parser.add_argument("--out", default="", metavar="FOLDER", help="where to put it; by default beside the models")
    parser.add_argument(
        "--work", default="", metavar="FOLDER", help="where the work lies until it is done, and the measurement then"
    )
    parser.add_argument(
        "--measurement", default="", metavar="FILE", help="of an earlier conversion, to save half the time"
    )
    parser.add_argument("--no-check", action="store_true", help="don't compare the result with the source at the end")


def run_convert(args: argparse.Namespace) -> int:
    from copilot.engine.exllama.convert import exl2

    source = Path(args.source)
    made = paths.models_dir() / "made"
    name = f"{source.absolute().name}-exl2-{args.bpw:g}bpw"
    wanted = exl2.Wanted(
        source=source,
        out=Path(args.out) if args.out else made / name,
        work=Path(args.work) if args.work else made / f"{name}.work",
        bits=args.bpw,
        head_bits=args.head_bits,
        measurement=Path(args.measurement) if args.measurement else None,
    )
    try:
        with Shown() as shown:
            folder = exl2.convert(wanted, shown.report)
    except KeyboardInterrupt:
        print(f"slipstream models: stopped. The same command goes on from there ({wanted.work}).", file=sys.stderr)
        raise
    print(f"{folder} is made. Use it with `slipstream models add {folder}`.")
    if (measurement := wanted.work / exl2.MEASUREMENT).exists():
        print(f"Another --bpw takes half the time with --measurement {measurement}.")
    if not args.no_check:
        with Shown() as shown:
            agreement = exl2.agreement(source, folder, shown.report)
        print(agreement.words())
    return 0


class Shown:
    """Progress on stderr: a line that is written over on a terminal, a line for each tenth elsewhere."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._last = ("", -1)
        self._at = 0.0

    def __enter__(self) -> "Shown":
        return self

    def __exit__(self, *_error: object) -> None:
        if self._terminal and self._last[0]:
            print(file=sys.stderr)

    def report(self, what: str, share: float) -> None:
        if self._terminal:
            now = time.monotonic()
            if now - self._at > 0.1 or share >= 1:
                self._at = now
                print(f"\r\x1b[K{what}: {share:.0%}", end="", file=sys.stderr, flush=True)
                self._last = (what, 0)
            return
        step = (what, int(share * 10))
        if step != self._last:
            self._last = step
            print(f"{what}: {share:.0%}", file=sys.stderr, flush=True)
