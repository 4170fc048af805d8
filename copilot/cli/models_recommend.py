"""``slipstream models recommend``: which models suit this machine."""

import argparse
from typing import TYPE_CHECKING

import msgspec

from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from copilot.weights.recommend.choose import Recommendation
    from copilot.weights.recommend.machine import Machine


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--vram", type=_amount, metavar="GB", help="as if a GPU had so much memory free")
    parser.add_argument("--ram", type=_amount, metavar="GB", help="as if so much memory were available")
    parser.add_argument("--bandwidth", type=_amount, metavar="GB/s", help="of that GPU, or without one of the memory")


def _amount(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no amount")
    return value


def run(args: argparse.Namespace) -> int:
    from copilot.config.load import load
    from copilot.weights.recommend import machine
    from copilot.weights.recommend.choose import recommend

    settings = load(args.config_file, args.overrides).settings
    found = recommend(_as_if(machine.look(), args), context_tokens=settings.engine.context_tokens)
    if found is None:
        raise SlipstreamError(
            "No model would be of use on this machine: none fits, or all are too slow.",
            hint="`slipstream models recommend --vram 24` says what a GPU would change.",
            code="too_small",
        )
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(found)).decode())
        return 0
    for what, choice in (("Completion", found.completion), ("Chat", found.chat)):
        if choice is None:
            print(f"{what:11} the same model: there is no room for a larger one beside it, or it would be too slow")
            continue
        size = f"{choice.bits:g} bits a weight, {choice.gigabytes:.1f} GB with its KV cache"
        print(f"{what:11} {choice.name} as {choice.format} ({size}; {choice.license})")
        print(f"{'':11} about {choice.rate:.0f} tokens a second; memory bandwidth allows {choice.limit:.0f}")
    print()
    for reason in found.reasons:
        print(reason)
    for line in _commands(found):
        print(line)
    return 0


def _as_if(found: "Machine", args: argparse.Namespace) -> "Machine":
    from copilot.weights.recommend import machine

    if args.ram is not None:
        found = msgspec.structs.replace(found, memory=int(args.ram * 1e9))
    if args.vram is not None:
        size = int(args.vram * 1e9)
        gpu = machine.Gpu(name="a GPU like that", total=size, free=size, bandwidth=machine.GUESS, known=False)
        found = msgspec.structs.replace(found, gpus=(gpu,))
    if args.bandwidth is not None and found.gpus:
        gpus = [msgspec.structs.replace(gpu, bandwidth=args.bandwidth, known=True) for gpu in found.gpus]
        found = msgspec.structs.replace(found, gpus=tuple(gpus))
    elif args.bandwidth is not None:
        found = msgspec.structs.replace(found, bandwidth=args.bandwidth)
    return found


def _commands(found: "Recommendation") -> list[str]:
    chosen = [found.completion, *([found.chat] if found.chat is not None else [])]
    if found.where == "cpu":
        lines = [f"  slipstream models pull {choice.gguf}" for choice in chosen]
        settings = [f"completion = {found.completion.gguf!r}".replace("'", '"')]
        settings += [f'chat = "{found.chat.gguf}"'] if found.chat is not None else []
        return [
            "",
            "To use them:",
            *lines,
            "and in the configuration file under [model]:",
            *(f"  {s}" for s in settings),
        ]
    names = " and ".join(choice.name for choice in chosen)
    return [
        "",
        f"To use them, get {names} as EXL2 folders of that many bits a weight, or make them of the published weights:",
        *(f"  slipstream models convert FOLDER-OF-{choice.name} --bpw {choice.bits:g}" for choice in chosen),
        "then `slipstream models add FOLDER`, and name them under [model] in the configuration file.",
    ]
