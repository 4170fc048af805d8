"""The engine host: loads the model once for every editor. Editors start it by themselves; it leaves when idle.

With --team it also listens on a port, for those to whom `slipstream users` gave a token, and stays.
"""

import argparse
import contextlib
import functools
from typing import TYPE_CHECKING

from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from copilot.config.settings import Settings
    from copilot.serve.keeper import Load
    from copilot.serve.ports import Port
    from copilot.serve.recording import Recorder

# A host that is just leaving has as long to end its streams, and its worker, before the next one gives up on it.
_WAIT_ON_DEMAND_SECONDS = 15.0
# Someone who only asks whether there is a host holds the lock for a moment.
_WAIT_SECONDS = 1.0
_LONG_MINUTES = 100_000.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--on-demand",
        action="store_true",
        help="log to a file, and leave quietly when another host answers (what editors use)",
    )
    parser.add_argument("--team", action="store_true", help="serve others on the network too, with tokens and TLS")
    parser.add_argument(
        "--listen", metavar="ADDRESS:PORT", help="with --team: where, in place of the setting team.listen"
    )
    parser.add_argument(
        "--insecure-lan",
        action="store_true",
        help="with --team: without TLS where no certificate is set; whoever is on the network can read along",
    )


def run(args: argparse.Namespace) -> int:
    from copilot.audit.opening import bus_for
    from copilot.config import load as config
    from copilot.serve import host, loading, logs
    from copilot.serve.recording import Recorder

    if args.on_demand:
        logs.to_file()
    else:
        logs.to_terminal()
    settings = config.load(args.config_file, args.overrides).settings
    if not args.team and (args.listen or args.insecure_lan):
        raise SlipstreamError("--listen and --insecure-lan go with --team.", code="bad_setting")
    load = _either(settings)
    chat = None
    if settings.model.chat not in {"", settings.model.completion}:
        chat = functools.partial(loading.load, loading.with_completion(settings, settings.model.chat))
    choose = functools.partial(_other, settings)
    wait = _WAIT_ON_DEMAND_SECONDS if args.on_demand else _WAIT_SECONDS
    with contextlib.ExitStack() as stack:
        ports: tuple[Port, ...] = ()
        recorder = None
        if args.team:
            settings = _for_a_team(settings, args.listen)
            recorder = stack.enter_context(Recorder(bus_for(settings.audit, shared=True)))
            ports = (_port(settings, recorder, insecure=args.insecure_lan),)
            recorder.settings_read(settings)
        first = host.serve(settings, load, choose=choose, chat=chat, wait_seconds=wait, ports=ports, recorder=recorder)
    if not first and not args.on_demand:
        raise SlipstreamError(
            "The engine host is running already.",
            hint="`slipstream status` shows it; `slipstream stop` stops it.",
            code="already_running",
        )
    return 0


def _port(settings: "Settings", recorder: "Recorder", *, insecure: bool) -> "Port":
    from copilot.serve.ports import team_port
    from copilot.serve.users import Users

    return team_port(settings.team, Users(), insecure=insecure, refused=recorder.login_refused)


def _for_a_team(settings: "Settings", listen: str | None) -> "Settings":
    """It stays: others count on it."""
    import msgspec

    team = settings.team if listen is None else msgspec.structs.replace(settings.team, listen=listen)
    stays = msgspec.structs.replace(settings.host, idle_minutes=_LONG_MINUTES)
    return msgspec.structs.replace(settings, team=team, host=stays)


def _other(settings: "Settings", model: str) -> "Load":
    """What loads ``model`` with the same settings otherwise. Raises ``SlipstreamError`` where it is not known."""
    from copilot.serve import loading
    from copilot.weights import store

    store.manifest(model)
    return _either(loading.with_completion(settings, model))


def _either(settings: "Settings") -> "Load":
    """What loads the model that completes, or where the GPU can't be used the one that stands in for it. Raises
    ``SlipstreamError`` for an id that is not known, unless the host itself can tell that."""
    from copilot.serve import loading
    from copilot.weights import store

    load = functools.partial(loading.load, settings)
    chosen = store.known().get(settings.model.completion)
    if chosen is None or chosen.format == "gguf" or not settings.model.stand_in:
        return load
    return loading.standing_in(load, functools.partial(loading.load_stand_in, settings))
