"""A team on one or more GPUs, in virtual time: how long requests wait, and whether everyone gets a fair part.

The scheduler is the host's own, one for each GPU; users stay with the GPU that they began with. Engines are made of two
rates and people of a few habits (machine.py, people.py), which are mostly assumed: read the figures for what one
policy does against another, not for what a card will do.

    python -m benchmarks.simulate [--users 25] [--gpus 1] [--flood inline] [--json FILE]

The goals: light users' p95 beside someone who floods the host at most twice that alone; Jain's index of the token
shares of users with a backlog at least 0.95; completions' queue wait p99 at most 100 ms.
"""

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from benchmarks.simulate.machine import MACHINES, Machine
from benchmarks.simulate.run import Result, Setup, measure
from copilot.serve.api import Lane

MOST_RATIO = 2.0
LEAST_JAIN = 0.95
MOST_WAIT_MS = 100.0


def decode_rates(text: str) -> tuple[tuple[int, float], ...]:
    """``1:200,8:1000``: tokens a second of all together, for each number of generations at once."""
    pairs = [pair.split(":") for pair in text.split(",")]
    return tuple(sorted((int(size), float(rate)) for size, rate in pairs))


def show(result: Result) -> None:
    setup = result.setup
    print(
        f"{setup.users} users, {setup.gpus} GPU{'s' * (setup.gpus > 1)} of {setup.machine.slots} slots,"
        f" {setup.seconds:g} simulated seconds, seed {setup.seed};"
        f" {100 * result.busy:.0f} % of the slots in use while they compute"
    )
    print(
        f"{'lane':10} {'asked':>8} {'done':>8} {'stopped':>8} {'(waiting)':>9} {'expired':>8} {'refused':>8}"
        f" {'wait p50':>9} {'p99':>8} {'TTFT p50':>9} {'p99':>8}"
    )
    for it in result.lanes:
        print(
            f"{it.lane:10} {it.asked:8} {it.done:8} {it.stopped:8} {it.stopped_waiting:9} {it.expired:8} {it.refused:8}"
            f" {it.wait_p50:9.0f} {it.wait_p99:8.0f} {it.ttft_p50:9.0f} {it.ttft_p99:8.0f}"
        )
    wait = result.lanes[0].wait_p99
    print(f"completions' queue wait p99 {wait:.0f} ms | {verdict(wait <= MOST_WAIT_MS)}")
    if result.jain is not None:
        print(
            f"Jain's index of {result.backlogged} users with a backlog {result.jain:.3f}"
            f" | {verdict(result.jain >= LEAST_JAIN)}"
        )
    for near in result.neighbours:
        print(
            f"p95 beside the flood, {near.lane}:"
            f" first token {near.ttft_beside:.0f} of {near.ttft_alone:.0f} ms, {near.ttft_ratio:.2f} times"
            f" | {verdict(near.ttft_ratio <= MOST_RATIO)};"
            f" whole {near.total_beside:.0f} of {near.total_alone:.0f} ms, {near.total_ratio:.2f} times"
            f" | {verdict(near.total_ratio <= MOST_RATIO)};"
            f" answered {100 * near.done_beside:.0f} of {100 * near.done_alone:.0f} %"
        )


def verdict(met: bool) -> str:
    return "met" if met else "MISSED"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=25)
    parser.add_argument("--gpus", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--machine", choices=MACHINES, default="gpu", help="where the following four come from")
    parser.add_argument("--slots", type=int)
    parser.add_argument("--prefill", type=float, help="tokens a second")
    parser.add_argument("--decode", type=decode_rates, help=decode_rates.__doc__)
    parser.add_argument("--chunk", type=int, help="tokens of one prompt in a step")
    parser.add_argument("--flood", type=Lane, choices=[Lane.INLINE, Lane.CHAT], help="one user floods this lane")
    parser.add_argument("--flood-at-once", type=int, default=50)
    parser.add_argument("--backlogged", type=int, default=0, help="more users on every GPU, each with chats waiting")
    parser.add_argument("--queue-of-tenant", type=int, default=16, help="a user's requests that may wait in a lane")
    parser.add_argument("--unfair", action="store_true", help="the scheduler is not told who asks")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args(arguments)
    base = MACHINES[args.machine]
    machine = Machine(
        slots=args.slots or base.slots,
        prefill=args.prefill or base.prefill,
        decode=args.decode or base.decode,
        chunk=args.chunk or base.chunk,
    )
    began = time.perf_counter()
    result = measure(
        Setup(
            users=args.users,
            gpus=args.gpus,
            seconds=args.seconds,
            seed=args.seed,
            machine=machine,
            flood=args.flood,
            flood_at_once=args.flood_at_once,
            backlogged=args.backlogged,
            fair=not args.unfair,
            max_queue_of_tenant=args.queue_of_tenant,
        )
    )
    show(result)
    print(f"took {time.perf_counter() - began:.1f} s")
    if args.json:
        args.json.write_bytes(msgspec.json.format(msgspec.json.encode(result)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
