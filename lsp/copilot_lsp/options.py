"""What a client says of itself in ``initializationOptions``, beside the settings. No I/O."""

from collections.abc import Mapping
from typing import NamedTuple

from copilot_lsp import settings

_OWN = {
    "completionStats": "stats",
    "status": "status",
    "streams": "streams",
    "review": "review",
    "definitions": "definitions",
}
_COPILOT = ("editorInfo", "editorPluginInfo")


class ClientOptions(NamedTuple):
    """``stats``, ``status``, ``streams``: it wants these notifications. ``review``: it shows proposals as a diff and
    applies them itself. ``definitions``: it asks the editor's other language servers where names are defined.
    ``copilot``: it was written for Copilot's language server.
    """

    stats: bool = False
    status: bool = False
    streams: bool = False
    review: bool = False
    definitions: bool = False
    copilot: bool = False


def known(given: object) -> frozenset[str]:
    """Names in ``given`` that are no settings, and no mistakes: what a Copilot client says to Copilot's server is not
    a mistake either."""
    others = frozenset(given) - settings.KNOWN.keys() if read(given).copilot and isinstance(given, Mapping) else ()
    return frozenset({*_OWN, *_COPILOT, "copilotIntegrationId", *others})


def read(given: object) -> ClientOptions:
    if not isinstance(given, Mapping):
        return ClientOptions()
    own = {field: given.get(name) is True for name, field in _OWN.items()}
    return ClientOptions(**own, copilot=any(isinstance(given.get(name), Mapping) for name in _COPILOT))
