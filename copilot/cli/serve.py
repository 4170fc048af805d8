"""The engine host: loads the model once for every editor. Editors start it by themselves; it leaves when idle."""

import argparse
import functools
from typing import TYPE_CHECKING

from copilot.errors import SlipstreamError

if TYPE_CHECKING:
    from copilot.config.settings import Settings
    from copilot.serve.keeper import Load

# A host that is just leaving has as long to end its streams, and its worker, before the next one gives up on it.
_WAIT_ON_DEMAND_SECONDS = 15.0
# Someone who only asks whether there is a host holds the lock for a moment.
_WAIT_SECONDS = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--on-demand",
        action="store_true",
        help="log to a file, and leave quietly when another host answers (what editors use)",
    )


def run(args: argparse.Namespace) -> int:
    from copilot.config import load as config
    from copilot.serve import host, loading, logs

    if args.on_demand:
        logs.to_file()
    else:
        logs.to_terminal()
    settings = config.load(args.config_file, args.overrides).settings
    load = functools.partial(loading.load, settings)
    choose = functools.partial(_other, settings)
    wait = _WAIT_ON_DEMAND_SECONDS if args.on_demand else _WAIT_SECONDS
    if not host.serve(settings, load, choose=choose, wait_seconds=wait) and not args.on_demand:
        raise SlipstreamError(
            "The engine host is running already.",
            hint="`slipstream status` shows it; `slipstream stop` stops it.",
            code="already_running",
        )
    return 0


def _other(settings: "Settings", model: str) -> "Load":
    """What loads ``model`` with the same settings otherwise. Raises ``SlipstreamError`` where it is not known."""
    import msgspec

    from copilot.serve import loading
    from copilot.weights import store

    store.manifest(model)
    named = msgspec.structs.replace(settings.model, completion=model)
    return functools.partial(loading.load, msgspec.structs.replace(settings, model=named))
