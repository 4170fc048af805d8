"""Slipstream's policy and llama.vim's on engines of the same fixed cost, in virtual time."""

from collections.abc import Sequence

import msgspec

from copilot.bench.replay.completer_pipeline import CompleterPipeline
from copilot.bench.replay.llama_vim import LlamaVim
from copilot.bench.replay.log import Log
from copilot.bench.replay.session import Contender, play_all
from copilot.bench.replay.trace import Trace
from copilot.bench.replay.user import User
from copilot.bench.replay.virtual import clock
from copilot.bench.replay.virtual.engine import Core, Costs, FixedCostEngine
from copilot.bench.replay.virtual.host import VirtualHost
from copilot.bench.replay.virtual.llama_server import VirtualInfill
from copilot.bench.replay.virtual.oracle import Oracle, Skill
from copilot.config.settings import Settings

_FAMILY = "qwen"


class World(msgspec.Struct, frozen=True, kw_only=True):
    """What the engine costs and how well it answers."""

    costs: Costs = Costs()
    skill: Skill = Skill()


def race(
    traces: Sequence[Trace], user: User, settings: Settings, world: World, *, streaming: bool = True, peer: bool = True
) -> list[list[Log]]:
    """The logs of Slipstream, and with ``peer`` those of llama.vim. The same arguments always give the same logs."""
    return clock.run(_race(traces, user, settings, world, streaming=streaming, peer=peer))


async def _race(
    traces: Sequence[Trace], user: User, settings: Settings, world: World, *, streaming: bool, peer: bool
) -> list[list[Log]]:
    ours, theirs = Core(world.costs), Core(world.costs)
    engine = settings.engine
    host = VirtualHost(
        FixedCostEngine(
            ours, _FAMILY, slots=engine.slots, context_tokens=engine.context_tokens, batch_tokens=engine.batch_tokens
        ),
        settings,
    )
    contenders = [Contender(CompleterPipeline(host, settings.completion, streaming=streaming), ours)]
    if peer:
        contenders.append(Contender(LlamaVim(VirtualInfill(theirs)), theirs))

    def prepare(trace: Trace) -> None:
        ours.oracle = theirs.oracle = Oracle(trace, world.skill)

    return await play_all(traces, contenders, user, prepare=prepare)
