"""What this server needs to know of ``initialize``, for clients whose capabilities do not fit the protocol's types.

A client may name a capability wrongly, or one of a later protocol; that is no reason to refuse to start. No I/O.
"""

from typing import Any

import msgspec
from lsprotocol import types

from copilot_lsp.messages import Wire


class _General(Wire, frozen=True):
    position_encodings: list[str] | None = None


class _Window(Wire, frozen=True):
    work_done_progress: bool | None = None


class _DidChangeConfiguration(Wire, frozen=True):
    dynamic_registration: bool | None = None


class _Workspace(Wire, frozen=True):
    configuration: bool | None = None
    did_change_configuration: _DidChangeConfiguration = _DidChangeConfiguration()


class _Capabilities(Wire, frozen=True):
    general: _General = _General()
    window: _Window = _Window()
    workspace: _Workspace = _Workspace()


class _Folder(Wire, frozen=True):
    uri: str
    name: str = ""


class _Params(Wire, frozen=True):
    capabilities: _Capabilities
    process_id: int | None = None
    root_uri: str | None = None
    workspace_folders: list[_Folder] | None = None
    initialization_options: Any = None


def essentials(params: object) -> types.InitializeParams | None:
    """The parameters without what this server does not use; None where even that does not fit."""
    try:
        plain = msgspec.convert(params, _Params)
    except msgspec.ValidationError:
        return None
    given = plain.capabilities
    return types.InitializeParams(
        process_id=plain.process_id,
        root_uri=plain.root_uri,
        workspace_folders=[types.WorkspaceFolder(folder.uri, folder.name) for folder in plain.workspace_folders or ()],
        initialization_options=plain.initialization_options,
        capabilities=types.ClientCapabilities(
            general=types.GeneralClientCapabilities(position_encodings=given.general.position_encodings),
            window=types.WindowClientCapabilities(work_done_progress=given.window.work_done_progress),
            workspace=types.WorkspaceClientCapabilities(
                configuration=given.workspace.configuration,
                did_change_configuration=types.DidChangeConfigurationClientCapabilities(
                    dynamic_registration=given.workspace.did_change_configuration.dynamic_registration
                ),
            ),
        ),
    )
